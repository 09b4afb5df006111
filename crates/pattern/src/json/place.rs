//! Places in a text, counted and written as by Jackson.

use std::fmt;

/// How many UTF-16 units of the text are shown with a place.
const SHOWN_MAX: usize = 500;

/// Line and column of a byte offset, both counted from 1, the column in UTF-16 units.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let bytes = before.as_bytes();
    // `\r\n` is one end of a line.
    let ends = bytes.iter().enumerate().filter(|(index, byte)| match **byte {
        b'\n' => true,
        b'\r' => text.as_bytes().get(index + 1) != Some(&b'\n'),
        _ => false,
    });
    let (lines, last_end) = ends.fold((1, None), |(lines, _), (index, _)| (lines + 1, Some(index)));
    let line_start = last_end.map_or(0, |end| end + 1);
    (lines, before[line_start..].encode_utf16().count() + 1)
}

/// A place, shown with the text it is in: `[Source: (String)"…"; line: 1, column: 2]`.
pub(crate) struct Place<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The column in UTF-16 units, counted from 1.
    pub(crate) column: usize,
}

impl<'a> Place<'a> {
    /// The place of a byte offset.
    pub(crate) fn new(text: &'a str, at: usize) -> Self {
        let (line, column) = position(text, at);
        Self { text, line, column }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[Source: (String)\"")?;
        let mut units = 0;
        for character in self.text.chars() {
            if units + character.len_utf16() > SHOWN_MAX {
                // Java cuts a surrogate pair in two, and writes a question mark for a half.
                if units < SHOWN_MAX {
                    f.write_str("?")?;
                }
                break;
            }
            units += character.len_utf16();
            match character {
                '\n' | '\r' => write!(f, "{character}")?,
                control if control.is_control() => write!(f, "\\u{:04X}", u32::from(control))?,
                plain => write!(f, "{plain}")?,
            }
        }
        f.write_str("\"")?;
        let hidden = self.text.encode_utf16().count().saturating_sub(SHOWN_MAX);
        if hidden > 0 {
            write!(f, "[truncated {hidden} chars]")?;
        }
        write!(f, "; line: {}, column: {}]", self.line, self.column)
    }
}
