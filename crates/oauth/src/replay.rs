//! Which assertions were used: each counts once (RFC 7523 §3, `jti`).
//!
//! In memory only. An entry lives as long as its assertion could be used, eleven minutes at the
//! most; after a start, one that was used before can be used again until it ends.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use model::Name;
use parking_lot::Mutex;

/// Assertions of one client that are remembered at once, some 27 a second if each is good for ten
/// minutes, and 270 if each is good for one. More are refused: forgetting one would let it in twice.
const CLIENT_MAX: usize = 16_384;
/// From how many entries on what is over is looked for.
const SWEEP_FROM: usize = 64;
/// How much longer than its assertion an entry lives, in seconds: clocks are set back.
const LONGER_S: i64 = 60;

/// Why an assertion cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It was used.
    UsedBefore,
    /// Its client has used so many that no more can be remembered.
    TooMany,
}

/// What was used, by client. Clients are as many as are defined, and no caller can invent one.
#[derive(Default)]
pub(crate) struct Replays(Mutex<HashMap<Name, Used>>);

/// What one client has used.
struct Used {
    /// The digest of a name, and until when it is remembered.
    until_s: HashMap<[u8; 32], i64>,
    sweep_at: usize,
}

impl Replays {
    /// Uses an assertion, which must be verified already, up.
    pub(crate) fn try_use(
        &self,
        client: &Name,
        id: &str,
        exp_s: i64,
        now_s: i64,
    ) -> Result<(), Unusable> {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
        let mut clients = self.0.lock();
        let used = clients.entry(client.clone()).or_insert_with(Used::new);
        used.sweep(now_s);
        if used.until_s.get(&key).is_some_and(|until| now_s < *until) {
            return Err(Unusable::UsedBefore);
        }
        if used.until_s.len() >= CLIENT_MAX {
            return Err(Unusable::TooMany);
        }
        used.until_s.insert(key, exp_s.saturating_add(LONGER_S));
        Ok(())
    }
}

impl Used {
    fn new() -> Self {
        Self { until_s: HashMap::new(), sweep_at: SWEEP_FROM }
    }

    /// Forgets what is over, each time the number has doubled, so that an entry costs a look or two.
    fn sweep(&mut self, now_s: i64) {
        if self.until_s.len() < self.sweep_at.min(CLIENT_MAX) {
            return;
        }
        self.until_s.retain(|_, until| now_s < *until);
        self.sweep_at = (self.until_s.len() * 2).max(SWEEP_FROM);
        self.until_s.shrink_to(self.sweep_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn rfc7523_3_an_assertion_counts_once_and_is_forgotten_after_its_end() {
        let replays = Replays::default();
        let (one, other) = (name("one"), name("other"));
        assert_eq!(replays.try_use(&one, "a", 160, 100), Ok(()));
        assert_eq!(replays.try_use(&one, "a", 160, 100), Err(Unusable::UsedBefore));
        // Another client may have the same name for its own.
        assert_eq!(replays.try_use(&other, "a", 160, 100), Ok(()));
        assert_eq!(replays.try_use(&one, "b", 160, 100), Ok(()));
        assert_eq!(replays.try_use(&one, "a", 160, 219), Err(Unusable::UsedBefore));
        assert_eq!(replays.try_use(&one, "a", 300, 220), Ok(()));
    }

    #[test]
    fn the_memory_is_bounded_and_never_forgets_what_could_be_used() {
        let replays = Replays::default();
        let one = name("one");
        for number in 0..CLIENT_MAX {
            assert_eq!(replays.try_use(&one, &number.to_string(), 700, 100), Ok(()));
        }
        assert_eq!(replays.try_use(&one, "more", 700, 100), Err(Unusable::TooMany));
        assert_eq!(replays.try_use(&one, "0", 700, 759), Err(Unusable::UsedBefore));
        assert_eq!(replays.try_use(&name("other"), "more", 700, 100), Ok(()));
        assert_eq!(replays.try_use(&one, "more", 900, 760), Ok(()));
        assert_eq!(replays.0.lock()[&one].until_s.len(), 1);
    }

    #[test]
    fn what_is_over_takes_no_room() {
        let replays = Replays::default();
        let one = name("one");
        for second in 0..100_000 {
            let id = second.to_string();
            assert_eq!(replays.try_use(&one, &id, second + 60, second), Ok(()));
        }
        assert!(replays.0.lock()[&one].until_s.len() <= 256);
    }
}
