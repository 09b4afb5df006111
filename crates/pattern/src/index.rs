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

/// The entries that are found in the same way.
#[derive(Clone, Debug)]
enum Table {
    /// By the hash of a text.
    Texts(Map<Posting>),
    /// By the hash of a folded text.
    Folded(Map<Posting>),
    /// By a number.
    Numbers(Map<Posting>),
    /// `null`, `false` and `true`.
    Literals(Box<[Posting; 3]>),
    /// By a beginning.
    Prefixes(Affixes),
    /// By an end.
    Suffixes(Affixes),
    /// By the beginning of a folded text.
    FoldedPrefixes(Affixes),
    /// By the end of a folded text.
    FoldedSuffixes(Affixes),
    /// By a beginning and an end.
    Ends(Ends),
    /// By the first bits of an address.
    Networks(Affixes),
    /// By a piece of a text.
    Grams(Grams),
    /// By a range around a number.
    Ranges(Ranges),
    /// Whatever the value.
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
        let table = self.tables.iter().find(|table| table.takes(key));
        key.breadth().saturating_add(table.map_or(0, |table| table.asked(key)))
    }

    /// Enters `id` under `key`.
    pub(crate) fn insert(&mut self, key: Key, id: u64) {
        if !self.tables.iter().any(|table| table.takes(key)) {
            self.tables.reserve_exact(1);
            self.tables.push(Table::for_key(key));
        }
        if let Some(table) = self.tables.iter_mut().find(|table| table.takes(key)) {
            table.insert(key, id);
        }
    }

    /// Takes `id` out from under `key`.
    pub(crate) fn remove(&mut self, key: Key, id: u64) {
        let Some(at) = self.tables.iter().position(|table| table.takes(key)) else {
            return;
        };
        self.tables[at].remove(key, id);
        if self.tables[at].is_empty() {
            self.tables.remove(at);
        }
    }

    /// Calls `visit` with the id of every entry that `value` may satisfy, more than once perhaps.
    pub(crate) fn of(&self, value: Value<'_>, work: &mut Work, visit: &mut impl FnMut(u64)) {
        for table in &self.tables {
            match value {
                Value::Text(text) => table.of_text(text, work, visit),
                Value::Number(number) => match table {
                    Table::Numbers(numbers) => {
                        find(numbers, hash::mix(number.double().place()), visit);
                    }
                    Table::Ranges(ranges) => ranges.holding(number.double().place(), visit),
                    Table::Any(posting) => posting.each(visit),
                    _ => {}
                },
                Value::Null => table.of_literal(key::NULL, visit),
                Value::Bool(value) => table.of_literal(key::of_bool(value), visit),
            }
        }
    }
}

impl Table {
    fn for_key(key: Key) -> Self {
        match key {
            Key::Text(_) => Self::Texts(Map::new()),
            Key::Folded(_) => Self::Folded(Map::new()),
            Key::Number(_) => Self::Numbers(Map::new()),
            Key::Literal(_) => {
                Self::Literals(Box::new([Posting::Nobody, Posting::Nobody, Posting::Nobody]))
            }
            Key::Prefix(_) => Self::Prefixes(Affixes::new()),
            Key::Suffix(_) => Self::Suffixes(Affixes::new()),
            Key::FoldedPrefix(_) => Self::FoldedPrefixes(Affixes::new()),
            Key::FoldedSuffix(_) => Self::FoldedSuffixes(Affixes::new()),
            Key::Ends(_) => Self::Ends(Ends::new()),
            Key::Network(_) => Self::Networks(Affixes::new()),
            Key::Gram(_) => Self::Grams(Grams::new()),
            Key::Range { .. } => Self::Ranges(Ranges::default()),
            Key::Any => Self::Any(Posting::Nobody),
        }
    }

