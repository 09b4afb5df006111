//! What all rules ask at one path, arranged so that a value finds those it may satisfy.
//!
//! Each alternative of a rule is entered at one of its fields only, the one that fewest events
//! should get past; the others are checked when a value has found it. An entry may be found in
//! vain: keys stand for hashes and for parts of what is asked.

mod affixes;
mod ends;
mod grams;
mod key;
mod posting;

use affixes::Affixes;
use ends::Ends;
use grams::Grams;
pub(crate) use key::Key;
use key::{Class, Place};
use posting::Posting;

use crate::fold;
use crate::hash;
use crate::map::Map;
use crate::ranges::{self, Ranges};
use crate::value::Value;

/// The entries at one path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Only those that hold something.
    tables: Vec<Table>,
}

/// The entries whose keys are of one class.
#[derive(Clone, Debug)]
struct Table {
    class: Class,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Hashes(Map<Posting>),
    Affixes(Affixes),
    Ends(Ends),
    Grams(Grams),
    Ranges(Ranges),
    /// `false`, `true` and `null`.
    Literals(Box<[Posting; 3]>),
    /// Of those found whatever the value.
    Any(Posting),
}

/// Texts to write to, kept for the next time.
#[derive(Debug, Default)]
pub(crate) struct Work {
    folded: String,
    bits: Vec<u8>,
}

impl Index {
    /// What it costs to be entered under `key`: how many others a value finds as well.
    pub(crate) fn cost(&self, key: Key) -> usize {
        let table = self.tables.iter().find(|table| table.class == key.class);
        key.class.breadth().saturating_add(table.map_or(0, |table| table.body.asked(key.place)))
    }

    /// Enters `id` under `key`.
    pub(crate) fn insert(&mut self, key: Key, id: u64) {
        let at = self.tables.iter().position(|table| table.class == key.class);
        let at = at.unwrap_or_else(|| {
            self.tables.reserve_exact(1);
            self.tables.push(Table { class: key.class, body: Body::for_place(key.place) });
            self.tables.len() - 1
        });
        self.tables[at].body.insert(key.place, id);
    }

    /// Takes `id` out from under `key`.
    pub(crate) fn remove(&mut self, key: Key, id: u64) {
        let Some(at) = self.tables.iter().position(|table| table.class == key.class) else {
            return;
        };
        self.tables[at].body.remove(key.place, id);
        if self.tables[at].body.is_empty() {
            self.tables.remove(at);
        }
    }

    /// Calls `visit` with the id of every entry that `value` may satisfy, more than once perhaps.
    pub(crate) fn of(&self, value: Value<'_>, work: &mut Work, visit: &mut impl FnMut(u64)) {
        for table in &self.tables {
            match (&table.body, value) {
                (Body::Any(posting), _) => posting.each(visit),
                (_, Value::Text(text)) => table.of_text(text, work, visit),
                (Body::Ranges(ranges), Value::Number(number)) => {
                    ranges.holding(number.double().place(), visit);
                }
                (Body::Hashes(numbers), Value::Number(number)) if table.class == Class::Number => {
                    find(numbers, hash::mix(number.double().place()), visit);
                }
                (Body::Literals(literals), Value::Null) => literals[key::NULL].each(visit),
                (Body::Literals(literals), Value::Bool(value)) => {
                    literals[key::of_bool(value)].each(visit);
                }
                _ => {}
            }
        }
    }
}

impl Table {
    fn of_text(&self, text: &str, work: &mut Work, visit: &mut impl FnMut(u64)) {
        if self.class.is_folded() {
            fold::fold(text, &mut work.folded);
        }
        let folded = work.folded.as_bytes();
        let bytes = text.as_bytes();
        match (&self.body, self.class) {
            (Body::Hashes(texts), Class::Text) => find(texts, hash::text(bytes), visit),
            (Body::Hashes(texts), Class::Folded) => find(texts, hash::text(folded), visit),
            (Body::Affixes(affixes), Class::Prefix) => affixes.of(bytes.iter(), visit),
            (Body::Affixes(affixes), Class::Suffix) => affixes.of(bytes.iter().rev(), visit),
            (Body::Affixes(affixes), Class::FoldedPrefix) => affixes.of(folded.iter(), visit),
            (Body::Affixes(affixes), Class::FoldedSuffix) => {
                affixes.of(folded.iter().rev(), visit);
            }
            (Body::Affixes(affixes), Class::Network) if key::address_bits(text, &mut work.bits) => {
                affixes.of(work.bits.iter(), visit);
            }
            (Body::Ends(ends), _) => ends.of(bytes, visit),
            (Body::Grams(grams), _) => grams.of(bytes, visit),
            _ => {}
        }
    }
}

