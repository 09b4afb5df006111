//! `POST /oauth2/token`: client credentials (RFC 6749 §4.4) → an access token (RFC 9068).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use jwt::{AccessToken, Confirmation};
use listener::{ClientCertificate, Peer};
use model::{Client, Profile, Timestamp, token_id};
use serde_json::Value;

use crate::authentication::{self, Claim, Proving};
use crate::caller;
use crate::dpop;
use crate::error::Refusal;
use crate::exchange::{self, Exchanged};
use crate::form::Form;
use crate::limits::Told;
use crate::profile::{self, Binding, ClientMethod, RequestFacts};
use crate::revoke::Revocation;
use crate::state::State as Known;
use crate::target::grant;
use crate::{Service, assertion, certificates};

/// The longest `traceparent` that is looked at; version 00 has 55 characters.
const TRACEPARENT_MAX: usize = 128;
/// How long after its answer a refusal is told of. At once would be too soon: the next answer on the
/// connection would be late by what telling costs. So it is some other one's that is, of whomever.
const TOLD_AFTER: Duration = Duration::from_millis(5);

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
    /// The id of the credential that it was, as its tokens have it, once the client has proved itself;
    /// none where a token of its workload was the proof.
    pub credential: Option<String>,
    /// Whose token was to be exchanged, where it was good.
    pub exchanged: Option<Exchanged>,
    /// The scopes granted.
    pub scope: Option<String>,
    /// The token's id.
    pub token_id: Option<String>,
    /// For which API the token is.
    pub audience: Option<String>,
    /// The name of the key that signed the token.
    pub kid: Option<String>,
    /// The standard's error code, when none was issued.
    pub refusal: Option<&'static str>,
    /// The reason in a word, when none was issued.
    pub reason: Option<&'static str>,
    /// What would have refused it, if that did more than observe.
    pub observed: Option<&'static str>,
    /// The answer's status.
    pub status: u16,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// The trace that the client says it belongs to.
    pub traceparent: Option<String>,
}

/// Is told of every token request, and of what clients revoke. Must not block.
pub trait Observer: Send + Sync {
    /// A token request has been answered; of refusals it is told some milliseconds later.
    fn record(&self, record: TokenRecord);

    /// A client has revoked a token of its own that was not revoked before; it is on disk.
    fn revoked(&self, revocation: &Revocation);
}

/// Where a request came from, beyond the proxies that are believed; an extension of the request.
/// Without it the request is the peer's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin(pub IpAddr);

/// A token, and what is told of it.
struct Issued {
    body: String,
    scope: String,
    token_id: String,
    audience: String,
    kid: String,
    /// What the answer gives for the client's next proof.
    nonce: Option<String>,
}

pub(crate) async fn issue(
    State(service): State<Service>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    (Extension(peer), origin): (Extension<Peer>, Option<Extension<Origin>>),
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let began_ns = service.world.clock.ticks_ns();
    let mut record = TokenRecord {
        at: service.world.clock.now(),
        address: caller::address_of(address, origin),
        client: None,
        partner: None,
        method: None,
        credential: None,
        exchanged: None,
        scope: None,
        token_id: None,
        audience: None,
        kid: None,
        refusal: None,
        reason: None,
        observed: None,
        status: 0,
        took_us: 0,
        traceparent: traceparent(&headers),
    };
    let mut told = Told { tasks: peer.tasks.clone(), ..Told::default() };
    let outcome = match body {
        Ok(body) => {
            let certificate = service.world.trusted.certificate(&peer, &headers);
            let shown = (&headers, certificate.as_deref());
            decide(&service, shown, &body, (&mut record, &mut told)).await
        }
        Err(_) => Err(Refusal::TooLarge),
    };
    let mut response = match outcome {
        Ok(issued) => {
            record.scope = Some(issued.scope);
            record.token_id = Some(issued.token_id);
            record.audience = Some(issued.audience);
            record.kid = Some(issued.kid);
            // RFC 6749 §5.1.
            let fields = [
                (CONTENT_TYPE, "application/json"),
                (CACHE_CONTROL, "no-store"),
                (PRAGMA, "no-cache"),
            ];
            let mut response = (fields, issued.body).into_response();
            dpop::offer(issued.nonce.as_deref(), response.headers_mut());
            response
        }
        Err(refusal) => {
            record.refusal = Some(refusal.code());
            record.reason = Some(refusal.reason());
            refusal.into_answer(&service.state.load().realm)
        }
    };
    told.fields.add_to(response.headers_mut());
    record.observed = told.observed;
    record.status = response.status().as_u16();
    record.took_us = service.world.clock.ticks_ns().saturating_sub(began_ns) / 1000;
    tell(service, &peer, record);
    response
}

