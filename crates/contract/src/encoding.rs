//! Percent-encoding of paths, queries and cookies (RFC 3986 §2.1), read strictly.

use std::borrow::Cow;

/// Why a text is not read.
pub(crate) const UNDECODABLE: &str =
    "is not percent-encoded UTF-8; write % and two hexadecimal digits for each byte";

/// Reads a segment of a path, or a cookie: `+` is itself.
pub(crate) fn decode(text: &str) -> Result<String, &'static str> {
    decoded(text, b'+').ok_or(UNDECODABLE)
}

/// Reads a name or value of a query, where `+` is a space as forms and most servers have it
/// (WHATWG URL, `application/x-www-form-urlencoded`).
pub(crate) fn decode_query(text: &str) -> Result<String, &'static str> {
    decoded(text, b' ').ok_or(UNDECODABLE)
}

/// A segment of a path as it is compared with a literal; one that cannot be read stays as it is.
pub(crate) fn segment(text: &str) -> Cow<'_, str> {
    if text.contains('%') {
        decode(text).map_or(Cow::Borrowed(text), Cow::Owned)
    } else {
        Cow::Borrowed(text)
    }
}

fn decoded(text: &str, plus: u8) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match *first {
            b'%' => {
                let (pair, tail) = after.split_at_checked(2)?;
                bytes.push(byte(pair)?);
                rest = tail;
            }
            b'+' => bytes.push(plus),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

fn byte(pair: &[u8]) -> Option<u8> {
    let [high, low] = pair else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_once_and_wholly_or_not_at_all() {
        for (text, path, query) in [
            ("", Some(""), Some("")),
            ("a+b", Some("a+b"), Some("a b")),
            ("a%20b%2Bc", Some("a b+c"), Some("a b+c")),
            ("%C3%A4", Some("ä"), Some("ä")),
            ("%2541", Some("%41"), Some("%41")),
            ("%", None, None),
            ("%4", None, None),
            ("%zz", None, None),
            ("%+1", None, None),
            ("%C3", None, None),
        ] {
            assert_eq!(decode(text).ok().as_deref(), path, "{text}");
            assert_eq!(decode_query(text).ok().as_deref(), query, "{text}");
        }
    }

    #[test]
    fn a_segment_that_cannot_be_read_stays() {
        assert_eq!(segment("a%20b"), "a b");
        assert_eq!(segment("a%zz"), "a%zz");
    }
}
