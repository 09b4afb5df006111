//! Id, time and body → the headers of a signed request.

use crate::{Secret, SigningKey};

/// Something that signs, and until when.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// With what.
    pub key: Key<'a>,
    /// The last second since 1970 at which it signs; none has no end.
    pub not_after_s: Option<i64>,
}

/// A key that signs.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// HMAC-SHA-256 with a secret that the receiver has too: `v1`.
    Hmac(&'a Secret),
    /// Ed25519; the receiver has the public half: `v1a`.
    Ed25519(&'a SigningKey),
}

/// The values of the three headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// `webhook-id`: which message it is, the same for every attempt at it.
    pub id: String,
    /// `webhook-timestamp`: when the attempt was made, in seconds since 1970.
    pub timestamp: String,
    /// `webhook-signature`: every signature, parted by single spaces.
    pub signature: String,
}

/// Signs a message with every key that is in force at `timestamp_s`, in their order: the newest
/// first. None when no key is in force. The `id` must hold no `.`, for [`crate::verify`] refuses it.
pub fn sign(
    id: &str,
    timestamp_s: i64,
    body: &[u8],
    signers: &[Signer<'_>],
) -> Option<SignatureHeaders> {
    let timestamp = timestamp_s.to_string();
    let message = message(id, &timestamp, body);
    let in_force = signers.iter().filter(|signer| signer.is_in_force(timestamp_s));
    let signatures: Vec<String> = in_force.map(|signer| signer.key.sign(&message)).collect();
    if signatures.is_empty() {
        return None;
    }
    Some(SignatureHeaders { id: id.to_owned(), timestamp, signature: signatures.join(" ") })
}

impl Signer<'_> {
    fn is_in_force(&self, now_s: i64) -> bool {
        self.not_after_s.is_none_or(|last| now_s <= last)
    }
}

impl Key<'_> {
    fn sign(self, message: &[u8]) -> String {
        match self {
            Self::Hmac(secret) => format!("v1,{}", secret.sign(message)),
            Self::Ed25519(key) => format!("v1a,{}", key.sign(message)),
        }
    }
}

/// What is signed: `id.timestamp.body`.
pub(crate) fn message(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(id.len() + timestamp.len() + body.len() + 2);
    message.extend_from_slice(id.as_bytes());
    message.push(b'.');
    message.extend_from_slice(timestamp.as_bytes());
    message.push(b'.');
    message.extend_from_slice(body);
    message
}
