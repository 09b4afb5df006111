//! An event as rules see it: the values at the paths they ask for, and in which element of which
//! array each value was found.
//!
//! One pass over the text follows the names that some rule asks for and skips everything else
//! without looking into it. A path is the names from the outermost object inwards; a dot inside a
//! name separates names like nesting does. An array adds nothing to a path: its elements stand at
//! the path of the array, and an empty one leaves nothing there.
//!
//! The text is taken to be JSON (see [`crate::Event`]). On any other text the scan stops where it
//! cannot go on, and what was found so far is all there is.

mod lanes;
mod skip;
mod unescape;

use std::cell::Cell;

use crate::consistency::Places;
use crate::index::Work;
use crate::names::{Asked, Node, PathId};
use crate::number::{Exactness, Number, Ordered};
use crate::test::Answer;
use crate::value::Value;

/// The most arrays and objects inside each other that are followed: more than any [`crate::Event`]
/// has, and few enough for a thread's stack.
const DEPTH_MAX: usize = 256;

/// The least length of a list of candidates from which repetitions are taken out.
const CANDIDATES_MIN: usize = 4_096;

/// The most entries of each list that are kept from one event to the next.
const KEPT_MAX: usize = 65_536;

/// How many leaves an event has at most for which a test is rather asked again than remembered.
const LEAVES_ASKED_AGAIN: usize = 128;

/// A place in an event: an array element that is an object or an array, or the event itself.
/// Places are numbered in the order of the text, so those inside a place follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PlaceId(u32);

impl PlaceId {
    /// The event itself, inside no array.
    pub(crate) const ROOT: Self = Self(0);

    /// Behind all places.
    const LAST: Self = Self(u32::MAX);

    /// Its number, in the order of the text.
    pub(crate) fn number(self) -> usize {
        self.0 as usize
    }
}

/// A place other than the event itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The array it is an element of.
    pub(crate) array: u32,
    /// The place this array lies in.
    pub(crate) parent: PlaceId,
    /// The first place behind it that is not inside it.
    pub(crate) end: PlaceId,
}

/// A value and where it was found.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    found: Found,
    /// Of a number, what is known of its exactness.
    exactness: Cell<Exactness>,
    /// The innermost array element around it that is an object or an array.
    pub(crate) place: PlaceId,
    /// The next leaf of the same path, from 1; zero if there is none.
    next: u32,
}

/// A value as it stands in the event.
#[derive(Clone, Copy, Debug)]
enum Found {
    Null,
    Bool(bool),
    /// A number: its double, and where it begins and ends.
    Number(Ordered, u32, u32),
    /// A string without escapes: where it begins and ends.
    Plain(u32, u32),
    /// A string with escapes, written to the side without them.
    Unescaped(u32, u32),
}

/// The leaves of one path, if it was found in this event.
#[derive(Clone, Copy, Debug, Default)]
struct Path {
    /// The event it was found in last.
    event: u32,
    first: u32,
    last: u32,
}

/// The memory a thread needs to match events; kept from one event to the next, so that reading an
/// event allocates nothing; only what it matches does.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Counts events, so that nothing needs to be cleared between them.
    event: u32,
    paths: Vec<Path>,
    leaves: Vec<Leaf>,
    places: Vec<Place>,
    array_ends: Vec<PlaceId>,
    unescaped: String,
    work: Work,
    /// The entries that values of the event found.
    pub(crate) candidates: Vec<u64>,
    /// How long that list may become before repetitions are taken out of it.
    candidates_limit: usize,
    /// By the number of a test, what the event says to it.
    answers: Vec<Cell<Answer>>,
    steps_left: Cell<u64>,
    /// Where the fields of an alternative are satisfied.
    pub(crate) satisfied: Vec<PlaceId>,
}

