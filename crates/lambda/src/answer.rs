//! What a function answers, as a response.
//!
//! The sources are the API Gateway developer guide, "Output format of a Lambda function for proxy
//! integration" (1.0) and "Lambda function response for format 2.0". A member that is `null` counts
//! as not there: typed languages write all members they know.
//!
//! Two things are better here than there. API Gateway renames `WWW-Authenticate`, `Authorization`,
//! `Date`, `Server` and others to `x-amzn-Remapped-…`, where no client looks for them; here they
//! keep their names, and only what frames a message or belongs to one connection is dropped. And
//! `isBase64Encoded` holds for every media type, not only for those of a list.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::{PAYLOAD_BYTES_MAX, Version};

/// The most header lines of an answer: as many as an HTTP client usually reads of an upstream.
pub const HEADERS_MAX: usize = 100;
/// The most bytes of all header names and values of an answer together. API Gateway takes 10,240.
pub const HEADER_BYTES_MAX: usize = 16_384;

/// The longest JSON text of one member that is read into values: headers with many escapes.
const MEMBER_BYTES_MAX: usize = 4 * HEADER_BYTES_MAX;
/// The longest message of a function's error that is kept for the log, in bytes.
const MESSAGE_BYTES_MAX: usize = 1_024;
/// The longest type of a function's error; a class name with its package fits.
const KIND_BYTES_MAX: usize = 128;

/// Headers that a function's answer cannot set: they belong to the connection (RFC 9110 §7.6.1,
/// §11.7.1) or say how long the message is, which whoever sends it knows better.
const DROPPED: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const CONTENT_TYPE: &str = "content-type";
const JSON_TYPE: &str = "application/json";

const HEADERS: &str = "headers";
const MULTI_VALUE_HEADERS: &str = "multiValueHeaders";
const COOKIES: &str = "cookies";

/// A response, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, 200 to 599.
    pub status: u16,
    /// Header lines, names in lower case. Names are tokens and values have no control characters
    /// (RFC 9110 §5.5); what is not ASCII is UTF-8.
    pub headers: Vec<(String, String)>,
    /// The body, decoded; empty where the status has none (RFC 9110 §15.3.5, §15.3.6, §15.4.5).
    pub body: Vec<u8>,
}

/// Shows no values, which are nobody's to log.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An answer that is no response. API Gateway answers each with 502 and `Internal server error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// The function ended with an error, or was ended: too long, too much memory.
    #[error("the function failed: {kind}: {message}")]
    Function {
        /// Its `errorType`, or what `X-Amz-Function-Error` says; at most 128 bytes.
        kind: String,
        /// Its `errorMessage`, at most 1 KiB, without control characters. For the log: a caller
        /// has no use for it.
        message: String,
    },
    /// More than Lambda hands out.
    #[error(
        "the function's answer has {bytes} bytes; at most {max} are taken",
        max = PAYLOAD_BYTES_MAX
    )]
    TooLarge {
        /// How many bytes it has.
        bytes: usize,
    },
    /// Not of the form the payload format asks for. Nothing of the answer is shown.
    #[error("the function's answer is malformed: {member} {reason}")]
    Malformed {
        /// The member at fault, or `it` for the answer as a whole.
        member: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Reads the answer of a function: `payload` as the runtime endpoint gave it, and its header
/// `X-Amz-Function-Error`, whose presence makes the payload an error.
///
/// Runtimes on a developer's machine do not all send that header. So an object with `errorType` and
/// `errorMessage` and without `statusCode` is an error too; in format 2.0 it would go to the caller
/// with status 200, stack trace and all.
///
/// In format 1.0 an answer has `statusCode` and no member but those of the format, in 2.0 it may
/// have others, and one without `statusCode` is itself the body: status 200, `application/json`.
pub fn answer(
    version: Version,
    payload: &[u8],
    function_error: Option<&str>,
) -> Result<Answer, BadAnswer> {
    if let Some(kind) = function_error {
        let text = String::from_utf8_lossy(payload);
        let members = serde_json::from_str::<Members<'_>>(&text).unwrap_or_default();
        return Err(members.failure(kind));
    }
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(BadAnswer::TooLarge { bytes: payload.len() });
    }
    let whole: &RawValue =
        serde_json::from_slice(payload).map_err(|_| malformed("it", "is not JSON"))?;
    let members = serde_json::from_str::<Members<'_>>(whole.get()).ok();
    if let Some(members) = &members {
        members.refuse_failure()?;
    }
    match (members, version) {
        (Some(members), Version::V1) => {
            members.refuse_strangers()?;
            members.answer(JSON_TYPE)
        }
        (None, Version::V1) => Err(malformed("it", "is no object; format 1.0 asks for one")),
        (Some(members), Version::V2) if members.status.is_some() => {
            members.answer("text/plain; charset=utf-8")
        }
        (_, Version::V2) => Ok(Answer {
            status: 200,
            headers: vec![(CONTENT_TYPE.to_owned(), JSON_TYPE.to_owned())],
            body: whole.get().as_bytes().to_vec(),
        }),
    }
}