/// Tells of a request: of a token at once, of a refusal when its answer has gone. What log, audit
/// and metrics cost depends on what is known of the client, and would show in the answer's time.
fn tell(service: Service, peer: &Peer, record: TokenRecord) {
    if record.refusal.is_some() {
        peer.tasks.spawn(tell_of_refusal(service, record));
    } else {
        service.world.observer.record(record);
    }
}

async fn tell_of_refusal(service: Service, mut record: TokenRecord) {
    tokio::time::sleep(TOLD_AFTER).await;
    // Only the id of a client that exists is told: anything else may be a misplaced secret.
    let state = service.state.load();
    record.client = record.client.take().filter(|id| state.client(id).is_some());
    service.world.observer.record(record);
}

/// What stands in `traceparent`, if it is no longer than any version so far could be.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    (value.len() <= TRACEPARENT_MAX).then(|| value.to_owned())
}

/// Whoever has proven to be a client.
struct Proven<'s> {
    client: &'s Client,
    credential_id: Option<String>,
    method: ClientMethod,
}

impl Proven<'_> {
    /// Whether a token of its workload was the proof (RFC 8693).
    fn by_workload(&self) -> bool {
        self.method == ClientMethod::TokenExchange
    }

    fn check_grant_type(&self, form: &Form) -> Result<(), Refusal> {
        match form.get("grant_type") {
            Some("client_credentials") if !self.by_workload() => Ok(()),
            Some(exchange::GRANT_TYPE) if self.by_workload() => Ok(()),
            Some(_) => Err(Refusal::GrantType),
            None => Err(Refusal::Malformed("grant_type is missing")),
        }
    }
}

async fn decide(
    service: &Service,
    (headers, certificate): (&HeaderMap, Option<&ClientCertificate>),
    body: &[u8],
    (record, told): (&mut TokenRecord, &mut Told),
) -> Result<Issued, Refusal> {
    let (state, world) = (service.state.load_full(), &service.world);
    let (settings, ticks_ns) = (&state.rules.settings, world.clock.ticks_ns());
    // Before anything is looked at or asked for elsewhere.
    world.limits.address(settings, record.address, ticks_ns, told)?;
    assertion::prepare(service, body, (record.address, record.at)).await;
    let form = caller::form(headers, body)?;
    let workload = exchange::proof(service, headers, &form, record).await?;
    let proven =
        prove(service, (&state, &form), (headers, certificate), (workload, ticks_ns), record)?;
    proven.check_grant_type(&form)?;
    let client = proven.client;
    world.limits.client(settings, client, ticks_ns, told)?;
    let grant = grant(&state, client, &form)?;
    let (now_s, exp) = (record.at.seconds(), state.rules.end_s(client, &grant.audience, record.at));
    if exp <= now_s {
        return Err(Refusal::Expired);
    }
    let of_certificate = certificates::confirmation(client, proven.method, certificate)?;
    let offered = (headers, of_certificate.is_some());
    check_profile(state.profile, proven.method, offered, exp - now_s)?;
    // Late among what can be wrong: a proof is good once, and is not to be used up for nothing.
    let bound = dpop::bind(&state, client, headers, record.at)?;
    // Last, so that what is refused costs nothing of it.
    world.limits.quota((settings, client), &world.store, record.at, told).await?;
    let token_type = if bound.is_some() { "DPoP" } else { "Bearer" };
    let (proof, nonce) = bound.map(|bound| (bound.proof, bound.offer)).unzip();
    let jti = token_id(record.at, &*world.random);
    let claims = AccessToken {
        iss: state.issuer.clone(),
        aud: grant.audience.clone(),
        sub: client.id.to_string(),
        client_id: client.id.to_string(),
        scope: grant.scope.clone(),
        exp,
        iat: now_s,
        auth_time: now_s,
        jti: jti.clone(),
        token_use: "access".to_owned(),
        version: 2,
        credential_id: proven.credential_id.clone(),
        cnf: confirmation(proof, of_certificate),
        extra: state.rules.extra(client, &grant.audience),
    };
    let signer = state.signer(&grant.audience);
    let token = jwt::sign(&claims, signer);
    let body = answer((&token, token_type), exp - now_s, &grant.scope, proven.by_workload());
    let nonce = nonce.flatten();
    let (scope, audience) = (grant.scope, grant.audience);
    let (token_id, kid) = (jti, signer.jwk().kid.clone());
    Ok(Issued { body, scope, token_id, audience, kid, nonce })
}

