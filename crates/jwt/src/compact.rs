//! The compact form: three base64url parts (RFC 7515 §3.1), read strictly.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Fault;
use crate::json;

/// The longest token that is looked at.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// A token taken apart, nothing verified.
pub(crate) struct Compact<'a> {
    pub(crate) signed: &'a str,
    pub(crate) header: json::Object,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Compact<'_> {
    /// Refuses headers that ask for what is not done here.
    pub(crate) fn without_extensions(&self) -> Result<(), Fault> {
        // RFC 7515 §4.1.11: extensions we do not know must not be passed over. RFC 7797's `b64`
        // comes only with `crit`, but a header that carries it alone is refused as well.
        if self.header.contains_key("crit") || self.header.contains_key("b64") {
            return Err(Fault::Malformed("its header asks for an extension"));
        }
        Ok(())
    }
}

/// Takes a token apart. The engine used refuses padding, white space and non-zero trailing bits.
pub(crate) fn parse(token: &str) -> Result<Compact<'_>, Fault> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Fault::Malformed("it is longer than 8 KiB"));
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::Malformed("it does not have three parts"));
    };
    let signed = &token[..header.len() + 1 + payload.len()];
    let header = decode(header)?;
    let header =
        json::object(&header).ok_or(Fault::Malformed("its header is not one JSON object"))?;
    Ok(Compact { signed, header, payload: decode(payload)?, signature: decode(signature)? })
}

/// Base64url without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Base64url without padding, strictly.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Fault> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Fault::Malformed("a part is not base64url"))
}
