//! Which way a client proves itself in a request, and whether it has.
//!
//! A client has one way (`auth` of the configuration) or several (`credentials`), and no other counts
//! for it: what is offered is held against each live credential of its kind, and is a proof if it
//! satisfies any. Who cannot prove to be a client is not told whether there is one of that name.
//! Whatever is offered and is wrong is counted where it comes from: see [`Limits`](crate::Limits).

use std::net::IpAddr;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use jwt::ClaimedAssertion;
use listener::ClientCertificate;
use model::{Authentication, Name, Status, Timestamp};

use crate::client::{self, Proof};
use crate::error::Refusal;
use crate::form::Form;
use crate::state::{ClientEntry, Own, State};
use crate::{Service, assertion, certificates};

/// What a request offers as proof, and whose it says it is.
pub(crate) enum Claim<'a> {
    /// A secret (RFC 6749 §2.3.1).
    Secret(Proof),
    /// A signed assertion (RFC 7523 §2.2), not verified.
    Assertion(Box<ClaimedAssertion<'a>>),
    /// The certificate of the connection, for this client id (RFC 8705 §2).
    Certificate(&'a str),
    /// A client id, and no proof at all.
    Nothing(&'a str),
    /// A token of its workload that stands for this client, and is verified (RFC 8693).
    Workload(Name),
}

/// What a claim is proven with.
#[derive(Clone, Copy)]
pub(crate) struct Proving<'a> {
    /// The certificate of whoever asks, of any maker.
    pub(crate) certificate: Option<&'a ClientCertificate>,
    /// Where the request comes from.
    pub(crate) address: IpAddr,
    /// The moment.
    pub(crate) now: Timestamp,
    /// The same moment by the clock that never goes back, in nanoseconds.
    pub(crate) ticks_ns: u64,
}

/// Whoever has proven to be a client, and by what.
pub(crate) struct Authenticated<'s> {
    pub(crate) client: &'s ClientEntry,
    /// The id of the credential: its tokens say so, and can be revoked with it. None where a token
    /// of its workload was the proof.
    pub(crate) credential: Option<&'s str>,
    /// The method's name; see [`Claim::method`].
    pub(crate) method: &'static str,
}

impl<'s> Authenticated<'s> {
    /// By a declared credential, which is used now.
    fn by((client, (credential, known)): (&'s ClientEntry, Own<'s>), now: Timestamp) -> Self {
        known.mark.used(now);
        let method = credential.authentication.method();
        Self { client, credential: Some(&known.id), method }
    }
}

/// Reads what a request offers; two ways at once are refused (RFC 6749 §2.3).
pub(crate) fn claim<'a>(
    service: &Service,
    state: &State,
    (headers, form): (&HeaderMap, &'a Form),
    with: Proving<'_>,
) -> Result<Claim<'a>, Refusal> {
    read(state, (headers, form), with).map_err(|refusal| {
        // What cannot be read names nobody, but for what may stand beside it.
        let claimed = form.get("client_id").unwrap_or_default();
        service.world.limits.failed(refusal, (with.address, claimed), with.ticks_ns)
    })
}

fn read<'a>(
    state: &State,
    (headers, form): (&HeaderMap, &'a Form),
    Proving { certificate, now, .. }: Proving<'_>,
) -> Result<Claim<'a>, Refusal> {
    let has_secret = headers.contains_key(AUTHORIZATION) || form.get("client_secret").is_some();
    if let Some(text) = assertion::of(form)? {
        if has_secret {
            return Err(Refusal::Malformed("the client authenticates in two ways at once"));
        }
        let claimed = ClaimedAssertion::read(text, &assertion::demand(state, now));
        let claimed = claimed.map_err(Refusal::Assertion)?;
        // RFC 7521 §4.2: it is not needed, and if it is there it is the same.
        if form.get("client_id").is_some_and(|id| id != claimed.client()) {
            let what = "client_id differs from the one in client_assertion";
            return Err(Refusal::Malformed(what));
        }
        return Ok(Claim::Assertion(Box::new(claimed)));
    }
    match form.get("client_id") {
        // A certificate may come with any request; it is the proof where there is no other.
        Some(id) if !has_secret && certificate.is_some() => Ok(Claim::Certificate(id)),
        Some(id) if !has_secret => Ok(Claim::Nothing(id)),
        _ => client::proof(headers, form).map(Claim::Secret),
    }
}

impl Claim<'_> {
    /// The client it says it is of.
    pub(crate) fn client_id(&self) -> &str {
        match self {
            Self::Secret(proof) => &proof.client_id,
            Self::Assertion(claimed) => claimed.client(),
            Self::Certificate(id) | Self::Nothing(id) => id,
            Self::Workload(id) => id,
        }
    }

    /// The method's name in the registry of RFC 7591 §4.2, before anything is proven: of a client
    /// that has several certificates, that of the first.
    pub(crate) fn method(&self, state: &State) -> &'static str {
        match self {
            Self::Secret(proof) => proof.method,
            Self::Assertion(_) => "private_key_jwt",
            Self::Nothing(_) => "none",
            Self::Workload(_) => "token_exchange",
            Self::Certificate(id) => {
                let declared = state.client(id).into_iter().flat_map(|one| one.client.declared());
                let mut ways = declared.map(|credential| &credential.authentication);
                let by_it = ways.find(|way| way.is_by_certificate());
                by_it.map_or("tls_client_auth", Authentication::method)
            }
        }
    }
}

/// The client that has proven itself. An assertion counts once: what comes after this and fails
/// needs another one.
pub(crate) fn prove<'s>(
    service: &Service,
    state: &'s State,
    claim: &Claim<'_>,
    with: Proving<'_>,
) -> Result<Authenticated<'s>, Refusal> {
    authenticated(service, state, claim, with).map_err(|refusal| {
        let from = (with.address, claim.client_id());
        service.world.limits.failed(refusal, from, with.ticks_ns)
    })
}

fn authenticated<'s>(
    service: &Service,
    state: &'s State,
    claim: &Claim<'_>,
    with: Proving<'_>,
) -> Result<Authenticated<'s>, Refusal> {
    let now = with.now;
    let proven = match claim {
        Claim::Secret(proof) => {
            let (client, id) = client::authenticate(state, proof, now)?;
            Authenticated { client, credential: Some(id), method: proof.method }
        }
        Claim::Assertion(claimed) => {
            Authenticated::by(assertion::prove(service, state, claimed, with)?, now)
        }
        Claim::Certificate(id) => {
            Authenticated::by(certificates::prove(service, state, id, with)?, now)
        }
        Claim::Nothing(_) => return Err(Refusal::ClientMissing),
        Claim::Workload(id) => {
            let client = state.client(id).ok_or(Refusal::Client)?;
            Authenticated { client, credential: None, method: claim.method(state) }
        }
    };
    let ClientEntry { client, partner_status, .. } = proven.client;
    let active = client.status == Status::Active && *partner_status == Status::Active;
    if active { Ok(proven) } else { Err(Refusal::Suspended) }
}

#[cfg(test)]
mod tests;