/// The answer with a token (RFC 6749 §5.1). It is put together here, for it is written for each of
/// thousands in a second, and nothing in a token needs to be looked at (RFC 7515 §7.1).
fn answer(
    (token, token_type): (&str, &str),
    expires_in: i64,
    scope: &str,
    by_workload: bool,
) -> String {
    let scope = Value::from(scope);
    let issued = if by_workload {
        // RFC 8693 §2.2.1.
        format!(",\"issued_token_type\":\"{}\"", exchange::ACCESS_TOKEN)
    } else {
        String::new()
    };
    format!(
        "{{\"access_token\":\"{token}\",\"token_type\":\"{token_type}\",\"expires_in\":{expires_in},\
         \"scope\":{scope}{issued}}}"
    )
}

/// Whether the profile in force takes this way to prove a client, and to bind its token.
fn check_profile(
    profile: Profile,
    method: ClientMethod,
    (headers, has_certificate): (&HeaderMap, bool),
    lifetime_s: i64,
) -> Result<(), Refusal> {
    let binding = match has_certificate {
        _ if dpop::is_offered(headers) => Binding::Dpop,
        true => Binding::Mtls,
        false => Binding::None,
    };
    let facts = RequestFacts { method, binding, lifetime_s };
    profile::of_request(profile, &facts).map_err(Refusal::Profile)
}

/// The client that a request comes from: the one its workload's token stands for, which is verified,
/// or the one that proves itself now.
fn prove<'s>(
    service: &Service,
    (state, form): (&'s Known, &Form),
    (headers, certificate): (&HeaderMap, Option<&ClientCertificate>),
    (workload, ticks_ns): (Option<model::Name>, u64),
    record: &mut TokenRecord,
) -> Result<Proven<'s>, Refusal> {
    let with = Proving { certificate, address: record.address, now: record.at, ticks_ns };
    let claim = match workload {
        Some(client) => Claim::Workload(client),
        None => authentication::claim(service, state, (headers, form), with)?,
    };
    record.method = Some(claim.method(state));
    // Alike for clients that are there and those that are not; `tell_of_refusal` tells them apart.
    record.client = Some(claim.client_id().to_owned());
    let proven = authentication::prove(service, state, &claim, with)?;
    let client = &proven.client.client;
    record.partner = Some(client.partner.to_string());
    // Of several certificates, the one that it was.
    record.method = Some(proven.method);
    record.credential = proven.credential.map(str::to_owned);
    // A method without a name here is one that no profile knows.
    let method = ClientMethod::parse(proven.method).unwrap_or(ClientMethod::SecretBasic);
    Ok(Proven { client, credential_id: proven.credential.map(str::to_owned), method })
}

/// What a token is bound to: a key, a certificate, both or neither.
fn confirmation(
    proof: Option<jwt::Proof>,
    of_certificate: Option<Confirmation>,
) -> Option<Confirmation> {
    let Some(proof) = proof else { return of_certificate };
    let x5t_s256 = of_certificate.and_then(|cnf| cnf.x5t_s256);
    Some(Confirmation { jkt: Some(proof.thumbprint), x5t_s256 })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rfc6749_5_1_an_answer_is_read_back_as_it_was_meant() {
        for scope in ["tires/create.order tires/cancel.order", "", "a\"b\\c"] {
            let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
            let mut expected = json!({
                "access_token": "a.b.c", "token_type": "DPoP", "expires_in": 60, "scope": scope,
            });
            assert_eq!(read(answer(("a.b.c", "DPoP"), 60, scope, false)), expected);
            expected["issued_token_type"] = exchange::ACCESS_TOKEN.into();
            assert_eq!(read(answer(("a.b.c", "DPoP"), 60, scope, true)), expected);
        }
    }
}
