//! The breaker: a destination that fails is left alone, then asked by one probe.
//!
//! Closed, it counts; it opens after [`ROW`] failures in a row, or when [`RATIO_PERCENT`] of at
//! least [`ATTEMPTS_MIN`] attempts in a window failed. Open, nothing passes until the cool-down
//! ends; then one probe does. Its success closes the breaker; its failure doubles the cool-down.

/// Failures in a row that open the breaker.
const ROW: u32 = 10;
/// The share of failures in the window that opens the breaker.
const RATIO_PERCENT: u32 = 70;
/// Attempts the window needs before its ratio means something.
const ATTEMPTS_MIN: u32 = 10;
/// Half of the window of five minutes. It slides by halves: what is counted is of the last two and a
/// half to five minutes.
const HALF_MS: i64 = 150_000;
/// The first cool-down.
const COOL_MIN_MS: i64 = 1_000;
/// The longest cool-down.
const COOL_MAX_MS: i64 = 30_000;

/// Whether an attempt may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Yes.
    Pass(Passage),
    /// Not before this time (milliseconds since 1970).
    Until(i64),
    /// A probe is under way; its outcome decides.
    Probing,
}

/// With which standing an attempt was let through; to be given back to [`Breaker::record`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// The breaker was closed.
    Normal,
    /// This attempt decides whether it closes again.
    Probe,
}

/// What an attempt says of the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// It answers for good: it took what was sent, or will never take it.
    Healthy,
    /// It takes nothing for now, or did not answer.
    Failing,
    /// Nothing: it was never asked.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until_ms: i64, cool_ms: i64 },
    Probing { cool_ms: i64 },
}

/// One destination's breaker.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    row: u32,
    half_start_ms: i64,
    counted: Counts,
    /// What was counted in the half before.
    before: Counts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    succeeded: u32,
    failed: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        let (counted, before) = (Counts::default(), Counts::default());
        Self { state: State::Closed, row: 0, half_start_ms: 0, counted, before }
    }
}

impl Breaker {
    /// Whether an attempt may be made now; a probe handed out must be recorded.
    pub fn gate(&mut self, now_ms: i64) -> Gate {
        match self.state {
            State::Closed => Gate::Pass(Passage::Normal),
            State::Open { until_ms, .. } if now_ms < until_ms => Gate::Until(until_ms),
            State::Open { cool_ms, .. } => {
                self.state = State::Probing { cool_ms };
                Gate::Pass(Passage::Probe)
            }
            State::Probing { .. } => Gate::Probing,
        }
    }

    /// How long until [`Breaker::gate`] may let an attempt pass, in milliseconds; none while a probe
    /// is under way. Hands nothing out.
    pub fn wait_ms(&self, now_ms: i64) -> Option<i64> {
        match self.state {
            State::Closed => Some(0),
            State::Open { until_ms, .. } => Some(until_ms.saturating_sub(now_ms).max(0)),
            State::Probing { .. } => None,
        }
    }

    /// Notes an attempt's outcome. Returns true when this outcome opened or closed the breaker.
    pub fn record(&mut self, passage: Passage, reception: Reception, now_ms: i64) -> bool {
        match (self.state, passage, reception) {
            (State::Probing { .. }, Passage::Probe, Reception::Healthy) => {
                *self = Self { half_start_ms: now_ms, ..Self::default() };
                true
            }
            (State::Probing { cool_ms }, Passage::Probe, Reception::Failing) => {
                let cool_ms = (cool_ms * 2).min(COOL_MAX_MS);
                self.state = State::Open { until_ms: now_ms + cool_ms, cool_ms };
                false
            }
            // Another probe has to find out.
            (State::Probing { cool_ms }, Passage::Probe, Reception::Unknown) => {
                self.state = State::Open { until_ms: now_ms, cool_ms };
                false
            }
            (State::Closed, _, Reception::Healthy) => self.count(true, now_ms),
            (State::Closed, _, Reception::Failing) => self.count(false, now_ms),
            // Attempts that were under way when the breaker opened say nothing new.
            _ => false,
        }
    }

    /// Opens it at once: one answer said that no other attempt will do better. Returns true when it
    /// was closed.
    pub fn trip(&mut self, now_ms: i64) -> bool {
        let was_closed = self.state == State::Closed;
        if was_closed {
            self.state = State::Open { until_ms: now_ms + COOL_MIN_MS, cool_ms: COOL_MIN_MS };
        }
        was_closed
    }

