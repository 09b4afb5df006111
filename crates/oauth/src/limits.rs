//! Bounds of token requests: rates per client and per address, quotas, and what becomes of whoever
//! offers wrong credentials over and over.
//!
//! Nobody can lock a partner out. A client's rate and quota are counted once it has proved who it is,
//! so that nobody else can spend them. Wrong credentials are counted per address and per address and
//! client; whoever has sent too many gets 429 in place of 401 for the next wrong ones. **A right
//! secret is let in at once all the same**, also from such an address: partners share addresses with
//! others and with their own machines that still have an old secret, and a bound that refuses right
//! secrets would be a switch that any of these can throw. It costs no safety: secrets have 256 random
//! bits, imported ones at least 24 characters, so no rate of guessing finds one, and to look at a
//! secret costs a digest, to look at a certificate a comparison. What is damped is the flood: its
//! answers say when to come again, and its entries in the audit are added up. What a single address
//! may cost us at all is `address_rate`, which comes before anything is looked at.
//!
//! A signed assertion is dearer to look at, and so is a subject token. Where so many were bad that the
//! address, or the address and client, is damped, the next are refused **unverified**, but for a
//! client that has proven itself in this way within a day, from wherever; and of any other client two
//! a second are verified at each address, whatever is sent there in other names
//! ([`Limits::may_verify`]). So a stranger gets in within a second or two while an attack goes on, and
//! only who uses its very name from its very address can slow it.
//!
//! What is remembered has a bound. Where that is reached, what is as good as forgotten goes first, and
//! then everything: a bound that is forgotten refuses nobody.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use limit::{Bucket, Limit, Taken};
use model::{Client, Name, Timestamp, TokenSettings};
use parking_lot::Mutex;
use store::{Store, StoreError};

use crate::damping::{Failures, Proven, Shares, damped};
use crate::error::Refusal;
use crate::fields::{Bound, Fields};
use crate::quota::{Leased, Left, NotDebited};

/// Addresses, and pairs of an address and a client, that are remembered of each kind.
pub(crate) const KEPT_MAX: usize = 8192;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What is counted of token requests, from the start of the program to its end.
#[derive(Default)]
pub struct Limits {
    /// Those that have proved who they are; never more than there were clients since the start.
    clients: Mutex<BTreeMap<Name, Arc<Meter>>>,
    addresses: Buckets<IpAddr>,
    /// Wrong credentials of any kind.
    wrong: Failures,
    /// Of these, assertions and tokens that were verified in vain.
    in_vain: Failures,
    shares: Shares,
    proven: Proven,
}

/// The counters of a client.
struct Meter {
    tokens: Bucket,
    /// Requests for something else than a token.
    requests: Bucket,
    hour: Leased,
    day: Leased,
}

/// What is said of bounds in an answer and in the log.
#[derive(Default)]
pub(crate) struct Told {
    /// The bounds that were looked at.
    pub(crate) fields: Fields,
    /// What would have refused the request, if it did more than observe.
    pub(crate) observed: Option<&'static str>,
}

/// A request beyond a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limited {
    /// The bound, in a word.
    pub(crate) reason: &'static str,
    /// What to do.
    pub(crate) description: String,
    /// How long until there is room.
    pub(crate) wait: Duration,
}

/// What a client's rate bounds, each apart.
#[derive(Debug, Clone, Copy)]
enum Rated {
    Tokens,
    /// To revoke and to introspect.
    Requests,
}

impl Told {
    /// Tells of a rate that was looked at; gives how long until there is a permit, if there is none.
    fn take(
        &mut self,
        name: &'static str,
        limit: Limit,
        taken: Result<Taken, Duration>,
    ) -> Result<(), Duration> {
        let left = taken.map_or(0, |taken| taken.remaining);
        self.fields.add(rate(name, limit, left.into()));
        taken?;
        Ok(())
    }

    /// Refuses, or only notes that it would.
    fn refuse(&mut self, settings: &TokenSettings, limited: Limited) -> Result<(), Refusal> {
        if settings.observe {
            self.observed.get_or_insert(limited.reason);
            return Ok(());
        }
        Err(Refusal::Limited(Box::new(limited)))
    }
}

