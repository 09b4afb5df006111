//! Nonces that nobody has to keep (RFC 9449 §8, §9): each is a tag of the period it was given in,
//! under a key of this installation. So they are good on every core and after a restart.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use crate::compact;

/// How long a nonce is given out, in seconds. It is good for as long again, so for two to four
/// minutes: clients that call now and then seldom have to ask twice, and a proof that was made in
/// advance, on a machine somebody had for a moment, is soon of no use.
pub const NONCE_PERIOD_S: i64 = 120;

/// Of 256 bits of tag as many as nobody guesses.
const TAG_BYTES: usize = 16;

/// Where a nonce stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is given out now.
    Present,
    /// It was given out in the period before, and is good.
    Previous,
    /// It is older, or none of ours.
    Unknown,
}

/// Makes nonces and knows them again.
pub struct ProofNonces(hmac::Key);

impl ProofNonces {
    /// Under a key that nobody else has.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The nonce of the present moment: 22 characters of base64url.
    pub fn present(&self, now_s: i64) -> String {
        self.of_period(now_s.div_euclid(NONCE_PERIOD_S))
    }

    /// Where a nonce stands at the present moment.
    pub fn standing(&self, nonce: &str, now_s: i64) -> Standing {
        let period = now_s.div_euclid(NONCE_PERIOD_S);
        let is = |of: i64| {
            let ours = self.of_period(of);
            verify_slices_are_equal(ours.as_bytes(), nonce.as_bytes()).is_ok()
        };
        if is(period) {
            Standing::Present
        } else if is(period.saturating_sub(1)) {
            Standing::Previous
        } else {
            Standing::Unknown
        }
    }

    fn of_period(&self, period: i64) -> String {
        let tag = hmac::sign(&self.0, &period.to_be_bytes());
        compact::encode(tag.as_ref().get(..TAG_BYTES).unwrap_or_default())
    }
}

impl fmt::Debug for ProofNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofNonces(…)")
    }
}
