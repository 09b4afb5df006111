//! Whom a connection's last request was let in as.
//!
//! A partner's program sends the same token and the same key with each request. Where both are the
//! ones of the connection's last request, and nothing has been defined anew since, who they belong to
//! is known: no digest is made, no table is asked, and cores do not meet at what all callers share.
//! Whatever may change without a new snapshot is looked at all the same: times, revocations, where the
//! caller is, what the token is bound to.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use jwt::AccessToken;
use model::{KeyRule, Route, Timestamp, TokenRule};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::checks::plan::Policy;
use crate::routes::Found;
use crate::snapshot::{KeyEntry, PartnerEntry, Snapshot};

/// What is remembered of a connection: at most its last caller.
#[derive(Default)]
pub struct Memory(Mutex<Option<(Shown, Arc<Caller>)>>);

impl listener::Memory for Memory {
    fn rest(&self) {
        drop(self.0.lock().take());
    }
}

/// Who a request was let in as.
#[derive(Default)]
pub(crate) struct Caller {
    pub(crate) token: Option<Arc<AccessToken>>,
    pub(crate) key: Option<Arc<KeyEntry>>,
    pub(crate) partner: Option<Arc<PartnerEntry>>,
    pub(crate) until: Until,
    /// What its plan says in every answer.
    pub(crate) policy: Policy,
}

/// Until when a token is good by what the snapshot says of it: the end of its client, if that has one,
/// and of what was verified, in seconds.
pub(crate) type Until = (Option<Timestamp>, i64);

/// What it showed, and what for.
struct Shown {
    snapshot: u64,
    /// The number of the API's first route, which no other API ever has.
    api: usize,
    authorization: Option<Zeroizing<Box<[u8]>>>,
    key: Option<Zeroizing<Box<[u8]>>>,
}

/// What a route asks of callers.
fn asks(route: &Route) -> (bool, bool) {
    (route.token == TokenRule::Required, route.api_key == KeyRule::Required)
}

impl Memory {
    /// The connection's last caller, if it is this request's too.
    pub(crate) fn recall(
        &self,
        snapshot: &Snapshot,
        found: &Found,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Option<Arc<Caller>> {
        let (token, key) = asks(found.route());
        if !token && !key {
            return None;
        }
        let mut memory = self.0.lock();
        let (shown, last) = memory.as_ref()?;
        let (client_end, token_end_s) = last.until;
        let is_over = shown.snapshot != snapshot.number
            || now.seconds() >= token_end_s
            || client_end.is_some_and(|end| now >= end);
        if is_over {
            *memory = None;
            return None;
        }
        let is_same = shown.api == found.api.number
            && (shown.authorization.is_some(), shown.key.is_some()) == (token, key)
            && is_shown(headers, &AUTHORIZATION, shown.authorization.as_ref())
            && is_shown(headers, &found.api.key_header, shown.key.as_ref());
        is_same.then(|| Arc::clone(last))
    }

    /// Remembers who a request was let in as; a token of another issuer is not remembered, for what
    /// that one says of it may change.
    pub(crate) fn keep(
        &self,
        (snapshot, found): (&Snapshot, &Found),
        headers: &HeaderMap,
        mut caller: Caller,
    ) -> Option<Arc<Caller>> {
        let (token, key) = asks(found.route());
        if !token && !key {
            return None;
        }
        if caller.token.as_ref().is_some_and(|claims| claims.iss != snapshot.issuer) {
            return Some(Arc::new(caller));
        }
        let shown = |name: &HeaderName, is_asked: bool| {
            let value = headers.get(name).filter(|_| is_asked)?;
            Some(Zeroizing::new(Box::from(value.as_bytes())))
        };
        if !token {
            caller.until.1 = i64::MAX;
        }
        let shown = Shown {
            snapshot: snapshot.number,
            api: found.api.number,
            authorization: shown(&AUTHORIZATION, token),
            key: shown(&found.api.key_header, key),
        };
        let caller = Arc::new(caller);
        *self.0.lock() = Some((shown, Arc::clone(&caller)));
        Some(caller)
    }
}

impl Caller {
    /// The token and whose it is.
    pub(crate) fn by_token(&self) -> Option<(&AccessToken, &PartnerEntry)> {
        Some((self.token.as_deref()?, self.partner.as_deref()?))
    }

    /// What is known of it when only the token is, or only the key, or neither: for the log of a
    /// refusal.
    pub(crate) fn known_by(&self, token: bool, key: bool) -> Self {
        Self {
            token: self.token.clone().filter(|_| token),
            key: self.key.clone().filter(|_| key),
            partner: self.partner.clone().filter(|_| token || key),
            ..Self::default()
        }
    }
}

/// Whether a field stands there once, with that value; and whatever stands there where nothing was
/// asked of it. In a time that says nothing of the value: others may speak on the same connection.
fn is_shown(headers: &HeaderMap, name: &HeaderName, shown: Option<&Zeroizing<Box<[u8]>>>) -> bool {
    let Some(shown) = shown else { return true };
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(http::HeaderValue::as_bytes);
    values.next().is_none()
        && first.is_some_and(|first| verify_slices_are_equal(first, shown).is_ok())
}
