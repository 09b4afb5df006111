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

    fn mixed(state: u64) -> u64 {
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Random for Ids {
    fn fill(&self, bytes: &mut [u8]) {
        let steps = u64::try_from(bytes.len().div_ceil(8)).unwrap_or_default();
        let mut state = self.0.fetch_add(STEP.wrapping_mul(steps), Ordering::Relaxed);
        for part in bytes.chunks_mut(8) {
            state = state.wrapping_add(STEP);
            let next = Self::mixed(state).to_be_bytes();
            part.copy_from_slice(next.get(..part.len()).unwrap_or_default());
        }
    }
}