fn malformed(member: &'static str, reason: &'static str) -> BadAnswer {
    BadAnswer::Malformed { member, reason }
}

/// The JSON texts of the members of an answer that have a meaning. The others are not kept, so that
/// an answer costs about its own size, whatever is in it.
#[derive(Default)]
struct Members<'a> {
    status: Option<&'a str>,
    headers: Option<&'a str>,
    multi_value_headers: Option<&'a str>,
    cookies: Option<&'a str>,
    body: Option<&'a str>,
    is_base64: Option<&'a str>,
    error_type: Option<&'a str>,
    error_message: Option<&'a str>,
    has_others: bool,
}

impl<'a> Members<'a> {
    /// Takes one member; of two with the same name the last counts.
    fn take(&mut self, name: &str, value: &'a str) {
        let there = value != "null";
        let place = match name {
            "statusCode" => &mut self.status,
            HEADERS => &mut self.headers,
            MULTI_VALUE_HEADERS => &mut self.multi_value_headers,
            COOKIES => &mut self.cookies,
            "body" => &mut self.body,
            "isBase64Encoded" => &mut self.is_base64,
            "errorType" => &mut self.error_type,
            "errorMessage" => &mut self.error_message,
            _ => {
                self.has_others |= there;
                return;
            }
        };
        *place = there.then_some(value);
    }

    /// The function's error; `kind` if it does not say of which type.
    fn failure(&self, kind: &str) -> BadAnswer {
        let kind = text(self.error_type).unwrap_or_else(|| kind.to_owned());
        let message = text(self.error_message).unwrap_or_else(|| "no errorMessage".to_owned());
        BadAnswer::Function {
            kind: cut(&kind, KIND_BYTES_MAX),
            message: cut(&message, MESSAGE_BYTES_MAX),
        }
    }

    fn refuse_failure(&self) -> Result<(), BadAnswer> {
        let is_failure = self.status.is_none()
            && text(self.error_type).is_some()
            && text(self.error_message).is_some();
        if is_failure { Err(self.failure("Unhandled")) } else { Ok(()) }
    }

    /// A REST API takes no member that it does not know; a misspelled one is found so.
    fn refuse_strangers(&self) -> Result<(), BadAnswer> {
        let others = [self.cookies, self.error_type, self.error_message];
        if self.has_others || others.iter().any(Option::is_some) {
            return Err(malformed(
                "it",
                "has a member besides statusCode, headers, multiValueHeaders, body and \
                 isBase64Encoded, which format 1.0 does not take",
            ));
        }
        Ok(())
    }

    fn answer(&self, default_type: &str) -> Result<Answer, BadAnswer> {
        let status = self.status()?;
        let mut headers = self.headers()?;
        let mut body = self.body()?;
        if matches!(status, 204 | 205 | 304) {
            body.clear();
        }
        if !body.is_empty() && !headers.has(CONTENT_TYPE) {
            headers.lines.push((CONTENT_TYPE.to_owned(), default_type.to_owned()));
        }
        Ok(Answer { status, headers: headers.lines, body })
    }

    /// A number, or its digits as a string. Interim statuses end no exchange (RFC 9110 §15.2), so
    /// they are no answer.
    fn status(&self) -> Result<u16, BadAnswer> {
        let member = "statusCode";
        let text = self.status.ok_or_else(|| malformed(member, "is missing"))?;
        let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let digits = inner.unwrap_or(text);
        let is_number = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        match digits.parse::<u16>() {
            Ok(status) if is_number && (200..=599).contains(&status) => Ok(status),
            _ => Err(malformed(member, "is no whole number from 200 to 599")),
        }
    }

