//! The plan: rate and burst in memory, quota in durable leases.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jwt::AccessToken;
use limit::{Bucket, Limit, Period, Taken, Window};
use model::{Name, Timestamp, UsagePlan};
use parking_lot::Mutex;
use store::{Debited, Leased, NotDebited, Store, StoreError};
use tokio_util::task::TaskTracker;

use crate::checks::{Admitted, Now};
use crate::denial::Denial;
use crate::memory::Caller;
use crate::record::Check;
use crate::routes::Found;
use crate::snapshot::KeyEntry;

/// The proof that a request may be forwarded. Only [`Rated::debit`] makes it.
pub(crate) struct Admission {
    admitted: Admitted,
    limits: Option<Limits>,
    /// The period whose quota was debited.
    debited: Option<Window>,
}

impl Admission {
    pub(crate) fn token(&self) -> Option<&AccessToken> {
        self.admitted.token()
    }

    pub(crate) fn key(&self) -> Option<&KeyEntry> {
        self.admitted.key()
    }

    pub(crate) fn partner(&self) -> Option<&Name> {
        self.admitted.partner().map(|partner| &partner.name)
    }

    pub(crate) fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// What is left of the plan.
    pub(crate) fn limits(&self) -> Option<Limits> {
        self.limits.clone()
    }

    /// Gives the quota back: the request was refused after all, for a body that turned out too
    /// large. The rate is not given back, or such bodies could be sent at any speed.
    pub(crate) fn refund(&self) {
        if let (Some(key), Some(window)) = (self.key(), self.debited) {
            key.meter.quota.refund(window);
        }
    }

    /// Adds the `RateLimit` fields; to be called once.
    pub(crate) fn add_limits(&mut self, headers: &mut HeaderMap) {
        if let Some(limits) = self.limits.take() {
            limits.add_to(headers);
        }
    }
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// What the `RateLimit-Policy` and `RateLimit` fields say (IETF draft 11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    policy: HeaderValue,
    state: HeaderValue,
}

impl Limits {
    pub(crate) fn add_to(self, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.policy);
        headers.insert(STATE, self.state);
    }
}

/// One of the requests that a partner may have under way at once; free again when dropped.
pub(crate) struct Slot(Arc<AtomicU32>);

impl Slot {
    /// Takes one, if there are fewer than `most`; else says how it stands.
    fn take(count: &Arc<AtomicU32>, most: u32) -> (Self, bool) {
        let before = count.fetch_add(1, Ordering::Relaxed);
        (Self(Arc::clone(count)), before < most)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The counters of one API key; they outlive snapshots.
pub struct Meter {
    bucket: Bucket,
    /// Those of single routes that have rates of their own.
    routes: Mutex<BTreeMap<(Name, String), Arc<Bucket>>>,
    quota: Leased,
}

/// What counts a rate.
enum Counted<'a> {
    Key(&'a Bucket),
    Route(Arc<Bucket>),
}

impl std::ops::Deref for Counted<'_> {
    type Target = Bucket;

    fn deref(&self) -> &Bucket {
        match self {
            Self::Key(bucket) => bucket,
            Self::Route(bucket) => bucket,
        }
    }
}

impl Meter {
    /// A full bucket and no lease, for the key of that name.
    pub fn new(name: String) -> Self {
        Self { bucket: Bucket::new(), routes: Mutex::default(), quota: Leased::new(name) }
    }

    /// Gives the rest of the lease back to the store, at an orderly end.
    pub async fn give_back(&self, store: &dyn Store) -> Result<(), StoreError> {
        self.quota.give_back(store).await
    }

