//! `POST /oauth2/introspect`: what a token says, told to a resource server (RFC 7662).
//!
//! An API names the clients that may ask about tokens for it. Nobody else learns anything, not even
//! that a token is good for another API.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use listener::Peer;
use serde_json::Value;

use crate::Service;
use crate::caller::{Arrival, Caller, caller, token};
use crate::error::Refusal;
use crate::inspect::{good, shown};
use crate::limits::Told;
use crate::token::Origin;

pub(crate) async fn introspect(
    State(service): State<Service>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    (Extension(peer), origin): (Extension<Peer>, Option<Extension<Origin>>),
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let arrival = Arrival::new(&service, (address, origin), (&peer, &headers));
    let mut told = Told::default();
    let outcome = match body {
        Ok(body) => look(&service, &arrival, &body, &mut told).await,
        Err(_) => Err(Refusal::TooLarge),
    };
    let shown = outcome.map(|answer| {
        let fields =
            [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
        (fields, answer.to_string()).into_response()
    });
    arrival.answer(&service, shown, &told)
}

async fn look(
    service: &Service,
    arrival: &Arrival<'_>,
    body: &[u8],
    told: &mut Told,
) -> Result<Value, Refusal> {
    arrival.admit(service, body, told).await?;
    let state = service.state.load();
    let Caller { form, client, .. } = caller(service, &state, (arrival, body), told)?;
    let claims = good(&state, &service.world.denied, token(&form)?, arrival.now);
    // RFC 7662 §4: a caller sees only what is meant for it.
    let claims = claims.filter(|claims| {
        let server = state.servers.iter().find(|server| *server.name == *claims.aud);
        server.is_some_and(|server| server.readers.contains(&client.client.id))
    });
    Ok(shown(claims.as_ref()))
}