    /// Whether entries under `key` belong here.
    fn takes(&self, key: Key) -> bool {
        matches!(
            (self, key),
            (Self::Texts(_), Key::Text(_))
                | (Self::Folded(_), Key::Folded(_))
                | (Self::Numbers(_), Key::Number(_))
                | (Self::Literals(_), Key::Literal(_))
                | (Self::Prefixes(_), Key::Prefix(_))
                | (Self::Suffixes(_), Key::Suffix(_))
                | (Self::FoldedPrefixes(_), Key::FoldedPrefix(_))
                | (Self::FoldedSuffixes(_), Key::FoldedSuffix(_))
                | (Self::Ends(_), Key::Ends(_))
                | (Self::Networks(_), Key::Network(_))
                | (Self::Grams(_), Key::Gram(_))
                | (Self::Ranges(_), Key::Range { .. })
                | (Self::Any(_), Key::Any)
        )
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Texts(map) | Self::Folded(map) | Self::Numbers(map) => map.len() == 0,
            Self::Literals(literals) => literals.iter().all(Posting::is_empty),
            Self::Prefixes(affixes)
            | Self::Suffixes(affixes)
            | Self::FoldedPrefixes(affixes)
            | Self::FoldedSuffixes(affixes)
            | Self::Networks(affixes) => affixes.is_empty(),
            Self::Ends(ends) => ends.is_empty(),
            Self::Grams(grams) => grams.is_empty(),
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Any(posting) => posting.is_empty(),
        }
    }

    /// How many are entered under `key`.
    fn asked(&self, key: Key) -> usize {
        match (self, key) {
            (
                Self::Texts(map) | Self::Folded(map) | Self::Numbers(map),
                Key::Text(hash) | Key::Folded(hash) | Key::Number(hash),
            ) => map.get(hash).map_or(0, Posting::len),
            (Self::Literals(literals), Key::Literal(which)) => literals[which].len(),
            (
                Self::Prefixes(affixes)
                | Self::Suffixes(affixes)
                | Self::FoldedPrefixes(affixes)
                | Self::FoldedSuffixes(affixes)
                | Self::Networks(affixes),
                Key::Prefix(affix)
                | Key::Suffix(affix)
                | Key::FoldedPrefix(affix)
                | Key::FoldedSuffix(affix)
                | Key::Network(affix),
            ) => affixes.asked(affix),
            (Self::Ends(ends), Key::Ends(pair)) => ends.asked(pair),
            (Self::Grams(grams), Key::Gram(gram)) => grams.asked(gram),
            (Self::Any(posting), Key::Any) => posting.len(),
            _ => 0,
        }
    }

    fn insert(&mut self, key: Key, id: u64) {
        match (self, key) {
            (
                Self::Texts(map) | Self::Folded(map) | Self::Numbers(map),
                Key::Text(hash) | Key::Folded(hash) | Key::Number(hash),
            ) => map.entry(hash, || Posting::Nobody).insert(id),
            (Self::Literals(literals), Key::Literal(which)) => literals[which].insert(id),
            (
                Self::Prefixes(affixes)
                | Self::Suffixes(affixes)
                | Self::FoldedPrefixes(affixes)
                | Self::FoldedSuffixes(affixes)
                | Self::Networks(affixes),
                Key::Prefix(affix)
                | Key::Suffix(affix)
                | Key::FoldedPrefix(affix)
                | Key::FoldedSuffix(affix)
                | Key::Network(affix),
            ) => affixes.insert(affix, id),
            (Self::Ends(ends), Key::Ends(pair)) => ends.insert(pair, id),
            (Self::Grams(grams), Key::Gram(gram)) => grams.insert(gram, id),
            (Self::Ranges(ranges), Key::Range { bottom, top }) => {
                ranges.insert(ranges::Entry { bottom, top, id });
            }
            (Self::Any(posting), Key::Any) => posting.insert(id),
            _ => {}
        }
    }

    fn remove(&mut self, key: Key, id: u64) {
        match (self, key) {
            (
                Self::Texts(map) | Self::Folded(map) | Self::Numbers(map),
                Key::Text(hash) | Key::Folded(hash) | Key::Number(hash),
            ) => {
                let Some(posting) = map.get_mut(hash) else { return };
                posting.remove(id);
                if posting.is_empty() {
                    map.remove(hash);
                }
            }
            (Self::Literals(literals), Key::Literal(which)) => literals[which].remove(id),
            (
                Self::Prefixes(affixes)
                | Self::Suffixes(affixes)
                | Self::FoldedPrefixes(affixes)
                | Self::FoldedSuffixes(affixes)
                | Self::Networks(affixes),
                Key::Prefix(affix)
                | Key::Suffix(affix)
                | Key::FoldedPrefix(affix)
                | Key::FoldedSuffix(affix)
                | Key::Network(affix),
            ) => affixes.remove(affix, id),
            (Self::Ends(ends), Key::Ends(pair)) => ends.remove(pair, id),
            (Self::Grams(grams), Key::Gram(gram)) => grams.remove(gram, id),
            (Self::Ranges(ranges), Key::Range { bottom, top }) => {
                ranges.remove(ranges::Entry { bottom, top, id });
            }
            (Self::Any(posting), Key::Any) => posting.remove(id),
            _ => {}
        }
    }

    fn of_literal(&self, which: usize, visit: &mut impl FnMut(u64)) {
        match self {
            Self::Literals(literals) => literals[which].each(visit),
            Self::Any(posting) => posting.each(visit),
            _ => {}
        }
    }

    fn of_text(&self, text: &str, work: &mut Work, visit: &mut impl FnMut(u64)) {
        let bytes = text.as_bytes();
        match self {
            Self::Texts(texts) => find(texts, hash::text(bytes), visit),
            Self::Prefixes(prefixes) => prefixes.of(bytes.iter(), visit),
            Self::Suffixes(suffixes) => suffixes.of(bytes.iter().rev(), visit),
            Self::Ends(ends) => ends.of(bytes, visit),
            Self::Grams(grams) => grams.of(bytes, visit),
            Self::Networks(networks) => {
                if key::address_bits(text, &mut work.bits) {
                    networks.of(work.bits.iter(), visit);
                }
            }
            Self::Any(posting) => posting.each(visit),
            Self::Folded(texts) => {
                fold::fold(text, &mut work.folded);
                find(texts, hash::text(work.folded.as_bytes()), visit);
            }
            Self::FoldedPrefixes(prefixes) => {
                fold::fold(text, &mut work.folded);
                prefixes.of(work.folded.as_bytes().iter(), visit);
            }
            Self::FoldedSuffixes(suffixes) => {
                fold::fold(text, &mut work.folded);
                suffixes.of(work.folded.as_bytes().iter().rev(), visit);
            }
            Self::Numbers(_) | Self::Literals(_) | Self::Ranges(_) => {}
        }
    }
}

fn find(map: &Map<Posting>, hash: u64, visit: &mut impl FnMut(u64)) {
    if let Some(posting) = map.get(hash) {
        posting.each(visit);
    }
}
