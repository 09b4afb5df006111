//! Who asks, and what: the same at every endpoint that takes a form from a client (RFC 6749 §2.3,
//! RFC 7009 §2.1, RFC 7662 §2.1).
//!
//! The endpoints beside the token endpoint have its protection: requests are counted by address
//! before anything is looked at, wrong credentials are damped, and requests are counted by client once
//! it has proven itself.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Extension;
use axum::response::Response;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use listener::{ClientCertificate, Peer};
use model::Timestamp;

use crate::Service;
use crate::assertion;
use crate::authentication::{self, Proving};
use crate::error::Refusal;
use crate::form::Form;
use crate::limits::Told;
use crate::state::{ClientEntry, State};
use crate::token::Origin;

/// A request at an endpoint beside the token endpoint, as it came.
pub(crate) struct Arrival<'a> {
    headers: &'a HeaderMap,
    certificate: Option<Arc<ClientCertificate>>,
    /// Where it comes from, beyond the proxies that are believed.
    pub(crate) address: IpAddr,
    /// When it came.
    pub(crate) now: Timestamp,
    ticks_ns: u64,
}

impl<'a> Arrival<'a> {
    pub(crate) fn new(
        service: &Service,
        (address, origin): (SocketAddr, Option<Extension<Origin>>),
        (peer, headers): (&Peer, &'a HeaderMap),
    ) -> Self {
        let world = &service.world;
        Self {
            headers,
            certificate: world.trusted.certificate(peer, headers),
            address: address_of(address, origin),
            now: world.clock.now(),
            ticks_ns: world.clock.ticks_ns(),
        }
    }

    /// Counts it, before anything is looked at or asked for elsewhere; then gets the keys that its
    /// assertion may need.
    pub(crate) async fn admit(
        &self,
        service: &Service,
        body: &[u8],
        told: &mut Told,
    ) -> Result<(), Refusal> {
        let state = service.state.load_full();
        let (limits, settings) = (&service.world.limits, &state.rules.settings);
        limits.address(settings, self.address, self.ticks_ns, told)?;
        assertion::prepare(service, body, (self.address, self.now)).await;
        Ok(())
    }

    /// What it is answered with.
    pub(crate) fn answer(
        &self,
        service: &Service,
        outcome: Result<Response, Refusal>,
        told: &Told,
    ) -> Response {
        let address = self.address;
        if let Some(reason) = told.observed {
            tracing::info!(%address, reason, "a bound that only observes lets a request pass");
        }
        let mut response = outcome.unwrap_or_else(|refusal| {
            // The same for clients that are there and those that are not, and no name that a caller
            // chose: it may be a misplaced secret.
            let (error, reason) = (refusal.code(), refusal.reason());
            tracing::info!(%address, error, reason, "a request to revoke or introspect is refused");
            refusal.into_answer(&service.state.load().realm)
        });
        told.fields.add_to(response.headers_mut());
        response
    }
}

/// Where a request comes from: the peer, unless a proxy that is believed says who it is from.
pub(crate) fn address_of(peer: SocketAddr, origin: Option<Extension<Origin>>) -> IpAddr {
    origin.map_or_else(|| peer.ip().to_canonical(), |Extension(origin)| origin.0)
}

/// The parameters of a request. They come in the body; those of the query never count (RFC 6749
/// §3.2).
pub(crate) fn form(headers: &HeaderMap, body: &[u8]) -> Result<Form, Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let what = "Content-Type must be application/x-www-form-urlencoded";
        return Err(Refusal::Malformed(what));
    }
    Form::parse(body)
}

/// Who asks, and what.
pub(crate) struct Caller<'s> {
    pub(crate) form: Form,
    /// The client, proven and good.
    pub(crate) client: &'s ClientEntry,
    /// The id of the credential that it was.
    pub(crate) credential: Option<&'s str>,
    /// How it has proven itself.
    pub(crate) method: &'static str,
}

/// The form, and the client whose request it is. The request must have been admitted before
/// ([`Arrival::admit`]).
pub(crate) fn caller<'s>(
    service: &Service,
    state: &'s State,
    (arrival, body): (&Arrival<'_>, &[u8]),
    told: &mut Told,
) -> Result<Caller<'s>, Refusal> {
    let Arrival { headers, address, now, ticks_ns, .. } = *arrival;
    let form = form(headers, body)?;
    let with = Proving { certificate: arrival.certificate.as_deref(), address, now, ticks_ns };
    let claim = authentication::claim(service, state, (headers, &form), with)?;
    let proven = authentication::prove(service, state, &claim, with)?;
    let authentication::Authenticated { client, credential, method } = proven;
    drop(claim);
    service.world.limits.request(&state.rules.settings, &client.client, ticks_ns, told)?;
    if client.client.tokens.is_over(now) {
        return Err(Refusal::Expired);
    }
    Ok(Caller { form, client, credential, method })
}

/// The token a request is about. What kind it is said to be (`token_type_hint`) is not looked at:
/// there are access tokens only, and a wrong hint must change nothing (RFC 7009 §2.1).
pub(crate) fn token(form: &Form) -> Result<&str, Refusal> {
    form.get("token").ok_or(Refusal::Malformed("token is missing"))
}
