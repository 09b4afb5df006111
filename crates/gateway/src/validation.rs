//! Requests held against the OpenAPI document of their API: the parameters first, then the body.
//!
//! A JSON body is collected, judged, and goes on as the very bytes that were judged; all others are
//! streamed as ever. What the document does not describe passes: routes say what may be called.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use contract::{BodyRule, Contract, Fault};
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};

use crate::body::Given;
use crate::denial::Denial;
use crate::headers::Call;
use crate::record::{Check, Recorder};

/// The largest JSON body that is held in memory and read into values, whatever the route takes: as
/// much as API Gateway takes of any body.
const JSON_BYTES_MAX: u64 = 10 << 20;
/// A longer body takes milliseconds to judge; so long no other request of the core would go on.
const BESIDE_BYTES: usize = 64 << 10;

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// Holds a request against the document of its API, and gives the body to go on.
pub(crate) async fn check(
    contract: &Arc<Contract>,
    call: Call<'_>,
    body: Given,
    recorder: &mut Recorder,
) -> Result<Given, Denial> {
    let parts = call.parts;
    let headers = &parts.headers;
    let path = call.found.path(parts.uri.path());
    let Some(operation) = contract.operation(parts.method.as_str(), path) else {
        return Ok(body);
    };
    let query = parts.uri.query().unwrap_or_default();
    fits(operation.check_parameters(query, |name| field(headers, name)))?;
    let media_type = field(headers, CONTENT_TYPE.as_str());
    let rule = operation.body(media_type.as_deref());
    if body.is_nothing() {
        fits(rule.when_absent().into_iter().collect())?;
        recorder.passed(Check::Contract);
        return Ok(body);
    }
    let given = match rule {
        BodyRule::NotDescribed | BodyRule::Unchecked { .. } => body,
        BodyRule::Unsupported { supported, .. } => {
            let (hint, supported) = (hint(&parts.method), supported.to_vec());
            return Err(Denial::MediaTypeUnsupported { hint, supported });
        }
        BodyRule::Json(_) if is_coded(headers) => return Err(Denial::CodingUnsupported),
        BodyRule::Json(json) => {
            let bytes_max = call.found.body_bytes_max().min(JSON_BYTES_MAX);
            let bytes = body.whole(bytes_max, call.found.timeout_ms(), recorder).await?;
            let faults = if bytes.len() > BESIDE_BYTES {
                let media_type = media_type.map(Cow::into_owned);
                judged_beside(Arc::clone(contract), (parts, path), media_type, bytes.clone())
                    .await?
            } else {
                json.check(&bytes)
            };
            fits(faults)?;
            Given::Whole(bytes)
        }
    };
    recorder.passed(Check::Contract);
    Ok(given)
}

fn fits(faults: Vec<Fault>) -> Result<(), Denial> {
    if faults.is_empty() { Ok(()) } else { Err(Denial::RequestInvalid { faults }) }
}

/// Judges a JSON body on a thread beside the core's. What waits there is bounded by the requests
/// under way.
async fn judged_beside(
    contract: Arc<Contract>,
    (parts, path): (&Parts, &str),
    media_type: Option<String>,
    body: Bytes,
) -> Result<Vec<Fault>, Denial> {
    let (method, path) = (parts.method.clone(), path.to_owned());
    let judging = tokio::task::spawn_blocking(move || {
        let operation = contract.operation(method.as_str(), &path)?;
        match operation.body(media_type.as_deref()) {
            BodyRule::Json(json) => Some(json.check(&body)),
            _ => None,
        }
    });
    // The rule is the one that was found before, and the judge does not panic.
    judging.await.ok().flatten().ok_or(Denial::Forgotten)
}

/// The value of a field, its lines joined (RFC 9110 §5.3; for cookies RFC 9113 §8.2.3).
fn field<'h>(headers: &'h HeaderMap, name: &str) -> Option<Cow<'h, str>> {
    let between = if name.eq_ignore_ascii_case(COOKIE.as_str()) { "; " } else { ", " };
    let values = headers.get_all(name).iter();
    let mut lines = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let first = lines.next()?;
    let Some(second) = lines.next() else { return Some(first) };
    let mut whole = first.into_owned();
    for line in std::iter::once(second).chain(lines) {
        whole.push_str(between);
        whole.push_str(&line);
    }
    Some(Cow::Owned(whole))
}

/// Whether a body is compressed or coded otherwise (RFC 9110 §8.4), so that it is not JSON yet.
fn is_coded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The field that tells a caller which media types are taken: one of its method's own (W3C Linked
/// Data Platform §7.1; RFC 5789 §3.1), else RFC 9110 §12.5.1.
fn hint(method: &Method) -> HeaderName {
    match *method {
        Method::POST => ACCEPT_POST,
        Method::PATCH => ACCEPT_PATCH,
        _ => ACCEPT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_lines_of_a_field_are_one_value() {
        let lines = [
            ("x-tag", "a"),
            ("cookie", "a=1"),
            ("x-tag", "b, c"),
            ("cookie", "b=2"),
            ("x-one", ""),
        ];
        let headers = headers(&lines);
        for (name, value) in [
            ("X-Tag", Some("a, b, c")),
            ("cookie", Some("a=1; b=2")),
            ("x-one", Some("")),
            ("x-none", None),
            ("no name", None),
        ] {
            assert_eq!(field(&headers, name).as_deref(), value, "{name}");
        }
    }

    #[test]
    fn identity_is_no_coding() {
        for (codings, expected) in [
            (vec![], false),
            (vec![("content-encoding", "Identity")], false),
            (vec![("content-encoding", "gzip")], true),
            (vec![("content-encoding", "identity"), ("content-encoding", "br")], true),
        ] {
            assert_eq!(is_coded(&headers(&codings)), expected, "{codings:?}");
        }
    }
}
