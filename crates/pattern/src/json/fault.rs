//! What can be wrong with a text, in the words of Jackson.

use std::fmt;

/// Why a text could not be read, and the byte offset where.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What is wrong.
    pub(crate) kind: FaultKind,
    /// Where: at an unexpected character, behind any other wrong part.
    pub(crate) at: usize,
}

/// What can be wrong with a text.
#[derive(Debug)]
pub(crate) enum FaultKind {
    /// It is not JSON, for this reason.
    Syntax(String),
    /// It nests arrays and objects deeper than allowed.
    TooDeep,
}

impl Fault {
    /// A text that is not JSON.
    pub(super) fn syntax(message: impl Into<String>, at: usize) -> Self {
        Self { kind: FaultKind::Syntax(message.into()), at }
    }
}

/// A character as Jackson names it. Java sees the first half of a surrogate pair alone, and writes
/// a question mark for it.
pub(super) struct Named(pub(super) char);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = [0; 2];
        let unit = self.0.encode_utf16(&mut units)[0];
        let shown = if self.0.len_utf16() == 1 { self.0 } else { '?' };
        if self.0.is_control() {
            write!(f, "(CTRL-CHAR, code {unit})")
        } else if unit > 0xFF {
            write!(f, "'{shown}' (code {unit} / {unit:#x})")
        } else {
            write!(f, "'{shown}' (code {unit})")
        }
    }
}