    /// The rate that holds on a route, and what counts it.
    fn rate_of(&self, plan: &UsagePlan, found: &Found) -> Option<(Limit, Counted<'_>)> {
        if !plan.routes.is_empty() {
            let (api, key) = (&found.api.api.name, found.key());
            let own = plan.routes.iter().find(|own| own.api == *api && own.route == key);
            if let Some(own) = own {
                let place = (own.api.clone(), own.route.clone());
                let bucket = Arc::clone(self.routes.lock().entry(place).or_default());
                return Some((own.limit, Counted::Route(bucket)));
            }
        }
        Some((plan.rate?, Counted::Key(&self.bucket)))
    }
}

/// An admitted request whose rate is counted, and its quota not yet.
pub(crate) struct Rated {
    admitted: Admitted,
    counted: Option<(Limit, Taken)>,
    slot: Option<Slot>,
}

/// Counts the rate of the request's key, then how many are under way. The quota comes last
/// ([`Rated::debit`]), so that a request that is refused or answered in between costs none. `fault`
/// is what is known to be wrong with the request's size: it comes after the plan in the order of
/// checks, and before a durable debit.
pub(crate) fn rate(
    mut admitted: Admitted,
    found: &Found,
    fault: Option<Denial>,
    now: Now,
) -> Result<Rated, Denial> {
    let caller = admitted.caller.clone();
    let Some(entry) = caller.as_ref().and_then(|caller| caller.key.as_deref()) else {
        fault.map_or_else(|| all_callers(found, now), Err)?;
        return Ok(Rated { admitted, counted: None, slot: None });
    };
    let Some(plan) = entry.plan.as_deref() else {
        return Err(Denial::KeyWithoutPlan { id: entry.id.clone() });
    };
    let rate = entry.meter.rate_of(plan, found);
    let taken = rate.as_ref().map(|(limit, bucket)| take(plan, *limit, bucket, now));
    let has_permit = matches!(taken, Some(Ok(_)));
    let taken = match taken {
        None => None,
        Some(Ok(taken)) => {
            admitted.passed.add(Check::Rate);
            Some(taken)
        }
        Some(Err(denial)) => {
            observe(plan, &mut admitted, denial)?;
            Some(Taken { remaining: 0 })
        }
    };
    let counted = rate.as_ref().map(|(limit, _)| *limit).zip(taken);
    let slot = concurrency(plan, &mut admitted, counted, now)?;
    // What the plan refuses does not reach the service, so it costs the others nothing of the bound
    // for all callers.
    let is_asked = fault.is_some() || found.api.api.limit.is_some();
    let goes_on = is_asked && (plan.observe || !is_spent(entry, plan, now.at));
    let refused = goes_on.then(|| fault.or_else(|| all_callers(found, now).err())).flatten();
    if let Some(denial) = refused {
        if let Some((limit, bucket)) = rate.as_ref().filter(|_| has_permit) {
            bucket.give_back(*limit);
        }
        return Err(denial);
    }
    Ok(Rated { admitted, counted, slot })
}

impl Rated {
    pub(crate) fn admitted(&self) -> &Admitted {
        &self.admitted
    }

    /// What is left of the rate; of the quota nothing is said, for nothing is taken of it.
    pub(crate) fn limits(&self, now: Timestamp) -> Option<Limits> {
        let plan = self.admitted.key()?.plan.as_deref()?;
        limits(plan, self.admitted.caller.as_deref(), (self.counted, None), now)
    }

