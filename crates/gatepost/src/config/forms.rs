//! The forms of texts: durations, sizes, addresses, names, requests.
//!
//! A function reads a text into a value or says what to write instead; its `is_` twin only judges.

use std::net::{IpAddr, SocketAddr};

use certificate::DistinguishedName;
use ipnet::IpNet;
use limit::{Quota, Rate};
use model::{Method, Name, PathTemplate, SYSTEM_BUS, SubjectRule, Timestamp, Upstream};
use retry::{NoStatuses, Statuses};
use transform::{JsonPath, UrlTemplate};

use super::nearest::{listed, nearest};
use super::problem::Wrong;
use crate::telemetry::{BadTemplate, LogField, LogPart};

/// Units of time and their milliseconds, the largest first.
const TIMES: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// Units of size and their bytes.
const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
/// The largest body an API may take; larger things are not requests but uploads.
const BYTES_MAX: u64 = 1 << 30;
/// Statuses by their first digit; a 2xx is a delivery.
const STATUS_CLASSES: [&str; 4] = ["1xx", "3xx", "4xx", "5xx"];

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

pub(crate) fn version(text: &str) -> Result<(), Wrong> {
    if text == "1" {
        return Ok(());
    }
    Err(Wrong::new("this program reads version 1 of the language").help("write `version: 1`"))
}

pub(crate) fn text(text: &str) -> Result<(), Wrong> {
    if text.trim().is_empty() { Err(Wrong::new("this text is empty")) } else { Ok(()) }
}

pub(crate) fn bool(text: &str) -> Result<(), Wrong> {
    match text {
        "true" | "false" => Ok(()),
        _ => Err(Wrong::new(format!("`{text}` is neither `true` nor `false`"))
            .help("write `true` or `false`")),
    }
}

pub(crate) fn one_of(text: &str, words: &[&str]) -> Result<(), Wrong> {
    if words.contains(&text) {
        return Ok(());
    }
    let help = format!("write {}", listed(words.iter().copied()).replace(" and ", " or "));
    Err(Wrong::new(format!("`{text}` is not known here{}", meant(text, words))).help(help))
}

pub(crate) fn integer(text: &str, min: u64, max: u64) -> Result<u64, Wrong> {
    match text.parse::<u64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(Wrong::new(format!("`{text}` is not a whole number from {min} to {max}"))
            .help(format!("write a whole number from {min} to {max}"))),
    }
}

/// Milliseconds of `500ms`, `5s`, `10m`, `2h` or `7d`.
pub(crate) fn duration_ms(text: &str) -> Result<u64, Wrong> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if digits > 0 && unit.is_empty() {
        return Err(Wrong::new(format!("add a unit: `{text}s`, `{text}m` or `{text}h`")));
    }
    let factor = TIMES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let number = number.parse::<u64>().ok();
    number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor)).ok_or_else(|| {
        Wrong::new(format!("`{text}` is not a duration"))
            .help("write a whole number and a unit: `500ms`, `5s`, `10m`, `2h` or `7d`")
    })
}

pub(crate) fn duration_within(text: &str, min_ms: u64, max_ms: u64) -> Result<u64, Wrong> {
    let ms = duration_ms(text)?;
    let (min, max) = (duration_text(min_ms), duration_text(max_ms));
    if ms < min_ms {
        return Err(Wrong::new(format!("`{text}` is too short"))
            .help(format!("write a duration from {min} to {max}")));
    }
    if ms > max_ms {
        return Err(Wrong::new(format!("`{text}` is too long"))
            .help(format!("write a duration from {min} to {max}")));
    }
    Ok(ms)
}

/// A duration in the largest unit that divides it.
pub(crate) fn duration_text(ms: u64) -> String {
    let unit = TIMES.iter().find(|(_, factor)| ms > 0 && ms.is_multiple_of(*factor));
    unit.map_or_else(|| "0s".to_owned(), |(name, factor)| format!("{}{name}", ms / factor))
}

/// Bytes of `64KiB`, `10MB` or plain bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, Wrong> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = if unit.trim().is_empty() { "B" } else { unit.trim() };
    let factor = SIZES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let number = number.parse::<u64>().ok();
    let bytes = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    match bytes {
        Some(bytes) if (1..=BYTES_MAX).contains(&bytes) => Ok(bytes),
        Some(_) => Err(Wrong::new(format!("`{text}` is not a size from 1 byte to 1 GiB"))
            .help("write for example `64KiB` or `10MiB`")),
        None => Err(Wrong::new(format!("`{text}` is not a size"))
            .help("write a whole number and one of B, KB, MB, GB, KiB, MiB or GiB: `64KiB`")),
    }
}