    /// Both members in one list. A name may be in both, and a pair of name and value that is in
    /// both comes once. An answer has one type, and that of `multiValueHeaders` goes first.
    fn headers(&self) -> Result<Headers, BadAnswer> {
        let mut headers = Headers::default();
        if let Some(text) = self.multi_value_headers {
            let reason = "is no object of lists";
            let members: Map<String, Value> = small(MULTI_VALUE_HEADERS, text, reason)?;
            for (name, values) in &members {
                match values {
                    Value::Null => {}
                    Value::Array(values) => {
                        for value in values {
                            headers.add(line(MULTI_VALUE_HEADERS, name, value)?)?;
                        }
                    }
                    _ => return Err(malformed(MULTI_VALUE_HEADERS, reason)),
                }
            }
        }
        if let Some(text) = self.headers {
            let members: Map<String, Value> = small(HEADERS, text, "is no object")?;
            for (name, value) in &members {
                let line = line(HEADERS, name, value)?;
                let new = line.filter(|line| !headers.lines.contains(line));
                headers.add(new)?;
            }
        }
        if let Some(text) = self.cookies {
            let cookies: Vec<String> = small(COOKIES, text, "is no list of strings")?;
            for cookie in cookies {
                headers.add(line(COOKIES, "set-cookie", &Value::from(cookie))?)?;
            }
        }
        Ok(headers)
    }

    fn body(&self) -> Result<Vec<u8>, BadAnswer> {
        let is_base64 = match self.is_base64 {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(malformed("isBase64Encoded", "is neither true nor false")),
        };
        let Some(json) = self.body else { return Ok(Vec::new()) };
        let body = text(Some(json))
            .ok_or_else(|| malformed("body", "is no string; write JSON as its text"))?;
        if is_base64 {
            let decoded = STANDARD_PAD_INDIFFERENT.decode(body);
            return decoded
                .map_err(|_| malformed("body", "is not base64, as isBase64Encoded says"));
        }
        Ok(body.into_bytes())
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key::<String>()? {
            let value: &'de RawValue = map.next_value()?;
            members.take(&name, value.get());
        }
        Ok(members)
    }
}

/// Header lines, counted.
#[derive(Default)]
struct Headers {
    lines: Vec<(String, String)>,
    bytes: usize,
}

impl Headers {
    fn has(&self, name: &str) -> bool {
        self.lines.iter().any(|(known, _)| known == name)
    }

    fn add(&mut self, line: Option<(String, String)>) -> Result<(), BadAnswer> {
        let Some((name, value)) = line else { return Ok(()) };
        if name == CONTENT_TYPE && self.has(CONTENT_TYPE) {
            return Ok(());
        }
        self.bytes += name.len() + value.len();
        if self.lines.len() >= HEADERS_MAX {
            return Err(malformed(HEADERS, "are more than 100 lines"));
        }
        if self.bytes > HEADER_BYTES_MAX {
            return Err(malformed(HEADERS, "are longer than 16,384 bytes"));
        }
        self.lines.push((name, value));
        Ok(())
    }
}

/// One header line of `member`; none if it has no value, or is not a function's to set.
fn line(
    member: &'static str,
    name: &str,
    value: &Value,
) -> Result<Option<(String, String)>, BadAnswer> {
    let value = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim_matches([' ', '\t']).to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => {
            return Err(malformed(member, "has a value that is no string, number or boolean"));
        }
    };
    if !is_token(name) {
        return Err(malformed(member, "has a name that no header can have"));
    }
    if !value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)) {
        return Err(malformed(member, "has a value with a control character"));
    }
    let name = name.to_ascii_lowercase();
    Ok((!DROPPED.contains(&name.as_str())).then_some((name, value)))
}

/// RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_letter)
}

/// Reads a member that is short by nature, and refuses one that is not before it becomes values.
fn small<'t, T: Deserialize<'t>>(
    member: &'static str,
    text: &'t str,
    reason: &'static str,
) -> Result<T, BadAnswer> {
    if text.len() > MEMBER_BYTES_MAX {
        return Err(malformed(member, "is longer than 65,536 bytes"));
    }
    serde_json::from_str(text).map_err(|_| malformed(member, reason))
}

/// The string that `json` is; none if it is none.
fn text(json: Option<&str>) -> Option<String> {
    serde_json::from_str(json?).ok()
}

/// The beginning of `text`, at most `bytes_max` long, on one line.
fn cut(text: &str, bytes_max: usize) -> String {
    let mut kept = String::new();
    for next in text.chars() {
        let next = if next.is_control() { ' ' } else { next };
        if kept.len() + next.len_utf8() > bytes_max {
            break;
        }
        kept.push(next);
    }
    kept
}
