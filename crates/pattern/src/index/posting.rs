//! Who asks for one thing.

use crate::hash;
use crate::map::Map;

/// The ids of those who ask; most often there is one.
#[derive(Clone, Debug)]
pub(crate) enum Posting {
    /// Nobody.
    Nobody,
    /// One.
    One(u64),
    /// Several, by their mixed ids.
    Several(Box<Map<u64>>),
}

impl Posting {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Nobody => 0,
            Self::One(_) => 1,
            Self::Several(ids) => ids.len(),
        }
    }

    /// Whether there is nobody.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an id; one that is there already only once.
    pub(crate) fn insert(&mut self, id: u64) {
        match self {
            Self::Nobody => *self = Self::One(id),
            Self::One(first) if *first == id => {}
            Self::One(first) => {
                let mut ids = Map::new();
                ids.entry(hash::mix(*first), || *first);
                ids.entry(hash::mix(id), || id);
                *self = Self::Several(Box::new(ids));
            }
            Self::Several(ids) => {
                ids.entry(hash::mix(id), || id);
            }
        }
    }

    /// Takes an id out.
    pub(crate) fn remove(&mut self, id: u64) {
        match self {
            Self::One(only) if *only == id => *self = Self::Nobody,
            Self::Nobody | Self::One(_) => {}
            Self::Several(ids) => {
                ids.remove(hash::mix(id));
                if ids.len() == 0 {
                    *self = Self::Nobody;
                }
            }
        }
    }

    /// Calls `visit` with every id, in no order.
    pub(crate) fn each(&self, visit: &mut impl FnMut(u64)) {
        match self {
            Self::Nobody => {}
            Self::One(id) => visit(*id),
            Self::Several(ids) => ids.each(&mut |_, id| visit(*id)),
        }
    }
}
