//! HTTP to and from the Lambda proxy integration of Amazon API Gateway: a request becomes the event
//! a function is invoked with, and what the function answers becomes a response.
//!
//! ```text
//! event.rs    the event, in payload format 1.0 (REST API) or 2.0 (HTTP API)
//! fields.rs   headers, query, cookies and claims as both formats spell them
//! answer.rs   the function's answer → status, headers, body
//! ```
//!
//! Pure: the moment of the request is an argument, and the caller sends the event to
//! `POST …/2015-03-31/functions/NAME/invocations` with `X-Amz-Invocation-Type: RequestResponse`.
//! An answer of that endpoint whose own status is not 200 is no answer of the function; API Gateway
//! answers it with 500, and what [`answer()`] refuses with 502.
//!
//! **What a function does not get.** The value of an API key: API Gateway writes it into
//! `requestContext.identity.apiKey`, from where it finds its way into logs of functions. Its id
//! (`apiKeyId`) says as much about the caller, and [`Call`] has no place for the value. Headers are
//! handed on as they are given, so whoever makes a [`Call`] leaves out those with keys and tokens.

mod answer;
mod event;
mod fields;

use serde_json::{Map, Value};

pub use answer::{Answer, BadAnswer, HEADER_BYTES_MAX, HEADERS_MAX, answer};
pub use event::{EventTooLarge, event};

/// The most bytes that an event or an answer has: 6 MiB (Lambda quotas, invocation payload,
/// synchronous).
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1_024 * 1_024;

/// The payload format of an integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 1.0: the event of a REST API.
    V1,
    /// 2.0: the event of an HTTP API.
    V2,
}

impl Version {
    /// Reads `1.0` or `2.0`, as `payloadFormatVersion` spells them.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "1.0" => Some(Self::V1),
            "2.0" => Some(Self::V2),
            _ => None,
        }
    }

    /// The name in `payloadFormatVersion`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }
}

/// What is known of a request when its function is invoked. It does not show itself, for its
/// headers and body are nobody's to log.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as it was called, still percent-encoded, with the API's base path: what API
    /// Gateway shows as `path` behind a custom domain name with a base path mapping.
    pub path: &'a str,
    /// The same below the base path, `/` at least: format 2.0 leaves the mapping out.
    pub path_in_api: &'a str,
    /// The route's template below the base path: `/orders/{id}`.
    pub route: &'a str,
    /// The method of the route; none means any (`ANY`).
    pub route_method: Option<&'a str>,
    /// The path parameters by name, as they stand in the path: still percent-encoded.
    pub path_parameters: &'a [(&'a str, &'a str)],
    /// The query without its `?`, raw; empty if there is none.
    pub query: &'a str,
    /// Header lines in their order; one name may come several times. Leave out what the function
    /// must not see (keys, tokens) and what belongs to a connection (RFC 9110 §7.6.1).
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, whole.
    pub body: &'a [u8],
    /// The caller's address, without a port.
    pub source_ip: &'a str,
    /// The caller's `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// The request's id.
    pub request_id: &'a str,
    /// When the request came, in milliseconds since 1970.
    pub received_ms: i64,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: &'a str,
    /// The name that was called, without a port.
    pub domain_name: &'a str,
    /// Stands for the AWS account that owns the API.
    pub account_id: &'a str,
    /// The API's id or name.
    pub api_id: &'a str,
    /// The route's id, where routes have one.
    pub resource_id: Option<&'a str>,
    /// The stage: `$default`, or a name, which format 2.0 puts before the path.
    pub stage: &'a str,
    /// Variables of the stage.
    pub stage_variables: &'a [(&'a str, &'a str)],
    /// The id of the caller's API key, never its value. Format 2.0 has no place for it, as HTTP
    /// APIs have no keys.
    pub api_key_id: Option<&'a str>,
    /// What the caller's token says; none if the route asks for no token.
    pub authorizer: Option<Authorizer<'a>>,
}

/// What a verified token says.
#[derive(Clone, Copy)]
pub struct Authorizer<'a> {
    /// Its claims.
    pub claims: &'a Map<String, Value>,
    /// The scopes the function is told of; none are told as `null`.
    pub scopes: &'a [&'a str],
}
