//! `POST /oauth2/revoke`: a client ends one of its own tokens (RFC 7009).

use std::net::{IpAddr, SocketAddr};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};
use listener::Peer;
use model::Timestamp;
use store::{Denied, DenyEntry};

use crate::Service;
use crate::caller::{Arrival, Caller, caller, token};
use crate::error::Refusal;
use crate::inspect::{ours, presented};
use crate::limits::Told;
use crate::token::Origin;

/// A token that its client has revoked, as the audit sees it. Holds no token and no secret.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// When it was asked for.
    pub at: Timestamp,
    /// Where that came from.
    pub address: IpAddr,
    /// The client, whose token it is.
    pub client: String,
    /// The client's partner.
    pub partner: String,
    /// How the client proved itself.
    pub method: &'static str,
    /// The id of the credential by which it did.
    pub credential: Option<String>,
    /// The token's id.
    pub token_id: String,
    /// For which API the token was.
    pub audience: String,
}

pub(crate) async fn revoke(
    State(service): State<Service>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    (Extension(peer), origin): (Extension<Peer>, Option<Extension<Origin>>),
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let arrival = Arrival::new(&service, (address, origin), (&peer, &headers));
    let mut told = Told::default();
    let outcome = match body {
        Ok(body) => carry_out(&service, &arrival, &body, &mut told).await,
        Err(_) => Err(Refusal::TooLarge),
    };
    // RFC 7009 §2.2: the body says nothing, and whether there was such a token neither.
    let done = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
    arrival.answer(&service, outcome.map(|()| done.into_response()), &told)
}

async fn carry_out(
    service: &Service,
    arrival: &Arrival<'_>,
    body: &[u8],
    told: &mut Told,
) -> Result<(), Refusal> {
    arrival.admit(service, body, told).await?;
    let Some((entry, revocation)) = decide(service, (arrival, body), told)? else { return Ok(()) };
    deny(service, entry).await?;
    if let Some(revocation) = revocation {
        service.world.observer.revoked(&revocation);
    }
    Ok(())
}

/// What is to be refused from now on: nothing for what is no token, has ended, or is another
/// client's. All of these are answered alike (RFC 7009 §2.2). Whoever revokes a token again ends
/// nothing, so that there is nothing to tell.
fn decide(
    service: &Service,
    (arrival, body): (&Arrival<'_>, &[u8]),
    told: &mut Told,
) -> Result<Option<(DenyEntry, Option<Revocation>)>, Refusal> {
    let (state, now) = (service.state.load(), arrival.now);
    let Caller { form, client, credential, method } =
        caller(service, &state, (arrival, body), told)?;
    let claims = ours(&state, token(&form)?, now);
    let own = claims.filter(|claims| *claims.client_id == *client.client.id);
    Ok(own.map(|claims| {
        let was_revoked = service.world.denied.refuses(&presented(&claims));
        let revocation = Revocation {
            at: now,
            address: arrival.address,
            client: client.client.id.to_string(),
            partner: client.client.partner.to_string(),
            method,
            credential: credential.map(str::to_owned),
            token_id: claims.jti.clone(),
            audience: claims.aud,
        };
        let entry = DenyEntry {
            what: Denied::Token { id: claims.jti, client: Some(client.client.id.clone()) },
            at: now,
            until: Timestamp::from_ms(claims.exp.saturating_mul(1000)),
        };
        (entry, (!was_revoked).then_some(revocation))
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
