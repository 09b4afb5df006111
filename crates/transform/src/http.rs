//! The parts of an API destination's request that come from the event: path parameters in the
//! URL, and the values of headers and query parameters.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::json;
use crate::{JsonPath, PathError};

/// The longest endpoint, in characters (EventBridge API, `HttpsEndpoint`).
const URL_CHARS_MAX: usize = 2_048;

/// The headers nobody may set (EventBridge, API destinations); `If-*` is one more.
const FORBIDDEN_HEADERS: [&str; 28] = [
    "A-IM",
    "Accept-Charset",
    "Accept-Datetime",
    "Accept-Encoding",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-MD5",
    "Date",
    "Expect",
    "Forwarded",
    "From",
    "HTTP2-Settings",
    "Host",
    "Max-Forwards",
    "Origin",
    "Pragma",
    "Proxy-Authorization",
    "Range",
    "Referer",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Via",
    "Warning",
];

/// A destination's URL, in which each `*` stands for a path parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    source: String,
    parameters: usize,
}

impl UrlTemplate {
    /// Reads an absolute `https` or `http` URL of at most 2,048 characters. A `*` may stand
    /// anywhere after the host: a value never chooses whom we call.
    pub fn parse(source: &str) -> Result<Self, UrlError> {
        let chars = source.chars().count();
        if chars > URL_CHARS_MAX {
            return Err(UrlError::TooLong { chars });
        }
        if let Some((index, found)) = source.chars().enumerate().find(|(_, next)| !legal(*next)) {
            return Err(UrlError::Character { position: index + 1, found });
        }
        let rest = source
            .strip_prefix("https://")
            .or_else(|| source.strip_prefix("http://"))
            .ok_or(UrlError::Scheme)?;
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        if host.contains('*') {
            return Err(UrlError::StarInHost);
        }
        if host.contains('@') {
            return Err(UrlError::Credentials);
        }
        if host.is_empty() || host.starts_with(':') {
            return Err(UrlError::Host);
        }
        Ok(Self { source: source.to_owned(), parameters: source.matches('*').count() })
    }

    /// How many path parameters the URL takes: its number of `*`.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The URL with its `*` replaced by `values` in order, each percent-encoded so that it stays
    /// within one path segment (RFC 3986 §3.3).
    pub fn fill(&self, values: &[String]) -> Result<String, FillError> {
        if values.len() != self.parameters {
            return Err(FillError::Count { wanted: self.parameters, given: values.len() });
        }
        let mut parts = self.source.split('*');
        let mut url = parts.next().unwrap_or_default().to_owned();
        for (index, (value, part)) in values.iter().zip(parts).enumerate() {
            let position = index + 1;
            if value.is_empty() {
                return Err(FillError::Empty { position });
            }
            // A client removes such segments and calls another path (RFC 3986 §5.2.4).
            if value == "." || value == ".." {
                return Err(FillError::DotSegment { position });
            }
            push_encoded(&mut url, value);
            url.push_str(part);
        }
        Ok(url)
    }

    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl fmt::Display for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// The characters of a URL without a fragment, and `*` (RFC 3986 appendix A).
fn legal(next: char) -> bool {
    next.is_ascii_graphic()
        && !matches!(next, '"' | '#' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
}

/// Adds `value`, keeping only unreserved characters as they are (RFC 3986 §2.3).
pub(crate) fn push_encoded(url: &mut String, value: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push('%');
            url.push(char::from(HEX[usize::from(byte >> 4)]));
            url.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// The text of a value in a URL or a header: a string unescaped, a number or boolean as the event
/// spells it. A list, an object or `null` has none.
pub fn value_text(value: &RawValue) -> Option<String> {
    let value = value.get();
    match value.as_bytes().first()? {
        b'{' | b'[' | b'n' => None,
        b'"' => json::text(value).map(Cow::into_owned),
        _ => Some(value.to_owned()),
    }
}

/// The value of a header or of a query parameter: a text, or what the original event has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filled {
    /// The same for every event.
    Text(String),
    /// What the event has there.
    Path(JsonPath),
}

impl Filled {
    /// Reads a value: one that begins with `$.` is a path, any other the text itself.
    pub fn parse(source: &str) -> Result<Self, PathError> {
        if source.starts_with("$.") {
            return JsonPath::parse(source).map(Self::Path);
        }
        Ok(Self::Text(source.to_owned()))
    }

    /// The value for an event, given as its envelope; none if it has no [text](value_text) there.
    pub fn value(&self, event: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Path(path) => path.find(event).and_then(value_text).map(Cow::Owned),
        }
    }
}

/// Whether a header may never be set by a target or a connection, however it is spelt.
pub fn forbidden_header(name: &str) -> bool {
    FORBIDDEN_HEADERS.iter().any(|forbidden| forbidden.eq_ignore_ascii_case(name))
        || name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("If-"))
}

/// A text that cannot be a destination's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Longer than EventBridge takes.
    #[error("the URL has {chars} characters; shorten it to at most {max}", max = URL_CHARS_MAX)]
    TooLong {
        /// How many characters it has.
        chars: usize,
    },
    /// Neither `https://` nor `http://`.
    #[error("the URL has no scheme; begin it with `https://`")]
    Scheme,
    /// No host.
    #[error("the URL has no host; write for example `https://api.example.com/orders/*`")]
    Host,
    /// A `*` in the host or port.
    #[error("a `*` cannot stand in the host; use it in the path")]
    StarInHost,
    /// A user name or password.
    #[error("the URL holds credentials; put them into a connection")]
    Credentials,
    /// A character no URL holds.
    #[error(
        "unexpected {found:?} at character {position} of the URL; percent-encode it, and write a \
         path parameter as `*`"
    )]
    Character {
        /// Where it stands, from 1.
        position: usize,
        /// The character.
        found: char,
    },
}

/// Values that cannot fill a URL. The text names no value, only its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// More or fewer values than the URL has `*`.
    #[error("the URL takes {wanted} path parameter(s) and got {given}; give one for each `*`")]
    Count {
        /// How many the URL takes.
        wanted: usize,
        /// How many there are.
        given: usize,
    },
    /// An empty value, which would name another resource.
    #[error("path parameter {position} is empty; a `*` needs at least one character")]
    Empty {
        /// Which one, from 1.
        position: usize,
    },
    /// `.` or `..`, which would name another resource.
    #[error("path parameter {position} is `.` or `..`; these move to another path and are refused")]
    DotSegment {
        /// Which one, from 1.
        position: usize,
    },
}
