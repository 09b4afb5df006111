//! Who waits for whom, where a destination keeps an order. Pure.
//!
//! A delivery with a key *holds* it from the moment it may begin until its last outcome is on disk:
//! delivered, or a dead letter. What comes later with the same key is parked behind it. Where all
//! is kept in order, everything has the same key.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use model::{Event, Order};
use transform::JsonPath;

use super::lane::{Delivery, Standing};

/// Deliveries parked behind others; above it no lane is read on.
pub(super) const PARKED_MAX: usize = 256;
/// Bytes of them above which no more are parked.
const PARKED_BYTES: usize = 1024 * 1024;

/// A delivery among all of its destination: its lane and its standing there.
type Id = (usize, Standing);

/// The keys in use.
#[derive(Debug, Default)]
pub(super) struct Keys {
    in_use: BTreeMap<u64, Key>,
    parked: usize,
    parked_bytes: usize,
}

#[derive(Debug, Default)]
struct Key {
    /// One; more only of retries from a time when no order was kept.
    holders: BTreeSet<Id>,
    parked: VecDeque<Delivery>,
}

/// What events are kept in order with.
#[derive(Debug)]
pub(super) enum OrderKey {
    /// Nothing.
    None,
    /// All with each other.
    One,
    /// What stands at this place of an event's detail, which is at hand as a text.
    InDetail(JsonPath),
    /// What stands at this place of its envelope.
    InEnvelope(JsonPath),
}

impl OrderKey {
    pub(super) fn new(order: &Order) -> Self {
        match order {
            Order::None => Self::None,
            Order::Strict => Self::One,
            Order::By(path) => {
                let inside = path.as_str().strip_prefix("$.detail");
                let inside = inside.filter(|rest| rest.starts_with(['.', '[']));
                let inside = inside.and_then(|rest| JsonPath::parse(&format!("${rest}")).ok());
                inside.map_or_else(|| Self::InEnvelope(path.clone()), Self::InDetail)
            }
        }
    }

    /// What an event is kept in order with. It is a digest: two keys that share one are kept in order
    /// with each other, which costs nothing but time.
    pub(super) fn of(&self, event: &Event) -> Option<u64> {
        let digest = |value: &str| {
            let mut digest = DefaultHasher::new();
            value.hash(&mut digest);
            (value != "null").then(|| digest.finish())
        };
        match self {
            Self::None => None,
            Self::One => Some(0),
            Self::InDetail(path) => digest(path.find(&event.fields.detail)?.get()),
            Self::InEnvelope(path) => digest(path.find(&event.envelope())?.get()),
        }
    }
}

fn id(delivery: &Delivery) -> Id {
    (delivery.lane, delivery.standing())
}

impl Keys {
    /// Whether one more may be parked.
    pub(super) fn has_room(&self) -> bool {
        self.parked < PARKED_MAX && self.parked_bytes < PARKED_BYTES
    }

    /// A retry that waits in the store holds its key.
    pub(super) fn hold(&mut self, key: u64, id: Id) {
        self.in_use.entry(key).or_default().holders.insert(id);
    }

    /// Gives a delivery back that may begin, and holds its key; parks one whose key is held.
    pub(super) fn admit(&mut self, delivery: Delivery) -> Option<Delivery> {
        let Some(key) = delivery.key else { return Some(delivery) };
        let key = self.in_use.entry(key).or_default();
        if key.holders.is_empty() {
            key.holders.insert(id(&delivery));
            return Some(delivery);
        }
        self.parked += 1;
        self.parked_bytes += delivery.bytes();
        key.parked.push_back(delivery);
        None
    }

    /// A delivery is done for good. Gives the one that comes next, which holds the key from now on.
    pub(super) fn release(&mut self, key: u64, of: Id) -> Option<Delivery> {
        let entry = self.in_use.get_mut(&key)?;
        if !entry.holders.remove(&of) || !entry.holders.is_empty() {
            return None;
        }
        let Some(next) = entry.parked.pop_front() else {
            self.in_use.remove(&key);
            return None;
        };
        entry.holders.insert(id(&next));
        self.parked -= 1;
        self.parked_bytes -= next.bytes();
        Some(next)
    }

    /// How many are parked, for tests.
    #[cfg(test)]
    pub(super) fn parked(&self) -> usize {
        let parked = self.in_use.values().flat_map(|key| &key.parked);
        assert_eq!(self.parked_bytes, parked.clone().map(Delivery::bytes).sum::<usize>());
        assert_eq!(self.parked, parked.count());
        self.parked
    }
}

#[cfg(test)]
mod tests {
    use model::{EventFields, EventId, Timestamp};

    use super::*;

    #[test]
    fn a_key_in_the_detail_is_that_of_the_envelope() {
        let event = |detail: &str| {
            let fields = EventFields { detail: detail.to_owned(), ..EventFields::default() };
            let id = EventId { accepted_at: Timestamp::from_ms(0), seq: 1 };
            Event { id, bus: "orders".to_owned(), fields }
        };
        let details = [r#"{"a":{"b":[1,"x"]}}"#, r#"{"a":null}"#, r#"{"a":1.50,"a":"z"}"#, "{}"];
        let paths = ["$.detail.a", "$.detail.a.b[1]", "$.detail['a']", "$.detail", "$.id"];
        let mut found = 0;
        for path in paths.map(|path| JsonPath::parse(path).unwrap()) {
            let in_envelope = OrderKey::InEnvelope(path.clone());
            let key = OrderKey::new(&Order::By(path.clone()));
            let in_detail = path.as_str().len() > "$.detail".len();
            assert_eq!(matches!(key, OrderKey::InDetail(_)), in_detail, "{path}");
            for detail in details {
                assert_eq!(
                    key.of(&event(detail)),
                    in_envelope.of(&event(detail)),
                    "{path} {detail}"
                );
                found += usize::from(key.of(&event(detail)).is_some());
            }
        }
        assert_eq!(found, 2 + 1 + 2 + 4 + 4);
    }
}