impl Limits {
    /// Counts a request from an address, whoever it is of.
    pub(crate) fn address(
        &self,
        settings: &TokenSettings,
        address: IpAddr,
        ticks_ns: u64,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        let Some(limit) = settings.address_rate else { return Ok(()) };
        let Err(wait) = self.addresses.take(group(address), limit, ticks_ns) else { return Ok(()) };
        told.fields.add(rate("address", limit, 0));
        let (rate, burst) = (limit.rate(), limit.burst());
        let description = format!(
            "More requests come from this address than {rate}, {burst} at once. Keep a token until \
             shortly before its end, and share it."
        );
        told.refuse(settings, Limited { reason: "address-rate", description, wait })
    }

    /// What a refused client is answered with. Wrong credentials are counted; clients that exist and
    /// those that do not are treated alike. Every other refusal stays what it is.
    pub(crate) fn failed(
        &self,
        refusal: Refusal,
        (address, claimed): (IpAddr, &str),
        ticks_ns: u64,
    ) -> Refusal {
        if !refusal.is_of_wrong_credentials() {
            return refusal;
        }
        match self.wrong.count(address, claimed, ticks_ns) {
            None => refusal,
            Some(wait) => damped(&refusal, wait),
        }
    }

    /// Lets the signature of somebody who claims to be a client be verified, once; an `Err` says how
    /// long not. Asked before it is known whether there is such a client.
    ///
    /// As with secrets, nobody locks a client out that has proven itself. What is bad in its name
    /// costs us what `address_rate` lets through.
    pub(crate) fn may_verify(
        &self,
        (address, claimed): (IpAddr, &str),
        ticks_ns: u64,
    ) -> Result<(), Duration> {
        if self.is_open((address, claimed), ticks_ns) {
            return Ok(());
        }
        self.shares.take(address, claimed, ticks_ns)
    }

    /// Whether [`Self::may_verify`] would let it, taking nothing.
    pub(crate) fn would_verify(&self, (address, claimed): (IpAddr, &str), ticks_ns: u64) -> bool {
        self.is_open((address, claimed), ticks_ns) || self.shares.has(address, claimed, ticks_ns)
    }

    fn is_open(&self, (address, claimed): (IpAddr, &str), ticks_ns: u64) -> bool {
        self.in_vain.wait(address, claimed, ticks_ns).is_none()
            || self.proven.knows(claimed, ticks_ns)
    }

    /// An assertion or a token was looked at, and is not the client's or was used before; or there is
    /// no such client.
    pub(crate) fn verified_in_vain(&self, (address, claimed): (IpAddr, &str), ticks_ns: u64) {
        // Beyond the bound it is a client that has proven itself, or a share of one that has not, and
        // others there do not pay for it.
        if self.in_vain.wait(address, claimed, ticks_ns).is_none() {
            self.in_vain.count(address, claimed, ticks_ns);
        }
    }

    /// What is answered where nothing was verified ([`Self::may_verify`]): it counts as wrong
    /// credentials do, and says to wait as long as after those.
    pub(crate) fn unverified(
        &self,
        refusal: &Refusal,
        (address, claimed): (IpAddr, &str),
        wait: Duration,
        ticks_ns: u64,
    ) -> Refusal {
        damped(refusal, self.wrong.count(address, claimed, ticks_ns).unwrap_or(wait))
    }

    /// A client has proven itself by its signature, or by a token of its workload.
    pub(crate) fn proven(&self, client: &str, ticks_ns: u64) {
        self.proven.note(client, ticks_ns);
    }

    /// Counts a request for a token, of a client that has proved who it is.
    pub(crate) fn client(
        &self,
        settings: &TokenSettings,
        client: &Client,
        ticks_ns: u64,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        self.rated(settings, (client, Rated::Tokens), ticks_ns, told)
    }

    /// Counts a request to revoke or introspect: the rate is the same, and counted apart, so that
    /// neither costs the other anything.
    pub(crate) fn request(
        &self,
        settings: &TokenSettings,
        client: &Client,
        ticks_ns: u64,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        self.rated(settings, (client, Rated::Requests), ticks_ns, told)
    }