pub(crate) fn is_bytes(text: &str) -> Result<(), Wrong> {
    bytes(text).map(drop)
}

pub(crate) fn rate(text: &str, max_per_second: u32) -> Result<Rate, Wrong> {
    let rate = Rate::parse(text).map_err(|error| Wrong::new(error.to_string()))?;
    let allowed = u64::from(max_per_second) * u64::from(rate.window_seconds());
    if u64::from(rate.count()) > allowed {
        return Err(Wrong::new(format!("`{text}` is more than {max_per_second}/s"))
            .help(format!("write at most `{max_per_second}/s`")));
    }
    Ok(rate)
}

pub(crate) fn quota(text: &str) -> Result<Quota, Wrong> {
    Quota::parse(text).map_err(|error| Wrong::new(error.to_string()))
}

pub(crate) fn is_quota(text: &str) -> Result<(), Wrong> {
    quota(text).map(drop)
}

pub(crate) fn name(text: &str) -> Result<Name, Wrong> {
    Name::new(text).map_err(|error| {
        Wrong::new(format!("`{text}` is not a name: {error}")).help("rename it, as in `car-orders`")
    })
}

pub(crate) fn is_name(text: &str) -> Result<(), Wrong> {
    name(text).map(drop)
}

pub(crate) fn is_client_id(text: &str) -> Result<(), Wrong> {
    Name::client_id(text).map(drop).map_err(|_| {
        Wrong::new(format!("`{text}` is not a client id")).help(
            "it has 1 to 128 letters, digits, `-`, `_`, `.` or `+`, and begins with no `-` or `.`",
        )
    })
}

pub(crate) fn is_bus_name(text: &str) -> Result<(), Wrong> {
    if text == SYSTEM_BUS {
        return Err(Wrong::new(format!("the bus `{SYSTEM_BUS}` is the program's own"))
            .help("give your bus another name"));
    }
    is_name(text)
}

pub(crate) fn is_scope_name(text: &str) -> Result<(), Wrong> {
    if text.contains('/') {
        return Err(Wrong::new(format!("`{text}` has a `/`, which parts the API from the scope"))
            .help("write the scope alone; its API's name is put before it"));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if text.is_empty() || !text.bytes().all(fits) {
        return Err(Wrong::new(format!("`{text}` is not a scope"))
            .help("use letters, digits, `.`, `_`, `:` and `-`, as in `create.order`"));
    }
    Ok(())
}

pub(crate) fn is_variable(text: &str) -> Result<(), Wrong> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if text.bytes().all(fits) && text.len() <= 256 {
        return Ok(());
    }
    Err(Wrong::new(format!("`{text}` cannot name a path"))
        .help("use letters, digits, `_` and `-`, at most 256 of them"))
}

fn method(text: &str) -> Result<Method, Wrong> {
    let known = Method::ALL.map(Method::as_str);
    let help = || format!("write one of {}", listed(known));
    if let Some(method) = Method::parse(text) {
        return Ok(method);
    }
    if Method::parse(&text.to_ascii_uppercase()).is_some() {
        let upper = text.to_ascii_uppercase();
        return Err(Wrong::new(format!("write the method in upper case: `{upper}`")).help(help()));
    }
    Err(Wrong::new(format!("`{text}` is not a method{}", meant(text, &known))).help(help()))
}

/// The method, none for any, and the path of `POST /orders`.
pub(crate) fn route(text: &str) -> Result<(Option<Method>, PathTemplate), Wrong> {
    let Some((word, path)) = text.split_once(' ') else {
        return Err(Wrong::new(format!("`{text}` is not a method and a path"))
            .help("write for example `POST /orders/{id}`, or `ANY /orders` for every method"));
    };
    let method = if word == "ANY" { None } else { Some(method(word)?) };
    let path = PathTemplate::parse(path.trim()).map_err(|reason| {
        Wrong::new(format!("`{}` is not a path: {reason}", path.trim()))
            .help("write for example `/orders/{id}`, or `/files/{rest+}` for all below")
    })?;
    Ok((method, path))
}

pub(crate) fn is_route(text: &str) -> Result<(), Wrong> {
    route(text).map(drop)
}

