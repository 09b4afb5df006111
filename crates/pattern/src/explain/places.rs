//! Why nothing stands at a path: what is there instead, and what has nearly its name.

use std::collections::BTreeMap;

use crate::event::DEPTH_MAX;
use crate::json::{Reader, Token};

/// What stands at a path that has no value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Instead {
    Object,
    EmptyArray,
}

/// The most absent paths that are looked for; each costs to read the event once.
const PATHS_MAX: usize = 20;

/// Says why an event has no value at some paths.
pub(super) struct Hints<'a> {
    event: &'a str,
    /// What was said already.
    known: BTreeMap<String, String>,
}

impl<'a> Hints<'a> {
    /// Nothing is said yet.
    pub(super) fn new(event: &'a str) -> Self {
        Self { event, known: BTreeMap::new() }
    }

    /// Says why the event has no value at `path`.
    pub(super) fn why_absent(&mut self, path: &str) -> String {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        if self.known.len() == PATHS_MAX {
            return NOT_THERE.to_owned();
        }
        let why = why_absent(self.event, path);
        self.known.insert(path.to_owned(), why.clone());
        why
    }
}

/// What is said of a path if nothing else can be.
const NOT_THERE: &str = "is not in the event";

fn why_absent(event: &str, path: &str) -> String {
    let mut paths = Paths { path, instead: None, alike: None, longest: 0 };
    // The event was read before; what is past a fault would change no more than a hint.
    let _read = paths.read(event);
    match (paths.instead, paths.alike) {
        (Some(Instead::Object), _) => "is an object, which has no value of its own".to_owned(),
        (Some(Instead::EmptyArray), _) => "is an empty array, which is like absent".to_owned(),
        (None, Some(alike)) => format!("{NOT_THERE}, which has {alike}: check the spelling"),
        (None, None) => match paths.longest {
            0 => NOT_THERE.to_owned(),
            end => format!("{NOT_THERE}, though {} is", &path[..end]),
        },
    }
}

/// A search among all paths of an event.
struct Paths<'a> {
    path: &'a str,
    instead: Option<Instead>,
    /// A path that is the same but for case and the separators people mix up.
    alike: Option<String>,
    /// The length of the longest part of the path, from its start, that is in the event.
    longest: usize,
}

impl Paths<'_> {
    /// Goes through all of the event; `None` at a fault.
    fn read(&mut self, event: &str) -> Option<()> {
        let mut reader = Reader::new(event, DEPTH_MAX);
        let mut here = String::new();
        // For each open array or object, how long the path to it is; the event itself has none.
        let mut open: Vec<Option<usize>> = Vec::new();
        let mut length = None;
        let mut before = Token::End;
        loop {
            let token = reader.next().ok()?;
            match token {
                Token::End => return Some(()),
                Token::Name => {
                    let outer = open.last().copied().flatten();
                    here.truncate(outer.unwrap_or_default());
                    if outer.is_some() {
                        here.push('.');
                    }
                    here.push_str(reader.name());
                    length = Some(here.len());
                    self.look_at(&here);
                }
                Token::ObjectStart | Token::ArrayStart => {
                    let is_here = length.is_some() && here == self.path;
                    if token == Token::ObjectStart && is_here {
                        self.instead = Some(Instead::Object);
                    }
                    open.push(length);
                }
                Token::ObjectEnd | Token::ArrayEnd => {
                    length = open.pop().flatten();
                    here.truncate(length.unwrap_or_default());
                    let is_empty = token == Token::ArrayEnd && before == Token::ArrayStart;
                    let is_here = length.is_some() && here == self.path;
                    if is_empty && is_here && self.instead.is_none() {
                        self.instead = Some(Instead::EmptyArray);
                    }
                }
                Token::Text | Token::Number | Token::True | Token::False | Token::Null => {}
            }
            before = token;
        }
    }

    fn look_at(&mut self, found: &str) {
        let part = self.path.strip_prefix(found).filter(|rest| rest.starts_with('.'));
        if part.is_some() {
            self.longest = self.longest.max(found.len());
        }
        if self.alike.is_none() && found != self.path && plain(found).eq(plain(self.path)) {
            self.alike = Some(found.to_owned());
        }
    }
}

/// A path without what people get wrong in it: case, and the separators within a name.
fn plain(path: &str) -> impl Iterator<Item = char> {
    let kept = path.chars().filter(|character| !matches!(character, '-' | '_' | ' '));
    kept.flat_map(char::to_lowercase)
}
