//! Many bytes at once: a bit for each of them that is one of the wanted.
//!
//! With the vector instructions that every processor of its kind has (SSE2, NEON), so that one
//! program runs everywhere.

use wide::u8x16;

/// Which of 64 bytes are quotes, backslashes, opening and closing brackets; the first byte is the
/// lowest bit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// `"`
    pub(crate) quotes: u64,
    /// `\`
    pub(crate) backslashes: u64,
    /// `{` and `[`
    pub(crate) opening: u64,
    /// `}` and `]`
    pub(crate) closing: u64,
}

/// Which of 16 bytes of a string say something; the first byte is the lowest bit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    /// `"`
    pub(crate) quotes: u32,
    /// `\`
    pub(crate) backslashes: u32,
    /// `.`
    pub(crate) dots: u32,
}

/// What turns a square bracket into a curly one, and changes no other byte into one.
const CURLY: u8 = b'{' ^ b'[';

/// A bit for each byte of `lane` that is `wanted`.
#[inline]
fn equal(lane: u8x16, wanted: u8) -> u32 {
    lane.simd_eq(u8x16::splat(wanted)).to_bitmask()
}

impl Block {
    /// The block of these bytes.
    #[inline]
    pub(crate) fn of(bytes: &[u8; 64]) -> Self {
        let (lanes, _) = bytes.as_chunks::<16>();
        let mut block = Self { quotes: 0, backslashes: 0, opening: 0, closing: 0 };
        for (index, lane) in lanes.iter().enumerate() {
            let lane = u8x16::new(*lane);
            let curly = lane | u8x16::splat(CURLY);
            let shift = index * 16;
            block.quotes |= u64::from(equal(lane, b'"')) << shift;
            block.backslashes |= u64::from(equal(lane, b'\\')) << shift;
            block.opening |= u64::from(equal(curly, b'{')) << shift;
            block.closing |= u64::from(equal(curly, b'}')) << shift;
        }
        block
    }
}

impl Piece {
    /// The piece of these bytes, with the dots of a `NAME`.
    #[inline]
    pub(crate) fn of<const NAME: bool>(bytes: [u8; 16]) -> Self {
        let lane = u8x16::new(bytes);
        Self {
            quotes: equal(lane, b'"'),
            backslashes: equal(lane, b'\\'),
            dots: if NAME { equal(lane, b'.') } else { 0 },
        }
    }
}

/// Which of 16 bytes end a number or a literal: a comma, a closing bracket or white space.
#[inline]
pub(crate) fn ends(bytes: [u8; 16]) -> u32 {
    let lane = u8x16::new(bytes);
    let space = lane.min(u8x16::splat(b' ')).simd_eq(lane).to_bitmask();
    equal(lane, b',') | equal(lane | u8x16::splat(CURLY), b'}') | space
}

#[cfg(test)]
mod tests {
    use super::{Block, Piece, ends};

    /// A bit for each byte that `is` one of the wanted, the slow way.
    fn mask(bytes: &[u8], is: impl Fn(u8) -> bool) -> u64 {
        let bits = bytes.iter().enumerate().filter(|(_, byte)| is(**byte));
        bits.fold(0, |mask, (at, _)| mask | 1 << at)
    }

    #[test]
    fn every_byte_value_is_told_apart_at_every_place() {
        for start in 0..=255_u8 {
            let bytes: [u8; 64] = std::array::from_fn(|at| {
                start.wrapping_add(u8::try_from(at).expect("there are 64"))
            });
            let block = Block::of(&bytes);
            assert_eq!(block.quotes, mask(&bytes, |byte| byte == b'"'));
            assert_eq!(block.backslashes, mask(&bytes, |byte| byte == b'\\'));
            assert_eq!(block.opening, mask(&bytes, |byte| byte == b'{' || byte == b'['));
            assert_eq!(block.closing, mask(&bytes, |byte| byte == b'}' || byte == b']'));
            let piece: [u8; 16] = std::array::from_fn(|at| bytes[at]);
            let ending = |byte| matches!(byte, b',' | b']' | b'}' | ..=b' ');
            assert_eq!(u64::from(ends(piece)), mask(&piece, ending), "from {start}");
            assert_eq!(
                u64::from(Piece::of::<true>(piece).dots),
                mask(&piece, |byte| byte == b'.'),
                "from {start}"
            );
        }
    }
}
