//! The CORS protocol (Fetch standard, §3.2): which web pages of other origins may call.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use listener::{Body, empty};
use model::Cors;

use crate::snapshot::ApiEntry;

/// What pages may read where the file says nothing.
const EXPOSED: &str = "dpop-nonce, idempotency-replayed, ratelimit, ratelimit-policy, \
     retry-after, traceparent, www-authenticate, x-request-id";

/// The answer to a preflight; none if the request is no preflight. An origin that may not call
/// gets the answer without permission, as the standard has it.
pub(crate) fn preflight(
    entry: &ApiEntry,
    (method, headers): (&Method, &HeaderMap),
    allow: &str,
) -> Option<Response<Body>> {
    let cors = entry.api.cors.as_ref()?;
    if method != Method::OPTIONS
        || !headers.contains_key(ORIGIN)
        || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    {
        return None;
    }
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let answer = response.headers_mut();
    if permit(cors, headers, answer) {
        let mut insert = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                answer.insert(name, value);
            }
        };
        insert(ACCESS_CONTROL_ALLOW_METHODS, allow);
        let allowed = match cors.headers.as_slice() {
            [] => {
                let key = &entry.api.key_header;
                format!("authorization, content-type, idempotency-key, traceparent, {key}")
            }
            names => names.join(", "),
        };
        insert(ACCESS_CONTROL_ALLOW_HEADERS, &allowed);
        insert(ACCESS_CONTROL_MAX_AGE, &cors.max_age_s.to_string());
    }
    Some(response)
}

/// Adds what a page needs to read an answer, refusals included.
pub(crate) fn add(cors: &Cors, request: Option<&HeaderValue>, answer: &mut HeaderMap) {
    let mut headers = HeaderMap::with_capacity(1);
    if let Some(origin) = request {
        headers.insert(ORIGIN, origin.clone());
    }
    if permit(cors, &headers, answer) {
        let expose = match cors.expose.as_slice() {
            [] => EXPOSED.to_owned(),
            names => names.join(", "),
        };
        if let Ok(value) = HeaderValue::from_str(&expose) {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, value);
        }
    }
}

/// Whether the origin may call; if so the answer says it.
fn permit(cors: &Cors, request: &HeaderMap, answer: &mut HeaderMap) -> bool {
    let any = cors.origins.iter().any(|origin| origin == "*");
    let is_told = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"origin");
    if !any && !answer.get_all(VARY).iter().any(is_told) {
        // What is allowed depends on who asks: caches must know.
        answer.append(VARY, HeaderValue::from_static("origin"));
    }
    let Some(origin) = request.get(ORIGIN) else { return false };
    let listed = cors.origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
    if !any && !listed {
        return false;
    }
    let value = if any { HeaderValue::from_static("*") } else { origin.clone() };
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
    if cors.credentials && !any {
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    true
}