    fn rated(
        &self,
        settings: &TokenSettings,
        (client, rated): (&Client, Rated),
        ticks_ns: u64,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        let Some(limit) = client.tokens.rate.or(settings.rate) else { return Ok(()) };
        let meter = self.meter(&client.id);
        let (name, bucket, does, instead) = match rated {
            Rated::Tokens => (
                "tokens",
                &meter.tokens,
                "asks for tokens",
                "Keep a token until shortly before its end, and share it.",
            ),
            Rated::Requests => (
                "requests",
                &meter.requests,
                "revokes and introspects tokens",
                "Wait as long as Retry-After says, or have its token_rate raised.",
            ),
        };
        let Err(wait) = told.take(name, limit, bucket.take(limit, ticks_ns)) else { return Ok(()) };
        let (rate, burst) = (limit.rate(), limit.burst());
        let description =
            format!("This client {does} more often than {rate}, {burst} at once. {instead}");
        told.refuse(settings, Limited { reason: "client-rate", description, wait })
    }

    /// Debits a token of the client's quotas, or of none of them.
    pub(crate) async fn quota(
        &self,
        (settings, client): (&TokenSettings, &Client),
        store: &dyn Store,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        let quota = client.tokens.quota.or(settings.quota);
        if quota.hour.is_none() && quota.day.is_none() {
            return Ok(());
        }
        let meter = self.meter(&client.id);
        let mut hour = None;
        if let Some(most) = quota.hour {
            let debited = meter.hour.debit(most, store, now).await;
            hour = debited.as_ref().ok().map(|left| left.window);
            outcome(debited, (most, &HOUR), (settings, now), told)?;
        }
        if let Some(most) = quota.day {
            let debited = meter.day.debit(most, store, now).await;
            let allowed = outcome(debited, (most, &DAY), (settings, now), told);
            if let (Err(_), Some(window)) = (&allowed, hour) {
                meter.hour.refund(window);
            }
            allowed?;
        }
        Ok(())
    }

    /// Gives unspent leases back to the store, at an orderly end; of several errors the last.
    pub async fn give_back(&self, store: &dyn Store) -> Result<(), StoreError> {
        let meters: Vec<_> = self.clients.lock().values().cloned().collect();
        let mut outcome = Ok(());
        for meter in meters {
            for quota in [&meter.hour, &meter.day] {
                if let Err(error) = quota.give_back(store).await {
                    outcome = Err(error);
                }
            }
        }
        outcome
    }

    fn meter(&self, client: &Name) -> Arc<Meter> {
        let mut clients = self.clients.lock();
        if let Some(known) = clients.get(client) {
            return Arc::clone(known);
        }
        let meter = Arc::new(Meter {
            tokens: Bucket::new(),
            requests: Bucket::new(),
            hour: Leased::new(client, "hour", HOUR_MS),
            day: Leased::new(client, "day", DAY_MS),
        });
        clients.insert(client.clone(), Arc::clone(&meter));
        meter
    }
}

/// How a period is spoken of.
struct Spoken {
    name: &'static str,
    reason: &'static str,
    period: &'static str,
    seconds: u64,
}

const HOUR: Spoken =
    Spoken { name: "tokens-hour", reason: "hour-quota", period: "hour", seconds: 3600 };
const DAY: Spoken =
    Spoken { name: "tokens-day", reason: "day-quota", period: "day", seconds: 86_400 };

