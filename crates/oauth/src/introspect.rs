//! `POST /oauth2/introspect`: what a token says, told to a resource server (RFC 7662).
//!
//! An API names the clients that may ask about tokens for it. Nobody else learns anything, not even
//! that a token is good for another API.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use listener::{ClientCertificate, Peer};
use serde_json::Value;

use crate::Service;
use crate::assertion;
use crate::caller::{caller, token};
use crate::error::Refusal;
use crate::inspect::{good, shown};

pub(crate) async fn introspect(
    State(service): State<Service>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let decided = match body {
        Ok(body) => {
            assertion::prepare(&service, &body, service.world.clock.now()).await;
            let certificate = service.world.trusted.certificate(&peer, &headers);
            decide(&service, (&headers, certificate.as_deref()), &body)
        }
        Err(_) => Err(Refusal::TooLarge),
    };
    match decided {
        Ok(answer) => {
            let fields = [
                (CONTENT_TYPE, "application/json"),
                (CACHE_CONTROL, "no-store"),
                (PRAGMA, "no-cache"),
            ];
            (fields, answer.to_string()).into_response()
        }
        Err(refusal) => refusal.into_answer(&service.state.load().realm),
    }
}

fn decide(
    service: &Service,
    shown_with: (&HeaderMap, Option<&ClientCertificate>),
    body: &[u8],
) -> Result<Value, Refusal> {
    let now = service.world.clock.now();
    let state = service.state.load();
    let (form, client) = caller(service, &state, shown_with, (body, now))?;
    let claims = good(&state, &service.world.denied, token(&form)?, now);
    // RFC 7662 §4: a caller sees only what is meant for it.
    let claims = claims.filter(|claims| {
        let server = state.servers.iter().find(|server| *server.name == *claims.aud);
        server.is_some_and(|server| server.readers.contains(&client.client.id))
    });
    Ok(shown(claims.as_ref()))
}
