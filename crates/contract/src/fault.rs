//! What is wrong with a request, a fault per place.

use std::fmt;

/// The most faults that are told of one request: enough to mend it, and no more than a screen.
pub(crate) const FAULTS_MAX: usize = 20;

/// The longest piece of a request, or of the document, that is repeated in a reason, in characters.
pub(crate) const ECHO_CHARS_MAX: usize = 64;

/// The reason of what is not there.
pub(crate) const REQUIRED: &str = "is required";

/// The longest pointer that is told, in characters: names of members are the caller's.
const POINTER_CHARS_MAX: usize = 256;

/// The part of a request that a fault lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Location {
    /// The JSON body.
    Body,
    /// A segment of the path.
    Path,
    /// A parameter of the query.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
}

impl Location {
    /// The word OpenAPI has for it; `body` is ours.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }

    /// The part that OpenAPI's `in` names.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let parts = [Self::Path, Self::Query, Self::Header, Self::Cookie];
        parts.into_iter().find(|part| part.as_str() == word)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One place of a request that does not fit the document. Made for the caller's eyes: it repeats
/// at most 64 characters of a value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// The part of the request.
    pub location: Location,
    /// In a body a JSON pointer (RFC 6901), empty for all of it, and to where it should be for
    /// what is missing; elsewhere the name of the parameter. At most 256 characters.
    pub pointer: String,
    /// What is wrong, as the rest of a sentence that begins with the place.
    pub reason: String,
}

impl Fault {
    pub(crate) fn new(location: Location, pointer: &str, reason: impl Into<String>) -> Self {
        Self { location, pointer: short(pointer, POINTER_CHARS_MAX), reason: reason.into() }
    }

    /// Whether what it points to is required and not there.
    pub fn is_missing(&self) -> bool {
        self.reason == REQUIRED
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "{} {}", self.location, self.reason),
            pointer => write!(f, "{} {pointer} {}", self.location, self.reason),
        }
    }
}

/// The first `chars_max` characters of `text`, with a sign if there are more.
pub(crate) fn short(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(short("äöü", 3), "äöü");
        assert_eq!(short("äöü", 2), "äö…");
        assert_eq!(short("", 0), "");
    }

    #[test]
    fn a_fault_reads_as_a_sentence() {
        let fault = Fault::new(Location::Body, "/items/0", "is required");
        assert_eq!(fault.to_string(), "body /items/0 is required");
        assert!(fault.is_missing());
        let fault = Fault::new(Location::Body, "", "is not valid JSON");
        assert_eq!(fault.to_string(), "body is not valid JSON");
        assert!(!fault.is_missing());
        assert_eq!(Location::parse("query"), Some(Location::Query));
        assert_eq!(Location::parse("body"), None);
    }
}
