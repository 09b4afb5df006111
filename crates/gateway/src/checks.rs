//! The checks, in their order: address, token, scopes, API key, partner, plan.
//!
//! The first refusal answers and later checks do not run. [`admit`] is the only place that makes an
//! [`Admitted`], and [`plan::debit`] the only one that makes an [`Admission`] of it; nothing is
//! forwarded without one.

pub(crate) mod address;
pub(crate) mod key;
pub(crate) mod plan;
pub(crate) mod token;

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Request};
use jwt::AccessToken;
use model::{Clock, KeyRule, Name, Status, Timestamp, TokenRule};

use crate::denial::Denial;
use crate::routes::Found;
use crate::snapshot::{KeyEntry, PartnerEntry, Snapshot};

pub(crate) use plan::Admission;

/// The moment a request is judged at: for people's time, and for rates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) at: Timestamp,
    pub(crate) ticks_ns: u64,
}

impl Now {
    pub(crate) fn of(clock: &dyn Clock) -> Self {
        Self { at: clock.now(), ticks_ns: clock.ticks_ns() }
    }
}

/// What of a request the checks look at.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: &'a str,
    pub(crate) address: IpAddr,
}

impl<'a> Asked<'a> {
    pub(crate) fn new<B>(request: &'a Request<B>, address: IpAddr) -> Self {
        let query = request.uri().query().unwrap_or_default();
        Self { headers: request.headers(), query, address }
    }
}

/// Who was let in, and by what; the quota is not yet debited.
pub(crate) struct Admitted {
    pub(crate) token: Option<Arc<AccessToken>>,
    pub(crate) key: Option<Arc<KeyEntry>>,
    pub(crate) partner: Option<Name>,
    /// The checks that passed, for the access log.
    pub(crate) passed: Vec<&'static str>,
    _proof: Proof,
}

/// Cannot be made outside this module: whoever holds an [`Admitted`] got it from [`admit`].
struct Proof;

impl Admitted {
    fn nobody() -> Self {
        let passed = Vec::with_capacity(8);
        Self { token: None, key: None, partner: None, passed, _proof: Proof }
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
    found: &Found,
    asked: Asked<'_>,
    now: Now,
) -> Result<Admitted, Refused> {
    let mut known = Admitted::nobody();
    match check(snapshot, found, (asked, now), &mut known) {
        Ok(()) => Ok(known),
        Err(denial) => Err(Refused { denial, known: Box::new(known) }),
    }
}

fn check(
    snapshot: &Snapshot,
    found: &Found,
    (asked, now): (Asked<'_>, Now),
    known: &mut Admitted,
) -> Result<(), Denial> {
    let (api, route) = (&found.api.api, found.route());
    let passed = &mut known.passed;
    passed.push("route");
    if !api.allow_ips.is_empty() {
        address::check(&api.allow_ips, asked.address)?;
        passed.push("address");
    }
    let mut partner: Option<Arc<PartnerEntry>> = None;
    if route.token == TokenRule::Required {
        let (claims, of_client) = token::check(snapshot, api, asked, now)?;
        passed.push("token");
        known.partner = Some(of_client.name.clone());
        known.token = Some(Arc::clone(&claims));
        address_of(&of_client, asked, passed)?;
        if !route.scopes.is_empty() {
            // API Gateway: one of the route's scopes suffices.
            if !route.scopes.iter().any(|scope| claims.has_scope(scope)) {
                return Err(Denial::ScopeMissing { needed: route.scopes.clone() });
            }
            passed.push("scope");
        }
        partner = Some(of_client);
    }
    if route.api_key == KeyRule::Required {
        let entry = key::check(snapshot, asked.headers, now.at)?;
        known.key = Some(Arc::clone(&entry));
        known.partner.get_or_insert_with(|| entry.partner.name.clone());
        match &partner {
            Some(of_client) if of_client.name != entry.partner.name => {
                return Err(Denial::KeyOfOther);
            }
            Some(_) => {}
            None => address_of(&entry.partner, asked, passed)?,
        }
        passed.push("key");
        partner = Some(Arc::clone(&entry.partner));
    }
    if let Some(partner) = &partner {
        if partner.status == Status::Suspended {
            return Err(Denial::PartnerSuspended);
        }
        passed.push("partner");
    }
    Ok(())
}

/// A partner's own list is looked at as soon as it is known who asks.
fn address_of(
    partner: &PartnerEntry,
    asked: Asked<'_>,
    passed: &mut Vec<&'static str>,
) -> Result<(), Denial> {
    if partner.allow_ips.is_empty() {
        return Ok(());
    }
    address::check(&partner.allow_ips, asked.address)?;
    if !passed.contains(&"address") {
        passed.push("address");
    }
    Ok(())
}
