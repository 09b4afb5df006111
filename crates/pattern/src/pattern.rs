//! An event pattern: its text and what it means.

use crate::event::Event;
use crate::extensions::Extensions;
use crate::json::{self, Place};
use crate::matcher::Matcher;
use crate::parse::{self, Refusal, Shown};
use crate::rule::Rule;
use crate::scan::Scratch;

/// The most characters a pattern may have ("EventBridge quotas", event pattern size).
const CHARS_MAX: usize = 4_096;

/// A parsed event pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    rule: Rule,
}

impl Pattern {
    /// Reads a pattern from its JSON text. An `Err` is for the author of the pattern: it names the
    /// reason and the place.
    pub fn parse(source: &str) -> Result<Self, PatternError> {
        Self::parse_with(source, Extensions::NONE)
    }

    /// Reads a pattern that may use these operators of ours besides those of `EventBridge`.
    pub fn parse_with(source: &str, extensions: Extensions) -> Result<Self, PatternError> {
        // The text is clipped, because an error that repeats megabytes helps nobody.
        if let Some((clip, _)) = source.char_indices().nth(CHARS_MAX) {
            let message = format!("The pattern is longer than {CHARS_MAX} characters");
            return Err(PatternError::new(&source[..clip], Refusal::new(message, clip)));
        }
        match parse::rule(source, extensions) {
            Ok(rule) => Ok(Self { source: source.to_owned(), rule }),
            Err(refusal) => Err(PatternError::new(source, refusal)),
        }
    }

    /// The text this pattern was read from, unchanged.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether `event` matches this pattern.
    ///
    /// For one question; whoever asks more often keeps a [`Matcher`].
    pub fn matches(&self, event: &Event<'_>) -> bool {
        let mut matcher = Matcher::new();
        matcher.add((), self);
        !matcher.matches(event, &mut Scratch::default()).is_empty()
    }

    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }
}

/// Why a text is not an event pattern, and where; shown in the words `EventBridge` uses for an
/// `InvalidEventPatternException`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Event pattern is not valid. Reason: {message}{places}")]
pub struct PatternError {
    /// The reason, without the place.
    pub message: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in UTF-16 units, counted from 1: just behind the wrong part, or where a character
    /// stands that JSON does not expect there.
    pub column: usize,
    /// The same place in bytes of the text, counted from 0.
    pub offset: usize,
    /// The text that was refused; only its first 4,096 characters if it was too long.
    pub pattern: String,
    /// What AWS says of the place, which is nothing for some reasons.
    places: String,
}

impl PatternError {
    fn new(pattern: &str, refusal: Refusal) -> Self {
        let place = |at| format!("\n at {}", Place::new(pattern, at));
        let places = match refusal.shown {
            Shown::Never => String::new(),
            Shown::Once => place(refusal.at),
            Shown::Twice(first) => place(first) + &place(refusal.at),
        };
        let (line, column) = json::position(pattern, refusal.at);
        let offset = refusal.at;
        Self { message: refusal.message, line, column, offset, pattern: pattern.to_owned(), places }
    }
}
