//! An event as patterns see it: paths, the values at each, and in which element of which array each
//! value was found.
//!
//! A path is the names from the outermost object inwards; a dot inside a name separates names like
//! nesting does. An array adds nothing to a path: its elements stand at the path of the array, and
//! an empty one leaves nothing there. Everything here is linear in the length of the event.

use std::collections::HashMap;

use crate::json::{self, FaultKind, Member, Node, Value};

/// The most arrays and objects inside each other; a parser on a thread's stack needs some bound,
/// and `serde_json` has the same.
const DEPTH_MAX: usize = 128;

/// An event, ready to be matched.
#[derive(Clone, Debug)]
pub struct Event {
    /// Each name of the event once, with its number.
    names: HashMap<String, usize>,
    /// Where one more name leads from a path; paths are numbered, the empty one is 0.
    longer: HashMap<(usize, usize), usize>,
    /// What stands at each path.
    leaves: Vec<Vec<Leaf>>,
    places: Places,
}

impl Event {
    /// Reads an event from its JSON text.
    pub fn parse(json: &str) -> Result<Self, EventError> {
        let value = json::read(json, DEPTH_MAX).map_err(|fault| match fault.kind {
            FaultKind::TooDeep => EventError::TooDeep,
            FaultKind::Syntax(message) => {
                let (line, column) = json::position(json, fault.at);
                EventError::Syntax { message, line, column }
            }
        })?;
        let Node::Object(members) = value.node else {
            return Err(EventError::NotAnObject);
        };
        let mut event = Self {
            names: HashMap::new(),
            longer: HashMap::new(),
            leaves: vec![Vec::new()],
            places: Places::default(),
        };
        event.add_object(0, PlaceId::ROOT, members);
        Ok(event)
    }

    /// What stands at a dotted path; nothing if the field is absent, an object or an empty array.
    pub(crate) fn leaves(&self, path: &str) -> &[Leaf] {
        let end = path.split('.').try_fold(0, |path, name| {
            let name = *self.names.get(name)?;
            self.longer.get(&(path, name)).copied()
        });
        match end {
            Some(path) => &self.leaves[path],
            None => &[],
        }
    }

    /// The array elements of this event.
    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    fn add_object(&mut self, path: usize, place: PlaceId, members: Vec<Member>) {
        for (name, value) in members {
            let path = self.lengthen(path, &name);
            self.add(path, place, value.node);
        }
    }

    fn add_array(&mut self, path: usize, place: PlaceId, elements: Vec<Value>) {
        let array = self.places.new_array();
        for element in elements {
            // Only an element with something inside is a place of its own: two fields cannot
            // meet in a plain value.
            let place = match element.node {
                Node::Object(_) | Node::Array(_) => self.places.new_element(place, array),
                _ => place,
            };
            self.add(path, place, element.node);
        }
    }

    fn add(&mut self, path: usize, place: PlaceId, node: Node) {
        let scalar = match node {
            Node::Object(members) => return self.add_object(path, place, members),
            Node::Array(elements) => return self.add_array(path, place, elements),
            Node::Null => Scalar::Null,
            Node::Bool(value) => Scalar::Bool(value),
            Node::Number(value) => Scalar::Number(value),
            Node::Text(value) => Scalar::Text(value),
        };
        self.leaves[path].push(Leaf { scalar, place });
    }

    /// The path that goes on from `path` by the names in `dotted`.
    fn lengthen(&mut self, path: usize, dotted: &str) -> usize {
        dotted.split('.').fold(path, |path, name| {
            let name = self.number_of(name);
            let unused = self.leaves.len();
            let next = *self.longer.entry((path, name)).or_insert(unused);
            if next == unused {
                self.leaves.push(Vec::new());
            }
            next
        })
    }

    fn number_of(&mut self, name: &str) -> usize {
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = self.names.len();
        self.names.insert(name.to_owned(), number);
        number
    }
}

/// Why a text is not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The text is not JSON.
    #[error("the event is not JSON: {message} (line {line}, column {column})")]
    Syntax {
        /// What is wrong.
        message: String,
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
    },
    /// The text is JSON, but not an object.
    #[error("the event is not a JSON object")]
    NotAnObject,
    /// Too many arrays and objects inside each other.
    #[error("the event nests arrays and objects more than {max} deep", max = DEPTH_MAX)]
    TooDeep,
}

/// A value that is neither an array nor an object, and the array element it was found in.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// The value.
    pub(crate) scalar: Scalar,
    /// The innermost array element around it that is an object or an array.
    pub(crate) place: PlaceId,
}

/// A JSON value that is neither an array nor an object.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(String),
}

/// A place in an event: an array element that is an object or an array, or the event itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PlaceId(usize);

impl PlaceId {
    /// The event itself, inside no array.
    pub(crate) const ROOT: Self = Self(0);
}

/// An array of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ArrayId(usize);

/// What contains a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    /// The array the place is an element of.
    pub(crate) array: ArrayId,
    /// The place this array lies in.
    pub(crate) parent: PlaceId,
}

/// The places of an event other than the event itself, each with what contains it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    elements: Vec<Element>,
    arrays: usize,
}

impl Places {
    /// What contains `place`; nothing contains the event itself.
    pub(crate) fn element(&self, place: PlaceId) -> Option<Element> {
        let index = place.0.checked_sub(1)?;
        self.elements.get(index).copied()
    }

    fn new_array(&mut self) -> ArrayId {
        self.arrays += 1;
        ArrayId(self.arrays)
    }

    fn new_element(&mut self, parent: PlaceId, array: ArrayId) -> PlaceId {
        self.elements.push(Element { array, parent });
        PlaceId(self.elements.len())
    }
}
