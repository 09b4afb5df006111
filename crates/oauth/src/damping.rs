//! What is remembered of failures to prove to be a client, and of those that have proven it.
//!
//! Bounded like everything in `limits.rs`, which says what it is for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use limit::{Limit, Rate};
use parking_lot::Mutex;

use crate::error::Refusal;
use crate::limits::{Buckets, KEPT_MAX, Limited, group};

/// How long a client is known to have proven itself from an address: a program that asks for a token
/// once a day is never a stranger.
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

/// Which clients have proven themselves from which addresses, and when they did last.
#[derive(Default)]
pub(crate) struct Proven(Mutex<HashMap<(IpAddr, String), u64>>);

impl Proven {
    pub(crate) fn note(&self, address: IpAddr, client: &str, ticks_ns: u64) {
        let pair = pair(address, client);
        let mut kept = self.0.lock();
        if kept.len() >= KEPT_MAX && !kept.contains_key(&pair) {
            // One client with many addresses cannot have the others forgotten at once.
            let oldest = kept.iter().min_by_key(|(_, at)| **at).map(|(pair, _)| pair.clone());
            if let Some(oldest) = oldest {
                kept.remove(&oldest);
            }
        }
        kept.insert(pair, ticks_ns);
    }

    pub(crate) fn knows(&self, address: IpAddr, claimed: &str, ticks_ns: u64) -> bool {
        let kept = self.0.lock();
        let at = kept.get(&pair(address, claimed));
        at.is_some_and(|at| ticks_ns.saturating_sub(*at) < PROVEN_NS)
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
    fn a_client_is_known_for_a_day_and_one_with_many_addresses_ousts_the_longest_known_alone() {
        let proven = Proven::default();
        proven.note(here(), "a", NOW);
        assert!(proven.knows(here(), "a", NOW + PROVEN_NS - 1));
        assert!(!proven.knows(here(), "a", NOW + PROVEN_NS) && !proven.knows(here(), "b", NOW));
        for host in 0..8_200_u32 {
            proven.note(IpAddr::from(host.to_be_bytes()), "b", NOW + 1);
        }
        assert_eq!(proven.0.lock().len(), KEPT_MAX);
        assert!(!proven.knows(here(), "a", NOW + 1));
        proven.note(here(), "a", NOW + 2);
        assert!(proven.knows(here(), "a", NOW + 2));
    }
}
