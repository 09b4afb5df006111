//! Headers and body → genuine or not, as a receiver asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::sign::message;
use crate::{PublicKey, Secret, SignatureHeaders};

/// How far the moment of the attempt may be off, in seconds (the official libraries' five minutes).
pub const TOLERANCE_S: i64 = 300;

/// Signatures looked at in one header: far more than a rotation leaves, and few enough that a
/// forger cannot buy much work with one request.
const SIGNATURES_MAX: usize = 16;

/// Something a receiver verifies with.
#[derive(Debug, Clone, Copy)]
pub enum VerifyingKey<'a> {
    /// A shared secret: `v1`.
    Hmac(&'a Secret),
    /// A sender's public key: `v1a`.
    Ed25519(&'a PublicKey),
}

/// Why a message is not taken for genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// With a `.` in the id, one signature would fit two messages: `id.time.body` could be parted
    /// in another place.
    #[error("`webhook-id` is empty or has a `.`")]
    Id,
    /// Not digits alone.
    #[error("`webhook-timestamp` is not a number of seconds")]
    Timestamp,
    /// Signed too long ago: it may have been caught and sent again.
    #[error("`webhook-timestamp` is too old")]
    TooOld,
    /// Signed in the future: a clock is wrong.
    #[error("`webhook-timestamp` lies in the future")]
    TooNew,
    /// No signature of a known kind is in the header.
    #[error("`webhook-signature` has no signature of a known kind")]
    Unsigned,
    /// None of the signatures fits.
    #[error("no signature fits")]
    Signature,
}

/// Whether a message is genuine: signed by one of `keys`, at most `tolerance_s` before or after
/// `now_s`. The time it takes does not depend on where an HMAC differs.
pub fn verify(
    headers: &SignatureHeaders,
    body: &[u8],
    now_s: i64,
    tolerance_s: i64,
    keys: &[VerifyingKey<'_>],
) -> Result<(), VerifyError> {
    if headers.id.is_empty() || headers.id.contains('.') {
        return Err(VerifyError::Id);
    }
    let sent_s = seconds(&headers.timestamp).ok_or(VerifyError::Timestamp)?;
    if now_s.saturating_sub(sent_s) > tolerance_s {
        return Err(VerifyError::TooOld);
    }
    if sent_s.saturating_sub(now_s) > tolerance_s {
        return Err(VerifyError::TooNew);
    }
    let message = message(&headers.id, &headers.timestamp, body);
    let signatures: Vec<Signature> =
        headers.signature.split(' ').take(SIGNATURES_MAX).filter_map(Signature::parse).collect();
    if signatures.is_empty() {
        return Err(VerifyError::Unsigned);
    }
    let fits = |signature: &Signature| keys.iter().any(|key| key.verifies(&message, signature));
    if signatures.iter().any(fits) { Ok(()) } else { Err(VerifyError::Signature) }
}

/// One signature of a header.
enum Signature {
    Hmac(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Signature {
    /// Reads `v1,…` or `v1a,…`; what is of another kind is for somebody else.
    fn parse(text: &str) -> Option<Self> {
        let (version, encoded) = text.split_once(',')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        match version {
            "v1" => Some(Self::Hmac(bytes)),
            "v1a" => Some(Self::Ed25519(bytes)),
            _ => None,
        }
    }
}

impl VerifyingKey<'_> {
    /// Each key looks at signatures of its own kind only.
    fn verifies(self, message: &[u8], signature: &Signature) -> bool {
        match (self, signature) {
            (Self::Hmac(secret), Signature::Hmac(bytes)) => secret.verifies(message, bytes),
            (Self::Ed25519(key), Signature::Ed25519(bytes)) => key.verifies(message, bytes),
            _ => false,
        }
    }
}

fn seconds(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
