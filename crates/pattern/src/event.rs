//! An event: a JSON object, as text.

use crate::json::{self, FaultKind};

/// The most arrays and objects inside each other; a reader on a thread's stack needs some bound,
/// and `serde_json` has the same.
pub(crate) const DEPTH_MAX: usize = 128;

/// An event, ready to be matched.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    text: &'a str,
}

impl<'a> Event<'a> {
    /// Reads an event from its JSON text, and refuses what is no event.
    pub fn parse(text: &'a str) -> Result<Self, EventError> {
        if u32::try_from(text.len()).is_err() {
            return Err(EventError::TooLong);
        }
        let is_object = json::is_object(text, DEPTH_MAX).map_err(|fault| match fault.kind {
            FaultKind::TooDeep => EventError::TooDeep,
            FaultKind::Syntax(message) => {
                let (line, column) = json::position(text, fault.at);
                EventError::Syntax { message, line, column }
            }
        })?;
        if is_object { Ok(Self { text }) } else { Err(EventError::NotAnObject) }
    }

    /// An event whose text some JSON reader has accepted as an object already.
    ///
    /// Matching looks only at the parts of it that some rule asks for, and takes it for JSON. On
    /// any other text, or one that nests deeper than 128, the answer is one or the other.
    pub fn of_valid(text: &'a str) -> Self {
        Self { text }
    }

    /// The text.
    pub fn text(&self) -> &'a str {
        self.text
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
    /// Places in the text are kept in 32 bits.
    #[error("the event is longer than 4 GiB")]
    TooLong,
}