    /// Whether attempts are being held back.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    fn count(&mut self, healthy: bool, now_ms: i64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.half_start_ms);
        if passed_ms >= 2 * HALF_MS {
            (self.half_start_ms, self.before, self.counted) =
                (now_ms, Counts::default(), Counts::default());
        } else if passed_ms >= HALF_MS {
            self.half_start_ms += HALF_MS;
            self.before = std::mem::take(&mut self.counted);
        }
        if healthy {
            self.counted.succeeded += 1;
            self.row = 0;
            return false;
        }
        self.counted.failed += 1;
        self.row += 1;
        let failed = self.before.failed + self.counted.failed;
        let attempts = failed + self.before.succeeded + self.counted.succeeded;
        let mostly_failing = attempts >= ATTEMPTS_MIN && failed * 100 >= attempts * RATIO_PERCENT;
        (self.row >= ROW || mostly_failing) && self.trip(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::Reception::{Failing, Healthy, Unknown};
    use super::*;

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..9 {
            assert!(!breaker.record(Passage::Normal, Failing, 0));
        }
        assert!(breaker.record(Passage::Normal, Failing, 0));
        breaker
    }

    #[test]
    fn ten_failures_open_it_and_one_probe_closes_it() {
        let mut breaker = opened();
        assert_eq!(breaker.gate(500), Gate::Until(1_000));
        assert_eq!(breaker.gate(1_000), Gate::Pass(Passage::Probe));
        assert_eq!(breaker.gate(1_001), Gate::Probing);
        assert!(breaker.record(Passage::Probe, Healthy, 1_100));
        assert_eq!(breaker.gate(1_101), Gate::Pass(Passage::Normal));
    }

    #[test]
    fn asking_how_long_hands_no_probe_out() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.wait_ms(0), Some(0));
        breaker = opened();
        for (now, wait) in [(0, 1_000), (400, 600), (1_000, 0), (9_000, 0)] {
            assert_eq!(breaker.wait_ms(now), Some(wait), "{now}");
        }
        assert_eq!(breaker.gate(1_000), Gate::Pass(Passage::Probe));
        assert_eq!(breaker.wait_ms(1_000), None);
    }

    #[test]
    fn failing_probes_wait_longer_each_time_up_to_half_a_minute() {
        let mut breaker = opened();
        let mut now = 1_000;
        for cool in [2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            assert_eq!(breaker.gate(now), Gate::Pass(Passage::Probe));
            breaker.record(Passage::Probe, Failing, now);
            assert_eq!(breaker.gate(now), Gate::Until(now + cool));
            now += cool;
        }
    }

    #[test]
    fn late_answers_of_normal_attempts_do_not_touch_an_open_breaker() {
        let mut breaker = opened();
        assert!(!breaker.record(Passage::Normal, Healthy, 10));
        assert!(breaker.is_open());
    }

    #[test]
    fn some_failures_among_successes_leave_it_closed() {
        let mut breaker = Breaker::default();
        for turn in 0..1000 {
            let reception = if turn % 2 == 0 { Healthy } else { Failing };
            breaker.record(Passage::Normal, reception, turn);
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn what_was_never_sent_opens_and_closes_nothing() {
        let mut breaker = Breaker::default();
        for _ in 0..9 {
            breaker.record(Passage::Normal, Failing, 0);
            breaker.record(Passage::Normal, Unknown, 0);
        }
        assert!(!breaker.is_open());
        assert!(breaker.record(Passage::Normal, Failing, 0), "it does not end the row either");
        assert_eq!(breaker.gate(1_000), Gate::Pass(Passage::Probe));
        assert!(!breaker.record(Passage::Probe, Unknown, 1_001));
        // Another probe passes at once, and its failure doubles what the first one had.
        assert_eq!(breaker.gate(1_001), Gate::Pass(Passage::Probe));
        breaker.record(Passage::Probe, Failing, 1_001);
        assert_eq!(breaker.gate(1_002), Gate::Until(3_001));
    }

    #[test]
    fn one_answer_may_open_it_at_once() {
        let mut breaker = Breaker::default();
        assert!(breaker.trip(0));
        assert_eq!(breaker.gate(999), Gate::Until(1_000));
        assert!(!breaker.trip(999), "it is open");
        assert_eq!(breaker.gate(1_000), Gate::Pass(Passage::Probe));
        assert!(!breaker.trip(1_000), "its probe decides");
    }

    #[test]
    fn the_window_slides() {
        let mut breaker = Breaker::default();
        for turn in 0..6 {
            breaker.record(Passage::Normal, Failing, 140_000 + turn);
        }
        for _ in 0..3 {
            breaker.record(Passage::Normal, Healthy, 290_000);
        }
        // Seven of ten, on both sides of the end of five minutes since it began to count.
        let mut late = Breaker { ..breaker };
        assert!(breaker.record(Passage::Normal, Failing, 290_000));
        assert!(!late.record(Passage::Normal, Failing, 300_000), "the first ones are forgotten");
    }
}
