//! An event pattern: its text and what it means.

use crate::flatten::Event;
use crate::json;
use crate::parse::{self, Refusal};
use crate::rule::Rule;

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
        // The text is clipped, because an error that repeats megabytes helps nobody.
        if let Some((clip, _)) = source.char_indices().nth(CHARS_MAX) {
            let message = format!("The pattern is longer than {CHARS_MAX} characters");
            return Err(PatternError::new(&source[..clip], Refusal::new(message, clip)));
        }
        match parse::rule(source) {
            Ok(rule) => Ok(Self { source: source.to_owned(), rule }),
            Err(refusal) => Err(PatternError::new(source, refusal)),
        }
    }

    /// The text this pattern was read from, unchanged.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether `event` matches this pattern.
    pub fn matches(&self, event: &Event) -> bool {
        self.rule.matches(event)
    }

    pub(crate) fn rule(&self) -> &Rule {
        &self.rule
    }
}

/// Why a text is not an event pattern, and where; shown in the words `EventBridge` uses for an
/// `InvalidEventPatternException`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Event pattern is not valid. Reason: {message}\n at [Source: (String)\"{pattern}\"; \
     line: {line}, column: {column}]"
)]
pub struct PatternError {
    /// The reason, without the place.
    pub message: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column just behind the wrong part, in characters counted from 1.
    pub column: usize,
    /// The text that was refused; only its first 4,096 characters if it was too long.
    pub pattern: String,
}

impl PatternError {
    fn new(pattern: &str, refusal: Refusal) -> Self {
        let (line, column) = json::position(pattern, refusal.at);
        Self { message: refusal.message, line, column, pattern: pattern.to_owned() }
    }
}
