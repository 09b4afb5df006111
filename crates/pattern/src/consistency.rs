//! Array consistency: two fields of one rule may not be satisfied from different elements of the
//! same array.
//!
//! The places of an event form a tree: an element holds arrays, an array holds elements. Fields
//! are shared out from the root: at an element, a field found right there is satisfied; every other
//! one goes to the array it is found in; and each array needs one element that satisfies all the
//! fields it was given. So each element is looked at once, however many there are. Only where a
//! field is found in several arrays of one element (an event that repeats a name, or mixes dotted
//! and nested ones) are the ways to share out tried one after the other, as long as the rule has
//! steps left.

use std::cell::Cell;

use crate::scan::{Place, PlaceId};

/// The places of an event.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    /// All but the event itself.
    pub(crate) elements: &'a [Place],
    /// For each array, the first place behind it.
    pub(crate) array_ends: &'a [PlaceId],
    /// How many more steps a rule may take among them.
    pub(crate) steps_left: &'a Cell<u64>,
}

/// How many steps among the places of an event every rule has, and how many more for each place.
/// Linear in the event, so that no event made for the purpose can hold a thread: a rule that needs
/// more does not match. Those that people write need a hundredth of it.
const STEPS: u64 = 1_000_000;
const STEPS_PER_PLACE: u64 = 1_000;

impl Places<'_> {
    /// Gives the next rule its steps.
    pub(crate) fn refill(self) {
        self.steps_left.set(STEPS + STEPS_PER_PLACE * self.elements.len() as u64);
    }

    /// Takes so many steps.
    pub(crate) fn spend(self, steps: usize) {
        self.steps_left.set(self.steps_left.get().saturating_sub(steps as u64));
    }

    /// Whether no step is left. What is found then means nothing.
    pub(crate) fn is_spent(self) -> bool {
        self.steps_left.get() == 0
    }

    /// What contains `place`; nothing contains the event itself.
    fn get(self, place: PlaceId) -> Option<Place> {
        self.spend(1);
        if self.is_spent() {
            return None;
        }
        self.elements.get(place.number().checked_sub(1)?).copied()
    }

    /// The place directly inside `outer` that `inner`, which is inside it, is or lies in.
    fn child_towards(self, outer: PlaceId, inner: PlaceId) -> Option<(PlaceId, Place)> {
        let mut child = inner;
        loop {
            let place = self.get(child)?;
            if place.parent == outer {
                return Some((child, place));
            }
            child = place.parent;
        }
    }

    /// Whether no array has one of these in one element and the other in another.
    pub(crate) fn agree(self, one: PlaceId, other: PlaceId) -> bool {
        self.next_agreeing(one, other).is_none()
    }

    /// If an array has these in different elements, the first place behind `one` that may agree
    /// with `other`.
    pub(crate) fn next_agreeing(self, one: PlaceId, other: PlaceId) -> Option<PlaceId> {
        let first = one;
        let (mut one, mut other) = (one, other);
        let (mut array_of_one, mut array_of_other) = (None, None);
        // The later one is never outside of the earlier one's parents, so climbing it is safe.
        while one != other {
            let later = one.max(other);
            let place = self.get(later)?;
            if one == later {
                (one, array_of_one) = (place.parent, Some(place.array));
            } else {
                (other, array_of_other) = (place.parent, Some((place.array, later)));
            }
        }
        let (array, element) = array_of_other.filter(|(array, _)| array_of_one == Some(*array))?;
        // Nothing of the array agrees but the element that `other` is in.
        if first < element {
            return Some(element);
        }
        self.array_ends.get((array as usize).checked_sub(1)?).copied()
    }
}

/// Whether each field can take one of its places (`wanted`, one list per field, in order and
/// without repetition) such that no array is asked for two of its elements.
pub(crate) fn possible(places: Places<'_>, wanted: &[&[PlaceId]]) -> bool {
    let Some((first, others)) = wanted.split_first() else {
        return true;
    };
    if wanted.iter().any(|candidates| candidates.is_empty()) {
        return false;
    }
    // Most often some element satisfies all of them, or the first ones agree.
    if others.is_empty() || first.iter().any(|place| others.iter().all(|list| has(list, *place))) {
        return true;
    }
    let possible = Search { places }.satisfies(PlaceId::ROOT, wanted);
    possible && !places.is_spent()
}

fn has(list: &[PlaceId], place: PlaceId) -> bool {
    list.binary_search(&place).is_ok()
}

struct Search<'a> {
    places: Places<'a>,
}