    /// Debits the quota. Gives the request's place among those of its partner too. What goes on beside
    /// the request runs in `tasks`.
    pub(crate) async fn debit(
        self,
        store: &Arc<dyn Store>,
        tasks: &TaskTracker,
        now: Timestamp,
    ) -> Result<(Admission, Option<Slot>), Denial> {
        let Self { mut admitted, counted, slot } = self;
        let caller = admitted.caller.clone();
        let entry = caller.as_ref().and_then(|caller| caller.key.as_deref());
        let Some((entry, plan)) = entry.and_then(|entry| Some((entry, entry.plan.as_deref()?)))
        else {
            return Ok((Admission { admitted, limits: None, debited: None }, slot));
        };
        let Some(quota) = plan.quota else {
            let limits = limits(plan, caller.as_deref(), (counted, None), now);
            return Ok((Admission { admitted, limits, debited: None }, slot));
        };
        let meter = &entry.meter;
        let counted_over = (quota, || quota.window(now.ms()));
        match meter.quota.debit(counted_over, store, |errand| drop(tasks.spawn(errand)), now).await
        {
            Ok(Debited { left, window }) => {
                admitted.passed.add(Check::Quota);
                let limits = limits(plan, caller.as_deref(), (counted, Some((left, window))), now);
                Ok((Admission { admitted, limits, debited: Some(window) }, slot))
            }
            Err(NotDebited::Spent(window)) => {
                let until = Timestamp::from_ms(window.end_ms);
                let limits = limits(plan, caller.as_deref(), (counted, Some((0, window))), now);
                let wait = Duration::from_millis(until.since_ms(now).unsigned_abs());
                let (name, told) = (plan.name.clone(), limits.clone().map(Box::new));
                let denial = Denial::QuotaExceeded { plan: name, quota, until, wait, limits: told };
                observe(plan, &mut admitted, denial)?;
                Ok((Admission { admitted, limits, debited: None }, slot))
            }
            Err(NotDebited::Store(error)) => {
                Err(Denial::StoreUnavailable { reason: error.to_string() })
            }
        }
    }
}

/// Whether it is known that the period's quota is spent.
fn is_spent(entry: &KeyEntry, plan: &UsagePlan, now: Timestamp) -> bool {
    plan.quota.is_some_and(|quota| entry.meter.quota.is_spent(quota, now))
}

/// The bound that protects the service from all callers together.
fn all_callers(found: &Found, now: Now) -> Result<(), Denial> {
    let Some(limit) = found.api.api.limit else { return Ok(()) };
    let taken = found.api.bucket.take(limit, now.ticks_ns);
    taken.map(drop).map_err(|wait| Denial::ApiRateExceeded { wait })
}

/// A plan that only observes tells of a refusal and makes none.
fn observe(plan: &UsagePlan, admitted: &mut Admitted, denial: Denial) -> Result<(), Denial> {
    if !plan.observe {
        return Err(denial);
    }
    admitted.observed.get_or_insert(denial.code());
    Ok(())
}

/// How many of the partner's requests may be under way at once.
fn concurrency(
    plan: &UsagePlan,
    admitted: &mut Admitted,
    counted: Option<(Limit, Taken)>,
    now: Now,
) -> Result<Option<Slot>, Denial> {
    let (Some(most), Some(partner)) = (plan.concurrency, admitted.partner()) else {
        return Ok(None);
    };
    let (slot, fits) = Slot::take(&partner.under_way, most);
    if fits {
        admitted.passed.add(Check::Concurrency);
    } else {
        let limits = limits(plan, None, (counted, None), now.at).map(Box::new);
        let denial = Denial::ConcurrencyExceeded { plan: plan.name.clone(), most, limits };
        observe(plan, admitted, denial)?;
    }
    Ok(Some(slot))
}

fn take(plan: &UsagePlan, limit: Limit, bucket: &Bucket, now: Now) -> Result<Taken, Denial> {
    bucket.take(limit, now.ticks_ns).map_err(|wait| {
        let counted = Some((limit, Taken { remaining: 0 }));
        let limits = limits(plan, None, (counted, None), now.at).map(Box::new);
        Denial::RateExceeded { plan: plan.name.clone(), limit, wait, limits }
    })
}

/// What a plan says to a caller, as it was written last: of that, only what is left changes from request
/// to request, but for a route with a rate of its own and a new period.
#[derive(Default)]
pub(crate) struct Policy(Mutex<Option<(Stated, Wording)>>);

/// What is left: of the rate, and of the quota's period.
type Counts = (Option<(Limit, Taken)>, Option<(u64, Window)>);

/// What the policy says: the rate, and the quota's period from when to when.
type Stated = (Option<Limit>, Option<(i64, i64)>);

impl Policy {
    /// Both fields, in the wording that there is for this, or in one that is made.
    fn limits(&self, plan: &UsagePlan, counts: Counts, now: Timestamp) -> Option<Limits> {
        let (counted, quota) = counts;
        let period = quota.map(|(_, window)| (window.start_ms, window.end_ms));
        let stated = (counted.map(|(limit, _)| limit), period);
        let mut last = self.0.lock();
        if let Some((of, wording)) = &*last
            && *of == stated
        {
            return wording.limits(counts, now);
        }
        let wording = Wording::of(plan, counts)?;
        let limits = wording.limits(counts, now);
        *last = Some((stated, wording));
        limits
    }
}

/// The two fields but for what is left.
struct Wording {
    policy: HeaderValue,
    /// What stands before what is left of the rate, and behind it up to what is left of the quota.
    first: Vec<u8>,
    then: Vec<u8>,
}

impl Wording {
    fn of(plan: &UsagePlan, (counted, quota): Counts) -> Option<Self> {
        let mut policy = Items::default();
        let (mut first, mut then) = (String::new(), String::new());
        if let Some((limit, _)) = counted {
            let window = u64::from(limit.rate().window_seconds());
            policy.add((&plan.name, ""), (";q=", limit.rate().count().into()), (";w=", window));
            first = format!("\"{}\";r=", plan.name);
            then = format!(";t={window}");
        }
        if let (Some(quota), Some((_, window))) = (plan.quota, quota) {
            let period = match quota.period() {
                Period::Day => "-day",
                Period::Week => "-week",
                Period::Month => "-month",
            };
            let seconds = whole_seconds(window.end_ms - window.start_ms);
            policy.add((&plan.name, period), (";q=", quota.limit()), (";w=", seconds));
            let comma = if then.is_empty() { "" } else { ", " };
            then = format!("{then}{comma}\"{}{period}\";r=", plan.name);
        }
        let policy = policy.into_value()?;
        Some(Self { policy, first: first.into_bytes(), then: then.into_bytes() })
    }

