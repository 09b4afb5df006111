//! The public keys (RFC 7517): cacheable, with an `ETag`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};

use crate::Service;

/// A verifier may keep the set five minutes: a key is published before it signs.
const CACHE: &str = "public, max-age=300";

pub(crate) async fn show(State(service): State<Service>, headers: HeaderMap) -> Response {
    let state = service.state.load();
    let etag = state.jwks.etag.clone();
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fields = [(CACHE_CONTROL, CACHE.to_owned()), (ETAG, etag.clone())];
    if known.is_some_and(|known| known.split(',').any(|known| known.trim() == etag)) {
        return (StatusCode::NOT_MODIFIED, fields).into_response();
    }
    let kind = [(CONTENT_TYPE, "application/jwk-set+json")];
    (fields, kind, state.jwks.body.clone()).into_response()
}