/// What a debit means for the request.
fn outcome(
    debited: Result<Left, NotDebited>,
    (most, spoken): (u64, &Spoken),
    (settings, now): (&TokenSettings, Timestamp),
    told: &mut Told,
) -> Result<(), Refusal> {
    let (left, window, is_spent) = match debited {
        Ok(Left { left, window }) => (left, window, false),
        Err(NotDebited::Spent(window)) => (0, window, true),
        Err(NotDebited::Store(error)) => {
            tracing::error!(%error, "a quota of tokens cannot be read");
            return if settings.observe { Ok(()) } else { Err(Refusal::Unavailable) };
        }
    };
    let until_ms = window.end_ms.saturating_sub(now.ms()).max(0).unsigned_abs();
    let (name, window_s) = (spoken.name, spoken.seconds);
    told.fields.add(Bound { name, most, window_s, left, until_s: until_ms / 1000 });
    if !is_spent {
        return Ok(());
    }
    let (period, end) = (spoken.period, Timestamp::from_ms(window.end_ms).to_seconds_text());
    let description = format!(
        "This client has got its {most} tokens of this {period}; there are more from {end} on. \
         Keep a token until shortly before its end, and share it."
    );
    let wait = Duration::from_millis(until_ms);
    told.refuse(settings, Limited { reason: spoken.reason, description, wait })
}

fn rate(name: &'static str, limit: Limit, left: u64) -> Bound {
    let window_s = u64::from(limit.rate().window_seconds());
    Bound { name, most: limit.rate().count().into(), window_s, left, until_s: window_s }
}

/// Whoever has an IPv6 address has its whole /64.
pub(crate) fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A bucket for each of some keys, of which so many are remembered.
pub(crate) struct Buckets<K>(pub(crate) Mutex<HashMap<K, Bucket>>);

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn take(&self, key: K, limit: Limit, ticks_ns: u64) -> Result<Taken, Duration> {
        let mut buckets = self.0.lock();
        if buckets.len() >= KEPT_MAX && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| !bucket.is_full(ticks_ns));
            if buckets.len() >= KEPT_MAX {
                buckets.clear();
            }
        }
        buckets.entry(key).or_default().take(limit, ticks_ns)
    }

    /// How long until there is a permit; what is not remembered has all of them.
    pub(crate) fn wait(&self, key: &K, limit: Limit, ticks_ns: u64) -> Duration {
        let buckets = self.0.lock();
        buckets.get(key).map_or(Duration::ZERO, |bucket| bucket.wait(limit, ticks_ns))
    }
}

#[cfg(test)]
mod tests {
    use jwt::{AssertionFault, Fault};
    use limit::Rate;
    use model::{ClientTokens, TokenQuota};
    use testkit::MemStore;

    use super::*;
    use crate::exchange::{Unexchanged, WorkloadFault};

    const SECOND: u64 = 1_000_000_000;
    const NOW: u64 = 5 * SECOND;

    fn client(id: &str, tokens: ClientTokens) -> Client {
        let client = Client::new(Name::new(id).unwrap(), Name::new("cars").unwrap());
        Client { scopes: vec!["tires/create.order".to_owned()], tokens, ..client }
    }

    fn settings(rate: Option<u32>, observe: bool) -> TokenSettings {
        let rate = rate.map(|count| Limit::new(Rate::per_second(count), 2));
        TokenSettings { rate, address_rate: rate, observe, ..TokenSettings::default() }
    }

