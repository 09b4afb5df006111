//! A text with gaps: `*` stands for any characters, or none.

mod complexity;

pub(crate) use complexity::too_complex;

/// A wildcard: the texts between its stars, in order; the first and last may be empty.
#[derive(Clone, Debug)]
pub(crate) struct Wildcard {
    parts: Vec<String>,
}

impl Wildcard {
    /// Reads a wildcard. `\*` and `\\` are the only escapes. Positions in an error are those of
    /// event-ruler: in bytes, counted from 1.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = vec![];
        let mut part = String::new();
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            match (character, next) {
                ('*', Some('*')) => {
                    return Err(format!("Consecutive wildcard characters at pos {}", at + 1));
                }
                ('*', _) => parts.push(std::mem::take(&mut part)),
                ('\\', Some(escaped @ ('*' | '\\'))) => {
                    part.push(escaped);
                    characters.next();
                }
                ('\\', _) => return Err(format!("Invalid escape character at pos {}", at + 1)),
                (plain, _) => part.push(plain),
            }
        }
        parts.push(part);
        Ok(Self { parts })
    }

    /// Whether `text` fits, in time linear in both lengths: the first part has to stand at the
    /// start, the last at the end, and each other may be taken where it is found first.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.parts.as_slice() else {
            return self.parts.iter().all(|whole| whole == text);
        };
        let Some(rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        middle.iter().all(|part| match rest.find(part.as_str()) {
            Some(found) => {
                rest = &rest[found + part.len()..];
                true
            }
            None => false,
        })
    }
}