/// An API's name and one of its routes.
pub(crate) fn plan_route(text: &str) -> Result<(Name, String), Wrong> {
    let wrong = || {
        Wrong::new(format!("`{text}` is not an API, a method and a path"))
            .help("write for example `tires POST /orders/{id}`")
    };
    let (api, key) = text.split_once(' ').ok_or_else(wrong)?;
    let api = Name::new(api).map_err(|_| wrong())?;
    let (method, path) = route(key)?;
    Ok((api, format!("{} {}", method.map_or("ANY", Method::as_str), path.as_str())))
}

pub(crate) fn is_plan_route(text: &str) -> Result<(), Wrong> {
    plan_route(text).map(drop)
}

/// The longest template of a line, in bytes.
const LOG_TEMPLATE_BYTES_MAX: usize = 4096;

/// A field of a request's line.
pub(crate) fn log_field(text: &str) -> Result<LogField, Wrong> {
    LogField::parse(text).ok_or_else(|| {
        let known: Vec<&str> = LogField::ALL.iter().map(|field| field.name()).collect();
        Wrong::new(format!("`{text}` is no field of a request's line{}", meant(text, &known)))
            .help(format!("choose of {}", known.join(", ")))
    })
}

pub(crate) fn is_log_field(text: &str) -> Result<(), Wrong> {
    log_field(text).map(drop)
}

/// A line's template, taken apart.
pub(crate) fn log_template(text: &str) -> Result<Vec<LogPart>, Wrong> {
    if text.len() > LOG_TEMPLATE_BYTES_MAX {
        return Err(Wrong::new(format!("this is longer than {LOG_TEMPLATE_BYTES_MAX} bytes"))
            .help("leave something out"));
    }
    LogPart::parse(text).map_err(|bad| match bad {
        BadTemplate::Field(name) => match log_field(&name) {
            Err(wrong) => wrong,
            Ok(_) => Wrong::new(format!("`{name}` cannot stand here")),
        },
        BadTemplate::Brace => Wrong::new("a brace stands alone")
            .help("write a field as `{status}`, and a brace itself as `{{` or `}}`"),
        BadTemplate::Control => Wrong::new("a line's template has a line break or another control")
            .help("write it in one line"),
        BadTemplate::NoField => Wrong::new("this template has no field")
            .help("write for example `{at} {status}`, or `requests: off` for no lines"),
    })
}

pub(crate) fn is_log_template(text: &str) -> Result<(), Wrong> {
    log_template(text).map(drop)
}

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

/// An origin as browsers send it (RFC 6454 §6.2), or `*`.
pub(crate) fn is_origin(text: &str) -> Result<(), Wrong> {
    let host = without_scheme(text).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
    if text == "*" || (!host.is_empty() && host.bytes().all(plain)) {
        return Ok(());
    }
    Err(Wrong::new(format!("`{text}` is not an origin"))
        .help("write scheme, host and port without a path: `https://portal.example`, or `*`"))
}

/// A SHA-256 fingerprint in hex.
pub(crate) fn fingerprint(text: &str) -> Result<[u8; 32], Wrong> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let wrong = || {
        Wrong::new("this is not a SHA-256 fingerprint").help(
            "write 64 hex digits, with or without colons, as \
             `openssl x509 -noout -fingerprint -sha256 -in FILE` prints them",
        )
    };
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return Err(wrong());
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

pub(crate) fn is_fingerprint(text: &str) -> Result<(), Wrong> {
    fingerprint(text).map(drop)
}

/// A distinguished name, as RFC 4514 writes it.
pub(crate) fn is_distinguished_name(text: &str) -> Result<(), Wrong> {
    let wrong = |error: certificate::NameError| {
        Wrong::new(format!("this is not a distinguished name: {error}")).help(
            "write it as `openssl x509 -noout -subject -nameopt RFC2253 -in FILE` prints it: \
             `CN=orders,O=Lee James,C=DE`",
        )
    };
    DistinguishedName::parse(text).map(drop).map_err(wrong)
}

/// An address alone.
pub(crate) fn ip(text: &str) -> Result<IpAddr, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(format!("`{text}` is not an IP address")).help("write for example `203.0.113.7`")
    })
}

pub(crate) fn is_ip(text: &str) -> Result<(), Wrong> {
    ip(text).map(drop)
}

