//! APIs behind the gateway: routes, what each demands, and the service that answers.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;

use crate::Name;

/// An API that partners may call; also the resource server of its scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Its name; the audience of tokens for it and the first part of its scopes.
    pub name: Name,
    /// For people.
    pub title: String,
    /// What partners' paths begin with, `/prod`; empty for none. Not sent to the upstream.
    pub base_path: String,
    /// The company's own service.
    pub upstream: Upstream,
    /// The scopes it has, without the API's name, and what each is for.
    pub scopes: BTreeMap<String, String>,
    /// What may be called.
    pub routes: Vec<Route>,
    /// The issuers whose tokens it takes beside our own.
    pub issuers: Vec<Name>,
    /// The addresses it answers; empty means any.
    pub allow_ips: Vec<IpNet>,
    /// The form of refusals.
    pub errors: ErrorStyle,
    /// Whether a token may stand in `Authorization` without `Bearer`, as old clients send it.
    pub bare_token: bool,
    /// Whether the upstream gets to see the token.
    pub forward_token: bool,
    /// The largest request body, in bytes.
    pub body_bytes_max: u64,
    /// How long the upstream may take until its first byte, in milliseconds.
    pub timeout_ms: u64,
}

/// The form of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorStyle {
    /// RFC 9457 problem details that say what to do.
    Problem,
    /// What Amazon API Gateway answers.
    Aws,
}

/// The company's own service behind an API: plain HTTP, an authority and a path before ours.
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

/// One method and path of an API, and what it demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method; none means any.
    pub method: Option<Method>,
    /// The path below the base path.
    pub path: PathTemplate,
    /// Whether a token is needed.
    pub token: TokenRule,
    /// The scopes of which the token must carry one, in full (`tires/create.order`).
    pub scopes: Vec<String>,
    /// Whether an API key is needed.
    pub api_key: KeyRule,
}

/// Whether a token is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRule {
    /// Yes.
    Required,
    /// Not looked at.
    None,
}

/// Whether an API key is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRule {
    /// Yes, on a plan.
    Required,
    /// Not looked at.
    None,
}

/// An HTTP method that routes and destinations may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the methods")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// Reads a method's name, in upper case as RFC 9110 has it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// The method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A path with parameters: `/orders/{id}`, or `/files/{rest+}` for everything below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
    segments: Vec<Segment>,
}

/// One part of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this.
    Literal(String),
    /// Any one non-empty segment.
    Parameter(String),
    /// One or more segments to the end.
    Rest(String),
}

impl PathTemplate {
    /// Reads a template. The text of the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix('/').ok_or("a path begins with `/`")?;
        let mut segments = Vec::new();
        if !rest.is_empty() {
            let parts: Vec<_> = rest.split('/').collect();
            for (at, part) in parts.iter().enumerate() {
                let segment = segment(part)?;
                if matches!(segment, Segment::Rest(_)) && at + 1 != parts.len() {
                    return Err("`{name+}` stands for everything below, so it must come last");
                }
                segments.push(segment);
            }
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its parts.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

fn segment(part: &str) -> Result<Segment, &'static str> {
    if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        let (name, rest) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        {
            return Err("a parameter is `{name}` of letters, digits, `_`, `-` and `.`");
        }
        let name = name.to_owned();
        return Ok(if rest { Segment::Rest(name) } else { Segment::Parameter(name) });
    }
    if part.is_empty() {
        return Err("a path has no empty segment and no trailing `/`");
    }
    if part == "." || part == ".." || !part.bytes().all(literal_byte) {
        return Err("write path segments as they are sent, percent-encoded where needed");
    }
    Ok(Segment::Literal(part.to_owned()))
}

// RFC 3986 §3.3: pchar, with `%` for encoded octets.
fn literal_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_literals_parameters_and_a_rest() {
        for text in ["/", "/orders", "/orders/{id}", "/a/{b}/c", "/files/{rest+}", "/v1.0/a%20b"] {
            assert!(PathTemplate::parse(text).is_ok(), "{text}");
        }
        for text in
            ["", "orders", "/orders/", "//", "/{}", "/{a b}", "/{a+}/b", "/a b", "/..", "/{a"]
        {
            assert!(PathTemplate::parse(text).is_err(), "{text}");
        }
    }

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
