//! What destinations and rules go through beside their definitions.

use std::collections::BTreeMap;

use model::{Name, Timestamp};
use store::{Answer, AuditEntry, DestinationNote, DestinationState, PausedRule, States, Switch};

use super::MemStore;

#[derive(Default)]
pub(super) struct Marks {
    destinations: BTreeMap<Name, DestinationState>,
    /// By bus and name: since when.
    paused: BTreeMap<(Name, Name), Timestamp>,
}

impl Marks {
    fn destination(&mut self, name: &Name) -> &mut DestinationState {
        self.destinations.entry(name.clone()).or_insert_with(|| DestinationState {
            name: name.clone(),
            switch: None,
            trouble: None,
            last_success: None,
        })
    }
}

impl States for MemStore {
    fn destination_state(&self, name: Name) -> Answer<'_, Option<DestinationState>> {
        self.call(move |tables| Ok(tables.states.destinations.get(&name).cloned()))
    }

    fn destination_states(&self) -> Answer<'_, Vec<DestinationState>> {
        self.call(|tables| Ok(tables.states.destinations.values().cloned().collect()))
    }

    fn switch_destination(&self, name: Name, switch: Switch, audit: AuditEntry) -> Answer<'_, ()> {
        self.call(move |tables| {
            let state = tables.states.destination(&name);
            (state.switch, state.trouble) = (Some(switch), None);
            tables.revise([audit]);
            Ok(())
        })
    }

    fn disable_destination(
        &self,
        name: Name,
        known: Option<Timestamp>,
        off: Switch,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        self.call(move |tables| {
            let state = tables.states.destination(&name);
            let stands = state.switch.as_ref().map(|switch| switch.since) == known;
            if stands {
                (state.switch, state.trouble) = (Some(off), None);
                tables.revise([audit]);
            }
            Ok(stands)
        })
    }

    fn note_destination(&self, note: DestinationNote) -> Answer<'_, ()> {
        self.call(move |tables| {
            let state = tables.states.destination(&note.name);
            let switched_at = state.switch.as_ref().map(|switch| switch.since);
            if switched_at.is_none() || switched_at == note.switched_at {
                (state.trouble, state.last_success) = (note.trouble, note.last_success);
            }
            Ok(())
        })
    }

    fn paused_rules(&self) -> Answer<'_, Vec<PausedRule>> {
        self.call(|tables| {
            let rules = tables.states.paused.iter();
            let paused = rules.map(|((bus, rule), since)| PausedRule {
                bus: bus.clone(),
                rule: rule.clone(),
                since: *since,
            });
            Ok(paused.collect())
        })
    }

    fn pause_rule(&self, rule: PausedRule, audit: AuditEntry) -> Answer<'_, bool> {
        self.call(move |tables| {
            let key = (rule.bus, rule.rule);
            let new = !tables.states.paused.contains_key(&key);
            if new {
                tables.states.paused.insert(key, rule.since);
                tables.revise([audit]);
            }
            Ok(new)
        })
    }

    fn resume_rule(&self, bus: Name, rule: Name, audit: AuditEntry) -> Answer<'_, bool> {
        self.call(move |tables| {
            let was = tables.states.paused.remove(&(bus, rule)).is_some();
            if was {
                tables.revise([audit]);
            }
            Ok(was)
        })
    }
}