/// A field that can be satisfied in several arrays: by array, its places there.
type Doubtful<'a> = Vec<(u32, &'a [PlaceId])>;

impl<'a> Search<'a> {
    /// Whether all fields can be satisfied at `place` or inside it; `wanted` has no places outside.
    fn satisfies(&self, place: PlaceId, wanted: &[&'a [PlaceId]]) -> bool {
        let mut settled: Vec<(u32, &[PlaceId])> = Vec::new();
        let mut doubtful: Vec<Doubtful<'a>> = Vec::new();
        for candidates in wanted {
            if candidates.first() == Some(&place) {
                continue;
            }
            let mut arrays = self.by_array(place, candidates);
            match arrays.len() {
                0 => return false,
                1 => settled.append(&mut arrays),
                _ => doubtful.push(arrays),
            }
        }
        if doubtful.is_empty() {
            self.satisfies_shares(place, settled)
        } else {
            self.satisfies_some_sharing(place, &settled, &doubtful)
        }
    }

    /// Candidates inside `place`, split by the array of it they lie in.
    fn by_array(&self, place: PlaceId, candidates: &'a [PlaceId]) -> Doubtful<'a> {
        let mut arrays: Doubtful<'a> = Vec::new();
        let mut rest = candidates;
        while let Some(first) = rest.first() {
            let Some((_, child)) = self.places.child_towards(place, *first) else {
                break;
            };
            // All elements of an array follow each other: the next array begins behind them.
            let length = rest.partition_point(|candidate| {
                let towards = self.places.child_towards(place, *candidate);
                towards.is_some_and(|(_, found)| found.array <= child.array)
            });
            let (here, behind) = rest.split_at(length.max(1));
            arrays.push((child.array, here));
            rest = behind;
        }
        arrays
    }

    /// Whether every array has one element that satisfies all the fields it is given.
    fn satisfies_shares(&self, place: PlaceId, mut shares: Vec<(u32, &'a [PlaceId])>) -> bool {
        shares.sort_by_key(|(array, candidates)| (*array, candidates.len()));
        let mut arrays = shares.chunk_by(|one, other| one.0 == other.0);
        arrays.all(|shares| {
            let wanted: Vec<&[PlaceId]> =
                shares.iter().map(|(_, candidates)| *candidates).collect();
            self.some_element_satisfies(place, &wanted)
        })
    }

    /// Whether one element of an array in `place` satisfies all fields; the first field has the
    /// fewest candidates.
    fn some_element_satisfies(&self, place: PlaceId, wanted: &[&'a [PlaceId]]) -> bool {
        let Some((fewest, others)) = wanted.split_first() else {
            return true;
        };
        if others.is_empty() {
            return true;
        }
        let mut fewest: &'a [PlaceId] = fewest;
        while let Some(first) = fewest.first() {
            let Some((element, found)) = self.places.child_towards(place, *first) else {
                return false;
            };
            let (inside, behind) =
                fewest.split_at(fewest.partition_point(|candidate| *candidate < found.end));
            let within = |list: &&'a [PlaceId]| -> &'a [PlaceId] {
                let start = list.partition_point(|candidate| *candidate < element);
                let end = list.partition_point(|candidate| *candidate < found.end);
                &list[start..end]
            };
            let all: Vec<&[PlaceId]> =
                std::iter::once(inside).chain(others.iter().map(within)).collect();
            if all.iter().all(|list| !list.is_empty()) && self.satisfies(element, &all) {
                return true;
            }
            fewest = behind;
        }
        false
    }

    /// Tries the ways to give each doubtful field to one of its arrays.
    fn satisfies_some_sharing(
        &self,
        place: PlaceId,
        settled: &[(u32, &'a [PlaceId])],
        doubtful: &[Doubtful<'a>],
    ) -> bool {
        let mut choices = vec![0; doubtful.len()];
        loop {
            self.places.spend(doubtful.len());
            if self.places.is_spent() {
                return false;
            }
            let chosen = doubtful.iter().zip(&choices).map(|(arrays, choice)| arrays[*choice]);
            let shares = settled.iter().copied().chain(chosen).collect();
            if self.satisfies_shares(place, shares) {
                return true;
            }
            if !advance(&mut choices, doubtful) {
                return false;
            }
        }
    }
}

/// Goes on to the next combination of choices, counting like an odometer; `false` after the last.
fn advance(choices: &mut [usize], doubtful: &[Doubtful<'_>]) -> bool {
    for (choice, arrays) in choices.iter_mut().zip(doubtful) {
        *choice += 1;
        if *choice < arrays.len() {
            return true;
        }
        *choice = 0;
    }
    false
}
