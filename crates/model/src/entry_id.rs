//! An entry's own id: chosen by its publisher, so that a repetition is recognised.

use crate::EntryError;

/// The most characters an entry's id may have.
pub const ENTRY_ID_MAX: usize = 256;

/// The id a publisher gives an entry: 1 to 256 visible ASCII characters, unique on its bus.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntryId(String);

impl EntryId {
    /// Checks the text.
    pub fn new(text: impl Into<String>) -> Result<Self, EntryError> {
        let text = text.into();
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=ENTRY_ID_MAX).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(EntryError::BadId)
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_visible_ascii_of_a_bounded_length() {
        let (longest, longer) = ("x".repeat(256), "x".repeat(257));
        for text in ["7", "order-7/0", "!\"~", longest.as_str()] {
            assert_eq!(EntryId::new(text).unwrap().as_str(), text);
        }
        for text in ["", " ", "a b", "a\n", "\u{7f}", "\u{e4}", longer.as_str()] {
            let error = EntryId::new(text).unwrap_err();
            assert_eq!(error.code(), "InvalidArgument", "{text:?}");
            assert!(error.to_string().contains("1 to 256 visible ASCII characters"), "{error}");
        }
    }
}
