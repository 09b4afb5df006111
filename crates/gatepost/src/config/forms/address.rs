//! Forms of addresses: origins, URLs, upstreams, sockets, ranges, and what is called there.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use model::{Method, PathTemplate, Upstream};
use transform::UrlTemplate;

use super::method;
use crate::config::problem::Wrong;

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

/// An address alone.
pub(crate) fn ip(text: &str) -> Result<IpAddr, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(format!("`{text}` is not an IP address")).help("write for example `203.0.113.7`")
    })
}

pub(crate) fn is_ip(text: &str) -> Result<(), Wrong> {
    ip(text).map(drop)
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

#[cfg(test)]
mod tests {
    use super::*;

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
