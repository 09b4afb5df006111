//! What is remembered of failures to prove to be a client, and of those that have proven it.
//!
//! Bounded like everything in `limits.rs`, which says what it is for; but of those that have proven
//! themselves only the one is forgotten that did longest ago.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use limit::{Limit, Rate};
use parking_lot::Mutex;

use crate::error::Refusal;
use crate::limits::{Buckets, KEPT_MAX, Limited, group};

/// How long a client is known to have proven itself: one that asks for a token once a day is never a
/// stranger.
const PROVEN_NS: u64 = 24 * 3600 * 1_000_000_000;
/// The longest text that is taken for a client's name; longer ones, which nobody has, count as one.
const NAME_BYTES_MAX: usize = 128;

/// Wrong credentials from an address: a hundred at once, then five a second, as of bad tokens at the
/// gateway.
fn of_address() -> Limit {
    Limit::new(Rate::per_second(5), 100)
}

/// Wrong credentials of a client from an address: what a program with an old secret sends until
/// somebody looks, twenty at once and then one each two seconds.
fn of_pair() -> Limit {
    Limit::new(Rate::per_seconds(30, 60), 20)
}

/// Signatures of a client from an address that are verified whatever else comes from there.
fn of_share() -> Limit {
    Limit::new(Rate::per_second(2), 2)
}

/// What is wrong, as in many requests before.
pub(crate) fn damped(refusal: &Refusal, wait: Duration) -> Refusal {
    let description = format!(
        "{} So it was in many requests before from this address. Wait as long as Retry-After says, \
         and mend what sends them.",
        refusal.description()
    );
    Refusal::Limited(Box::new(Limited { reason: "damped", description, wait }))
}

/// Failures by where they come from, and by whom they claim to be of.
#[derive(Default)]
pub(crate) struct Failures {
    addresses: Buckets<IpAddr>,
    pairs: Buckets<(IpAddr, String)>,
}

impl Failures {
    /// Counts one; gives how long until there is room for it, if there is none.
    pub(crate) fn count(&self, address: IpAddr, claimed: &str, ticks_ns: u64) -> Option<Duration> {
        let pair = pair(address, claimed);
        let beyond = self.addresses.take(pair.0, of_address(), ticks_ns).err();
        // An address that is damped cannot fill the other memory with names.
        beyond.or_else(|| self.pairs.take(pair, of_pair(), ticks_ns).err())
    }

    /// How long until there is room for one; none where there is.
    pub(crate) fn wait(&self, address: IpAddr, claimed: &str, ticks_ns: u64) -> Option<Duration> {
        let pair = pair(address, claimed);
        let wait = self.addresses.wait(&pair.0, of_address(), ticks_ns);
        let wait = wait.max(self.pairs.wait(&pair, of_pair(), ticks_ns));
        (!wait.is_zero()).then_some(wait)
    }
}

/// An address as it is counted, and the name that is claimed there.
fn pair(address: IpAddr, claimed: &str) -> (IpAddr, String) {
    let name = if claimed.len() > NAME_BYTES_MAX { "" } else { claimed };
    (group(address), name.to_owned())
}

/// What each client has for itself at an address where the verifying has ended. A name that is no
/// client's has it too, so that nobody learns which are.
#[derive(Default)]
pub(crate) struct Shares(Buckets<(IpAddr, String)>);

impl Shares {
    /// Takes one; an `Err` says how long until there is one.
    pub(crate) fn take(
        &self,
        address: IpAddr,
        claimed: &str,
        ticks_ns: u64,
    ) -> Result<(), Duration> {
        self.0.take(pair(address, claimed), of_share(), ticks_ns)?;
        Ok(())
    }

    /// Whether one could be taken.
    pub(crate) fn has(&self, address: IpAddr, claimed: &str, ticks_ns: u64) -> bool {
        self.0.wait(&pair(address, claimed), of_share(), ticks_ns).is_zero()
    }
}

/// Which clients have proven themselves, from wherever, and when they did last.
#[derive(Default)]
pub(crate) struct Proven(Mutex<Times>);

/// The same clients by name and by time: of too many, the one to forget is found without looking at
/// all of them, for each of which the others would wait.
#[derive(Default)]
struct Times {
    of_client: HashMap<Arc<str>, u64>,
    in_order: BTreeSet<(u64, Arc<str>)>,
}

impl Proven {
    pub(crate) fn note(&self, client: &str, ticks_ns: u64) {
        self.0.lock().note(client.into(), ticks_ns);
    }

    pub(crate) fn knows(&self, claimed: &str, ticks_ns: u64) -> bool {
        let times = self.0.lock();
        let at = times.of_client.get(claimed);
        at.is_some_and(|at| ticks_ns.saturating_sub(*at) < PROVEN_NS)
    }
}

impl Times {
    fn note(&mut self, client: Arc<str>, ticks_ns: u64) {
        if let Some(before) = self.of_client.insert(Arc::clone(&client), ticks_ns) {
            self.in_order.remove(&(before, Arc::clone(&client)));
        } else if self.of_client.len() > KEPT_MAX
            && let Some((_, longest_ago)) = self.in_order.pop_first()
        {
            self.of_client.remove(&longest_ago);
        }
        self.in_order.insert((ticks_ns, client));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 5_000_000_000;

    fn here() -> IpAddr {
        "192.0.2.1".parse().unwrap()
    }

    #[test]
    fn failures_that_are_remembered_are_bounded() {
        let failures = Failures::default();
        for host in 0..20_000_u32 {
            failures.count(IpAddr::from(host.to_be_bytes()), &"x".repeat(20_000), NOW);
        }
        let pairs = failures.pairs.0.lock();
        assert!(pairs.len() <= KEPT_MAX && pairs.keys().all(|(_, name)| name.is_empty()));
        assert!(failures.addresses.0.lock().len() <= KEPT_MAX);
    }

    #[test]
    fn shares_that_are_remembered_are_bounded() {
        let shares = Shares::default();
        for number in 0..20_000_u32 {
            assert_eq!(shares.take(here(), &number.to_string(), NOW), Ok(()));
        }
        assert!(shares.0.0.lock().len() <= KEPT_MAX);
    }

    #[test]
    fn a_client_is_known_for_a_day_and_of_too_many_the_longest_known_is_forgotten() {
        let proven = Proven::default();
        proven.note("a", NOW);
        assert!(proven.knows("a", NOW + PROVEN_NS - 1));
        assert!(!proven.knows("a", NOW + PROVEN_NS) && !proven.knows("b", NOW));
        for number in 1..KEPT_MAX {
            proven.note(&format!("b{number}"), NOW + 1);
        }
        assert!(proven.knows("a", NOW + 1));
        proven.note("c", NOW + 2);
        assert!(!proven.knows("a", NOW + 2) && proven.knows("c", NOW + 2));
    }

    #[test]
    fn who_has_proven_itself_again_is_kept_and_what_is_remembered_is_bounded() {
        let proven = Proven::default();
        proven.note("first", NOW);
        proven.note("second", NOW + 1);
        for number in 2..KEPT_MAX {
            proven.note(&number.to_string(), NOW + 2);
        }
        for later in 3..6 {
            proven.note("first", NOW + later);
        }
        proven.note("new", NOW + 6);
        assert!(proven.knows("first", NOW + 6) && !proven.knows("second", NOW + 6));
        for number in 0..20_000 {
            proven.note(&format!("more{number}"), NOW + 7);
        }
        let times = proven.0.lock();
        assert_eq!((times.of_client.len(), times.in_order.len()), (KEPT_MAX, KEPT_MAX));
    }
}