/// A status or a class of them that may be tried again or not.
pub(crate) fn is_status(text: &str) -> Result<(), Wrong> {
    let wrong = match Statuses::parse(text) {
        Ok(_) => return Ok(()),
        Err(NoStatuses::Success) => {
            Wrong::new(format!("`{text}` is a success, and a delivery is not tried again"))
        }
        Err(NoStatuses::Unknown) => {
            let near = meant(text, &STATUS_CLASSES);
            Wrong::new(format!("`{text}` is neither a status nor a class of statuses{near}"))
        }
    };
    Err(wrong.help("write a status such as `404`, or one of `1xx`, `3xx`, `4xx` and `5xx`"))
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

fn without_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))
}

pub(crate) fn is_public_url(text: &str) -> Result<(), Wrong> {
    let wrong = |message: &str| {
        Err(Wrong::new(format!("`{text}`: {message}"))
            .help("write for example `https://api.tires.example`"))
    };
    let Some(host) = without_scheme(text) else {
        return wrong("a URL begins with `https://` or `http://`");
    };
    if host.ends_with('/') {
        return wrong("remove the `/` at the end");
    }
    if host.contains(['/', '?', '#']) {
        return wrong("remove the path: partners' paths are those of the APIs");
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return wrong("there is no host, or it has characters a host cannot have");
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return wrong("the port is not a number up to 65535");
    }
    Ok(())
}

fn url(text: &str) -> Result<UrlTemplate, Wrong> {
    UrlTemplate::parse(text).map_err(|error| Wrong::new(error.to_string()))
}

pub(crate) fn is_url(text: &str) -> Result<(), Wrong> {
    if url(text)?.parameters() > 0 {
        return Err(Wrong::new("a `*` has no meaning in this URL").help("write the whole URL"));
    }
    Ok(())
}

/// What an issuer calls itself (RFC 8414 §2): a URL without query and fragment.
pub(crate) fn is_issuer(text: &str) -> Result<(), Wrong> {
    if text.contains(['?', '#']) {
        return Err(Wrong::new("an issuer's URL has neither `?` nor `#`")
            .help("write it as its tokens have it in `iss`"));
    }
    is_url(text)
}

/// What a client may call an API when it asks for a token (RFC 8707 §2): an absolute URI without
/// fragment.
pub(crate) fn is_resource(text: &str) -> Result<(), Wrong> {
    let wrong = |message: &str| {
        Err(Wrong::new(format!("`{text}`: {message}"))
            .help("write for example `https://orders.tires.example`"))
    };
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte);
    let is_scheme =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(in_scheme);
    if !is_scheme || rest.is_empty() {
        return wrong("an absolute URI begins with a scheme and `:`");
    }
    if text.contains('#') {
        return wrong("remove the `#` and what is behind it");
    }
    if text.len() > 512 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("it has up to 512 printable ASCII characters and no blanks");
    }
    Ok(())
}

/// The name or value of a claim that can be compared byte for byte: visible ASCII and blanks.
pub(crate) fn is_claim_text(text: &str) -> Result<(), Wrong> {
    let fits = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if fits && (1..=256).contains(&text.len()) && text.trim() == text {
        return Ok(());
    }
    Err(Wrong::new("this is not the text of a claim")
        .help("write from 1 to 256 printable ASCII characters, with no blank at either end"))
}

/// What a token of a workload has in `sub`.
pub(crate) fn subject(text: &str) -> Result<SubjectRule, Wrong> {
    SubjectRule::parse(text).map_err(|error| {
        Wrong::new(error.to_string())
            .help("write the whole subject, or its beginning up to a `:` or `/` with `*` behind it")
    })
}

pub(crate) fn is_subject(text: &str) -> Result<(), Wrong> {
    subject(text).map(drop)
}

pub(crate) fn upstream(text: &str) -> Result<Upstream, Wrong> {
    Upstream::parse(text).map_err(|reason| {
        Wrong::new(format!("`{text}` is not an upstream: {reason}"))
            .help("write for example `http://127.0.0.1:7410`")
    })
}

pub(crate) fn is_upstream(text: &str) -> Result<(), Wrong> {
    upstream(text).map(drop)
}

pub(crate) fn is_base_path(text: &str) -> Result<(), Wrong> {
    if text.is_empty() {
        return Ok(());
    }
    let wrong = |reason: &str| {
        Err(Wrong::new(format!("`{text}` is not a base path: {reason}"))
            .help("write for example `/prod`, or leave it out for none"))
    };
    if text.contains(['{', '}']) {
        return wrong("it has no parameters");
    }
    if text.ends_with('/') {
        return wrong("it has no `/` at the end");
    }
    PathTemplate::parse(text).map(drop).or_else(wrong)
}

