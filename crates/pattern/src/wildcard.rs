//! A text with gaps: `*` stands for any characters, or none.

mod complexity;

use std::fmt;

pub(crate) use complexity::too_complex;

/// What stands for a star between the bytes of a wildcard: no byte of a UTF-8 text.
const STAR: u8 = 0xFF;

/// The largest product of two lengths for which looking at every position is faster than preparing
/// a search.
const PLAIN_SEARCH_MAX: usize = 4_096;

/// A wildcard: the texts between its stars, in order; the first and last may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wildcard(Box<[u8]>);

impl Wildcard {
    /// Reads a wildcard. `\*` and `\\` are the only escapes. Positions in an error are those of
    /// event-ruler: in bytes, counted from 1.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.bytes().enumerate().peekable();
        while let Some((at, byte)) = rest.next() {
            let next = rest.peek().map(|(_, next)| *next);
            match (byte, next) {
                (b'*', Some(b'*')) => {
                    return Err(format!("Consecutive wildcard characters at pos {}", at + 1));
                }
                (b'*', _) => bytes.push(STAR),
                (b'\\', Some(escaped @ (b'*' | b'\\'))) => {
                    bytes.push(escaped);
                    rest.next();
                }
                (b'\\', _) => return Err(format!("Invalid escape character at pos {}", at + 1)),
                (plain, _) => bytes.push(plain),
            }
        }
        Ok(Self(bytes.into()))
    }

    /// The texts between the stars; one more than there are stars.
    pub(crate) fn parts(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == STAR)
    }

    /// Whether `text` fits, in time linear in both lengths: the first part has to stand at the
    /// start, the last at the end, and each other may be taken where it is found first.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let mut parts = self.parts();
        let (Some(first), Some(last)) = (parts.next(), parts.next_back()) else {
            return *self.0 == *text;
        };
        let Some(mut rest) = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last))
        else {
            return false;
        };
        parts.all(|part| match find(rest, part) {
            Some(found) => {
                rest = &rest[found + part.len()..];
                true
            }
            None => false,
        })
    }
}

/// Where `part` first stands in `text`.
fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    let (Some(first), true) = (part.first(), text.len() * part.len() <= PLAIN_SEARCH_MAX) else {
        return memchr::memmem::find(text, part);
    };
    let starts = text.len().checked_sub(part.len())? + 1;
    (0..starts).find(|at| text[*at] == *first && text[*at..].starts_with(part))
}

impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts().enumerate() {
            if index > 0 {
                f.write_str("*")?;
            }
            let part = String::from_utf8_lossy(part);
            f.write_str(&part.replace('\\', "\\\\").replace('*', "\\*"))?;
        }
        Ok(())
    }
}
