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
    pub(crate) token: Option<Arc<AccessToken>>,
    pub(crate) key: Option<Arc<KeyEntry>>,
    pub(crate) partner: Option<Arc<PartnerEntry>>,
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
    fn nobody() -> Self {
        let (passed, observed) = (Passed::default(), None);
        let (token, key, partner) = (None, None, None);
        Self { token, key, partner, passed, observed, offer: None, _proof: Proof }
    }
}

/// A refusal by the checks, with what was known of the caller by then, for the log.
pub(crate) struct Refused {
    pub(crate) denial: Denial,
    pub(crate) known: Box<Admitted>,
}

/// Runs the checks of a route in API Gateway's order.
pub(crate) fn admit(
    snapshot: &Snapshot,
    issuers: &Issuers,
    found: &Found,
    at: (Asked<'_>, Now),
) -> Result<Admitted, Refused> {
    let mut known = Admitted::nobody();
    match check((snapshot, issuers), found, at, &mut known) {
        Ok(()) => Ok(known),
        Err(denial) => Err(Refused { denial, known: Box::new(known) }),
    }
}

fn check(
    (snapshot, issuers): (&Snapshot, &Issuers),
    found: &Found,
    (asked, now): (Asked<'_>, Now),
    known: &mut Admitted,
) -> Result<(), Denial> {
    let (api, route) = (&found.api.api, found.route());
    known.passed.add(Check::Route);
    if !api.allow_ips.is_empty() {
        address::check(&api.allow_ips, asked.address)?;
        known.passed.add(Check::Address);
    }
    if api.client_certificate {
        asked.trusted().ok_or(Denial::CertificateMissing)?;
        known.passed.add(Check::Certificate);
    }
    let mut partner: Option<Arc<PartnerEntry>> = None;
    if route.token == TokenRule::Required {
        let (claims, of_client) = token::check(snapshot, issuers, found, (asked, now))?;
        known.passed.add(Check::Token);
        known.partner = Some(Arc::clone(&of_client));
        known.token = Some(Arc::clone(&claims));
        binding::check(&claims, asked.certificate)?;
        proof::check(snapshot, api, (asked, now), known)?;
        of_partner(&of_client, asked, &mut known.passed)?;
        scopes(&claims, route)?;
        if !route.scopes.is_empty() {
            known.passed.add(Check::Scope);
        }
        partner = Some(of_client);
    }
    if route.api_key == KeyRule::Required {
        let entry = key::check(snapshot, found, asked.headers, now.at)?;
        known.key = Some(Arc::clone(&entry));
        known.partner.get_or_insert_with(|| Arc::clone(&entry.partner));
        match &partner {
            Some(of_client) if of_client.name != entry.partner.name => {
                return Err(Denial::KeyOfOther);
            }
            Some(_) => {}
            None => of_partner(&entry.partner, asked, &mut known.passed)?,
        }
        known.passed.add(Check::Key);
        partner = Some(Arc::clone(&entry.partner));
    }
    if let Some(partner) = &partner {
        if partner.status == Status::Suspended {
            return Err(Denial::PartnerSuspended);
        }
        known.passed.add(Check::Partner);
    }
    Ok(())
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
