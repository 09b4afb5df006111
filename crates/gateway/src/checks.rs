//! The checks, in their order: address, token, proof, scopes, API key, partner, plan.
//!
//! The first refusal answers and later checks do not run. [`admit`] is the only place that makes an
//! [`Admitted`], and [`plan::rate`] with `debit` the only way to make an [`Admission`] of it; nothing
//! is forwarded without one.

pub(crate) mod address;
mod binding;
pub(crate) mod key;
pub(crate) mod plan;
pub(crate) mod proof;
pub(crate) mod token;

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request};
use jwt::AccessToken;
use listener::ClientCertificate;
use model::{KeyRule, Route, Status, Timestamp, TokenRule};

use crate::denial::Denial;
use crate::issuers::Issuers;
use crate::memory::{Caller, Memory, Until};
use crate::record::{Check, Passed};
use crate::routes::Found;
use crate::snapshot::{KeyEntry, PartnerEntry, Snapshot};

pub(crate) use plan::Admission;

/// The moment a request is judged at: for people's time, and for rates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) at: Timestamp,
    pub(crate) ticks_ns: u64,
}

/// What of a request the checks look at.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: &'a str,
    pub(crate) address: IpAddr,
    /// The caller's certificate, of any maker.
    pub(crate) certificate: Option<&'a ClientCertificate>,
    /// What the token of another issuer says, verified for this very request.
    pub(crate) verified: Option<&'a Arc<AccessToken>>,
}

impl<'a> Asked<'a> {
    pub(crate) fn new<B>(
        request: &'a Request<B>,
        address: IpAddr,
        certificate: Option<&'a ClientCertificate>,
    ) -> Self {
        let query = request.uri().query().unwrap_or_default();
        let (method, path) = (request.method().as_str(), request.uri().path());
        let headers = request.headers();
        Self { method, path, headers, query, address, certificate, verified: None }
    }

    /// The fingerprint of the caller's certificate, if it is of one of the door's authorities.
    fn trusted(self) -> Option<&'a [u8; 32]> {
        let certificate = self.certificate.filter(|certificate| certificate.is_verified)?;
        Some(&certificate.fingerprint)
    }
}

/// Who was let in, and by what; the quota is not yet debited.
pub(crate) struct Admitted {
    /// None where nothing was asked of the caller and nothing refused.
    pub(crate) caller: Option<Arc<Caller>>,
    /// The checks that passed, for the access log.
    pub(crate) passed: Passed,
    /// What would have refused the request if its plan did more than observe.
    pub(crate) observed: Option<&'static str>,
    /// The nonce that the answer gives for the caller's next proof.
    pub(crate) offer: Option<HeaderValue>,
    _proof: Proof,
}

/// Cannot be made outside this module: whoever holds an [`Admitted`] got it from [`admit`].
struct Proof;

impl Admitted {
    fn of(caller: Option<Arc<Caller>>, seen: Seen) -> Self {
        let Seen { passed, offer, .. } = seen;
        Self { caller, passed, observed: None, offer, _proof: Proof }
    }

    pub(crate) fn token(&self) -> Option<&AccessToken> {
        self.caller.as_ref()?.token.as_deref()
    }

    pub(crate) fn key(&self) -> Option<&KeyEntry> {
        self.caller.as_ref()?.key.as_deref()
    }

    pub(crate) fn partner(&self) -> Option<&PartnerEntry> {
        self.caller.as_ref()?.partner.as_deref()
    }
}

/// A refusal by the checks, with what was known of the caller by then, for the log.
pub(crate) struct Refused {
    pub(crate) denial: Denial,
    pub(crate) known: Box<Admitted>,
}

/// What the checks have seen so far.
#[derive(Default)]
struct Seen {
    /// Found out anew; empty where the connection's last caller calls again.
    caller: Caller,
    /// Whether the caller is known by its token, and by its key.
    by_token: bool,
    by_key: bool,
    passed: Passed,
    offer: Option<HeaderValue>,
}

