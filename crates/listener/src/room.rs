//! Room at a door: how many connections one address may hold, and what is told of those that were
//! closed because there was none.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Sleep;

use crate::accept::Door;
use crate::peer::Trusted;

/// The parts of the book. One thread adds to it and each core takes out of it, so that two rarely
/// want the same.
const PARTS: usize = 16;
/// How long nothing more is told of connections that were closed: a line for each would be a load
/// that whoever connects chooses.
const REST: Duration = Duration::from_secs(1);

/// Why there is no room for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Full {
    /// The door holds as many as it may.
    Door,
    /// The address that it comes from does.
    Address,
}

/// How many connections of a door each address holds. An address stands in the book as long as it
/// has one, so that the book is never longer than the door's connections are many.
#[derive(Debug)]
pub(crate) struct Addresses {
    most: usize,
    /// Who speaks for many callers is not bounded.
    exempt: Arc<Trusted>,
    parts: [Mutex<HashMap<IpAddr, usize>>; PARTS],
}

/// The place of a connection among those of its address; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place(Option<(Arc<Addresses>, IpAddr)>);

impl Addresses {
    /// The empty book of a door.
    pub(crate) fn of(door: &Door) -> Arc<Self> {
        Self::new(door.limits.address_connections_max, Arc::clone(&door.trusted))
    }

    fn new(most: usize, exempt: Arc<Trusted>) -> Arc<Self> {
        let parts = std::array::from_fn(|_| Mutex::default());
        Arc::new(Self { most, exempt, parts })
    }

    /// Takes a place for a connection that comes from an address; none if it holds as many as it
    /// may.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        if self.most == usize::MAX || self.exempt.has(address) {
            return Some(Place(None));
        }
        let group = group(address);
        let mut part = self.part(group)?;
        match part.entry(group) {
            Entry::Occupied(held) if *held.get() >= self.most => return None,
            Entry::Occupied(mut held) => *held.get_mut() += 1,
            Entry::Vacant(place) => {
                place.insert(1);
            }
        }
        Some(Place(Some((Arc::clone(self), group))))
    }

    fn leave(&self, group: IpAddr) {
        let Some(mut part) = self.part(group) else { return };
        if let Entry::Occupied(mut held) = part.entry(group) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }

    /// The part of the book that an address stands in: by the last byte of what it is told apart
    /// by.
    fn part(&self, group: IpAddr) -> Option<MutexGuard<'_, HashMap<IpAddr, usize>>> {
        let byte = match group {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(v6) => v6.octets()[7],
        };
        let part = self.parts.get(usize::from(byte) % PARTS)?;
        Some(part.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((addresses, group)) = &self.0 {
            addresses.leave(*group);
        }
    }
}

/// Whoever has an IPv6 address has its whole /64.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Tells of connections that were closed for want of room: a line for each reason, and then nothing
/// for a while, however many there are.
#[derive(Debug, Default)]
pub(crate) struct TurnedAway {
    /// How many are not told of yet, and the last of them.
    untold: BTreeMap<Full, (u64, SocketAddr)>,
    /// Runs while nothing is told.
    rest: Option<Pin<Box<Sleep>>>,
}

impl TurnedAway {
    /// Notes one, and tells of it if nothing has been told for a while.
    pub(crate) fn note(&mut self, full: Full, peer: SocketAddr) {
        let (count, last) = self.untold.entry(full).or_insert((0, peer));
        *count += 1;
        *last = peer;
        if self.rest.is_none() {
            self.tell();
        }
    }

    /// Tells of those that came since the last time, if there are any.
    pub(crate) fn tell(&mut self) {
        let untold = std::mem::take(&mut self.untold);
        self.rest = (!untold.is_empty()).then(|| Box::pin(tokio::time::sleep(REST)));
        for (full, (closed, peer)) in untold {
            match full {
                Full::Door => tracing::warn!(
                    closed,
                    %peer,
                    "connections closed: the door holds as many as it may"
                ),
                Full::Address => tracing::warn!(
                    closed,
                    %peer,
                    "connections closed: their address holds as many as one may"
                ),
            }
        }
    }

    /// Waits until something may be told again; for ever where nothing was.
    pub(crate) async fn rested(&mut self) {
        match &mut self.rest {
            Some(rest) => rest.as_mut().await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(most: usize) -> Arc<Addresses> {
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        Addresses::new(most, Arc::new(Trusted { proxies, ..Trusted::default() }))
    }

    fn take(addresses: &Arc<Addresses>, address: &str) -> Option<Place> {
        addresses.take(address.parse().unwrap())
    }

    fn known(addresses: &Addresses) -> usize {
        addresses.parts.iter().map(|part| part.lock().unwrap().len()).sum()
    }

    #[test]
    fn an_address_that_holds_two_gets_no_third_and_others_do() {
        for (held, asks, gets) in [
            ("203.0.113.7", "203.0.113.7", false),
            ("203.0.113.7", "::ffff:203.0.113.7", false),
            ("203.0.113.7", "203.0.113.8", true),
            ("203.0.113.7", "203.0.113.23", true),
            // A /64 is one caller's, the next one is another's.
            ("2001:db8::1", "2001:db8::1", false),
            ("2001:db8::1", "2001:db8::ffff:0:0:1", false),
            ("2001:db8::1", "2001:db8:0:1::1", true),
            // Proxies and balancers speak for many.
            ("10.0.0.1", "10.0.0.1", true),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
        ] {
            let addresses = addresses(2);
            let _held = [held; 2].map(|held| take(&addresses, held).unwrap());
            assert_eq!(take(&addresses, asks).is_some(), gets, "{asks} beside two of {held}");
        }
    }

    #[test]
    fn a_connection_that_ends_makes_room_and_the_book_forgets_who_has_none() {
        let addresses = addresses(2);
        let first = take(&addresses, "203.0.113.7");
        let second = take(&addresses, "203.0.113.7");
        assert!(take(&addresses, "203.0.113.7").is_none());
        drop(first);
        let third = take(&addresses, "203.0.113.7");
        assert!(third.is_some() && take(&addresses, "203.0.113.7").is_none());
        drop((second, third));
        for n in 0..=255_u8 {
            drop(take(&addresses, &format!("203.0.{n}.{n}")).unwrap());
            drop(take(&addresses, "10.0.0.1").unwrap());
        }
        assert_eq!(known(&addresses), 0);
    }

    #[test]
    fn a_door_without_a_bound_keeps_no_book() {
        let addresses = addresses(usize::MAX);
        let held: Vec<_> = (0..100).map(|_| take(&addresses, "203.0.113.7").unwrap()).collect();
        assert_eq!((held.len(), known(&addresses)), (100, 0));
    }

    #[tokio::test]
    async fn many_that_are_closed_in_a_second_are_told_of_twice() {
        let mut turned_away = TurnedAway::default();
        let peer = "203.0.113.7:4711".parse().unwrap();
        for _ in 0..1_000 {
            turned_away.note(Full::Address, peer);
        }
        // The first was told of at once, the others wait.
        assert_eq!(turned_away.untold.get(&Full::Address), Some(&(999, peer)));
        turned_away.tell();
        assert!(turned_away.untold.is_empty() && turned_away.rest.is_some());
        turned_away.tell();
        assert!(turned_away.rest.is_none(), "nothing more is to be told");
    }
}
