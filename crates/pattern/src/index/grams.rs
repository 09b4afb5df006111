//! Pieces anywhere in a text: which of many short ones does a longer text contain?
//!
//! For wildcards such as `*abc*`, which say nothing about how a text begins or ends. Of the longest
//! text between two stars the last bytes are kept, four at most; a value is looked up at each of
//! its positions, once for each length there is.

use super::posting::Posting;
use crate::hash;
use crate::map::Map;

/// The most bytes of a piece.
const LENGTH_MAX: usize = 4;

/// A set of pieces.
#[derive(Clone, Debug)]
pub(crate) struct Grams {
    by_gram: Map<Posting>,
    /// How many pieces of each length there are.
    lengths: [usize; LENGTH_MAX + 1],
    /// How many pieces begin with each of 64 classes of bytes.
    first: Box<[usize; 64]>,
}

/// A piece: its length and its bytes, the first one lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Gram {
    length: usize,
    bytes: u32,
}

impl Gram {
    /// The last bytes of `text`; `None` if it is empty.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let start = text.len().saturating_sub(LENGTH_MAX);
        let piece = &text[start..];
        (!piece.is_empty()).then(|| Self { length: piece.len(), bytes: word(piece) })
    }

    fn key(self) -> u64 {
        hash::mix(u64::from(self.bytes) | (self.length as u64) << 32)
    }

    fn class(self) -> usize {
        class((self.bytes & 0xFF) as u8)
    }
}

fn word(piece: &[u8]) -> u32 {
    piece.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn class(first: u8) -> usize {
    usize::from(first & 63)
}

impl Grams {
    /// The empty set.
    pub(crate) fn new() -> Self {
        Self { by_gram: Map::new(), lengths: [0; LENGTH_MAX + 1], first: Box::new([0; 64]) }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_gram.len() == 0
    }

    /// How many ask for this one.
    pub(crate) fn asked(&self, gram: Gram) -> usize {
        self.by_gram.get(gram.key()).map_or(0, Posting::len)
    }

    /// Adds who asks for one.
    pub(crate) fn insert(&mut self, gram: Gram, id: u64) {
        let posting = self.by_gram.entry(gram.key(), || Posting::Nobody);
        if posting.is_empty() {
            self.lengths[gram.length] += 1;
            self.first[gram.class()] += 1;
        }
        posting.insert(id);
    }

    /// Takes who asks for one out.
    pub(crate) fn remove(&mut self, gram: Gram, id: u64) {
        let Some(posting) = self.by_gram.get_mut(gram.key()) else {
            return;
        };
        posting.remove(id);
        if posting.is_empty() {
            self.by_gram.remove(gram.key());
            self.lengths[gram.length] -= 1;
            self.first[gram.class()] -= 1;
        }
    }

    /// Calls `visit` with everyone who asks for a piece of `text`, more than once perhaps.
    pub(crate) fn of(&self, text: &[u8], visit: &mut impl FnMut(u64)) {
        for at in 0..text.len() {
            if self.first[class(text[at])] == 0 {
                continue;
            }
            for length in (1..=LENGTH_MAX).filter(|length| self.lengths[*length] > 0) {
                let Some(piece) = text.get(at..at + length) else {
                    break;
                };
                let gram = Gram { length, bytes: word(piece) };
                if let Some(posting) = self.by_gram.get(gram.key()) {
                    posting.each(visit);
                }
            }
        }
    }
}
