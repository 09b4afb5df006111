//! The company's own services behind an API: where they are, and how they are called.

/// One address of a service: plain HTTP, an authority and a path before ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Host and port, `127.0.0.1:7410`.
    pub authority: String,
    /// What is put before the path; empty or `/something` without a trailing slash.
    pub path_prefix: String,
}

impl Upstream {
    /// Reads `http://host:port/prefix`. The text of the error says what is wrong.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let rest = url
            .strip_prefix("http://")
            .ok_or("an upstream is `http://host:port`; put TLS to an own service in front of it")?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let port_fits = match authority.rsplit_once(':') {
            Some((_, port)) => port.parse::<u16>().is_ok(),
            None => true,
        };
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
        if host.is_empty() || !port_fits || !plain(rest) || rest.contains(['?', '#', '@']) {
            return Err("write `http://host:port` or `http://host:port/path`");
        }
        let path_prefix = path.trim_end_matches('/').to_owned();
        let port_given = authority.rsplit_once(':').is_some_and(|(_, p)| !p.ends_with(']'));
        let authority = if port_given { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { authority, path_prefix })
    }
}

/// A service: its addresses, any of which may answer, and how they are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Where it is; at least one.
    pub addresses: Vec<Upstream>,
    /// Whether it speaks HTTP/2 without TLS (RFC 9113 §3.3), as gRPC services do.
    pub http2: bool,
    /// How long a connection may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How often a call is tried again that is safe to repeat.
    pub retries: u32,
    /// Whether and how each address is asked if it is well.
    pub health: Option<Health>,
    /// How long an address that is well again gets less than its share, in milliseconds.
    pub slow_start_ms: u64,
}

impl Service {
    /// A service at one address, with the defaults of the file.
    pub fn at(upstream: Upstream) -> Self {
        Self {
            addresses: vec![upstream],
            http2: false,
            connect_timeout_ms: 2_000,
            retries: 1,
            health: None,
            slow_start_ms: 10_000,
        }
    }
}

/// How an address is asked if it is well: `GET path` is answered with 2xx or 3xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The path, below the address's own.
    pub path: String,
    /// How often, in milliseconds.
    pub every_ms: u64,
    /// How long the answer may take, in milliseconds.
    pub timeout_ms: u64,
}

/// A second service that gets a part of an API's calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The service.
    pub service: Service,
    /// How many calls of a hundred it gets; the same partner's go the same way.
    pub percent: u32,
}

/// Headers that are put on a message, and those that are taken off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderRules {
    /// Set, each in place of what was there; names in lower case.
    pub set: Vec<(String, String)>,
    /// Removed; names in lower case.
    pub remove: Vec<String>,
}

/// Which web pages of other origins may call (the Fetch standard's CORS protocol).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// The origins, or `*` for any.
    pub origins: Vec<String>,
    /// Request headers beyond the simple ones that pages may set.
    pub headers: Vec<String>,
    /// Answer headers beyond the simple ones that pages may read.
    pub expose: Vec<String>,
    /// How long a browser may remember the answer, in seconds.
    pub max_age_s: u64,
    /// Whether pages may send cookies and certificates.
    pub credentials: bool,
}

/// A function behind a Lambda runtime endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The endpoint.
    pub endpoint: Upstream,
    /// The function's name.
    pub name: String,
    /// Whether events have the payload format 2.0 (HTTP APIs) and not 1.0 (REST APIs).
    pub format_2: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_plain_http_with_an_authority() {
        for (url, authority, prefix) in [
            ("http://127.0.0.1:7410", "127.0.0.1:7410", ""),
            ("http://orders.internal/v1/", "orders.internal:80", "/v1"),
            ("http://[::1]:80/a/b", "[::1]:80", "/a/b"),
        ] {
            let upstream = Upstream::parse(url).unwrap();
            assert_eq!((&*upstream.authority, &*upstream.path_prefix), (authority, prefix));
        }
        for url in
            ["https://x", "127.0.0.1:1", "http://", "http://h:99999", "http://h/?a", "http://u@h"]
        {
            assert!(Upstream::parse(url).is_err(), "{url}");
        }
    }
}