/// What a scan of an event found, as long as its [`Scratch`] is not used for another.
#[derive(Clone, Copy)]
pub(crate) struct Findings<'a> {
    text: &'a str,
    event: u32,
    paths: &'a [Path],
    leaves: &'a [Leaf],
    unescaped: &'a str,
    answers: &'a [Cell<Answer>],
    /// The array elements of the event.
    pub(crate) places: Places<'a>,
}

impl Scratch {
    /// Forgets the last event; `paths` is how many numbers of paths there are.
    fn begin(&mut self, paths: usize) {
        self.event = self.event.wrapping_add(1);
        if self.event == 0 {
            self.paths.clear();
            self.event = 1;
        }
        if self.paths.len() < paths {
            self.paths.resize(paths, Path::default());
        }
        self.leaves.clear();
        self.places.clear();
        self.array_ends.clear();
        self.unescaped.clear();
        self.candidates.clear();
        self.candidates_limit = CANDIDATES_MIN;
        self.answers.clear();
        self.shrink();
    }

    /// Gives back what only an unusually large event needed.
    fn shrink(&mut self) {
        fn shrink<T>(list: &mut Vec<T>) {
            if list.capacity() > KEPT_MAX {
                list.shrink_to(KEPT_MAX);
            }
        }
        shrink(&mut self.leaves);
        shrink(&mut self.places);
        shrink(&mut self.array_ends);
        shrink(&mut self.candidates);
        shrink(&mut self.satisfied);
        if self.unescaped.capacity() > KEPT_MAX {
            self.unescaped.shrink_to(KEPT_MAX);
        }
    }

    /// Keeps the answers of so many tests, if the event is long enough to make asking dear.
    pub(crate) fn keep_answers(&mut self, tests: usize) {
        if self.leaves.len() > LEAVES_ASKED_AGAIN {
            self.answers.resize(tests, Cell::default());
        }
    }

    /// What was found, with the lists that are worked on next.
    pub(crate) fn findings<'a>(
        &'a mut self,
        text: &'a str,
    ) -> (Findings<'a>, &'a mut Vec<u64>, &'a mut Vec<PlaceId>) {
        let findings = Findings {
            text,
            event: self.event,
            paths: &self.paths,
            leaves: &self.leaves,
            unescaped: &self.unescaped,
            answers: &self.answers,
            places: Places {
                elements: &self.places,
                array_ends: &self.array_ends,
                steps_left: &self.steps_left,
            },
        };
        (findings, &mut self.candidates, &mut self.satisfied)
    }
}

impl<'a> Findings<'a> {
    /// Where the answer to a test is kept; nowhere if the event is short.
    pub(crate) fn answer(self, test: u32) -> Option<&'a Cell<Answer>> {
        self.answers.get(test as usize)
    }

    /// What stands at a path, in the order of the text; nothing if the field is absent, an object
    /// or an empty array.
    #[inline]
    pub(crate) fn leaves(self, path: PathId) -> impl Iterator<Item = (Value<'a>, PlaceId)> {
        let found = self.paths.get(path.0 as usize).filter(|path| path.event == self.event);
        let mut next = found.map_or(0, |path| path.first);
        std::iter::from_fn(move || {
            let leaf = self.leaves.get((next as usize).checked_sub(1)?)?;
            next = leaf.next;
            Some((leaf.value(self.text, self.unescaped), leaf.place))
        })
    }
}

impl Leaf {
    #[inline]
    fn value<'a>(&'a self, text: &'a str, unescaped: &'a str) -> Value<'a> {
        let part = |text: &'a str, start: u32, end: u32| {
            text.get(start as usize..end as usize).unwrap_or_default()
        };
        match self.found {
            Found::Null => Value::Null,
            Found::Bool(value) => Value::Bool(value),
            Found::Number(double, start, end) => {
                Value::Number(Number::known(part(text, start, end), double, &self.exactness))
            }
            Found::Plain(start, end) => Value::Text(part(text, start, end)),
            Found::Unescaped(start, end) => Value::Text(part(unescaped, start, end)),
        }
    }
}

