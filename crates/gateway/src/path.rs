//! Paths as they are sent: no second spelling may slip past a route.

/// Why a path is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadPath {
    /// `.` or `..` as a segment, in any spelling: upstreams differ in what they make of it.
    DotSegment,
    /// An encoded slash, backslash or NUL, or a `%` without two hex digits.
    Encoding,
}

/// Refuses paths that an upstream could read differently than we do (RFC 3986 §5.2.4, §6.2.2).
pub(crate) fn check(path: &str) -> Result<(), BadPath> {
    path.split('/').try_for_each(check_segment)
}

fn check_segment(segment: &str) -> Result<(), BadPath> {
    let bytes = segment.as_bytes();
    if bytes.contains(&b'\\') {
        return Err(BadPath::Encoding);
    }
    if !bytes.contains(&b'%') {
        return if matches!(segment, "." | "..") { Err(BadPath::DotSegment) } else { Ok(()) };
    }
    let decoded = decode(bytes).ok_or(BadPath::Encoding)?;
    if decoded.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0)) {
        return Err(BadPath::Encoding);
    }
    // A matrix parameter after the dots hides them from some servers: `..;a=b`.
    let name = decoded.split(|byte| *byte == b';').next().unwrap_or_default();
    if matches!(name, b"." | b"..") { Err(BadPath::DotSegment) } else { Ok(()) }
}

fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let (pair, tail) = after.split_at_checked(2)?;
            let digits = std::str::from_utf8(pair).ok()?;
            // `from_str_radix` would take a sign.
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            rest = tail;
        } else {
            decoded.push(*first);
            rest = after;
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_a_second_reading_are_refused() {
        for path in ["/orders", "/orders/a%20b", "/a.b/..c", "/", "/orders/%C3%A4", "/a;v=1/b"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        for path in ["/a/../b", "/./a", "/a/%2e%2e/b", "/a/.%2E", "/a/%2e%2e;x=1"] {
            assert_eq!(check(path), Err(BadPath::DotSegment), "{path}");
        }
        for path in ["/a%2fb", "/a%5Cb", "/a%00", "/a%", "/a%2", "/a%zz", "/a%+1", "/a\\b"] {
            assert_eq!(check(path), Err(BadPath::Encoding), "{path}");
        }
    }
}
