//! A map from 64-bit keys that is cheap to copy: copies share what they have in common.
//!
//! A hash array mapped trie (Bagwell 2001) of 64-way nodes. A change rewrites the nodes on the way
//! to one key and no others; where nobody shares a node, it is changed in place. So a set of rules
//! can be copied before each change, and readers keep the copy they have.

use std::sync::Arc;

/// How many bits of a key choose a slot of a node.
const BITS: u32 = 6;

/// The map. Keys should be spread over all their low bits: hashes, or numbers given in order.
#[derive(Clone, Debug)]
pub(crate) struct Map<V> {
    root: Option<Arc<Node<V>>>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Node<V> {
    /// Which of the 64 slots are there.
    taken: u64,
    /// Those that are, in order.
    slots: Vec<Slot<V>>,
}

#[derive(Clone, Debug)]
enum Slot<V> {
    Entry(u64, V),
    Deeper(Arc<Node<V>>),
}

impl<V> Map<V> {
    /// The empty map.
    pub(crate) fn new() -> Self {
        Self { root: None, len: 0 }
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The value under `key`.
    pub(crate) fn get(&self, key: u64) -> Option<&V> {
        let mut node = self.root.as_deref()?;
        let mut rest = key;
        loop {
            let bit = bit(rest);
            if node.taken & bit == 0 {
                return None;
            }
            match &node.slots[node.position(bit)] {
                Slot::Entry(found, value) => return (*found == key).then_some(value),
                Slot::Deeper(deeper) => node = deeper,
            }
            rest >>= BITS;
        }
    }

    /// Calls `visit` with every key and value, in no order.
    pub(crate) fn each(&self, visit: &mut impl FnMut(u64, &V)) {
        if let Some(root) = &self.root {
            root.each(visit);
        }
    }
}

impl<V: Clone> Map<V> {
    /// The value under `key`, made now if there is none.
    pub(crate) fn entry(&mut self, key: u64, make: impl FnOnce() -> V) -> &mut V {
        let root = self.root.get_or_insert_with(|| Arc::new(Node::EMPTY));
        let len = &mut self.len;
        Arc::make_mut(root).entry(key, 0, || {
            *len += 1;
            make()
        })
    }

    /// The value under `key`, to be changed.
    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        // First a look, because the way to an entry that is not there must not be copied.
        self.get(key)?;
        let mut node = Arc::make_mut(self.root.as_mut()?);
        let mut rest = key;
        loop {
            let position = node.position(bit(rest));
            match &mut node.slots[position] {
                Slot::Entry(_, value) => return Some(value),
                Slot::Deeper(deeper) => node = Arc::make_mut(deeper),
            }
            rest >>= BITS;
        }
    }

    /// Takes the value under `key` out.
    pub(crate) fn remove(&mut self, key: u64) -> Option<V> {
        self.get(key)?;
        let root = Arc::make_mut(self.root.as_mut()?);
        let value = root.remove(key, 0);
        if root.slots.is_empty() {
            self.root = None;
        }
        self.len -= 1;
        value
    }
}

impl<V> Node<V> {
    const EMPTY: Self = Self { taken: 0, slots: Vec::new() };

    /// Where the slot of `bit` is, or would be.
    fn position(&self, bit: u64) -> usize {
        (self.taken & (bit - 1)).count_ones() as usize
    }

    fn put(&mut self, bit: u64, slot: Slot<V>) -> usize {
        let position = self.position(bit);
        self.slots.reserve_exact(1);
        self.slots.insert(position, slot);
        self.taken |= bit;
        position
    }

    fn each(&self, visit: &mut impl FnMut(u64, &V)) {
        for slot in &self.slots {
            match slot {
                Slot::Entry(key, value) => visit(*key, value),
                Slot::Deeper(deeper) => deeper.each(visit),
            }
        }
    }
}

impl<V: Clone> Node<V> {
    fn entry(&mut self, key: u64, depth: u32, make: impl FnOnce() -> V) -> &mut V {
        let bit = bit(key >> depth);
        if self.taken & bit == 0 {
            let position = self.put(bit, Slot::Entry(key, make()));
            return self.value_at(position, key, depth);
        }
        let position = self.position(bit);
        let slot = &mut self.slots[position];
        if let Slot::Entry(found, _) = slot
            && *found != key
        {
            let other = *found;
            let mut deeper = Self::EMPTY;
            let empty = Slot::Deeper(Arc::new(Self::EMPTY));
            deeper.put(self::bit(other >> (depth + BITS)), std::mem::replace(slot, empty));
            *slot = Slot::Deeper(Arc::new(deeper));
        }
        match &mut self.slots[position] {
            Slot::Entry(_, value) => value,
            Slot::Deeper(deeper) => Arc::make_mut(deeper).entry(key, depth + BITS, make),
        }
    }

    /// The value of the entry that was just put at `position`.
    fn value_at(&mut self, position: usize, key: u64, depth: u32) -> &mut V {
        match &mut self.slots[position] {
            Slot::Entry(_, value) => value,
            Slot::Deeper(_) => unreachable!("an entry for {key} was put at depth {depth}"),
        }
    }

    fn remove(&mut self, key: u64, depth: u32) -> Option<V> {
        let bit = bit(key >> depth);
        let position = self.position(bit);
        if let Slot::Deeper(deeper) = &mut self.slots[position] {
            let node = Arc::make_mut(deeper);
            let value = node.remove(key, depth + BITS);
            // A node with a single entry is that entry, so that what was removed leaves no trace.
            if let [Slot::Entry(..)] = node.slots.as_slice()
                && let Some(last) = node.slots.pop()
            {
                self.slots[position] = last;
            }
            return value;
        }
        self.taken &= !bit;
        match self.slots.remove(position) {
            Slot::Entry(_, value) => Some(value),
            Slot::Deeper(_) => None,
        }
    }
}

fn bit(key: u64) -> u64 {
    1 << (key & ((1 << BITS) - 1))
}
