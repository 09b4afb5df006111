//! Hashes of bytes: whole texts eight bytes at a time, and beginnings of texts byte by byte.
//!
//! Whoever writes rules can make two keys collide. Then they share a list, whose entries are told
//! apart or checked one by one, so that a collision costs time and changes no answer.

/// Odd constants without a pattern in their bits.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const FACTOR: u64 = 0xD6E8_FEB8_6659_FD93;

/// Spreads every bit of `word` over all bits of the answer.
pub(crate) fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 32)).wrapping_mul(FACTOR);
    let word = (word ^ (word >> 32)).wrapping_mul(FACTOR);
    word ^ (word >> 32)
}

/// The hash of a whole text.
pub(crate) fn text(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = SEED ^ bytes.len() as u64;
    for word in words {
        hash = fold(hash ^ u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(fold(hash ^ u64::from_le_bytes(last)))
}

/// Both halves of a product, which depend on every bit of `word`.
fn fold(word: u64) -> u64 {
    let product = u128::from(word ^ SEED) * u128::from(FACTOR);
    #[expect(clippy::cast_possible_truncation, reason = "the halves of the product")]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

/// The hash of a text that grows byte by byte and can be asked for at every length.
#[derive(Clone, Copy)]
pub(crate) struct Rolling(u64);

impl Rolling {
    /// The empty text.
    pub(crate) fn new() -> Self {
        Self(SEED)
    }

    /// One more byte.
    pub(crate) fn push(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(FACTOR);
    }

    /// The hash of all bytes so far.
    pub(crate) fn hash(self) -> u64 {
        mix(self.0)
    }

    /// The hash of these bytes.
    pub(crate) fn of<'a>(bytes: impl Iterator<Item = &'a u8>) -> u64 {
        let mut rolling = Self::new();
        bytes.for_each(|byte| rolling.push(*byte));
        rolling.hash()
    }
}
