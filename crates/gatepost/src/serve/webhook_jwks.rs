//! `/.well-known/webhook-jwks.json`: the public keys by which receivers know our deliveries.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use courier::WebhookKeys;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use model::Clock;
use tokio::sync::watch;

/// Where receivers find the set.
pub(super) const PLACE: &str = "/.well-known/webhook-jwks.json";
/// A receiver may keep the set five minutes. A new key signs as soon as it is published, and so do
/// those before it until their end: who has the former set finds a signature that fits.
const CACHE: &str = "public, max-age=300";

/// What is published.
#[derive(Clone)]
pub(super) struct Published {
    pub(super) keys: watch::Receiver<Arc<WebhookKeys>>,
    pub(super) clock: Arc<dyn Clock>,
}

/// The endpoint at [`PLACE`].
pub(super) fn endpoint(published: Published) -> MethodRouter {
    get(show).fallback(oauth::other_method).with_state(published)
}

async fn show(State(published): State<Published>, headers: HeaderMap) -> Response {
    let jwks = published.keys.borrow().jwks(published.clock.now());
    let kids: Vec<_> = jwks.keys.iter().map(|key| &key.kid[..12.min(key.kid.len())]).collect();
    let etag = format!("\"{}\"", kids.join("."));
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fields = [(CACHE_CONTROL, CACHE.to_owned()), (ETAG, etag.clone())];
    if known.is_some_and(|known| known.split(',').any(|known| known.trim() == etag)) {
        return (StatusCode::NOT_MODIFIED, fields).into_response();
    }
    let body = serde_json::to_string(&jwks).expect("plain strings serialize");
    (fields, [(CONTENT_TYPE, "application/jwk-set+json")], body).into_response()
}