/// Finds what the names of `tree` lead to in `text`, and the entries that may match it.
pub(crate) fn scan(tree: &Node, paths: usize, text: &str, scratch: &mut Scratch) {
    scratch.begin(paths);
    // Places in the text are kept in 32 bits; `Event` takes no longer text.
    if u32::try_from(text.len()).is_err() {
        return;
    }
    let mut scan = Scan { text, bytes: text.as_bytes(), at: 0, depth: 0, scratch };
    scan.skip_space();
    if scan.peek() == Some(b'{') {
        // `None` says that the text is not JSON; there is nobody left to be told.
        let _stopped = scan.object(tree, PlaceId::ROOT);
    }
}

/// The state of a scan. Its steps answer `None` where the text does not go on as JSON does.
struct Scan<'t, 's> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth: usize,
    scratch: &'s mut Scratch,
}

impl Scan<'_, '_> {
    /// Follows the names of the object whose opening brace stands here.
    fn object(&mut self, node: &Node, place: PlaceId) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        self.skip_space();
        while self.peek()? != b'}' {
            if self.peek()? != b'"' {
                return None;
            }
            let start = self.at + 1;
            let name = skip::string::<true>(self.bytes, start)?;
            self.at = name.end + 1;
            self.skip_space();
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            self.skip_space();
            let below = match node.get(self.bytes.get(start..name.end)?) {
                // A name with escapes is another one than it looks.
                Some(below) if !name.escaped => Some(below),
                _ if name.dotted => self.follow(node, start, name),
                _ => None,
            };
            match below {
                Some(below) => self.value(below, place)?,
                None => self.skip_value()?,
            }
            self.behind_element(b'}')?;
        }
        self.at += 1;
        self.depth -= 1;
        Some(())
    }

    /// Where a name with dots or escapes leads.
    fn follow<'n>(&self, node: &'n Node, start: usize, name: skip::Span) -> Option<&'n Node> {
        let raw = self.text.get(start..name.end)?;
        if !name.escaped {
            return raw.split('.').try_fold(node, |node, part| node.get(part.as_bytes()));
        }
        let mut unescaped = String::new();
        unescape::unescape(raw, &mut unescaped)?;
        unescaped.split('.').try_fold(node, |node, part| node.get(part.as_bytes()))
    }

    /// Takes what stands here for the value of `node`.
    fn value(&mut self, node: &Node, place: PlaceId) -> Option<()> {
        match self.peek()? {
            b'{' if node.is_end() => self.skip_value(),
            b'{' => self.object(node, place),
            b'[' => self.array(node, place),
            first => match node.asked() {
                Some(asked) => self.leaf(asked, first, place),
                None => self.skip_value(),
            },
        }
    }

    /// Takes the elements of the array that begins here.
    fn array(&mut self, node: &Node, place: PlaceId) -> Option<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        // Arrays are numbered from 1.
        self.scratch.array_ends.push(PlaceId::LAST);
        let array = u32::try_from(self.scratch.array_ends.len()).ok()?;
        self.skip_space();
        while self.peek()? != b']' {
            // Only an element with something inside is a place of its own: two fields cannot meet
            // in a plain value.
            let first = self.peek()?;
            if first == b'{' || first == b'[' {
                let index = self.scratch.places.len();
                let id = PlaceId(u32::try_from(index + 1).ok()?);
                // Where the text breaks off, everything behind is inside.
                self.scratch.places.push(Place { array, parent: place, end: PlaceId::LAST });
                self.value(node, id)?;
                let end = u32::try_from(self.scratch.places.len() + 1).ok()?;
                self.scratch.places[index].end = PlaceId(end);
            } else if let Some(asked) = node.asked() {
                self.leaf(asked, first, place)?;
            } else {
                self.skip_value()?;
            }
            self.behind_element(b']')?;
        }
        let end = u32::try_from(self.scratch.places.len() + 1).ok()?;
        self.scratch.array_ends[array as usize - 1] = PlaceId(end);
        self.at += 1;
        self.depth -= 1;
        Some(())
    }

    /// Takes the plain value that stands here.
    #[inline]
    fn leaf(&mut self, asked: &Asked, first: u8, place: PlaceId) -> Option<()> {
        let start = self.at;
        let found = if first == b'"' {
            let string = skip::string::<false>(self.bytes, start + 1)?;
            self.at = string.end + 1;
            self.string(start + 1, string)?
        } else {
            self.skip_plain()?;
            match first {
                b'n' => Found::Null,
                b't' => Found::Bool(true),
                b'f' => Found::Bool(false),
                _ => self.number(start, asked.wants_numbers())?,
            }
        };
        self.note(asked.path, found, place)?;
        let Scratch { leaves, unescaped, work, candidates, candidates_limit, .. } =
            &mut *self.scratch;
        let value = leaves.last()?.value(self.text, unescaped);
        asked.index.of(value, work, &mut |id| {
            // The elements of an array often find the same.
            if candidates.last() == Some(&id) {
                return;
            }
            if candidates.len() == *candidates_limit {
                candidates.sort_unstable();
                candidates.dedup();
                *candidates_limit = CANDIDATES_MIN.max(2 * candidates.len());
            }
            candidates.push(id);
        });
        Some(())
    }

    /// The number from `start` to here; where nobody wants to know which, not its double.
    fn number(&self, start: usize, wanted: bool) -> Option<Found> {
        let double = if wanted {
            Number::new(self.text.get(start..self.at)?)?.double()
        } else {
            Ordered::new(0.0)
        };
        Some(Found::Number(double, start.try_into().ok()?, self.at.try_into().ok()?))
    }

    /// The string with its first byte at `start`.
    fn string(&mut self, start: usize, span: skip::Span) -> Option<Found> {
        let end = span.end;
        if !span.escaped {
            return Some(Found::Plain(start.try_into().ok()?, end.try_into().ok()?));
        }
        let unescaped = &mut self.scratch.unescaped;
        let begin = unescaped.len();
        unescape::unescape(self.text.get(start..end)?, unescaped)?;
        Some(Found::Unescaped(begin.try_into().ok()?, unescaped.len().try_into().ok()?))
    }

    /// Adds a leaf to those of its path.
    fn note(&mut self, path: PathId, found: Found, place: PlaceId) -> Option<()> {
        let Scratch { event, paths, leaves, .. } = &mut *self.scratch;
        leaves.push(Leaf { found, exactness: Cell::default(), place, next: 0 });
        let number = u32::try_from(leaves.len()).ok()?;
        let path = paths.get_mut(path.0 as usize)?;
        if path.event == *event {
            leaves.get_mut((path.last as usize).checked_sub(1)?)?.next = number;
            path.last = number;
        } else {
            *path = Path { event: *event, first: number, last: number };
        }
        Some(())
    }

    /// Steps over the value that stands here.
    #[inline]
    fn skip_value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.at = skip::string::<false>(self.bytes, self.at + 1)?.end + 1,
            b'{' | b'[' => self.at = skip::container(self.bytes, self.at + 1)?,
            _ => self.skip_plain()?,
        }
        Some(())
    }

    /// Steps over a number or a literal, which has at least one character.
    #[inline]
    fn skip_plain(&mut self) -> Option<()> {
        let start = self.at;
        self.at = skip::plain(self.bytes, start);
        (self.at > start).then_some(())
    }

    /// Steps over what follows an element, up to the next one or the closing bracket.
    #[inline]
    fn behind_element(&mut self, closing: u8) -> Option<()> {
        self.skip_space();
        match self.peek()? {
            b',' => {
                self.at += 1;
                self.skip_space();
                Some(())
            }
            found if found == closing => Some(()),
            _ => None,
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }
}
