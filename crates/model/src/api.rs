//! APIs behind the gateway: routes, what each demands, and the service that answers.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;

use crate::{ApiTokens, Canary, Cors, Function, HeaderRules, Name, Service, Upstream};

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
    pub upstream: Service,
    /// A second one that gets a part of the calls.
    pub canary: Option<Canary>,
    /// The scopes it has, without the API's name, and what each is for.
    pub scopes: BTreeMap<String, String>,
    /// What clients call it in `resource` (RFC 8707), beside the address it is called at.
    pub resource: Option<String>,
    /// The clients that may ask what a token for it says (RFC 7662).
    pub introspection: Vec<Name>,
    /// What may be called.
    pub routes: Vec<Route>,
    /// The issuers whose tokens it takes beside our own.
    pub issuers: Vec<Name>,
    /// The addresses it answers; empty means any.
    pub allow_ips: Vec<IpNet>,
    /// Whether a client certificate of the door's authorities is needed.
    pub client_certificate: bool,
    /// The header that carries the API key, in lower case.
    pub key_header: String,
    /// How much all callers together may ask, to protect the service.
    pub limit: Option<limit::Limit>,
    /// Headers put on and taken off the way to the service.
    pub request_headers: HeaderRules,
    /// Headers put on and taken off the way back.
    pub response_headers: HeaderRules,
    /// Which web pages of other origins may call.
    pub cors: Option<Cors>,
    /// The form of refusals.
    pub errors: ErrorStyle,
    /// Whether a token may stand in `Authorization` without `Bearer`, as old clients send it.
    pub bare_token: bool,
    /// Whether proofs of possession must carry a nonce of ours (RFC 9449 §9).
    pub dpop_nonce: jwt::NonceRule,
    /// Whether the upstream gets to see the token.
    pub forward_token: bool,
    /// What our own tokens for it are like.
    pub tokens: ApiTokens,
    /// What tokens for it are signed with.
    pub token_algorithm: jwt::Algorithm,
    /// The largest request body, in bytes.
    pub body_bytes_max: u64,
    /// How long the upstream may take until its first byte, in milliseconds.
    pub timeout_ms: u64,
}

impl Api {
    /// An API without routes, at one address, with the defaults of the file.
    pub fn new(name: Name, upstream: Upstream) -> Self {
        Self {
            title: name.to_string(),
            name,
            base_path: String::new(),
            upstream: Service::at(upstream),
            canary: None,
            scopes: BTreeMap::new(),
            resource: None,
            introspection: Vec::new(),
            routes: Vec::new(),
            issuers: Vec::new(),
            allow_ips: Vec::new(),
            client_certificate: false,
            key_header: "x-api-key".to_owned(),
            limit: None,
            request_headers: HeaderRules::default(),
            response_headers: HeaderRules::default(),
            cors: None,
            errors: ErrorStyle::Problem,
            bare_token: false,
            dpop_nonce: jwt::NonceRule::Optional,
            forward_token: false,
            tokens: ApiTokens::default(),
            token_algorithm: jwt::Algorithm::Es256,
            body_bytes_max: 10 << 20,
            timeout_ms: 29_000,
        }
    }
}

/// The form of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorStyle {
    /// RFC 9457 problem details that say what to do.
    Problem,
    /// What Amazon API Gateway answers.
    Aws,
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
    /// Whether it must carry all of them.
    pub all_scopes: bool,
    /// Whether an API key is needed.
    pub api_key: KeyRule,
    /// Another bound than the API's on the service's first byte, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Another bound than the API's on the request's body, in bytes.
    pub body_bytes_max: Option<u64>,
    /// Whether a request is carried out once under its `Idempotency-Key`.
    pub idempotency: IdempotencyRule,
    /// The function that answers instead of the API's service.
    pub function: Option<Function>,
}

impl Route {
    /// A route that demands nothing.
    pub fn open(method: Option<Method>, path: PathTemplate) -> Self {
        Self {
            method,
            path,
            token: TokenRule::None,
            scopes: Vec::new(),
            all_scopes: false,
            api_key: KeyRule::None,
            timeout_ms: None,
            body_bytes_max: None,
            idempotency: IdempotencyRule::None,
            function: None,
        }
    }

    /// As the file has it: `POST /orders/{id}`.
    pub fn key(&self) -> String {
        format!("{} {}", self.method.map_or("ANY", Method::as_str), self.path.as_str())
    }
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

/// What becomes of the `Idempotency-Key` of a request that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdempotencyRule {
    /// It is passed on, and nothing else.
    None,
    /// A request that has one is carried out once, and its answer given again.
    Optional,
    /// The same, and a request without one is refused.
    Required,
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
}
