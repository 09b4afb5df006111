//! The tokens of a pattern, and refusals at the place where they are read.

use crate::extensions::Extensions;
use crate::json::{Fault, FaultKind, Reader, Token};

use super::{Refusal, Shown};

/// The tokens of a pattern, one after the other.
pub(super) struct Tokens<'a> {
    reader: Reader<'a>,
    depth_max: usize,
    extensions: Extensions,
    /// The token that was read last.
    last: Token,
}

impl<'a> Tokens<'a> {
    /// The tokens of `source`, with at most `depth_max` arrays and objects inside each other.
    pub(super) fn new(source: &'a str, depth_max: usize, extensions: Extensions) -> Self {
        Self { reader: Reader::new(source, depth_max), depth_max, extensions, last: Token::End }
    }

    /// The operators that are taken besides those of `EventBridge`.
    pub(super) fn extensions(&self) -> Extensions {
        self.extensions
    }

    /// Reads the next token.
    pub(super) fn next(&mut self) -> Result<Token, Refusal> {
        self.last = self.reader.next().map_err(|fault| self.refused(fault))?;
        Ok(self.last)
    }

    /// Reads the end of an object, or refuses what stands there in these words.
    pub(super) fn object_end(&mut self, otherwise: &str) -> Result<(), Refusal> {
        match self.next()? {
            Token::ObjectEnd => Ok(()),
            _ => Err(self.refusal(otherwise)),
        }
    }

    /// The name that was read last.
    pub(super) fn name(&self) -> &str {
        self.reader.name()
    }

    /// The string that was begun last.
    pub(super) fn text(&mut self) -> Result<String, Refusal> {
        self.reader.text().map_err(|fault| self.refused(fault))
    }

    /// The number that was read last, as it is spelled.
    pub(super) fn number(&self) -> &'a str {
        self.reader.spelling()
    }

    /// The token that was read last, as event-ruler quotes one that is not a string.
    pub(super) fn quote(&self) -> &str {
        match self.last {
            Token::ObjectStart => "{",
            Token::ObjectEnd => "}",
            Token::ArrayStart => "[",
            Token::ArrayEnd => "]",
            Token::Name => self.name(),
            _ => self.reader.spelling(),
        }
    }

    /// A refusal of what was read last.
    pub(super) fn refusal(&self, message: impl Into<String>) -> Refusal {
        Refusal::new(message, self.reader.at())
    }

    /// A refusal of what was read last, of which AWS does not say the place.
    pub(super) fn refusal_without_place(&self, message: impl Into<String>) -> Refusal {
        Refusal::without_place(message, self.reader.at())
    }

    /// The refusal that event-ruler makes of one that it meets in a list of `anything-but`.
    pub(super) fn refusal_of(&self, refusal: Refusal) -> Refusal {
        let shown = match refusal.shown {
            Shown::Never => Shown::Once,
            Shown::Once | Shown::Twice(_) => Shown::Twice(refusal.at),
        };
        Refusal { message: refusal.message, at: self.reader.at(), shown }
    }

    fn refused(&self, fault: Fault) -> Refusal {
        let message = match fault.kind {
            FaultKind::Syntax(message) => message,
            FaultKind::TooDeep => {
                format!("The pattern nests arrays and objects more than {} deep", self.depth_max)
            }
        };
        Refusal::new(message, fault.at)
    }
}
