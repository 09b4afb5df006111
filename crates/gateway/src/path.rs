//! Paths as they are sent: no second spelling may slip past a route.
//!
//! Servers differ in what they make of a path: some decode it, merge slashes, cut matrix parameters,
//! or drop a trailing slash. A request whose path has a second reading could be let in under one
//! route and answered as another, so such paths are refused, or must find the same route either way.

use std::borrow::Cow;

/// Why a path is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadPath {
    /// `.` or `..` as a segment, in any spelling.
    DotSegment,
    /// An encoded slash, backslash or NUL, an encoded letter, digit, `-`, `.`, `_` or `~`, or a `%`
    /// without two hex digits.
    Encoding,
    /// Two slashes in a row.
    EmptySegment,
    /// Read without its trailing slash or its `;` parameters, it is another route's.
    OtherRoute,
}

/// Refuses paths that an upstream could read differently than we do (RFC 3986 §5.2.4, §6.2.2).
pub(crate) fn check(path: &str) -> Result<(), BadPath> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if path.contains("//") {
        return Err(BadPath::EmptySegment);
    }
    inner.split('/').try_for_each(check_segment)
}

/// The path without a trailing slash and without `;` parameters, as some servers read it.
pub(crate) fn plain(path: &str) -> Cow<'_, str> {
    if !path.contains(';') && (path == "/" || !path.ends_with('/')) {
        return Cow::Borrowed(path);
    }
    let bare = |segment: &str| segment.split(';').next().unwrap_or_default().to_owned();
    let plain = path.split('/').map(bare).collect::<Vec<_>>().join("/");
    let plain = plain.trim_end_matches('/');
    Cow::Owned(if plain.is_empty() { "/".to_owned() } else { plain.to_owned() })
}

fn check_segment(segment: &str) -> Result<(), BadPath> {
    let bytes = segment.as_bytes();
    if bytes.contains(&b'\\') {
        return Err(BadPath::Encoding);
    }
    // A matrix parameter after the dots hides them from some servers: `..;a=b`.
    let name = bytes.split(|byte| *byte == b';').next().unwrap_or_default();
    // Encoded dots are refused below, with everything else that needs no encoding.
    if matches!(name, b"." | b"..") {
        return Err(BadPath::DotSegment);
    }
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let (pair, tail) = rest[at + 1..].split_at_checked(2).ok_or(BadPath::Encoding)?;
        let byte = decode(pair).ok_or(BadPath::Encoding)?;
        // RFC 3986 §6.2.2.2: unreserved characters are the same resource encoded or not.
        let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if unreserved || matches!(byte, b'/' | b'\\' | b';' | 0) {
            return Err(BadPath::Encoding);
        }
        rest = tail;
    }
    Ok(())
}

fn decode(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_a_second_reading_are_refused() {
        for path in
            ["/orders", "/orders/a%20b", "/a.b/..c", "/", "/orders/%C3%A4", "/a;v=1/b", "/a/"]
        {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        for path in ["/a/../b", "/./a", "/a/..;x=1/b", "/.."] {
            assert_eq!(check(path), Err(BadPath::DotSegment), "{path}");
        }
        for path in [
            "/a%2fb",
            "/a%5Cb",
            "/a%00",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%+1",
            "/a\\b",
            "/%6Frders",
            "/a/%2e%2e/b",
            "/a/.%2E",
            "/a%7Eb",
            "/a%3Bb",
        ] {
            assert_eq!(check(path), Err(BadPath::Encoding), "{path}");
        }
        for path in ["//orders", "/a//b", "/a//"] {
            assert_eq!(check(path), Err(BadPath::EmptySegment), "{path}");
        }
    }

    #[test]
    fn the_plain_reading_has_no_parameters_and_no_trailing_slash() {
        for (path, reading) in
            [("/", "/"), ("/a", "/a"), ("/a/", "/a"), ("/a;x=1/b;y", "/a/b"), ("/;x", "/")]
        {
            assert_eq!(plain(path), reading, "{path}");
        }
    }
}
