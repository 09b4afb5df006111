//! `POST /oauth2/revoke`: a client ends one of its own tokens (RFC 7009).

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};
use listener::{ClientCertificate, Peer};
use model::Timestamp;
use store::{Denied, DenyEntry};

use crate::Service;
use crate::assertion;
use crate::caller::{caller, token};
use crate::error::Refusal;
use crate::inspect::ours;

pub(crate) async fn revoke(
    State(service): State<Service>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let now = service.world.clock.now();
    let decided = match body {
        Ok(body) => {
            assertion::prepare(&service, &body, now).await;
            let certificate = service.world.trusted.certificate(&peer, &headers);
            decide(&service, (&headers, certificate.as_deref()), &body, now)
        }
        Err(_) => Err(Refusal::TooLarge),
    };
    let outcome = match decided {
        Ok(Some(entry)) => deny(&service, entry).await,
        Ok(None) => Ok(()),
        Err(refusal) => Err(refusal),
    };
    match outcome {
        // RFC 7009 §2.2: the body says nothing, and whether there was such a token neither.
        Ok(()) => [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")].into_response(),
        Err(refusal) => refusal.into_answer(&service.state.load().realm),
    }
}

/// What is to be refused from now on: nothing for what is no token, has ended, or is another
/// client's. All of these are answered alike (RFC 7009 §2.2).
fn decide(
    service: &Service,
    shown: (&HeaderMap, Option<&ClientCertificate>),
    body: &[u8],
    now: Timestamp,
) -> Result<Option<DenyEntry>, Refusal> {
    let state = service.state.load();
    let (form, client) = caller(service, &state, shown, (body, now))?;
    let claims = ours(&state, token(&form)?, now);
    let own = claims.filter(|claims| *claims.client_id == *client.client.id);
    Ok(own.map(|claims| DenyEntry {
        what: Denied::Token { id: claims.jti, client: Some(client.client.id.clone()) },
        at: now,
        until: Timestamp::from_ms(claims.exp.saturating_mul(1000)),
    }))
}

/// On disk and in force when it answers.
async fn deny(service: &Service, entry: DenyEntry) -> Result<(), Refusal> {
    let world = &service.world;
    let asked = entry.what.clone();
    match world.denied.deny(&*world.store, entry, None).await {
        Ok(kept) => {
            if let Some(DenyEntry { what: Denied::Client { client }, .. }) = kept {
                tracing::warn!(
                    %client,
                    "a client has revoked so many tokens one by one that all it has got until now \
                     are refused"
                );
            } else if let Denied::Token { id, client: Some(client) } = asked {
                tracing::info!(%client, token_id = id, "a client has revoked a token");
            }
            Ok(())
        }
        Err(error) => {
            tracing::error!(%error, "a token could not be revoked");
            Err(Refusal::Unavailable)
        }
    }
}