    fn reason(outcome: Result<(), Refusal>) -> Option<&'static str> {
        match outcome {
            Ok(()) => None,
            Err(Refusal::Limited(limited)) => Some(limited.reason),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_has_its_rate_and_another_its_own() {
        let limits = Limits::default();
        let wide = Some(Limit::new(Rate::per_second(100), 50));
        let own = client("wide", ClientTokens { rate: wide, ..ClientTokens::default() });
        let (a, b) = (client("a", ClientTokens::default()), client("b", ClientTokens::default()));
        let ask = |client: &Client, ticks_ns| {
            let mut told = Told::default();
            reason(limits.client(&settings(Some(1), false), client, ticks_ns, &mut told))
        };
        assert_eq!([ask(&a, NOW), ask(&a, NOW), ask(&a, NOW)], [None, None, Some("client-rate")]);
        assert_eq!((ask(&b, NOW), ask(&a, NOW + SECOND)), (None, None));
        assert!((0..50).all(|_| ask(&own, NOW).is_none()) && ask(&own, NOW).is_some());
    }

    #[test]
    fn what_only_observes_refuses_nobody_and_tells_of_it() {
        let limits = Limits::default();
        let client = client("a", ClientTokens::default());
        for (number, observed) in [(1, None), (2, None), (3, Some("client-rate"))] {
            let mut told = Told::default();
            let asked = limits.client(&settings(Some(1), true), &client, NOW, &mut told);
            assert_eq!((reason(asked), told.observed), (None, observed), "{number}");
        }
        // Without a rate nothing is looked at.
        let mut told = Told::default();
        assert!(limits.client(&settings(None, false), &client, NOW, &mut told).is_ok());
        assert_eq!(told.fields, Fields::default());
    }

    #[test]
    fn an_address_has_its_rate_and_an_ipv6_network_is_one() {
        let limits = Limits::default();
        let ask = |text: &str| {
            let mut told = Told::default();
            reason(limits.address(&settings(Some(1), false), address(text), NOW, &mut told))
        };
        assert_eq!([ask("2001:db8::1"), ask("2001:db8::2")], [None, None]);
        assert_eq!(ask("2001:db8::3"), Some("address-rate"));
        assert_eq!([ask("2001:db8:0:1::1"), ask("192.0.2.1")], [None, None]);
    }

    #[test]
    fn wrong_credentials_are_damped_where_they_come_from_and_for_the_client_they_name() {
        let limits = Limits::default();
        let is_damped = |text: &str, claimed: &str| {
            limits.failed(Refusal::Client, (address(text), claimed), NOW) != Refusal::Client
        };
        assert!((0..20).all(|_| !is_damped("192.0.2.1", "a")) && is_damped("192.0.2.1", "a"));
        // Another client there, and the same from elsewhere, are not.
        assert!(!is_damped("192.0.2.1", "b") && !is_damped("192.0.2.2", "a"));
        // With ever other names, the address is.
        assert!((0..78).all(|number| !is_damped("192.0.2.1", &format!("c{number}"))));
        assert!(is_damped("192.0.2.1", "d") && !is_damped("192.0.2.2", "d"));
        let here = (address("192.0.2.1"), "a");
        assert_eq!(limits.failed(Refusal::Client, here, NOW + 4 * SECOND), Refusal::Client);
    }

    #[test]
    fn whatever_a_client_fails_to_prove_itself_with_is_damped_and_says_what_is_wrong() {
        let check = |refusal: Refusal, is_counted: bool| {
            let limits = Limits::default();
            let here = (address("192.0.2.1"), "a");
            for _ in 0..20 {
                assert_eq!(limits.failed(refusal.clone(), here, NOW), refusal);
            }
            match limits.failed(refusal.clone(), here, NOW) {
                Refusal::Limited(limited) => {
                    assert!(is_counted, "{refusal:?}");
                    assert!(limited.description.starts_with(&refusal.description()), "{refusal:?}");
                    assert_eq!((limited.reason, limited.wait), ("damped", Duration::from_secs(2)));
                }
                other => assert!(!is_counted && other == refusal, "{other:?}"),
            }
        };
        for refusal in [
            Refusal::Client,
            Refusal::Assertion(AssertionFault::Audience),
            Refusal::Assertion(AssertionFault::Expired),
            Refusal::AssertionUnproven,
            Refusal::AssertionReused,
            Refusal::Certificate,
            Refusal::Exchange(Unexchanged::Subject(WorkloadFault::Token(Fault::Signature))),
            Refusal::Exchange(Unexchanged::Nobody),
        ] {
            check(refusal, true);
        }
        for refusal in [
            Refusal::ClientMissing,
            Refusal::Suspended,
            Refusal::Malformed("x"),
            Refusal::Exchange(Unexchanged::Subject(WorkloadFault::NoKeys)),
            Refusal::Exchange(Unexchanged::Several),
        ] {
            check(refusal, false);
        }
    }

    #[test]
    fn after_many_in_vain_each_client_has_a_share_and_who_has_proven_itself_is_verified() {
        let limits = Limits::default();
        let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
        let thrice = |from| [0; 3].map(|_| limits.may_verify(from, NOW).is_ok());
        for _ in 0..20 {
            assert_eq!(limits.may_verify((here, "a"), NOW), Ok(()));
            limits.verified_in_vain((here, "a"), NOW);
        }
        assert!(limits.would_verify((here, "a"), NOW));
        assert_eq!(thrice((here, "a")), [true, true, false]);
        assert!(!limits.would_verify((here, "a"), NOW));
        let soon = Duration::from_millis(500);
        assert_eq!(limits.may_verify((here, "a"), NOW), Err(soon));
        assert_eq!(limits.may_verify((here, "a"), NOW + SECOND / 2), Ok(()));
        // Another client there, and the same from elsewhere, are verified.
        assert_eq!(thrice((here, "b")), [true; 3]);
        assert_eq!(thrice((there, "a")), [true; 3]);
        // With bad signatures in many names, the address is damped; a stranger has its share.
        for number in 0..80 {
            limits.verified_in_vain((here, format!("c{number}").as_str()), NOW);
        }
        assert_eq!(thrice((here, "d")), [true, true, false]);
        assert_eq!(thrice((here, "b")), [true, true, false]);
        assert_eq!(thrice((here, "e")), [true, true, false]);
        // Who has proven itself, from wherever, is verified.
        limits.proven("b", NOW);
        assert_eq!(thrice((here, "b")), [true; 3]);
        // Credentials that cost no signature leave the verifying as it is.
        for _ in 0..200 {
            limits.failed(Refusal::Certificate, (there, "a"), NOW);
        }
        assert_eq!(thrice((there, "a")), [true; 3]);
    }

    #[test]
    fn what_is_not_verified_counts_as_wrong_and_waits_as_long() {
        let limits = Limits::default();
        let here = (address("192.0.2.1"), "a");
        let second = Duration::from_secs(1);
        let wait = |refusal| match refusal {
            Refusal::Limited(limited) => Some(limited.wait),
            _ => None,
        };
        for _ in 0..20 {
            let refusal = limits.unverified(&Refusal::AssertionUnproven, here, second, NOW);
            assert_eq!(wait(refusal), Some(second));
        }
        let refusal = limits.unverified(&Refusal::AssertionUnproven, here, second, NOW);
        assert_eq!(wait(refusal), Some(2 * second));
        assert_eq!(wait(limits.failed(Refusal::Client, here, NOW)), Some(2 * second));
    }

    #[test]
    fn tokens_and_other_requests_have_the_same_rate_each_for_itself() {
        let limits = Limits::default();
        let (client, settings) = (client("a", ClientTokens::default()), settings(Some(1), false));
        let mut told = Told::default();
        let asked: Vec<_> =
            (0..3).map(|_| reason(limits.request(&settings, &client, NOW, &mut told))).collect();
        assert_eq!(asked, [None, None, Some("client-rate")]);
        assert_eq!(reason(limits.client(&settings, &client, NOW, &mut told)), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let limits = Limits::default();
        for host in 0..20_000_u32 {
            let address = IpAddr::from(host.to_be_bytes());
            drop(limits.address(&settings(Some(1), false), address, NOW, &mut Told::default()));
        }
        assert!(limits.addresses.0.lock().len() <= KEPT_MAX);
    }

    #[tokio::test]
    async fn a_spent_day_costs_nothing_of_the_hour() {
        let (limits, store) = (Limits::default(), MemStore::new());
        let quota = TokenQuota { hour: Some(10), day: Some(2) };
        let client = client("a", ClientTokens { quota, ..ClientTokens::default() });
        let settings = TokenSettings::default();
        let now = Timestamp::from_ms(500_000 * DAY_MS);
        let mut asked = Vec::new();
        for _ in 0..3 {
            let mut told = Told::default();
            asked.push(reason(limits.quota((&settings, &client), &store, now, &mut told).await));
        }
        assert_eq!(asked, [None, None, Some("day-quota")]);
        let hour = limits.meter(&client.id).hour.debit(10, &store, now).await.unwrap();
        assert_eq!(hour.left, 7);
        let observing = TokenSettings { observe: true, ..TokenSettings::default() };
        let mut told = Told::default();
        let asked = limits.quota((&observing, &client), &store, now, &mut told).await;
        assert_eq!((reason(asked), told.observed), (None, Some("day-quota")));
    }
}