    fn limits(&self, (counted, quota): Counts, now: Timestamp) -> Option<Limits> {
        let mut state = Items(Vec::with_capacity(self.first.len() + self.then.len() + 64));
        state.0.extend_from_slice(&self.first);
        if let Some((_, taken)) = counted {
            state.push_number(taken.remaining.into());
        }
        state.0.extend_from_slice(&self.then);
        if let Some((left, window)) = quota {
            state.push_number(left);
            state.0.extend_from_slice(b";t=");
            state.push_number(whole_seconds(window.end_ms - now.ms()));
        }
        Some(Limits { policy: self.policy.clone(), state: state.into_value()? })
    }
}

fn whole_seconds(ms: i64) -> u64 {
    u64::try_from(ms / 1000).unwrap_or(0)
}

fn limits(
    plan: &UsagePlan,
    caller: Option<&Caller>,
    counts: Counts,
    now: Timestamp,
) -> Option<Limits> {
    match caller {
        Some(caller) => caller.policy.limits(plan, counts, now),
        None => Wording::of(plan, counts)?.limits(counts, now),
    }
}

/// The items of a `RateLimit` field, written by hand: every answer has some.
#[derive(Default)]
struct Items(Vec<u8>);

impl Items {
    fn add(&mut self, (name, suffix): (&str, &str), one: (&str, u64), other: (&str, u64)) {
        self.0.reserve(name.len() + 64);
        let first: &[u8] = if self.0.is_empty() { b"\"" } else { b", \"" };
        self.0.extend_from_slice(first);
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(suffix.as_bytes());
        self.0.push(b'"');
        for (parameter, number) in [one, other] {
            self.0.extend_from_slice(parameter.as_bytes());
            self.push_number(number);
        }
    }

    #[inline(never)]
    fn push_number(&mut self, number: u64) {
        let mut digits = [0; 20];
        let (mut at, mut rest) = (digits.len(), number);
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.0.extend_from_slice(&digits[at..]);
    }

    fn into_value(self) -> Option<HeaderValue> {
        if self.0.is_empty() {
            None
        } else {
            HeaderValue::from_maybe_shared(Bytes::from(self.0)).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_name_each_bound_and_what_is_left_of_it() {
        let mut items = Items::default();
        items.add(("external", ""), (";r=", 9), (";t=", 1));
        items.add(("external", "-month"), (";r=", 0), (";t=", 2_592_000));
        let text = r#""external";r=9;t=1, "external-month";r=0;t=2592000"#;
        assert_eq!(items.into_value().unwrap(), text);
        assert_eq!(Items::default().into_value(), None);
        for number in [0, 7, 10, 1_000_000_000_000, u64::MAX] {
            let mut items = Items::default();
            items.push_number(number);
            assert_eq!(items.0, number.to_string().into_bytes());
        }
    }
}