pub(crate) fn socket(text: &str) -> Result<SocketAddr, Wrong> {
    text.parse().map_err(|_| {
        let help = match text.trim_start_matches("localhost").trim_start_matches(':') {
            port if port.parse::<u16>().is_ok() => format!("write `127.0.0.1:{port}`"),
            _ => {
                "write for example `127.0.0.1:7400`, or `0.0.0.0:7400` for every address".to_owned()
            }
        };
        Wrong::new(format!("`{text}` is not an address and port")).help(help)
    })
}

pub(crate) fn is_socket(text: &str) -> Result<(), Wrong> {
    socket(text).map(drop)
}

pub(crate) fn cidr(text: &str) -> Result<IpNet, Wrong> {
    text.parse().map_err(|_| match text.parse::<IpAddr>() {
        Ok(address) => {
            let length = if address.is_ipv4() { 32 } else { 128 };
            Wrong::new(format!("`{text}` is an address, not a range"))
                .help(format!("write `{text}/{length}` for this address alone"))
        }
        Err(_) => Wrong::new(format!("`{text}` is not an address range"))
            .help("write for example `203.0.113.0/24`"),
    })
}

pub(crate) fn is_cidr(text: &str) -> Result<(), Wrong> {
    cidr(text).map(drop)
}

pub(crate) fn json_path(text: &str) -> Result<JsonPath, Wrong> {
    JsonPath::parse(text).map_err(|error| {
        Wrong::new(format!("`{text}`: {error}")).help("write for example `$.detail.carOrderId`")
    })
}

pub(crate) fn is_json_path(text: &str) -> Result<(), Wrong> {
    json_path(text).map(drop)
}

/// The method and URL of `POST https://api.example.com/orders/*`.
pub(crate) fn request(text: &str) -> Result<(Method, UrlTemplate), Wrong> {
    let Some((word, address)) = text.split_once(' ') else {
        let help = match without_scheme(text) {
            Some(_) => format!("put the method before the URL: `POST {text}`"),
            None => "write for example `POST https://api.example.com/orders`".to_owned(),
        };
        return Err(Wrong::new(format!("`{text}` is not a method and a URL")).help(help));
    };
    Ok((method(word)?, url(address.trim())?))
}

pub(crate) fn is_request(text: &str) -> Result<(), Wrong> {
    request(text).map(drop)
}

pub(crate) fn is_call(text: &str) -> Result<(), Wrong> {
    let (_, url) = request(text)?;
    if url.parameters() > 0 {
        return Err(
            Wrong::new("a schedule has nothing to fill a `*` with").help("write the whole URL")
        );
    }
    Ok(())
}

/// A moment as RFC 3339 has it, with any offset.
pub(crate) fn time(text: &str) -> Result<Timestamp, Wrong> {
    Timestamp::parse(text).ok_or_else(|| {
        Wrong::new(format!("`{text}` is not a time"))
            .help("write date, time and offset, as in `2026-12-01T00:00:00Z`")
    })
}

pub(crate) fn is_time(text: &str) -> Result<(), Wrong> {
    time(text).map(drop)
}

/// A moment from which on something is over: RFC 3339, or a day, which is its beginning in UTC.
pub(crate) fn end(text: &str) -> Result<Timestamp, Wrong> {
    let day = || Timestamp::parse(&format!("{text}T00:00:00Z")).filter(|_| text.len() == 10);
    Timestamp::parse(text).or_else(day).ok_or_else(|| {
        Wrong::new(format!("`{text}` is neither a day nor a time")).help(
            "write `2027-01-01` for the beginning of that day (UTC), or `2027-01-01T12:00:00Z`",
        )
    })
}

pub(crate) fn is_end(text: &str) -> Result<(), Wrong> {
    end(text).map(drop)
}

