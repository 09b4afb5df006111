//! Heads and chunks as bytes. What is written has been made by the libraries' checked types, so no
//! line can be broken from within.

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, DATE, HOST, SET_COOKIE, TRAILER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, Method, StatusCode, Version};

use crate::Framing;
use crate::answer::is_bare;

/// The most bytes of a number in decimal or hexadecimal digits.
const DIGITS_MAX: usize = 20;

/// How a message's body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// How its end is told.
    pub framing: Framing,
    /// Whether the head says so in a field of ours: the message has none that does.
    said: bool,
}

impl Frame {
    /// That of a request whose body has so many bytes, if that is known.
    pub fn of_request(headers: &HeaderMap, length: Option<u64>) -> Self {
        Self::of_length(stated(headers), length)
    }

    /// That of a request whose head states a length or not, and whose body has so many bytes, if
    /// that is known.
    pub fn of_length(stated: Option<u64>, length: Option<u64>) -> Self {
        match (stated, length) {
            // No body, and no word of it (RFC 9110 §8.6 leaves that open for most methods).
            (None, Some(0)) | (Some(0), _) => Self { framing: Framing::None, said: true },
            (Some(length), _) => Self { framing: Framing::Length(length), said: true },
            (None, Some(length)) => Self { framing: Framing::Length(length), said: false },
            (None, None) => Self { framing: Framing::Chunked, said: false },
        }
    }

    /// That of an answer to what was asked so, whose body has so many bytes, if that is known.
    pub fn of_answer(
        (asked, version): (&Method, Version),
        (status, headers): (StatusCode, &HeaderMap),
        length: Option<u64>,
    ) -> Self {
        let stated = stated(headers);
        if is_bare(asked, status) {
            // To HEAD it may be said how long the answer to GET were; an empty body says nothing.
            return Self { framing: Framing::None, said: true };
        }
        match (stated, length) {
            (Some(0), _) => Self { framing: Framing::None, said: true },
            (Some(length), _) => Self { framing: Framing::Length(length), said: true },
            (None, Some(length)) => Self { framing: Framing::Length(length), said: false },
            (None, None) if version == Version::HTTP_10 => {
                Self { framing: Framing::ToEnd, said: true }
            }
            (None, None) => Self { framing: Framing::Chunked, said: false },
        }
    }

    /// Ends a head: writes what it does not say of the body yet, and the empty line.
    pub fn end_head(self, out: &mut Vec<u8>) {
        match self.framing {
            _ if self.said => {}
            Framing::Length(length) => {
                out.extend_from_slice(b"content-length: ");
                decimal(out, length);
                out.extend_from_slice(b"\r\n");
            }
            Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Framing::None | Framing::ToEnd => {}
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn stated(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Writes the head of a request. `target` is as it stands in the line (RFC 9112 §3.2).
pub fn request_head(
    out: &mut Vec<u8>,
    (method, target): (&Method, &str),
    headers: &HeaderMap,
    frame: Frame,
) {
    request_line(out, method, &[target]);
    fields(out, headers, false);
    frame.end_head(out);
}

/// Writes the head of an answer. `connection` is what it says of the connection, and `date` the time
/// of it (RFC 9110 §6.6.1), where the answer does not say one itself.
pub fn answer_head(
    out: &mut Vec<u8>,
    (version, status): (Version, StatusCode),
    headers: &HeaderMap,
    (frame, connection, date): (Frame, Option<&str>, &[u8]),
) {
    let first = if version == Version::HTTP_10 { "HTTP/1.0 " } else { "HTTP/1.1 " };
    for piece in [first, status.as_str(), " ", status.canonical_reason().unwrap_or(""), "\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
    // RFC 9110 §8.6: neither has a length.
    let without_length = status.is_informational() || status == StatusCode::NO_CONTENT;
    fields(out, headers, without_length);
    if let Some(connection) = connection.filter(|_| !headers.contains_key(CONNECTION)) {
        for piece in ["connection: ", connection, "\r\n"] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
    if !headers.contains_key(DATE) && !date.is_empty() {
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(date);
        out.extend_from_slice(b"\r\n");
    }
    frame.end_head(out);
}

fn fields(out: &mut Vec<u8>, headers: &HeaderMap, without_length: bool) {
    let mut has_length = without_length;
    for (name, value) in headers {
        // How the body is framed is ours to say, and a length is said once.
        if *name == TRANSFER_ENCODING {
            continue;
        }
        if *name == CONTENT_LENGTH && std::mem::replace(&mut has_length, true) {
            continue;
        }
        field(out, name, value.as_bytes());
    }
}

/// Writes a field. The value must be one that a [`http::HeaderValue`] may have. In one place: heads have
/// many fields, and to fetch the code of each anew would cost more than to write it.
#[inline(never)]
pub fn field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    let name = name.as_str().as_bytes();
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes the first line of a request, whose target is in origin form and comes in pieces.
pub fn request_line(out: &mut Vec<u8>, method: &Method, target: &[&str]) {
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    for piece in target {
        out.extend_from_slice(piece.as_bytes());
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Writes a chunk. An empty one would be the last: nothing is written of it.
pub fn chunk(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    hexadecimal(out, data.len() as u64);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// Writes the end of chunks, without trailers.
pub fn last_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

/// The fields that a head announces behind its body (RFC 9110 §6.6.2).
pub fn announced(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(TRAILER).iter();
    let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok()).collect()
}

/// Writes the end of chunks, with those of the trailers that the head has announced.
pub fn trailers(out: &mut Vec<u8>, trailers: &HeaderMap, announced: &[HeaderName]) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        // RFC 9110 §6.5.1: what frames or routes a message may not stand behind it.
        if announced.contains(name) && !may_not_trail(name) {
            field(out, name, value.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn may_not_trail(name: &HeaderName) -> bool {
    [
        TRANSFER_ENCODING,
        CONTENT_LENGTH,
        CONNECTION,
        HOST,
        TRAILER,
        AUTHORIZATION,
        SET_COOKIE,
        CONTENT_ENCODING,
        CONTENT_TYPE,
        CONTENT_RANGE,
        CACHE_CONTROL,
    ]
    .contains(name)
}

fn decimal(out: &mut Vec<u8>, number: u64) {
    digits(out, number, 10);
}

fn hexadecimal(out: &mut Vec<u8>, number: u64) {
    digits(out, number, 16);
}

fn digits(out: &mut Vec<u8>, mut number: u64, base: u64) {
    let (mut digits, mut count) = ([0; DIGITS_MAX], 0);
    for place in digits.iter_mut().rev() {
        let digit = u32::try_from(number % base).unwrap_or_default();
        *place = char::from_digit(digit, 16).and_then(|c| u8::try_from(c).ok()).unwrap_or(b'0');
        count += 1;
        number /= base;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(DIGITS_MAX - count..).unwrap_or_default());
}
