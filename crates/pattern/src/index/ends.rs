//! Both ends: which of many pairs of texts does a longer one begin and end with?
//!
//! For wildcards such as `order-*-paid`. One end alone is often shared by many of them, and every
//! one found in vain has to be checked.

use std::sync::Arc;

use super::posting::Posting;
use crate::hash::Rolling;
use crate::map::Map;

/// The most bytes of an end that are told apart, so that there are few pairs of lengths.
const LENGTH_MAX: usize = 16;

/// A set of pairs.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    by_hash: Map<Posting>,
    /// Each pair of lengths with the number of insertions of it.
    lengths: Arc<Vec<((usize, usize), usize)>>,
}

/// A beginning and an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pair {
    lengths: (usize, usize),
    hash: u64,
}

impl Pair {
    /// The pair of a beginning and an end, both cut to the length that is told apart.
    pub(crate) fn new(first: &[u8], last: &[u8]) -> Self {
        let lengths = (first.len().min(LENGTH_MAX), last.len().min(LENGTH_MAX));
        let first = Rolling::of(first.iter().take(lengths.0));
        let last = Rolling::of(last.iter().rev().take(lengths.1));
        Self { lengths, hash: key(lengths, first, last) }
    }
}

fn key(lengths: (usize, usize), first: u64, last: u64) -> u64 {
    let lengths = (lengths.0 as u64) << 8 | lengths.1 as u64;
    first ^ last.rotate_left(32) ^ lengths.rotate_right(16)
}

/// The hash of each beginning of a text, by its length.
fn hashes<'a>(bytes: impl Iterator<Item = &'a u8>, longest: usize) -> [u64; LENGTH_MAX + 1] {
    let mut hashes = [0; LENGTH_MAX + 1];
    let mut rolling = Rolling::new();
    for (hash, byte) in hashes[1..].iter_mut().zip(bytes.take(longest)) {
        rolling.push(*byte);
        *hash = rolling.hash();
    }
    hashes
}

impl Ends {
    /// The empty set.
    pub(crate) fn new() -> Self {
        Self { by_hash: Map::new(), lengths: Arc::default() }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_hash.len() == 0
    }

    /// How many ask for this one.
    pub(crate) fn asked(&self, pair: Pair) -> usize {
        self.by_hash.get(pair.hash).map_or(0, Posting::len)
    }

    /// Adds who asks for one.
    pub(crate) fn insert(&mut self, pair: Pair, id: u64) {
        self.by_hash.entry(pair.hash, || Posting::Nobody).insert(id);
        let lengths = Arc::make_mut(&mut self.lengths);
        match lengths.iter_mut().find(|(lengths, _)| *lengths == pair.lengths) {
            Some((_, count)) => *count += 1,
            None => lengths.push((pair.lengths, 1)),
        }
    }

    /// Takes who asks for one out.
    pub(crate) fn remove(&mut self, pair: Pair, id: u64) {
        if let Some(posting) = self.by_hash.get_mut(pair.hash) {
            posting.remove(id);
            if posting.is_empty() {
                self.by_hash.remove(pair.hash);
            }
        }
        // Counted at every insertion, which each removal undoes.
        let lengths = Arc::make_mut(&mut self.lengths);
        if let Some((_, count)) = lengths.iter_mut().find(|(lengths, _)| *lengths == pair.lengths) {
            *count -= 1;
        }
        lengths.retain(|(_, count)| *count > 0);
    }

    /// Calls `visit` with everyone who may ask for the ends of `text`.
    pub(crate) fn of(&self, text: &[u8], visit: &mut impl FnMut(u64)) {
        let lengths = || self.lengths.iter().map(|(lengths, _)| *lengths);
        let first = hashes(text.iter(), lengths().map(|(first, _)| first).max().unwrap_or(0));
        let last = hashes(text.iter().rev(), lengths().map(|(_, last)| last).max().unwrap_or(0));
        for pair in lengths().filter(|(first, last)| first + last <= text.len()) {
            let hash = key(pair, first[pair.0], last[pair.1]);
            if let Some(posting) = self.by_hash.get(hash) {
                posting.each(visit);
            }
        }
    }
}
