//! Names: what people call partners, clients, plans, rules, and what logs and metrics show.

use std::fmt;
use std::sync::Arc;

const LENGTH_MAX: usize = 128;

/// A name: 1 to 128 letters, digits, `-`, `_`, `.` or `+`, beginning with a letter or digit.
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// A text that is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name has 1 to 128 letters, digits, `-`, `_`, `.` or `+` and begins with a letter or digit"
)]
pub struct NameError;

impl Name {
    /// Checks a text.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let begins_well = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let all_good = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+'));
        if begins_well && all_good && text.len() <= LENGTH_MAX {
            Ok(Self(text.into()))
        } else {
            Err(NameError)
        }
    }

    /// Checks a client id. One that another authorization server gave (`[\w+]{1,128}`) may also
    /// begin with `_` or `+`.
    pub fn client_id(text: &str) -> Result<Self, NameError> {
        let rest = text.strip_prefix(['_', '+']);
        let all_good = |rest: &str| {
            let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+');
            rest.bytes().all(good) && text.len() <= LENGTH_MAX
        };
        match rest {
            Some(rest) if all_good(rest) => Ok(Self(text.into())),
            _ => Self::new(text),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words() {
        for text in ["a", "car-orders", "OrdersDomainClient", "7", "a.b_c+d"] {
            assert!(Name::new(text).is_ok(), "{text}");
        }
        for text in ["", "-a", "a b", "a/b", "ä", "a\n", &"x".repeat(129)] {
            assert!(Name::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn client_ids_of_other_servers_are_taken() {
        let long = "x".repeat(128);
        for text in ["_", "+", "+a", "_1+", "1example23456789", "a.b-c", &long] {
            assert!(Name::client_id(text).is_ok(), "{text}");
        }
        let (longer, longer_still) = ("x".repeat(129), format!("+{long}"));
        for text in ["", "-a", ".a", "+ä", "_ ", "+/", "a/b", &longer, &longer_still] {
            assert!(Name::client_id(text).is_err(), "{text:?}");
        }
    }
}