/// Runs the checks of a route in API Gateway's order.
pub(crate) fn admit(
    (snapshot, issuers, memory): (&Snapshot, &Issuers, &Memory),
    found: &Found,
    (asked, now): (Asked<'_>, Now),
) -> Result<Admitted, Refused> {
    let last = memory.recall(snapshot, found, asked.headers, now.at);
    let mut seen = Seen::default();
    let checked = check((snapshot, issuers, last.as_deref()), found, (asked, now), &mut seen);
    let fresh = std::mem::take(&mut seen.caller);
    match checked {
        Ok(()) => {
            let kept = || memory.keep((snapshot, found), asked.headers, fresh);
            Ok(Admitted::of(last.or_else(kept), seen))
        }
        Err(denial) => {
            let caller = match last {
                Some(last) => last.known_by(seen.by_token, seen.by_key),
                None => fresh,
            };
            let known = Box::new(Admitted::of(Some(Arc::new(caller)), seen));
            Err(Refused { denial, known })
        }
    }
}

fn check(
    world: (&Snapshot, &Issuers, Option<&Caller>),
    found: &Found,
    (asked, now): (Asked<'_>, Now),
    seen: &mut Seen,
) -> Result<(), Denial> {
    let (api, route) = (&found.api.api, found.route());
    let Seen { caller, passed, offer, .. } = seen;
    let Caller { token, key, partner: owner, until, .. } = caller;
    passed.add(Check::Route);
    if !api.allow_ips.is_empty() {
        address::check(&api.allow_ips, asked.address)?;
        passed.add(Check::Address);
    }
    if api.client_certificate {
        asked.trusted().ok_or(Denial::CertificateMissing)?;
        passed.add(Check::Certificate);
    }
    let mut partner: Option<&PartnerEntry> = None;
    if route.token == TokenRule::Required {
        let (claims, of_client) = by_token(world, found, (asked, now), (token, owner, until))?;
        seen.by_token = true;
        passed.add(Check::Token);
        binding::check(claims, asked.certificate)?;
        let proven = proof::check(world.0, api, (asked, now), claims)?;
        if proven.is_proven {
            passed.add(Check::Proof);
            *offer = proven.offer;
        }
        of_partner(of_client, asked, passed)?;
        scopes(claims, route)?;
        if !route.scopes.is_empty() {
            passed.add(Check::Scope);
        }
        partner = Some(of_client);
    }
    if route.api_key == KeyRule::Required {
        let of_key = by_key(world, found, (asked, now), key)?;
        seen.by_key = true;
        match partner {
            Some(of_client) if of_client.name != of_key.name => return Err(Denial::KeyOfOther),
            Some(_) => {}
            None => {
                *owner = Some(Arc::clone(of_key));
                of_partner(of_key, asked, passed)?;
            }
        }
        passed.add(Check::Key);
        partner = Some(of_key);
    }
    if let Some(partner) = partner {
        if partner.status == Status::Suspended {
            return Err(Denial::PartnerSuspended);
        }
        passed.add(Check::Partner);
    }
    Ok(())
}

/// Where a token, whose it is, and until when it is good are taken down.
type Fresh<'a> =
    (&'a mut Option<Arc<AccessToken>>, &'a mut Option<Arc<PartnerEntry>>, &'a mut Until);

/// The request's token and whose it is: what is known of it, or else what is found out.
fn by_token<'a>(
    (snapshot, issuers, last): (&Snapshot, &Issuers, Option<&'a Caller>),
    found: &Found,
    (asked, now): (Asked<'_>, Now),
    (token, owner, until): Fresh<'a>,
) -> Result<(&'a AccessToken, &'a PartnerEntry), Denial> {
    if let Some((claims, partner)) = last.and_then(Caller::by_token) {
        token::not_in_query(asked.query)?;
        token::not_denied(snapshot, claims)?;
        return Ok((claims, partner));
    }
    let good = token::check(snapshot, issuers, found, (asked, now))?;
    *until = good.until;
    Ok((token.insert(good.claims), owner.insert(good.partner)))
}

/// The partner whose key the request has; the same.
fn by_key<'a>(
    (snapshot, _, last): (&Snapshot, &Issuers, Option<&'a Caller>),
    found: &Found,
    (asked, now): (Asked<'_>, Now),
    fresh: &'a mut Option<Arc<KeyEntry>>,
) -> Result<&'a Arc<PartnerEntry>, Denial> {
    if let Some(entry) = last.and_then(|last| last.key.as_ref()) {
        key::live(entry, now.at)?;
        return Ok(&entry.partner);
    }
    let entry = fresh.insert(key::check(snapshot, found, asked.headers, now.at)?);
    Ok(&entry.partner)
}

/// The scopes of the route: one of them suffices, as at API Gateway, unless all are demanded.
fn scopes(claims: &AccessToken, route: &Route) -> Result<(), Denial> {
    let mut needed = route.scopes.iter();
    let fits = if route.all_scopes {
        needed.all(|scope| claims.has_scope(scope))
    } else {
        route.scopes.is_empty() || needed.any(|scope| claims.has_scope(scope))
    };
    let refusal = || Denial::ScopeMissing { needed: route.scopes.clone(), all: route.all_scopes };
    fits.then_some(()).ok_or_else(refusal)
}

/// A partner's own lists are looked at as soon as it is known who asks.
fn of_partner(partner: &PartnerEntry, asked: Asked<'_>, passed: &mut Passed) -> Result<(), Denial> {
    if !partner.allow_ips.is_empty() {
        address::check(&partner.allow_ips, asked.address)?;
        passed.add(Check::Address);
    }
    if !partner.certificates.is_empty() {
        let shown = asked.trusted().ok_or(Denial::CertificateMissing)?;
        if !partner.certificates.contains(shown) {
            return Err(Denial::CertificateOfOther);
        }
        passed.add(Check::Certificate);
    }
    Ok(())
}
