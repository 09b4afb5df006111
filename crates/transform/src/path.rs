//! The JSON paths of EventBridge: names and indexes.
//!
//! `$`, `$.detail.id`, `$.items[0]`, `$.detail-type`, `$['detail-type']`. No wildcard, filter,
//! slice or descent: a path names one place, so it finds one value or none. EventBridge refuses
//! quoted names; they are taken here, as some names cannot be written otherwise.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use serde_json::value::RawValue;

use crate::json;
use crate::places::Places;

/// The longest path, in characters (EventBridge API, `TargetInputPath`).
const PATH_CHARS_MAX: usize = 256;

/// A place in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    source: String,
    steps: Vec<Step>,
}

/// One step from a value into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// To a member of an object.
    Name(String),
    /// To an element of a list, counted from 0.
    Index(usize),
}

impl JsonPath {
    /// Reads a path of at most 256 characters.
    pub fn parse(source: &str) -> Result<Self, PathError> {
        let chars = source.chars().count();
        if chars > PATH_CHARS_MAX {
            return Err(PathError::TooLong { chars });
        }
        let mut cursor = Cursor { rest: source.chars().peekable(), position: 1 };
        if cursor.take() != Some('$') {
            return Err(PathError::Root);
        }
        let mut steps = Vec::new();
        loop {
            let position = cursor.position;
            match cursor.take() {
                None => break,
                Some('.') => steps.push(cursor.name()?),
                Some('[') => steps.push(cursor.bracket(position)?),
                Some('*') => return Err(PathError::Wildcard { position }),
                Some(found) => return Err(PathError::Unexpected { position, found }),
            }
        }
        Ok(Self { source: source.to_owned(), steps })
    }

    /// The value at this place as it is spelled, `null` included; `None` when the event has no such
    /// place. Of several members with one name the last counts.
    pub fn find<'e>(&self, event: &'e str) -> Option<&'e RawValue> {
        self.find_in(json::read(event).ok()?)
    }

    pub(crate) fn find_in<'e>(&self, event: &'e RawValue) -> Option<&'e RawValue> {
        let mut places = Places::default();
        places.add(self);
        places.find(event).pop().flatten()
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// The characters not yet read, and the position of the next one, from 1.
struct Cursor<'a> {
    rest: Peekable<Chars<'a>>,
    position: usize,
}

impl Cursor<'_> {
    fn take(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.position += 1;
        Some(next)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(next) = self.rest.next_if(|next| wanted(*next)) {
            self.position += 1;
            taken.push(next);
        }
        taken
    }

    /// The name after a dot.
    fn name(&mut self) -> Result<Step, PathError> {
        let position = self.position;
        let name = self.take_while(needs_no_quotes);
        if !name.is_empty() {
            return Ok(Step::Name(name));
        }
        match self.rest.peek() {
            Some('*') => Err(PathError::Wildcard { position }),
            _ => Err(PathError::EmptyName { position }),
        }
    }

    /// The index or quoted name after the bracket that opened at `open`, and the closing bracket.
    fn bracket(&mut self, open: usize) -> Result<Step, PathError> {
        let position = self.position;
        let step = match self.rest.peek().copied() {
            Some('*') => return Err(PathError::Wildcard { position }),
            Some(quote @ ('\'' | '"')) => {
                self.take();
                let name = self.take_while(|next| next != quote);
                self.take().ok_or(PathError::Unclosed { position: open })?;
                Step::Name(name)
            }
            _ => {
                let digits = self.take_while(|next| next.is_ascii_digit());
                Step::Index(digits.parse().map_err(|_| PathError::Index { position })?)
            }
        };
        match self.take() {
            Some(']') => Ok(step),
            _ => Err(PathError::Unclosed { position: open }),
        }
    }
}

/// Characters that have no meaning of their own in a path.
fn needs_no_quotes(next: char) -> bool {
    let special = matches!(next, '.' | '[' | ']' | '(' | ')' | '*' | '?' | '\'' | '"' | '<' | '>');
    !special && !next.is_whitespace() && !next.is_control()
}

/// A text that is no path: where, and what to write there. Positions count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Longer than EventBridge takes.
    #[error("the path has {chars} characters; shorten it to at most {max}", max = PATH_CHARS_MAX)]
    TooLong {
        /// How many characters it has.
        chars: usize,
    },
    /// Does not begin with `$`.
    #[error("a path has `$` at character 1; write for example `$.detail.id`")]
    Root,
    /// Nothing after a dot.
    #[error("no name at character {position}; write one after each dot, as in `$.detail.id`")]
    EmptyName {
        /// Where the name is missing.
        position: usize,
    },
    /// A `*`.
    #[error("`*` at character {position} is not supported; name one field or one index")]
    Wildcard {
        /// Where it stands.
        position: usize,
    },
    /// A bracket with neither a number nor a quoted name.
    #[error(
        "no index at character {position}; write a number from 0 or a quoted name, as in `[0]` \
         or `['detail-type']`"
    )]
    Index {
        /// Where the index is missing.
        position: usize,
    },
    /// A bracket or its quoted name has no end.
    #[error("the bracket at character {position} is not closed; write it as `[0]` or `['a']`")]
    Unclosed {
        /// Where it opens.
        position: usize,
    },
    /// A character that continues no path.
    #[error(
        "unexpected `{found}` at character {position}; continue with `.name` or `[0]`, and quote \
         an unusual name as in `['a b']`"
    )]
    Unexpected {
        /// Where it stands.
        position: usize,
        /// The character.
        found: char,
    },
}
