//! Array consistency: two fields of one rule may not be satisfied from different elements of the
//! same array.
//!
//! The places of an event form a tree: an element holds arrays, an array holds elements. Fields
//! are shared out from the root: at an element, a field found right there is satisfied; every other
//! one goes to the array it is found in; and each array needs one element that satisfies all the
//! fields it was given. So each element is looked at once, however many there are. Only where a
//! field is found in several arrays of one element (an event that repeats a name, or mixes dotted
//! and nested ones) are the ways to share out tried one after the other, and no more than
//! [`ATTEMPTS_MAX`] of them.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

use crate::flatten::{ArrayId, PlaceId, Places};

/// The most ways of sharing out to try for one question, so that an event made for the purpose
/// cannot hold a thread; beyond it the answer is "no match".
const ATTEMPTS_MAX: u32 = 1_000;

/// Whether each field can take one of its places (`wanted`, one list per field) such that no array
/// is asked for two of its elements.
pub(crate) fn possible(places: &Places, wanted: &[&[PlaceId]]) -> bool {
    if wanted.len() < 2 {
        return wanted.iter().all(|candidates| !candidates.is_empty());
    }
    let fields: Vec<usize> = (0..wanted.len()).collect();
    Tree::grow(places, wanted).satisfies(PlaceId::ROOT, &fields)
}

/// The part of an event's places that leads to the wanted ones. Fields are numbered by their
/// position in the question; lists of them are in order.
struct Tree {
    places: HashMap<PlaceId, Place>,
    arrays: HashMap<ArrayId, Array>,
    attempts_left: Cell<u32>,
}

#[derive(Default)]
struct Place {
    /// The fields that can be satisfied right here.
    own: Vec<usize>,
    /// The fields that can be satisfied here or further inside.
    inside: Vec<usize>,
    arrays: Vec<ArrayId>,
}

#[derive(Default)]
struct Array {
    /// The fields that can be satisfied in some element.
    fields: Vec<usize>,
    elements: Vec<PlaceId>,
}

/// What each array has to satisfy.
type Shares = BTreeMap<ArrayId, Vec<usize>>;

impl Tree {
    fn grow(places: &Places, wanted: &[&[PlaceId]]) -> Self {
        let mut tree = Self {
            places: HashMap::new(),
            arrays: HashMap::new(),
            attempts_left: Cell::new(ATTEMPTS_MAX),
        };
        for (field, candidates) in wanted.iter().enumerate() {
            for candidate in *candidates {
                push_once(&mut tree.places.entry(*candidate).or_default().own, field);
                tree.climb(places, *candidate, field);
            }
        }
        tree
    }

    /// Notes at `place` and all places around it that `field` is found inside.
    fn climb(&mut self, places: &Places, mut place: PlaceId, field: usize) {
        loop {
            let inside = &mut self.places.entry(place).or_default().inside;
            let is_new = inside.is_empty();
            if !push_once(inside, field) {
                return;
            }
            let Some(element) = places.element(place) else {
                return;
            };
            let array = self.arrays.entry(element.array).or_default();
            let array_is_new = array.elements.is_empty();
            push_once(&mut array.fields, field);
            if is_new {
                array.elements.push(place);
            }
            if array_is_new {
                self.places.entry(element.parent).or_default().arrays.push(element.array);
            }
            place = element.parent;
        }
    }

    /// Whether all of `fields` can be satisfied at `place` or inside it.
    fn satisfies(&self, place: PlaceId, fields: &[usize]) -> bool {
        let Some(place) = self.places.get(&place) else {
            return fields.is_empty();
        };
        let mut shares = Shares::new();
        let mut doubtful = Vec::new();
        for field in fields.iter().filter(|field| place.own.binary_search(field).is_err()) {
            if place.inside.binary_search(field).is_err() {
                return false;
            }
            let arrays = self.arrays_with(place, *field);
            match arrays.as_slice() {
                [] => return false,
                [array] => shares.entry(*array).or_default().push(*field),
                _ => doubtful.push((*field, arrays)),
            }
        }
        if doubtful.is_empty() {
            self.satisfies_shares(&shares)
        } else {
            self.satisfies_some_sharing(&shares, &doubtful)
        }
    }

    fn arrays_with(&self, place: &Place, field: usize) -> Vec<ArrayId> {
        let arrays = place.arrays.iter().filter(|array| {
            self.arrays.get(*array).is_some_and(|array| array.fields.binary_search(&field).is_ok())
        });
        arrays.copied().collect()
    }

    fn satisfies_shares(&self, shares: &Shares) -> bool {
        shares.iter().all(|(array, fields)| {
            self.arrays.get(array).is_some_and(|array| {
                array.elements.iter().any(|element| self.satisfies(*element, fields))
            })
        })
    }

    /// Tries the ways to give each doubtful field to one of its arrays.
    fn satisfies_some_sharing(&self, settled: &Shares, doubtful: &[(usize, Vec<ArrayId>)]) -> bool {
        let mut choices = vec![0; doubtful.len()];
        loop {
            let Some(left) = self.attempts_left.get().checked_sub(1) else {
                return false;
            };
            self.attempts_left.set(left);
            let mut shares = settled.clone();
            for ((field, arrays), choice) in doubtful.iter().zip(&choices) {
                shares.entry(arrays[*choice]).or_default().push(*field);
            }
            if self.satisfies_shares(&shares) {
                return true;
            }
            if !advance(&mut choices, doubtful) {
                return false;
            }
        }
    }
}

/// Goes on to the next combination of choices, counting like an odometer; `false` after the last.
fn advance(choices: &mut [usize], doubtful: &[(usize, Vec<ArrayId>)]) -> bool {
    for (choice, (_, arrays)) in choices.iter_mut().zip(doubtful) {
        *choice += 1;
        if *choice < arrays.len() {
            return true;
        }
        *choice = 0;
    }
    false
}

/// Appends `field` unless it is the last one already, and says whether it did. Fields come in
/// order, so the list stays sorted and without repetition.
fn push_once(fields: &mut Vec<usize>, field: usize) -> bool {
    let is_new = fields.last() != Some(&field);
    if is_new {
        fields.push(field);
    }
    is_new
}
