//! The public keys (RFC 7517): cacheable, with an `ETag`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};

use crate::Service;

/// A verifier may keep the set five minutes, in seconds: a key is published for longer before it
/// signs.
pub(crate) const MAX_AGE_S: i64 = 300;

pub(crate) async fn show(State(service): State<Service>, headers: HeaderMap) -> Response {
    let state = service.state.load();
    let etag = state.jwks.etag.clone();
    let fields = [(CACHE_CONTROL, format!("public, max-age={MAX_AGE_S}")), (ETAG, etag.clone())];
    if is_known(&headers, &etag) {
        return (StatusCode::NOT_MODIFIED, fields).into_response();
    }
    let kind = [(CONTENT_TYPE, "application/jwk-set+json")];
    (fields, kind, state.jwks.body.clone()).into_response()
}

/// Whether the caller has the document (RFC 9110 §13.1.2): any, or one of this tag, which is compared
/// weakly.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = values.flat_map(|value| value.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_has_the_set_is_told_so() {
        for (values, expected) in [
            (vec![], false),
            (vec!["\"a\""], true),
            (vec!["W/\"a\""], true),
            (vec!["*"], true),
            (vec!["\"b\", \"a\""], true),
            (vec!["\"b\"", "\"a\""], true),
            (vec!["\"b\""], false),
            (vec!["a"], false),
            (vec![""], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append(IF_NONE_MATCH, value.parse().unwrap());
            }
            assert_eq!(is_known(&headers, "\"a\""), expected, "{values:?}");
        }
    }
}
