//! What is found wrong while the configuration is read, before it is shown to anybody.

use std::collections::BTreeSet;

use super::source::Span;

/// The most problems kept: nobody reads more, and a generated file may hold a million.
const PROBLEMS_MAX: usize = 1_000;
/// The most characters of a message or path: a message repeats what stands in the file.
const CHARS_MAX: usize = 600;

/// One thing that is wrong, and where.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) span: Span,
    /// The dotted path of the key, `destinations.cars.rate`.
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// Where the same name was first.
    pub(crate) first: Option<Span>,
}

impl Problem {
    pub(crate) fn new(span: Span, path: &str, message: &str) -> Self {
        Self { span, path: clip(path), message: clip(message), help: None, first: None }
    }

    pub(crate) fn help(mut self, help: &str) -> Self {
        self.help = Some(clip(help));
        self
    }

    pub(crate) fn first(mut self, span: Span) -> Self {
        self.first = Some(span);
        self
    }
}

/// All that was found.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) errors: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
    /// Values whose variables could not be replaced: their form cannot be judged.
    pub(crate) unreadable: BTreeSet<Span>,
}

impl Problems {
    pub(crate) fn error(&mut self, problem: Problem) {
        if self.errors.len() < PROBLEMS_MAX {
            self.errors.push(problem);
        }
    }

    pub(crate) fn warn(&mut self, problem: Problem) {
        if self.warnings.len() < PROBLEMS_MAX {
            self.warnings.push(problem);
        }
    }
}

/// Why a text does not have the form it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    /// What to write instead; where there is none, the key's example is shown.
    pub(crate) help: Option<String>,
}

impl Wrong {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The path of a key below another.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
