//! Beginnings: which of many texts does a longer one begin with?
//!
//! The texts are kept by their hashes, and apart from them the lengths they have. A longer text is
//! hashed byte by byte and looked up once at each of these lengths. Ends of texts are beginnings
//! read backwards, and a network is the beginning of an address in bits.

use std::sync::Arc;

use super::posting::Posting;
use crate::hash::Rolling;
use crate::map::Map;

/// The longest beginning that is told apart; what is behind has to be checked by who asks.
pub(crate) const LENGTH_MAX: usize = 136;

/// A set of beginnings.
#[derive(Clone, Debug)]
pub(crate) struct Affixes {
    by_hash: Map<Posting>,
    /// Each length with the number of insertions of it, in order.
    lengths: Arc<Vec<(usize, usize)>>,
}

/// A beginning: its length and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Affix {
    length: usize,
    hash: u64,
}

impl Affix {
    /// The beginning that `bytes` are, cut to the length that is told apart.
    pub(crate) fn new<'a>(bytes: impl ExactSizeIterator<Item = &'a u8>) -> Self {
        let length = bytes.len().min(LENGTH_MAX);
        Self { length, hash: key(length, Rolling::of(bytes.take(length))) }
    }
}

/// One key for a beginning of this length and hash, so that equal hashes of different lengths are
/// apart.
fn key(length: usize, hash: u64) -> u64 {
    hash ^ (length as u64).rotate_right(8)
}

impl Affixes {
    /// The empty set.
    pub(crate) fn new() -> Self {
        Self { by_hash: Map::new(), lengths: Arc::default() }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_hash.len() == 0
    }

    /// How many ask for this one.
    pub(crate) fn asked(&self, affix: Affix) -> usize {
        self.by_hash.get(affix.hash).map_or(0, Posting::len)
    }

    /// Adds who asks for one.
    pub(crate) fn insert(&mut self, affix: Affix, id: u64) {
        self.by_hash.entry(affix.hash, || Posting::Nobody).insert(id);
        let lengths = Arc::make_mut(&mut self.lengths);
        match lengths.binary_search_by_key(&affix.length, |(length, _)| *length) {
            Ok(at) => lengths[at].1 += 1,
            Err(at) => lengths.insert(at, (affix.length, 1)),
        }
    }

    /// Takes who asks for one out.
    pub(crate) fn remove(&mut self, affix: Affix, id: u64) {
        if let Some(posting) = self.by_hash.get_mut(affix.hash) {
            posting.remove(id);
            if posting.is_empty() {
                self.by_hash.remove(affix.hash);
            }
        }
        // Counted at every insertion, which each removal undoes.
        let lengths = Arc::make_mut(&mut self.lengths);
        if let Ok(at) = lengths.binary_search_by_key(&affix.length, |(length, _)| *length) {
            lengths[at].1 -= 1;
            if lengths[at].1 == 0 {
                lengths.remove(at);
            }
        }
    }

    /// Calls `visit` with everyone who may ask for a beginning of `bytes`.
    pub(crate) fn of<'a>(
        &self,
        mut bytes: impl Iterator<Item = &'a u8>,
        visit: &mut impl FnMut(u64),
    ) {
        let mut rolling = Rolling::new();
        let mut read = 0;
        for (length, _) in self.lengths.iter() {
            while read < *length {
                let Some(byte) = bytes.next() else {
                    return;
                };
                rolling.push(*byte);
                read += 1;
            }
            if let Some(posting) = self.by_hash.get(key(*length, rolling.hash())) {
                posting.each(visit);
            }
        }
    }
}
