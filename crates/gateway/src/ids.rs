//! Ids of requests and spans: unique, sortable, cheap. They are shown to anybody and protect
//! nothing, so they come from a generator that the system's randomness has seeded once.

use std::sync::atomic::{AtomicU64, Ordering};

use model::Random;

/// The step of `SplitMix64` (Steele, Lea and Flood, 2014).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// One core's generator.
pub(crate) struct Ids(AtomicU64);

impl Ids {
    pub(crate) fn seeded(random: &dyn Random) -> Self {
        let mut seed = [0; 8];
        random.fill(&mut seed);
        Self(AtomicU64::new(u64::from_be_bytes(seed)))
    }

    fn next(&self) -> u64 {
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Random for Ids {
    fn fill(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let next = self.next().to_be_bytes();
            part.copy_from_slice(next.get(..part.len()).unwrap_or_default());
        }
    }
}
