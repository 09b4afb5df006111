//! A list of numbered things that is cheap to copy: copies share what they have in common.
//!
//! Numbers are given in order and never again. A change rewrites one chunk and the list of chunks,
//! and where nobody shares them it changes them in place.

use std::sync::Arc;

/// How many things a chunk has room for.
const CHUNK: usize = 256;

/// The list.
#[derive(Clone, Debug)]
pub(crate) struct List<T> {
    chunks: Arc<Vec<Chunk<T>>>,
    /// The number that is given next.
    next: usize,
    /// How many things are there.
    len: usize,
}

/// The things of a chunk; those taken out, and a chunk that lost all of them, leave nothing.
#[derive(Clone, Debug)]
struct Chunk<T> {
    things: Option<Arc<Vec<Option<T>>>>,
    len: usize,
}

impl<T> List<T> {
    /// The empty list.
    pub(crate) fn new() -> Self {
        Self { chunks: Arc::new(Vec::new()), next: 0, len: 0 }
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
        let chunk = self.chunks.get(number / CHUNK)?.things.as_deref()?;
        chunk.get(number % CHUNK)?.as_ref()
    }
}

impl<T: Clone> List<T> {
    /// Adds a thing under the next number.
    pub(crate) fn push(&mut self, thing: T) {
        let chunks = Arc::make_mut(&mut self.chunks);
        if self.next.is_multiple_of(CHUNK) {
            chunks.push(Chunk { things: None, len: 0 });
        }
        if let Some(chunk) = chunks.last_mut() {
            let things = chunk.things.get_or_insert_with(Arc::default);
            let things = Arc::make_mut(things);
            // Those that were there before, if all of them have been taken out.
            things.resize_with(self.next % CHUNK, || None);
            things.push(Some(thing));
            chunk.len += 1;
        }
        self.next += 1;
        self.len += 1;
    }

    /// Takes the thing with this number out.
    pub(crate) fn take(&mut self, number: usize) -> Option<T> {
        self.get(number)?;
        let chunk = Arc::make_mut(&mut self.chunks).get_mut(number / CHUNK)?;
        let taken = Arc::make_mut(chunk.things.as_mut()?).get_mut(number % CHUNK)?.take();
        chunk.len -= 1;
        if chunk.len == 0 {
            chunk.things = None;
        }
        self.len -= 1;
        taken
    }
}
