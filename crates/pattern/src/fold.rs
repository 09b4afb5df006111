//! Text compared without regard to upper and lower case.

/// A text whose every character stands for itself, its lower case and its upper case.
///
/// Folding is by character, as in event-ruler: `ß` equals `SS`, but `ss` does not equal `ß`.
#[derive(Clone, Debug)]
pub(crate) struct Folded(Vec<Spellings>);

/// The ways to spell one character. No spelling of a character begins or ends with another one of
/// the same character, so the first that fits is the only one that does.
type Spellings = Vec<String>;

impl Folded {
    /// Prepares `text` for comparison.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.chars().map(spellings).collect())
    }

    /// Whether `text` is this text.
    pub(crate) fn equals(&self, text: &str) -> bool {
        self.strip_from_start(text) == Some("")
    }

    /// Whether `text` begins with this text.
    pub(crate) fn starts(&self, text: &str) -> bool {
        self.strip_from_start(text).is_some()
    }

    /// Whether `text` ends with this text.
    pub(crate) fn ends(&self, text: &str) -> bool {
        let mut rest = text;
        self.0.iter().rev().all(|spellings| {
            let shorter =
                spellings.iter().find_map(|spelling| rest.strip_suffix(spelling.as_str()));
            rest = shorter.unwrap_or(rest);
            shorter.is_some()
        })
    }

    fn strip_from_start<'a>(&self, text: &'a str) -> Option<&'a str> {
        self.0.iter().try_fold(text, |rest, spellings| {
            spellings.iter().find_map(|spelling| rest.strip_prefix(spelling.as_str()))
        })
    }
}

fn spellings(character: char) -> Spellings {
    let mut spellings = vec![
        character.to_string(),
        character.to_lowercase().to_string(),
        character.to_uppercase().to_string(),
    ];
    spellings.sort_unstable();
    spellings.dedup();
    spellings
}
