//! Secrets shared with a receiver: `whsec_` and base64 of 24 to 64 bytes.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// How many random bytes a secret is made of: as many as the digest has.
pub const MINTED_BYTES: usize = 32;

/// What begins a secret's text.
const PREFIX: &str = "whsec_";
/// The bounds of Standard Webhooks 1.0, "Symmetric", in bytes.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A shared secret, prepared for use. It cannot be printed, and the library wipes it when it is
/// dropped.
pub struct Secret(hmac::Key);

/// A text that is no secret of this kind. Never says what the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// It begins otherwise.
    #[error("it does not begin with `whsec_`")]
    Prefix,
    /// What follows is not base64.
    #[error("what follows `whsec_` is not base64")]
    Base64,
    /// Too few or too many bytes.
    #[error("it has {0} bytes and may have 24 to 64")]
    Length(usize),
}

impl Secret {
    /// Reads `whsec_…`. As strict as the official libraries: standard alphabet, with padding.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSecret::Prefix)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| InvalidSecret::Base64)?;
        let bytes = Zeroizing::new(bytes);
        if !BYTES.contains(&bytes.len()) {
            return Err(InvalidSecret::Length(bytes.len()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The HMAC-SHA-256 of a message, in base64.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(hmac::sign(&self.0, message))
    }

    /// Whether this is the message's HMAC, in a time that does not depend on where it differs.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.0, message, signature).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The text of a new secret, made of fresh random bytes.
pub fn mint_secret(random: &[u8; MINTED_BYTES]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(64));
    text.push_str(PREFIX);
    STANDARD.encode_string(random, &mut text);
    text
}
