//! SHA-256 of a certificate, in the forms in which it is compared.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// SHA-256 of a certificate in DER.
pub fn fingerprint(der: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, der).as_ref());
    bytes
}

/// A fingerprint as tokens carry it, `x5t#S256` (RFC 8705 §3.1): base64url without padding.
pub fn thumbprint(fingerprint: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(fingerprint)
}