/// The name of a claim that may be added to tokens.
pub(crate) fn is_extra_claim(text: &str) -> Result<(), Wrong> {
    if jwt::is_reserved_claim(text) {
        return Err(Wrong::new(format!("the claim `{text}` has a meaning of its own in tokens"))
            .help("choose another name, such as `tenant`"));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:/-".contains(&byte);
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if begins && text.len() <= 128 && text.bytes().all(fits) {
        return Ok(());
    }
    Err(Wrong::new("this is not the name of a claim").help(
        "write a letter, then letters, digits, `_`, `.`, `:`, `/` and `-`, at most 128 in all",
    ))
}

/// A fixed period: `5m`.
pub(crate) fn every(text: &str) -> Result<schedule::Schedule, Wrong> {
    if is_expression(text) {
        return Err(Wrong::new("`every` is a duration such as `5m`")
            .help(format!("write `when: {text}` in its place")));
    }
    parse_schedule(text)
}

pub(crate) fn is_every(text: &str) -> Result<(), Wrong> {
    every(text).map(drop)
}

/// `rate(…)` or `cron(…)`.
pub(crate) fn when(text: &str) -> Result<schedule::Schedule, Wrong> {
    if is_expression(text) {
        return parse_schedule(text);
    }
    let help = match parse_schedule(text) {
        Ok(_) => format!("write `every: {text}` in its place"),
        Err(_) => "write for example `rate(5 minutes)` or `cron(0 12 * * ? *)`".to_owned(),
    };
    Err(Wrong::new("`when` is `rate(…)` or `cron(…)`").help(help))
}

pub(crate) fn is_when(text: &str) -> Result<(), Wrong> {
    when(text).map(drop)
}

fn is_expression(text: &str) -> bool {
    text.starts_with("rate(") || text.starts_with("cron(")
}

fn parse_schedule(text: &str) -> Result<schedule::Schedule, Wrong> {
    schedule::Schedule::parse(text).map_err(|error| Wrong::new(error.0.to_string()))
}

fn meant(text: &str, known: &[&str]) -> String {
    let near = nearest(text, known.iter().copied());
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(duration_ms(text), Ok(ms), "{text}");
            assert_eq!(duration_text(ms), text);
        }
        for text in ["", "5", "m", "5 m", "5w", "-5s", "1.5h", "99999999999999999999s"] {
            assert!(duration_ms(text).is_err(), "{text}");
        }
        let wrong = duration_ms("5").unwrap_err();
        assert_eq!(wrong.message, "add a unit: `5s`, `5m` or `5h`");
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        for (text, expected) in
            [("64KiB", 65_536), ("10MB", 10_000_000), ("7", 7), ("1 GiB", 1 << 30)]
        {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "KiB", "10kb", "2GiB", "-1"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_misspelt_method_gets_the_list() {
        let wrong = request("PSOT https://x.example/").unwrap_err(); // typos: ignore
        assert_eq!(wrong.message, "`PSOT` is not a method; did you mean `POST`?"); // typos: ignore
        assert!(wrong.help.unwrap().contains("`GET`, `HEAD`, `POST`"));
        let wrong = route("get /orders").unwrap_err();
        assert_eq!(wrong.message, "write the method in upper case: `GET`");
    }

    #[test]
    fn statuses_are_codes_and_classes_but_no_success() {
        for text in ["404", "410", "599", "1xx", "5xx"] {
            assert_eq!(is_status(text), Ok(()), "{text}");
        }
        for (text, message) in [
            ("204", "`204` is a success, and a delivery is not tried again"),
            ("2xx", "`2xx` is a success, and a delivery is not tried again"),
            ("5XX", "`5XX` is neither a status nor a class of statuses; did you mean `5xx`?"),
            ("timeout", "`timeout` is neither a status nor a class of statuses"),
            ("600", "`600` is neither a status nor a class of statuses"),
        ] {
            assert_eq!(is_status(text).unwrap_err().message, message);
        }
    }

    #[test]
    fn a_public_url_is_an_origin() {
        for text in [
            "http://127.0.0.1:7400",
            "https://api.tires.example",
            "http://[::1]:80",
            "https://[::1]",
        ] {
            assert_eq!(is_public_url(text), Ok(()), "{text}");
        }
        for text in [
            "",
            "api.example",
            "https://",
            "https://a/",
            "https://a/b",
            "https://a:x",
            "https://u@a",
            "http://a?b",
        ] {
            assert!(is_public_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_without_its_length_gets_one() {
        let wrong = cidr("127.0.0.1").unwrap_err();
        assert_eq!(wrong.help.unwrap(), "write `127.0.0.1/32` for this address alone");
        assert_eq!(socket("7400").unwrap_err().help.unwrap(), "write `127.0.0.1:7400`");
    }
}
