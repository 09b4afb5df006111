//! The certificates of a JWK Set (RFC 7517 §4.7), by which a client with certificates of its own
//! making is registered (RFC 8705 §2.2.2).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::set::has_private;
use crate::{SET_BYTES_MAX, SET_KEYS_MAX, json};

/// A text in which there are no certificates. None shows a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificatesError {
    /// Longer than [`SET_BYTES_MAX`].
    #[error("it is longer than 256 KiB")]
    TooLong,
    /// Not a JSON object with an array `keys`, or a member stands twice.
    #[error("it is no JSON object with an array `keys`, or a member stands in it twice")]
    Form,
    /// More than [`SET_KEYS_MAX`].
    #[error("it has more than 100 keys")]
    TooMany,
    /// A key in it is private or symmetric.
    #[error("it has a private or a symmetric key, which nobody else may have")]
    Private,
    /// A key without a certificate.
    #[error("a key in it has no certificate that can be read (`x5c`, base64 with padding)")]
    None,
}

/// The SHA-256 of the first certificate of each key: the key's own.
pub fn certificates_of(bytes: &[u8]) -> Result<Vec<[u8; 32]>, CertificatesError> {
    if bytes.len() > SET_BYTES_MAX {
        return Err(CertificatesError::TooLong);
    }
    let set = json::object(bytes).ok_or(CertificatesError::Form)?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or(CertificatesError::Form)?;
    if keys.len() > SET_KEYS_MAX {
        return Err(CertificatesError::TooMany);
    }
    if has_private(bytes) {
        return Err(CertificatesError::Private);
    }
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let chain = key.get("x5c").and_then(Value::as_array);
        let own = chain.and_then(|chain| chain.first()).and_then(Value::as_str);
        // RFC 7517 §4.7: base64 and not base64url.
        let der = own.and_then(|text| STANDARD.decode(text).ok());
        let der = der.filter(|der| !der.is_empty()).ok_or(CertificatesError::None)?;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, &der).as_ref());
        found.push(fingerprint);
    }
    if found.is_empty() { Err(CertificatesError::None) } else { Ok(found) }
}
