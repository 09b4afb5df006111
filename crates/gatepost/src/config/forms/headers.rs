//! Forms of headers and parameters: their names and values, and which of them are credentials.

use crate::config::problem::Wrong;

/// Headers that are made for each call: a signature says whom the call is from.
const SIGNATURE_HEADERS: [&str; 3] = [signature::ID, signature::TIMESTAMP, signature::SIGNATURE];
/// The headers that say what a call is, by which a receiver tells a repetition, a replay and a trace.
const CALL_HEADERS: [&str; 3] = ["gatepost-replay", "idempotency-key", "traceparent"];
/// Headers whose values are credentials.
const SECRET_HEADERS: [&str; 3] = ["authorization", "cookie", "x-api-key"];
/// Parameters of a query or a body whose values are credentials.
const SECRET_PARAMETERS: [&str; 10] = [
    "access_token",
    "api_key",
    "api-key",
    "apikey",
    "client_secret",
    "passwd",
    "password",
    "secret",
    "token",
    "x-api-key",
];
/// The longest value of a header or parameter (EventBridge API, `ConnectionHeaderParameter`).
const VALUE_BYTES_MAX: usize = 512;
/// Headers that say where a message ends or on which connection it is; nobody sets them by rule.
const FRAMING_HEADERS: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The name of a header that a rule may set or remove, in lower case.
pub(crate) fn passed_header(text: &str) -> Result<String, Wrong> {
    // RFC 9110 §5.6.2: token.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || text.len() > 128 || !text.bytes().all(fits) {
        return Err(Wrong::new("this is not a header's name")
            .help("use letters, digits and `-`, as in `x-api-key`"));
    }
    let name = text.to_ascii_lowercase();
    if FRAMING_HEADERS.contains(&name.as_str()) {
        return Err(Wrong::new(format!("the header `{text}` belongs to each connection"))
            .help("remove it: it is made anew on both sides of the gateway"));
    }
    if name.starts_with("gatepost-") {
        return Err(Wrong::new(format!("the header `{text}` is Gatepost's own"))
            .help("choose another name"));
    }
    Ok(name)
}

pub(crate) fn is_passed_header(text: &str) -> Result<(), Wrong> {
    passed_header(text).map(drop)
}

/// A header's name in lower case, as HTTP compares it.
pub(crate) fn header(text: &str) -> Result<String, Wrong> {
    // RFC 9110 §5.6.2: token.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(fits) {
        return Err(Wrong::new("this is not a header's name")
            .help("use letters, digits and `-`, as in `x-api-key`"));
    }
    if transform::forbidden_header(text) {
        return Err(Wrong::new(format!("the header `{text}` may not be set"))
            .help("remove it: it is made for each call, or is not the sender's to choose"));
    }
    let name = text.to_ascii_lowercase();
    if SIGNATURE_HEADERS.contains(&name.as_str()) {
        return Err(Wrong::new(format!(
            "the header `{text}` belongs to the signature of each call"
        ))
        .help("remove it; `signing` of the destination says what calls are signed with"));
    }
    if CALL_HEADERS.contains(&name.as_str()) {
        return Err(Wrong::new(format!("the header `{text}` is made for each call")).help(
            "remove it: it is the delivery's id, the replay's name or the event's trace, by which \
             receivers tell calls apart",
        ));
    }
    Ok(name)
}

pub(crate) fn is_header(text: &str) -> Result<(), Wrong> {
    header(text).map(drop)
}

/// Whether a header's value is a credential, so that it may not stand in the file.
pub(crate) fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// Whether a parameter's value is a credential, so that it may not stand in the file.
pub(crate) fn is_secret_parameter(name: &str) -> bool {
    SECRET_PARAMETERS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

/// The name of a query or body parameter.
pub(crate) fn is_parameter(text: &str) -> Result<(), Wrong> {
    if text.is_empty() || text.len() > VALUE_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(Wrong::new("this is not a parameter's name")
            .help("write from 1 to 512 bytes, without control characters"));
    }
    Ok(())
}

pub(crate) fn parameter_value(text: &str) -> Result<(), Wrong> {
    within_bound(text)?;
    if text.chars().any(char::is_control) {
        return Err(Wrong::new("this is not a parameter's value")
            .help("write a text without line breaks and control characters"));
    }
    Ok(())
}

fn within_bound(text: &str) -> Result<(), Wrong> {
    if text.len() <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(Wrong::new(format!("this value has {} bytes", text.len()))
        .help(format!("write at most {VALUE_BYTES_MAX}")))
}

pub(crate) fn header_value(text: &str) -> Result<(), Wrong> {
    within_bound(text)?;
    // RFC 9110 §5.5: field-value without obs-text.
    let fits = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if fits && text.trim() == text && !text.is_empty() {
        return Ok(());
    }
    Err(Wrong::new("this is not a header's value")
        .help("use printable ASCII, with no blank at either end"))
}
