//! Years of a ring of signing keys: no token that is good is ever refused, no verifier is ever
//! surprised, and the ring never grows beyond its bound.

use std::collections::BTreeMap;

use jwt::{
    Ask, Make, RING_KEYS_MAX, RingChange, RingKey, RotateError, Rotation, Stage, rotate, turn,
};

const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;
/// How long a verifier may keep the set.
const MAX_AGE: i64 = 300 * SECOND;
const RULES: Rotation = Rotation {
    every_ms: Some(90 * DAY),
    publish_ms: MAX_AGE,
    keep_ms: DAY,
    wanted: true,
    alone: true,
};

/// What an operator or the machine does, after so many seconds.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// Time passes; the program may have been down meanwhile.
    Nothing,
    Ask(Ask),
}

struct Simulation {
    now_ms: i64,
    ring: Vec<RingKey>,
    made: usize,
    /// When each key was first in the published set.
    published: BTreeMap<String, i64>,
    /// The key that signs, and whether somebody asked for it at once.
    signs: Option<String>,
    at_once: bool,
    /// Who signed what, and when the last of it ends.
    tokens: BTreeMap<String, i64>,
}

impl Simulation {
    fn new() -> Self {
        Self {
            now_ms: 1_800_000_000_000,
            ring: Vec::new(),
            made: 0,
            published: BTreeMap::new(),
            signs: None,
            at_once: true,
            tokens: BTreeMap::new(),
        }
    }

    fn apply(&mut self, change: RingChange) {
        for key in change.changed {
            let known = self.ring.iter_mut().find(|known| known.kid == key.kid);
            *known.unwrap() = key;
        }
        self.ring.retain(|key| !change.removed.contains(&key.kid));
        if let Some(make) = change.make {
            self.made += 1;
            let signs_from_ms = (make == Make::Active).then_some(self.now_ms);
            let published_ms = signs_from_ms;
            let kid = format!("key {}", self.made);
            self.ring.push(RingKey { kid, signs_from_ms, published_ms, ..RingKey::default() });
        }
        for key in &self.ring {
            self.published.entry(key.kid.clone()).or_insert(self.now_ms);
        }
    }

    /// What must hold at every moment.
    fn judge(&mut self) {
        let active: Vec<_> = self.ring.iter().filter(|key| key.stage() == Stage::Active).collect();
        assert_eq!(active.len(), 1, "{:?}", self.ring);
        let kid = active[0].kid.clone();
        if self.signs.as_ref() != Some(&kid) {
            let known_for = self.now_ms - self.published[&kid];
            assert!(self.at_once || known_for >= MAX_AGE, "{kid} is known for {known_for} ms");
            self.signs = Some(kid.clone());
        }
        self.at_once = false;
        // A token of the longest life is issued now.
        self.tokens.insert(kid, self.now_ms + DAY);
        for (kid, ends) in &self.tokens {
            let published = self.ring.iter().any(|key| key.kid == *kid);
            assert!(published || *ends <= self.now_ms, "{kid} went before what it signed");
        }
        assert!(self.ring.len() <= RING_KEYS_MAX, "{:?}", self.ring);
    }

    fn run(&mut self, seconds: i64, deed: Deed) {
        self.now_ms += seconds * SECOND;
        // The program looks at the ring at its start, and again as soon as something has changed.
        for _ in 0..3 {
            let change = turn(&self.ring, &RULES, self.now_ms);
            self.apply(change);
            self.judge();
        }
        if let Deed::Ask(ask) = deed {
            match rotate(&self.ring, &RULES, (ask, self.now_ms)) {
                Ok((change, _)) => {
                    self.at_once = ask == Ask::Now;
                    self.apply(change);
                    self.judge();
                }
                // There is always a next key, so that this is all a refusal can be for.
                Err(error) => {
                    let refused = matches!(error, RotateError::TooMany { until_ms } if until_ms > self.now_ms);
                    assert!(refused, "{error:?}: {:?}", self.ring);
                }
            }
        }
    }
}

#[test]
fn a_year_without_anybody_has_a_key_every_ninety_days() {
    let mut simulation = Simulation::new();
    for _ in 0..366 * 24 {
        simulation.run(3_600, Deed::Nothing);
    }
    // One for each 90 days begun, and one that waits.
    assert_eq!(simulation.made, 6);
    assert!(simulation.ring.len() <= 3);
}

proptest::proptest! {
    #[test]
    fn years_of_rotations_never_leave_a_gap(
        deeds in proptest::collection::vec((0_usize..7, 0_usize..4), 1..400),
    ) {
        let mut simulation = Simulation::new();
        for (wait, deed) in deeds {
            let seconds = [1, 10, 299, 300, 3_600, 86_400, 45 * 86_400][wait];
            let deed = match deed {
                0 => Deed::Ask(Ask::WhenPublished),
                1 => Deed::Ask(Ask::Now),
                _ => Deed::Nothing,
            };
            simulation.run(seconds, deed);
        }
    }

    #[test]
    fn any_ring_and_any_clock_is_judged_without_panic(
        numbers in proptest::collection::vec(
            proptest::collection::vec(proptest::option::of(proptest::num::i64::ANY), 5), 0..12,
        ),
        now_ms in proptest::num::i64::ANY,
    ) {
        let key = |(at, numbers): (usize, &Vec<Option<i64>>)| RingKey {
            kid: at.to_string(),
            published_ms: numbers[0],
            turn_ms: numbers[1],
            signs_from_ms: numbers[2],
            retired_ms: numbers[3],
            gone_ms: numbers[4],
        };
        let ring: Vec<_> = numbers.iter().enumerate().map(key).collect();
        for wanted in [true, false] {
            let rules = Rotation { wanted, ..RULES };
            let change = turn(&ring, &rules, now_ms);
            let active = |ring: &[RingKey]| {
                ring.iter().filter(|key| key.stage() == Stage::Active).count()
            };
            let mut after = ring.clone();
            for key in change.changed {
                let known = after.iter_mut().find(|known| known.kid == key.kid).unwrap();
                *known = key;
            }
            after.retain(|key| !change.removed.contains(&key.kid));
            proptest::prop_assert!(active(&after) <= usize::from(wanted));
            drop(rotate(&ring, &rules, (Ask::Now, now_ms)));
        }
    }
}
