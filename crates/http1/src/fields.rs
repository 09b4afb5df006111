//! The fields of a head: names and values, and what they say of the body and of the connection.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, EXPECT,
    HOST, SERVER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Fault;

/// Room for the fields that a head gets on its way.
const MORE: usize = 6;

/// What the fields of a head say of the message itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// `Content-Length`.
    pub(crate) length: Option<u64>,
    /// `Transfer-Encoding: chunked`.
    pub(crate) chunked: bool,
    /// `Connection: close`.
    pub(crate) close: bool,
    /// `Connection: keep-alive`.
    pub(crate) keep_alive: bool,
    /// `Expect: 100-continue`.
    pub(crate) expects: bool,
    /// `Upgrade`, whatever to.
    pub(crate) upgrade: bool,
}

/// Whose fields they are: a caller's have one reading only, a service of the company's may say the
/// same thing twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Answer,
}

/// Takes the fields of a head that the parser found in it.
pub(crate) fn take(
    head: &Bytes,
    fields: &[httparse::Header<'_>],
    side: Side,
) -> Result<(HeaderMap, Said), Fault> {
    let mut headers = HeaderMap::with_capacity(fields.len() + MORE);
    let mut said = Said::default();
    for field in fields {
        let name = name(field.name.as_bytes())?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value));
        let value = value.map_err(|_| Fault::Field)?;
        if said.hears(&name, &value, side)? {
            headers.append(name, value);
        }
    }
    if said.chunked && said.length.is_some() {
        match side {
            Side::Request => return Err(Fault::LengthAndCoding),
            // RFC 9112 §6.3: the coding counts, and the length must not go on.
            Side::Answer => {
                headers.remove(CONTENT_LENGTH);
                said.length = None;
            }
        }
    }
    Ok((headers, said))
}

static OF_4: [HeaderName; 2] = [HOST, DATE];
static OF_6: [HeaderName; 2] = [ACCEPT, SERVER];
static OF_9: [HeaderName; 1] = [HeaderName::from_static("x-api-key")];
static OF_10: [HeaderName; 2] = [USER_AGENT, CONNECTION];
static OF_11: [HeaderName; 1] = [HeaderName::from_static("traceparent")];
static OF_12: [HeaderName; 2] = [CONTENT_TYPE, HeaderName::from_static("x-request-id")];
static OF_13: [HeaderName; 1] = [AUTHORIZATION];
static OF_14: [HeaderName; 1] = [CONTENT_LENGTH];
static OF_15: [HeaderName; 2] = [ACCEPT_ENCODING, HeaderName::from_static("idempotency-key")];

/// A field's name. Those that nearly every message has are found by their length: reading one as any
/// other takes several times as long, and those the library does not know by itself take memory each.
fn name(bytes: &[u8]) -> Result<HeaderName, Fault> {
    let common: &[HeaderName] = match bytes.len() {
        4 => &OF_4,
        6 => &OF_6,
        9 => &OF_9,
        10 => &OF_10,
        11 => &OF_11,
        12 => &OF_12,
        13 => &OF_13,
        14 => &OF_14,
        15 => &OF_15,
        _ => &[],
    };
    let found = common.iter().find(|name| name.as_str().as_bytes().eq_ignore_ascii_case(bytes));
    found.map_or_else(
        || HeaderName::from_bytes(bytes).map_err(|_| Fault::Field),
        |name| Ok(name.clone()),
    )
}

impl Said {
    /// Hears one field; says whether it is to be kept. What an answer says of the connection and of its
    /// own framing alone has been heard then, and nobody passes it on (RFC 9110 §7.6.1).
    fn hears(&mut self, name: &HeaderName, value: &HeaderValue, side: Side) -> Result<bool, Fault> {
        let bytes = value.as_bytes();
        match *name {
            CONTENT_LENGTH => {
                let length = digits(bytes).ok_or(Fault::Length)?;
                match self.length.replace(length) {
                    None => {}
                    Some(before) if side == Side::Answer && before == length => return Ok(false),
                    Some(_) => return Err(Fault::Length),
                }
            }
            TRANSFER_ENCODING => {
                if self.chunked || !bytes.eq_ignore_ascii_case(b"chunked") {
                    return Err(Fault::Coding);
                }
                self.chunked = true;
                return Ok(side == Side::Request);
            }
            CONNECTION => {
                let mut names_others = false;
                for word in bytes.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    let closes = word.eq_ignore_ascii_case(b"close");
                    let keeps = word.eq_ignore_ascii_case(b"keep-alive");
                    self.close |= closes;
                    self.keep_alive |= keeps;
                    names_others |= !closes && !keeps;
                }
                return Ok(side == Side::Request || names_others);
            }
            EXPECT => self.expects = bytes.eq_ignore_ascii_case(b"100-continue"),
            UPGRADE => self.upgrade = true,
            _ => {}
        }
        Ok(true)
    }

    /// Whether the connection goes on after this message (RFC 9112 §9.3), by its own word.
    pub(crate) fn keeps_open(&self, is_11: bool) -> bool {
        !self.close && (is_11 || self.keep_alive)
    }
}

/// A number of digits alone (RFC 9110 §8.6).
fn digits(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(*byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// What the parser calls its faults, in our words.
pub(crate) fn fault(error: httparse::Error) -> Fault {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => Fault::Field,
        httparse::Error::NewLine => Fault::BareLf,
        httparse::Error::Status => Fault::Status,
        httparse::Error::TooManyHeaders => Fault::TooManyFields,
        httparse::Error::Version => Fault::Version,
        httparse::Error::Token => Fault::FirstLine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_one_that_the_library_reads() {
        for text in [
            "host",
            "Date",
            "ACCEPT",
            "server",
            "X-Api-Key",
            "User-Agent",
            "Connection",
            "traceparent",
            "Content-Type",
            "x-request-id",
            "Authorization",
            "content-length",
            "Accept-Encoding",
            "Idempotency-Key",
            "Hosts",
            "posh",
            "x-api-kez",
            "cookie",
            "X-Anything",
        ] {
            let read = HeaderName::from_bytes(text.as_bytes()).unwrap();
            assert_eq!(name(text.as_bytes()), Ok(read), "{text}");
        }
        for text in ["", "a b", "ho\u{e4}", "h:st"] {
            assert_eq!(name(text.as_bytes()), Err(Fault::Field), "{text:?}");
        }
    }

    #[test]
    fn a_length_is_of_digits() {
        for (text, number) in [("0", 0), ("0003", 3), ("18446744073709551615", u64::MAX)] {
            assert_eq!(digits(text.as_bytes()), Some(number));
        }
        for text in ["", "+1", "-1", "0x1", "1 ", "1,1", "18446744073709551616"] {
            assert_eq!(digits(text.as_bytes()), None, "{text}");
        }
    }
}
