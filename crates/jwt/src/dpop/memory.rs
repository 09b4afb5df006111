//! Proofs that were seen, so that none counts twice (RFC 9449 §11.1).
//!
//! What is kept is a digest of key and `jti`. It is kept as long as the proof could be good, and no
//! longer than twice that: a shard has a present and a previous generation, and forgets the previous
//! one whole. Only proofs that are good in every other way get here, so a stranger cannot fill it.
//! When it is full, proofs are refused: to forget one would be to let it in again.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

use super::{Proof, ProofFault, Window};

/// Separately locked parts, so that cores seldom wait for each other.
const SHARDS: usize = 64;
/// Proofs per shard and generation: a million together, 11,000 each second, in some 60 MB.
const SHARD_MAX: usize = 16 * 1024;

/// As much of a digest as two proofs never share.
type Name = [u8; 16];

/// The proofs that were seen, for all cores together.
pub struct ProofMemory {
    /// The longest time for which one proof can be good.
    length_s: i64,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    began_s: i64,
    present: HashSet<Name>,
    previous: HashSet<Name>,
}

impl ProofMemory {
    /// For proofs that are good within this window.
    pub fn new(window: Window) -> Self {
        // The last second of the window belongs to it.
        let length_s = window.length_s().saturating_add(1);
        Self { length_s, shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Remembers a proof; refuses one that was seen before, or that there is no room for.
    pub fn admit(&self, proof: &Proof, now_s: i64) -> Result<(), ProofFault> {
        let name = name(proof);
        let Some(shard) = self.shards.get(usize::from(name[0]) % SHARDS) else {
            return Err(ProofFault::Full);
        };
        // A set is whole after every step, so a panic elsewhere leaves nothing half done.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.turn(now_s, self.length_s);
        if shard.previous.contains(&name) || shard.present.contains(&name) {
            return Err(ProofFault::Replayed);
        }
        if shard.present.len() >= SHARD_MAX {
            return Err(ProofFault::Full);
        }
        shard.present.insert(name);
        Ok(())
    }

    /// How many are remembered.
    pub fn count(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.present.len() + shard.previous.len()
        };
        self.shards.iter().map(count).sum()
    }
}

impl Shard {
    /// Begins a new generation when the present one has lasted as long as a proof can be good: what
    /// came in it then is kept for as long again.
    fn turn(&mut self, now_s: i64, length_s: i64) {
        let age_s = now_s.saturating_sub(self.began_s);
        // A clock that was put back a good deal: the generation lasts longer, and not for ever.
        if age_s < -length_s {
            self.began_s = now_s;
        }
        if age_s < length_s {
            return;
        }
        self.previous = std::mem::take(&mut self.present);
        if age_s >= length_s.saturating_mul(2) {
            self.previous = HashSet::new();
        }
        self.began_s = now_s;
    }
}

/// Key and `jti`, parted by a byte that is in no thumbprint.
fn name(proof: &Proof) -> Name {
    let mut context = Context::new(&SHA256);
    context.update(proof.thumbprint.as_bytes());
    context.update(&[0]);
    context.update(proof.jti.as_bytes());
    let mut name = Name::default();
    for (to, from) in name.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    name
}

impl fmt::Debug for ProofMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofMemory").field("length_s", &self.length_s).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { past_s: 60, future_s: 30 };

    fn proof(thumbprint: &str, jti: &str) -> Proof {
        let (thumbprint, jti) = (thumbprint.to_owned(), jti.to_owned());
        Proof { thumbprint, jti, iat: 0, nonce: None }
    }

    #[test]
    fn a_proof_is_seen_once_as_long_as_it_can_be_good() {
        // The generation may turn at any second of the proof's time.
        for first in 1_000..1_200 {
            let memory = ProofMemory::new(WINDOW);
            memory.admit(&proof("k", "earlier"), 1_000).unwrap();
            memory.admit(&proof("k", "a"), first).unwrap();
            for later in [0, 1, 45, 90] {
                let again = memory.admit(&proof("k", "a"), first + later);
                assert_eq!(again, Err(ProofFault::Replayed), "{first} + {later}");
            }
            assert_eq!(memory.admit(&proof("other", "a"), first), Ok(()));
            assert_eq!(memory.admit(&proof("k", "b"), first), Ok(()));
        }
    }

    #[test]
    fn what_can_be_good_no_more_is_forgotten() {
        let memory = ProofMemory::new(WINDOW);
        for number in 0..1_000 {
            memory.admit(&proof("k", &number.to_string()), 1_000).unwrap();
        }
        assert_eq!(memory.count(), 1_000);
        for number in 0..1_000 {
            memory.admit(&proof("later", &number.to_string()), 1_000 + 2 * 91).unwrap();
        }
        assert_eq!(memory.count(), 1_000);
    }

    #[test]
    fn the_memory_is_bounded_and_refuses_rather_than_forgets() {
        let mut shard = Shard::default();
        for number in 0..u128::try_from(SHARD_MAX).unwrap() {
            shard.present.insert(number.to_be_bytes());
        }
        shard.began_s = 1_000;
        let memory = ProofMemory::new(WINDOW);
        let full = proof("k", "a");
        *memory.shards[usize::from(name(&full)[0]) % SHARDS].lock().unwrap() = shard;
        assert_eq!(memory.admit(&full, 1_000), Err(ProofFault::Full));
        assert_eq!(memory.admit(&full, 1_000 + 91), Ok(()));
        assert_eq!(memory.admit(&full, 1_000 + 91), Err(ProofFault::Replayed));
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        let memory = ProofMemory::new(WINDOW);
        memory.admit(&proof("k", "a"), 5_000).unwrap();
        assert_eq!(memory.admit(&proof("k", "a"), 4_000), Err(ProofFault::Replayed));
    }

    #[test]
    fn key_and_name_are_told_apart() {
        assert_ne!(name(&proof("ab", "c")), name(&proof("a", "bc")));
    }
}
