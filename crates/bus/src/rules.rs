//! The snapshot of rules: which lanes an event goes to.

use std::collections::{BTreeMap, HashMap};

use model::{Bus, Definitions, EventDraft, LaneKey, Name, Timestamp};
use pattern::{Event, Matcher, Scratch};
use store::LaneId;

/// The lanes' numbers in the store.
pub type LaneNumbers = BTreeMap<LaneKey, LaneId>;

/// The rules of all buses, ready to match.
pub struct Rules {
    buses: HashMap<Name, OneBus>,
}

struct OneBus {
    matcher: Matcher<Vec<LaneId>>,
    deduplicate_ms: i64,
}

/// Every lane that the definitions make: one per target of a rule, one per schedule.
pub fn lane_keys(definitions: &Definitions) -> Vec<LaneKey> {
    let of_rules = definitions.rules.values().flat_map(|rule| {
        rule.targets.iter().map(|target| LaneKey::Target {
            bus: rule.bus.clone(),
            rule: rule.name.clone(),
            target: target.id.clone(),
        })
    });
    let of_schedules = definitions.schedules.keys().cloned().map(LaneKey::Schedule);
    of_rules.chain(of_schedules).collect()
}

impl Rules {
    /// Builds the matchers; a lane without a number is left out.
    pub fn build(definitions: &Definitions, lanes: &LaneNumbers) -> Self {
        let empty =
            |bus: &Bus| OneBus { matcher: Matcher::new(), deduplicate_ms: bus.deduplicate_ms };
        let mut buses: HashMap<Name, OneBus> =
            definitions.buses.iter().map(|(name, bus)| (name.clone(), empty(bus))).collect();
        for rule in definitions.rules.values() {
            let Some(bus) = buses.get_mut(&rule.bus) else { continue };
            let numbers = rule.targets.iter().filter_map(|target| {
                let (bus, name) = (rule.bus.clone(), rule.name.clone());
                lanes.get(&LaneKey::Target { bus, rule: name, target: target.id.clone() }).copied()
            });
            bus.matcher.add(numbers.collect(), &rule.pattern);
        }
        Self { buses }
    }

    /// The bus of that name, if there is one, and how many milliseconds it remembers ids for.
    pub(crate) fn bus(&self, name: &str) -> Option<(Name, i64)> {
        self.buses.get_key_value(name).map(|(name, bus)| (name.clone(), bus.deduplicate_ms))
    }

    /// The lanes an event goes to. Patterns see the envelope; its `id` is empty, for the event's
    /// place in the log, which the id carries, is decided only when it is appended.
    pub(crate) fn lanes(
        &self,
        draft: &EventDraft,
        now: Timestamp,
        scratch: &mut Scratch,
    ) -> Vec<LaneId> {
        self.lanes_of(draft.bus(), &draft.envelope(None, now), scratch)
    }

    /// The lanes that an event with this envelope goes to. The envelope is ours, and its detail was
    /// read when the event was accepted.
    pub(crate) fn lanes_of(
        &self,
        bus: &Name,
        envelope: &str,
        scratch: &mut Scratch,
    ) -> Vec<LaneId> {
        let Some(bus) = self.buses.get(bus) else { return Vec::new() };
        let matched = bus.matcher.matches(&Event::of_valid(envelope), scratch);
        matched.into_iter().flatten().copied().collect()
    }
}
