//! `POST /oauth2/token`: client credentials (RFC 6749 §4.4) → an access token (RFC 9068).

use std::net::{IpAddr, SocketAddr};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use jwt::AccessToken;
use model::{Timestamp, token_id};
use serde_json::json;

use crate::Service;
use crate::client::{authenticate, proof};
use crate::error::Refusal;
use crate::form::Form;
use crate::scope::grant;

/// The longest `traceparent` that is looked at; version 00 has 55 characters.
const TRACEPARENT_MAX: usize = 128;

/// One token request as the log and the metrics see it. Holds no token and no secret.
#[derive(Debug, Clone)]
pub struct TokenRecord {
    /// When it came.
    pub at: Timestamp,
    /// Where it came from.
    pub address: IpAddr,
    /// The client it claims to be of, once read; a client it is of, when a token was issued.
    pub client: Option<String>,
    /// The client's partner, when a token was issued.
    pub partner: Option<String>,
    /// How the client proved itself.
    pub method: Option<&'static str>,
    /// The scopes granted.
    pub scope: Option<String>,
    /// The token's id.
    pub token_id: Option<String>,
    /// The standard's error code, when none was issued.
    pub refusal: Option<&'static str>,
    /// The answer's status.
    pub status: u16,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// The trace that the client says it belongs to.
    pub traceparent: Option<String>,
}

/// Is told of every token request. Must not block.
pub trait Observer: Send + Sync {
    /// A token request has been answered.
    fn record(&self, record: TokenRecord);
}

/// A token, and what is told of it.
struct Issued {
    body: String,
    scope: String,
    token_id: String,
}

pub(crate) async fn issue(
    State(service): State<Service>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let began_ns = service.world.clock.ticks_ns();
    let mut record = TokenRecord {
        at: service.world.clock.now(),
        address: peer.ip().to_canonical(),
        client: None,
        partner: None,
        method: None,
        scope: None,
        token_id: None,
        refusal: None,
        status: 0,
        took_us: 0,
        traceparent: traceparent(&headers),
    };
    let outcome = match body {
        Ok(body) => decide(&service, &headers, &body, &mut record),
        Err(_) => Err(Refusal::TooLarge),
    };
    let response = match outcome {
        Ok(issued) => {
            record.scope = Some(issued.scope);
            record.token_id = Some(issued.token_id);
            // RFC 6749 §5.1.
            let fields = [
                (CONTENT_TYPE, "application/json"),
                (CACHE_CONTROL, "no-store"),
                (PRAGMA, "no-cache"),
            ];
            (fields, issued.body).into_response()
        }
        Err(refusal) => {
            record.refusal = Some(refusal.code());
            refusal.into_answer(&service.state.load().realm)
        }
    };
    record.status = response.status().as_u16();
    record.took_us = service.world.clock.ticks_ns().saturating_sub(began_ns) / 1000;
    service.world.observer.record(record);
    response
}

/// What stands in `traceparent`, if it is no longer than any version so far could be.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    (value.len() <= TRACEPARENT_MAX).then(|| value.to_owned())
}

fn decide(
    service: &Service,
    headers: &HeaderMap,
    body: &[u8],
    record: &mut TokenRecord,
) -> Result<Issued, Refusal> {
    // RFC 6749 §3.2: parameters come in the body; the query never counts.
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let what = "Content-Type must be application/x-www-form-urlencoded";
        return Err(Refusal::Malformed(what));
    }
    let form = Form::parse(body)?;
    let proof = proof(headers, &form)?;
    record.method = Some(proof.method);
    let state = service.state.load();
    // Only the id of a client that exists is logged: anything else may be a misplaced secret.
    record.client = state.client(&proof.client_id).map(|client| client.client.id.to_string());
    let client = authenticate(&state, &proof, record.at)?;
    record.partner = Some(client.client.partner.to_string());
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Err(Refusal::GrantType),
        None => return Err(Refusal::Malformed("grant_type is missing")),
    }
    let client = &client.client;
    let grant = grant(client, form.get("scope"))?;
    let now_s = record.at.seconds();
    let claims = AccessToken {
        iss: state.issuer.clone(),
        aud: grant.audience,
        sub: client.id.to_string(),
        client_id: client.id.to_string(),
        scope: grant.scope.clone(),
        exp: now_s + client.token_lifetime_s,
        iat: now_s,
        auth_time: now_s,
        jti: token_id(record.at, &*service.world.random),
        token_use: "access".to_owned(),
        version: 2,
    };
    let token = jwt::sign(&claims, &state.signing_key);
    let body = json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": client.token_lifetime_s,
        "scope": grant.scope,
    });
    Ok(Issued { body: body.to_string(), scope: grant.scope, token_id: claims.jti })
}
