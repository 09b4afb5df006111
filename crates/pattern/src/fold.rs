//! Text compared without regard to upper and lower case.

/// A text whose every character stands for itself, its lower case and its upper case.
///
/// Folding is by character, as in event-ruler: `ß` equals `SS`, but `ss` does not equal `ß`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folded(Box<str>);

impl Folded {
    /// Prepares `text` for comparison.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Whether `text` is this text.
    pub(crate) fn equals(&self, text: &str) -> bool {
        if self.0.is_ascii() && text.is_ascii() {
            return self.0.eq_ignore_ascii_case(text);
        }
        self.strip_from_start(text) == Some("")
    }

    /// Whether `text` begins with this text.
    pub(crate) fn starts(&self, text: &str) -> bool {
        self.strip_from_start(text).is_some()
    }

    /// Whether `text` ends with this text.
    pub(crate) fn ends(&self, text: &str) -> bool {
        let mut characters = self.0.chars().rev();
        characters.try_fold(text, strip_end).is_some()
    }

    fn strip_from_start<'a>(&self, text: &'a str) -> Option<&'a str> {
        self.0.chars().try_fold(text, strip_start)
    }
}

/// Takes a spelling of `wanted` off the start of `text`. No spelling of a character begins or ends
/// with another one of the same character, so the first that fits is the only one that does.
fn strip_start(text: &str, wanted: char) -> Option<&str> {
    fn one(text: &str, spelling: impl Iterator<Item = char>) -> Option<&str> {
        let mut characters = text.chars();
        for wanted in spelling {
            characters.next().filter(|found| *found == wanted)?;
        }
        Some(characters.as_str())
    }
    one(text, std::iter::once(wanted))
        .or_else(|| one(text, wanted.to_lowercase()))
        .or_else(|| one(text, wanted.to_uppercase()))
}

/// The same at the end of `text`.
fn strip_end(text: &str, wanted: char) -> Option<&str> {
    fn one(text: &str, spelling: impl DoubleEndedIterator<Item = char>) -> Option<&str> {
        let mut characters = text.chars();
        for wanted in spelling.rev() {
            characters.next_back().filter(|found| *found == wanted)?;
        }
        Some(characters.as_str())
    }
    one(text, std::iter::once(wanted))
        .or_else(|| one(text, wanted.to_lowercase()))
        .or_else(|| one(text, wanted.to_uppercase()))
}

/// Writes what all spellings of a text have in common to `folded`: two texts of which one is a
/// [`Folded`] spelling of the other have the same.
pub(crate) fn fold(text: &str, folded: &mut String) {
    folded.clear();
    if text.is_ascii() {
        folded.push_str(text);
        folded.make_ascii_lowercase();
        return;
    }
    // Lower case once more, because the upper case of `ẞ` is itself and its lower case is not.
    let upper = text.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    folded.extend(upper.flat_map(char::to_lowercase));
}

#[cfg(test)]
mod tests {
    use super::fold;

    fn folded(text: &str) -> String {
        let mut folded = String::new();
        fold(text, &mut folded);
        folded
    }

    #[test]
    fn all_spellings_of_a_character_fold_to_the_same() {
        for character in char::MIN..=char::MAX {
            let own = folded(&character.to_string());
            assert_eq!(own, folded(&character.to_lowercase().to_string()), "{character:?}");
            assert_eq!(own, folded(&character.to_uppercase().to_string()), "{character:?}");
        }
    }
}
