//! Strings and their escapes (RFC 8259 §7).

use super::fault::{Fault, Named};
use super::reader::Reader;

/// What Jackson says of a string that is a value, and of one that is a name.
struct Words {
    too_short: &'static str,
    what: &'static str,
}

const VALUE: Words =
    Words { too_short: ": was expecting closing quote for a string value", what: "string value" };
const NAME: Words = Words { too_short: " in field name", what: "name" };

impl Reader<'_> {
    /// Reads a value whose quote was read.
    pub(super) fn string(&mut self) -> Result<String, Fault> {
        let mut string = String::new();
        self.characters(&VALUE, |piece| string.push_str(piece))?;
        Ok(string)
    }

    /// Steps over a value whose quote was read.
    pub(super) fn skip_string(&mut self) -> Result<(), Fault> {
        self.characters(&VALUE, |_| {})
    }

    /// Writes a name whose quote was read to `name`.
    pub(super) fn member_name(&mut self, name: &mut String) -> Result<(), Fault> {
        self.characters(&NAME, |piece| name.push_str(piece))
    }

    /// Steps over a string and its closing quote, giving its pieces without escapes to `each`.
    fn characters(&mut self, words: &Words, mut each: impl FnMut(&str)) -> Result<(), Fault> {
        loop {
            let rest = &self.text[self.at..];
            let is_special = |byte: &u8| matches!(*byte, b'"' | b'\\' | ..b' ');
            let plain = rest.as_bytes().iter().position(is_special).unwrap_or(rest.len());
            each(&rest[..plain]);
            self.at += plain;
            match self.take() {
                Some('"') => return Ok(()),
                Some('\\') => {
                    let mut buffer = [0; 4];
                    each(self.escape()?.encode_utf8(&mut buffer));
                }
                Some(control) => {
                    let message = format!(
                        "Illegal unquoted character ({}): has to be escaped using backslash to be \
                         included in {}",
                        Named(control),
                        words.what
                    );
                    return Err(Fault::syntax(message, self.at - control.len_utf8()));
                }
                None => return Err(self.too_short(words.too_short)),
            }
        }
    }

    /// Reads the escape whose backslash was read.
    fn escape(&mut self) -> Result<char, Fault> {
        match self.take() {
            Some(plain @ ('"' | '\\' | '/')) => Ok(plain),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('u') => self.code_point(),
            Some(other) => {
                let message = format!("Unrecognized character escape {}", Named(other));
                Err(Fault::syntax(message, self.at - other.len_utf8()))
            }
            None => Err(self.too_short(" in character escape sequence")),
        }
    }

    /// Reads the digits behind `\u`, and the second half of a surrogate pair.
    fn code_point(&mut self) -> Result<char, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let character =
                self.take().ok_or_else(|| self.too_short(" in character escape sequence"))?;
            let digit = character.to_digit(16).ok_or_else(|| {
                self.unexpected(character, "expected a hex-digit for character escape sequence")
            })?;
            code = code * 16 + digit;
        }
        if (0xD800..0xDC00).contains(&code)
            && let Some(low) = self.low_surrogate()
        {
            self.at += "\\uDC00".len();
            code = 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// The second half of a surrogate pair, if it stands here.
    fn low_surrogate(&self) -> Option<u32> {
        let digits = self.text[self.at..].strip_prefix("\\u")?.get(..4)?;
        let digit = |code: u32, digit: char| Some(code * 16 + digit.to_digit(16)?);
        let code = digits.chars().try_fold(0, digit)?;
        (0xDC00..0xE000).contains(&code).then_some(code)
    }
}