impl Body {
    fn for_place(place: Place) -> Self {
        match place {
            Place::Hash(_) => Self::Hashes(Map::new()),
            Place::Affix(_) => Self::Affixes(Affixes::new()),
            Place::Ends(_) => Self::Ends(Ends::new()),
            Place::Gram(_) => Self::Grams(Grams::new()),
            Place::Range { .. } => Self::Ranges(Ranges::default()),
            Place::Literal(_) => {
                Self::Literals(Box::new([Posting::Nobody, Posting::Nobody, Posting::Nobody]))
            }
            Place::Anywhere => Self::Any(Posting::Nobody),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Hashes(hashes) => hashes.len() == 0,
            Self::Affixes(affixes) => affixes.is_empty(),
            Self::Ends(ends) => ends.is_empty(),
            Self::Grams(grams) => grams.is_empty(),
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Literals(literals) => literals.iter().all(Posting::is_empty),
            Self::Any(posting) => posting.is_empty(),
        }
    }

    /// How many are entered at `place`.
    fn asked(&self, place: Place) -> usize {
        match (self, place) {
            (Self::Hashes(hashes), Place::Hash(hash)) => hashes.get(hash).map_or(0, Posting::len),
            (Self::Affixes(affixes), Place::Affix(affix)) => affixes.asked(affix),
            (Self::Ends(ends), Place::Ends(pair)) => ends.asked(pair),
            (Self::Grams(grams), Place::Gram(gram)) => grams.asked(gram),
            (Self::Literals(literals), Place::Literal(which)) => literals[which].len(),
            (Self::Any(posting), Place::Anywhere) => posting.len(),
            _ => 0,
        }
    }

    fn insert(&mut self, place: Place, id: u64) {
        match (self, place) {
            (Self::Hashes(hashes), Place::Hash(hash)) => {
                hashes.entry(hash, || Posting::Nobody).insert(id);
            }
            (Self::Affixes(affixes), Place::Affix(affix)) => affixes.insert(affix, id),
            (Self::Ends(ends), Place::Ends(pair)) => ends.insert(pair, id),
            (Self::Grams(grams), Place::Gram(gram)) => grams.insert(gram, id),
            (Self::Ranges(ranges), Place::Range { bottom, top }) => {
                ranges.insert(ranges::Entry { bottom, top, id });
            }
            (Self::Literals(literals), Place::Literal(which)) => literals[which].insert(id),
            (Self::Any(posting), Place::Anywhere) => posting.insert(id),
            _ => {}
        }
    }

    fn remove(&mut self, place: Place, id: u64) {
        match (self, place) {
            (Self::Hashes(hashes), Place::Hash(hash)) => {
                let Some(posting) = hashes.get_mut(hash) else { return };
                posting.remove(id);
                if posting.is_empty() {
                    hashes.remove(hash);
                }
            }
            (Self::Affixes(affixes), Place::Affix(affix)) => affixes.remove(affix, id),
            (Self::Ends(ends), Place::Ends(pair)) => ends.remove(pair, id),
            (Self::Grams(grams), Place::Gram(gram)) => grams.remove(gram, id),
            (Self::Ranges(ranges), Place::Range { bottom, top }) => {
                ranges.remove(ranges::Entry { bottom, top, id });
            }
            (Self::Literals(literals), Place::Literal(which)) => literals[which].remove(id),
            (Self::Any(posting), Place::Anywhere) => posting.remove(id),
            _ => {}
        }
    }
}

fn find(map: &Map<Posting>, hash: u64, visit: &mut impl FnMut(u64)) {
    if let Some(posting) = map.get(hash) {
        posting.each(visit);
    }
}
