//! `true`, `false`, `null`, and what stands in their place and is no value.

use super::fault::{Fault, Named};
use super::reader::{Reader, VALUES};

/// The most UTF-16 units of a word that is no value to show.
const WORD_MAX: usize = 256;

impl Reader<'_> {
    /// Steps over the rest of `word`, of which `matched` characters were read.
    pub(super) fn word(&mut self, word: &str, matched: usize) -> Result<(), Fault> {
        for (index, wanted) in word.char_indices().skip(matched) {
            if self.peek() != Some(wanted) {
                return Err(self.unknown_word(&word[..index]));
            }
            self.at += wanted.len_utf8();
        }
        match self.peek() {
            Some(next) if next >= '0' && is_word_part(next) => Err(self.unknown_word(word)),
            _ => Ok(()),
        }
    }

    /// The fault of a value that begins with `first`, as none does.
    pub(super) fn odd_value(&mut self, first: char) -> Fault {
        match first {
            '+' => match self.take() {
                Some(second) => self.odd_number(second, '+'),
                None => self.too_short(" in a Number value"),
            },
            'I' => self.forbidden_word("Infinity", 1),
            'N' => self.forbidden_word("NaN", 1),
            _ if is_word_start(first) => self.unknown_word(first.encode_utf8(&mut [0; 4])),
            _ => self.unexpected(first, &format!("expected a valid value {VALUES}")),
        }
    }

    /// The fault of a number whose sign is followed by `second`, which is no digit or follows a
    /// plus.
    pub(super) fn odd_number(&mut self, second: char, sign: char) -> Fault {
        let mut last = second;
        if second == 'I' {
            match self.take() {
                Some('N') => return self.forbidden_word(&format!("{sign}INF"), 3),
                Some('n') => return self.forbidden_word(&format!("{sign}Infinity"), 3),
                Some(third) => last = third,
                None => return self.too_short(" in a Number value"),
            }
        }
        let (shown, why) = match sign {
            '+' => (
                '+',
                "JSON spec does not allow numbers to have plus signs: enable \
                 `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow",
            ),
            _ => (last, "expected digit (0-9) to follow minus sign, for valid numeric value"),
        };
        let message = format!("Unexpected character ({}) in numeric value: {why}", Named(shown));
        Fault::syntax(message, self.at - last.len_utf8())
    }

    /// The fault of a word that JavaScript knows and JSON does not, of which `matched` characters
    /// were read.
    fn forbidden_word(&mut self, word: &str, matched: usize) -> Fault {
        if let Err(fault) = self.word(word, matched) {
            return fault;
        }
        let message = format!(
            "Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to \
             allow"
        );
        Fault::syntax(message, self.at)
    }

    /// The fault of a word that begins with `read`, which was read.
    fn unknown_word(&mut self, read: &str) -> Fault {
        let mut word = read.to_owned();
        let mut units = word.encode_utf16().count();
        while let Some(character) = self.peek().filter(|next| is_word_part(*next)) {
            self.at += character.len_utf8();
            word.push(character);
            units += 1;
            if units >= WORD_MAX {
                word.push_str("...");
                break;
            }
        }
        let message = format!("Unrecognized token '{word}': was expecting {VALUES}");
        Fault::syntax(message, self.at)
    }
}

/// Whether Java lets an identifier begin so. Java looks at UTF-16 units, and no half of a surrogate
/// pair is a letter to it.
fn is_word_start(character: char) -> bool {
    let is_letter = character.is_alphabetic() && character.len_utf16() == 1;
    is_letter || matches!(character, '_' | '$' | '¢'..='¥' | '€' | '‿')
}

/// Whether Java lets an identifier go on so.
fn is_word_part(character: char) -> bool {
    let is_digit = match character {
        '\0'..='\u{7F}' => character.is_ascii_digit(),
        // Java knows decimal digits only.
        '²' | '³' | '¹' | '¼'..='¾' => false,
        _ => character.is_numeric() && character.len_utf16() == 1,
    };
    // These control characters are ignored in identifiers.
    let is_ignored = matches!(character, '\0'..='\u{8}' | '\u{E}'..='\u{1B}' | '\u{7F}'..='\u{9F}');
    is_word_start(character) || is_digit || is_ignored
}
