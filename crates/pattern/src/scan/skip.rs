//! How to get past parts of a JSON text that nobody asks for.
//!
//! The text is taken to be JSON: nothing here checks it. On any other text the answers mean
//! nothing, but they lie within it, and they go forward.

use super::lanes::{self, Block, Piece};

/// Where a string ends and what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Just before the closing quote.
    pub(crate) end: usize,
    /// Whether there are escapes in it.
    pub(crate) escaped: bool,
    /// Whether a dot or an escape, which may be one, is in it.
    pub(crate) dotted: bool,
}

/// Where the string ends whose first byte is at `start`; `None` if it does not. Dots are looked for
/// in a `NAME` only.
#[inline]
pub(crate) fn string<const NAME: bool>(text: &[u8], start: usize) -> Option<Span> {
    let mut span = Span { end: start, escaped: false, dotted: false };
    loop {
        let (piece, known) = piece::<NAME>(text, span.end)?;
        let stop = (piece.quotes | piece.backslashes).trailing_zeros();
        if NAME {
            let before = 1_u32.unbounded_shl(stop).wrapping_sub(1);
            span.dotted |= piece.dots & before != 0;
        }
        if stop >= known {
            // Past the last byte the piece is filled with zeros.
            span.end += known as usize;
        } else if piece.quotes >> stop & 1 == 1 {
            span.end += stop as usize;
            return Some(span);
        } else {
            span.end += stop as usize + 2;
            (span.escaped, span.dotted) = (true, true);
        }
    }
}

/// The piece at `at` and how many of its bytes are there; `None` if there is none.
#[inline]
fn piece<const NAME: bool>(text: &[u8], at: usize) -> Option<(Piece, u32)> {
    if let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        return Some((Piece::of::<NAME>(*bytes), 16));
    }
    last_piece::<NAME>(text, at)
}

/// The last piece, which is shorter than the others.
#[cold]
fn last_piece<const NAME: bool>(text: &[u8], at: usize) -> Option<(Piece, u32)> {
    let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
    let mut bytes = [0; 16];
    bytes[..rest.len()].copy_from_slice(rest);
    let known = rest.len().try_into().ok()?;
    Some((Piece::of::<NAME>(bytes), known))
}

/// Just behind the number or literal that begins at `start`.
#[inline]
pub(crate) fn plain(text: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        match lanes::ends(*bytes).trailing_zeros() {
            32 => at += 16,
            end => return at + end as usize,
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | ..=b' '));
    at + end.unwrap_or(rest.len())
}

/// Just behind the array or object whose first byte inside is at `start`; `None` if it does not
/// end.
#[inline]
pub(crate) fn container(text: &[u8], start: usize) -> Option<usize> {
    let mut skipped = Skipped { depth: 1, in_string: 0, escape: 0 };
    let mut at = start;
    loop {
        let rest = text.get(at..)?;
        if let Some(bytes) = rest.first_chunk::<64>() {
            if let Some(closing) = skipped.block(Block::of(bytes)) {
                return Some(at + closing + 1);
            }
        } else {
            let mut bytes = [0; 64];
            bytes[..rest.len()].copy_from_slice(rest);
            return skipped.block(Block::of(&bytes)).map(|closing| at + closing + 1);
        }
        at += 64;
    }
}

/// What is known of the text before a block.
struct Skipped {
    /// How many arrays and objects are open.
    depth: u32,
    /// All bits set if a string is open.
    in_string: u64,
    /// One if the first byte of the block is escaped.
    escape: u64,
}

impl Skipped {
    /// Goes over a block, or finds the bracket in it that closes the outermost one.
    #[inline]
    fn block(&mut self, block: Block) -> Option<usize> {
        let quotes = block.quotes & !self.escaped(block.backslashes);
        let strings = prefix_xor(quotes) ^ self.in_string;
        // The highest bit, which the last byte decides, in all places.
        self.in_string = (strings.cast_signed() >> 63).cast_unsigned();
        let opening = block.opening & !strings;
        let mut closing = block.closing & !strings;
        if closing.count_ones() < self.depth {
            self.depth = self.depth + opening.count_ones() - closing.count_ones();
            return None;
        }
        let mut closed = 0;
        while closing != 0 {
            let at = closing.trailing_zeros();
            closed += 1;
            let opened = (opening & ((1 << at) - 1)).count_ones();
            if self.depth + opened == closed {
                return Some(at as usize);
            }
            closing &= closing - 1;
        }
        self.depth = self.depth + opening.count_ones() - closed;
        None
    }

    /// Which bytes follow a backslash that is not itself escaped.
    #[inline]
    fn escaped(&mut self, mut backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escape);
        }
        let mut escaped = self.escape;
        self.escape = 0;
        backslashes &= !escaped;
        while backslashes != 0 {
            let at = backslashes.trailing_zeros();
            let next = 2_u64.unbounded_shl(at);
            if next == 0 {
                self.escape = 1;
            }
            escaped |= next;
            // This one, and the next byte if it is a backslash too.
            backslashes &= !(next | 1 << at);
        }
        escaped
    }
}

/// Each bit combined with all lower ones: set from an odd bit up to the next one.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
