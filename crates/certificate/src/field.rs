//! `Client-Cert`, in which a proxy that has spoken TLS passes the caller's certificate on
//! (RFC 9440 §2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::CERTIFICATE_BYTES_MAX;

/// The certificate in DER, if the value is a byte sequence (RFC 9651 §3.3.5): `:MII…=:`.
/// Parameters are passed over, as RFC 9440 §2.1 wants it of what it does not define.
pub fn client_cert(value: &str) -> Option<Vec<u8>> {
    let item = value.split(';').next().unwrap_or_default().trim_matches(' ');
    let text = item.strip_prefix(':')?.strip_suffix(':')?;
    if text.is_empty() || text.len() > CERTIFICATE_BYTES_MAX.div_ceil(3) * 4 {
        return None;
    }
    STANDARD.decode(text).ok()
}
