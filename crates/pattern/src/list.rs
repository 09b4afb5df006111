//! A list of numbered things that is cheap to copy: copies share what they have in common.
//!
//! Numbers are given in order and never again. A change rewrites one chunk and the way to it, and
//! where nobody shares them it changes them in place. What was taken out leaves no trace once its
//! chunk is empty.

use std::sync::Arc;

use crate::map::Map;

/// How many things a chunk has room for.
const CHUNK: usize = 256;

/// The list.
#[derive(Clone, Debug)]
pub(crate) struct List<T> {
    /// By number, divided by the size of a chunk.
    chunks: Map<Chunk<T>>,
    /// The number that is given next.
    next: usize,
    /// How many things are there.
    len: usize,
}

/// The things of a chunk, and how many there are.
#[derive(Clone, Debug)]
struct Chunk<T> {
    things: Arc<Vec<Option<T>>>,
    len: usize,
}

impl<T> List<T> {
    /// The empty list.
    pub(crate) fn new() -> Self {
        Self { chunks: Map::new(), next: 0, len: 0 }
    }

    /// How many things are there.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The number that is given next.
    pub(crate) fn next(&self) -> usize {
        self.next
    }

    /// The thing with this number.
    pub(crate) fn get(&self, number: usize) -> Option<&T> {
        let chunk = self.chunks.get((number / CHUNK) as u64)?;
        chunk.things.get(number % CHUNK)?.as_ref()
    }
}

impl<T: Clone> List<T> {
    /// Adds a thing under the next number.
    pub(crate) fn push(&mut self, thing: T) {
        let key = (self.next / CHUNK) as u64;
        let chunk = self.chunks.entry(key, || Chunk { things: Arc::default(), len: 0 });
        let things = Arc::make_mut(&mut chunk.things);
        // Those that were there before, if all of them have been taken out.
        things.resize_with(self.next % CHUNK, || None);
        things.push(Some(thing));
        chunk.len += 1;
        self.next += 1;
        self.len += 1;
    }

    /// Takes the thing with this number out.
    pub(crate) fn take(&mut self, number: usize) -> Option<T> {
        self.get(number)?;
        let key = (number / CHUNK) as u64;
        let chunk = self.chunks.get_mut(key)?;
        let taken = Arc::make_mut(&mut chunk.things).get_mut(number % CHUNK)?.take();
        chunk.len -= 1;
        if chunk.len == 0 {
            self.chunks.remove(key);
        }
        self.len -= 1;
        taken
    }
}
