//! URLs, compared as a proof's `htu` is with the request's (RFC 9449 §4.3, check 9): after the
//! normalisation by syntax and by scheme of RFC 3986 §6.2.2 and §6.2.3, without query and fragment.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

/// The normal form of an `http` or `https` URL, without query and fragment: two URLs are the same
/// target if theirs is the same. None for what is no such URL, or names a user.
///
/// Scheme and host are in lower case, a default or empty port is left out, percent-encoding is
/// undone where it is not needed and in upper case where it is, dot segments are gone, and an empty
/// path is `/`.
pub fn normal_target(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (scheme, default_port) = if scheme.eq_ignore_ascii_case("https") {
        ("https", 443)
    } else if scheme.eq_ignore_ascii_case("http") {
        ("http", 80)
    } else {
        return None;
    };
    // RFC 3986 §3: the first of these ends what counts.
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (host, port) = host_and_port(authority)?;
    let path = without_dot_segments(&decoded(path)?);
    let mut target = format!("{scheme}://{host}");
    if let Some(port) = port.filter(|port| *port != default_port) {
        write!(target, ":{port}").ok()?;
    }
    target.push_str(&path);
    Some(target)
}

/// The host in its normal form, and the port if there is one.
fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    // RFC 9110 §4.2.4: a user's name in an http URL is an error. The byte is in no host.
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, behind) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let port = match behind {
            "" => None,
            behind => port(behind.strip_prefix(':')?).ok()?,
        };
        return Some((format!("[{address}]"), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, digits)) => (host, port(digits).ok()?),
        None => (authority, None),
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    if host.is_empty() || !host.bytes().all(fits) {
        return None;
    }
    Some((host.to_ascii_lowercase(), port))
}

/// A port's digits; an empty one is none (RFC 3986 §6.2.3).
fn port(digits: &str) -> Result<Option<u16>, ()> {
    if digits.is_empty() {
        return Ok(None);
    }
    // `parse` takes a sign, and a port has none.
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    if are_digits { digits.parse().map(Some).map_err(|_| ()) } else { Err(()) }
}

/// A path whose percent-encoding is in its normal form (RFC 3986 §6.2.2.1, §6.2.2.2).
fn decoded(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let (pair, tail) = after.split_first_chunk::<2>()?;
                let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
                let byte = u8::try_from(high? * 16 + low?).ok()?;
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    out.push(char::from(byte));
                } else {
                    write!(out, "%{byte:02X}").ok()?;
                }
                rest = tail;
            }
            // A URL is ASCII; what stands for itself is left as it is.
            b'!'..=b'~' => out.push(char::from(*first)),
            _ => return None,
        }
    }
    Some(out)
}

/// RFC 3986 §5.2.4, for a path that begins with `/`.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => {
                kept.push(other);
                continue;
            }
        }
        // What stood before the dots stays a directory.
        if is_last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}
