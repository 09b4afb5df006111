//! The texts the configuration is read from, places in them, and what of them is never shown.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// A stretch of a source, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// Which source, by its place in the list of sources.
    pub(crate) source: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// The beginning of a source.
    pub(crate) const fn beginning(source: usize) -> Self {
        Self { source, start: 0, end: 0 }
    }
}

/// One file as it was read. It has no `Debug`: its text may hold what nobody may see.
pub(crate) struct Source {
    /// What people call it.
    pub(crate) name: String,
    pub(crate) text: String,
    /// What its relative paths are relative to.
    pub(crate) directory: PathBuf,
    line_starts: Vec<usize>,
    masks: Vec<Range<usize>>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str, directory: &Path) -> Self {
        // Editors on Windows put a byte order mark first; it means nothing in UTF-8.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_breaks).collect();
        let directory = directory.to_owned();
        Self { name: name.to_owned(), text, directory, line_starts, masks: Vec::new() }
    }

    /// The line a byte stands on, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).max(1)
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let before = self.text.get(self.line_start(line)..offset).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// The text of a line, counted from 1, without its end.
    pub(crate) fn line_text(&self, line: usize) -> &str {
        self.text.get(self.line_start(line)..).and_then(|rest| rest.lines().next()).unwrap_or("")
    }

    /// Where a line begins.
    pub(crate) fn line_start(&self, line: usize) -> usize {
        self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len())
    }

    /// How many lines there are, an empty last one included.
    pub(crate) fn lines(&self) -> usize {
        self.line_starts.len()
    }

    /// Keeps a stretch from ever being shown.
    pub(crate) fn mask(&mut self, range: Range<usize>) {
        let whole =
            self.text.is_char_boundary(range.start) && self.text.is_char_boundary(range.end);
        if range.start < range.end && whole {
            self.masks.push(range);
        }
    }

    /// The text with an asterisk for every byte of what is never shown, so that places stay.
    pub(crate) fn masked_text(&self) -> String {
        let mut bytes = self.text.clone().into_bytes();
        for range in &self.masks {
            for byte in bytes.get_mut(range.clone()).unwrap_or_default() {
                if !matches!(*byte, b'\n' | b'\r') {
                    *byte = b'*';
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_from_one() {
        let source = Source::new("a.yaml", "\u{feff}ä: b\nc", Path::new("."));
        for (offset, place) in [(0, (1, 1)), (2, (1, 2)), (4, (1, 4)), (6, (2, 1)), (7, (2, 2))] {
            assert_eq!(source.position(offset), place, "{offset}");
        }
        assert_eq!(source.line_text(2), "c");
    }

    #[test]
    fn what_is_masked_keeps_its_length() {
        let mut source = Source::new("a.yaml", "key: sü\nx: 1", Path::new("."));
        source.mask(5..8);
        assert_eq!(source.masked_text(), "key: ***\nx: 1");
    }
}
