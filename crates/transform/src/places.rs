//! Several places of an event, found in one walk.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::JsonPath;
use crate::json::{self, Key};
use crate::path::Step;

/// Paths, joined where they begin alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Places {
    root: Place,
    count: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Place {
    /// Which of the places this is, if it is asked for itself.
    number: Option<usize>,
    members: BTreeMap<String, Self>,
    elements: BTreeMap<usize, Self>,
}

impl Places {
    /// Asks for one more place and gives its number among what [`Places::find`] finds. The same
    /// place has the same number.
    pub(crate) fn add(&mut self, path: &JsonPath) -> usize {
        let mut place = &mut self.root;
        for step in path.steps() {
            place = match step {
                Step::Name(name) => place.members.entry(name.clone()).or_default(),
                Step::Index(index) => place.elements.entry(*index).or_default(),
            };
        }
        let number = *place.number.get_or_insert(self.count);
        self.count = self.count.max(number + 1);
        number
    }

    /// The value at each place, by number; `None` where the event has no such place.
    pub(crate) fn find<'e>(&self, event: &'e RawValue) -> Vec<Option<&'e RawValue>> {
        let mut found = vec![None; self.count];
        self.root.find(event, &mut found);
        found
    }
}

impl Place {
    fn find<'e>(&self, value: &'e RawValue, found: &mut [Option<&'e RawValue>]) {
        if let Some(number) = self.number {
            found[number] = Some(value);
        }
        // Nothing is asked for within the value, however long it is.
        if self.members.is_empty() && self.elements.is_empty() {
            return;
        }
        json::walk(value, |key, value| {
            let place = match key {
                Key::Name(name) => json::text(name).and_then(|name| self.members.get(&*name)),
                Key::Index(index) => self.elements.get(&index),
            };
            if let Some(place) = place {
                // Of several members with one name the last counts, whole.
                place.forget(found);
                place.find(value, found);
            }
        });
    }

    fn forget(&self, found: &mut [Option<&RawValue>]) {
        if let Some(number) = self.number {
            found[number] = None;
        }
        for place in self.members.values().chain(self.elements.values()) {
            place.forget(found);
        }
    }
}
