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
/// The window: five minutes.
const WINDOW_MS: i64 = 300_000;
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
    window_start_ms: i64,
    succeeded: u32,
    failed: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed, row: 0, window_start_ms: 0, succeeded: 0, failed: 0 }
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
    pub fn record(&mut self, passage: Passage, healthy: bool, now_ms: i64) -> bool {
        match (self.state, passage) {
            (State::Probing { cool_ms }, Passage::Probe) => {
                if healthy {
                    *self = Self { window_start_ms: now_ms, ..Self::default() };
                    return true;
                }
                let cool_ms = (cool_ms * 2).min(COOL_MAX_MS);
                self.state = State::Open { until_ms: now_ms + cool_ms, cool_ms };
                false
            }
            (State::Closed, _) => self.count(healthy, now_ms),
            // Attempts that were under way when the breaker opened say nothing new.
            _ => false,
        }
    }

    /// Whether attempts are being held back.
    pub fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    fn count(&mut self, healthy: bool, now_ms: i64) -> bool {
        if now_ms.saturating_sub(self.window_start_ms) > WINDOW_MS {
            (self.window_start_ms, self.succeeded, self.failed) = (now_ms, 0, 0);
        }
        if healthy {
            self.succeeded += 1;
            self.row = 0;
            return false;
        }
        self.failed += 1;
        self.row += 1;
        let attempts = self.succeeded + self.failed;
        let mostly_failing =
            attempts >= ATTEMPTS_MIN && self.failed * 100 >= attempts * RATIO_PERCENT;
        if self.row >= ROW || mostly_failing {
            self.state = State::Open { until_ms: now_ms + COOL_MIN_MS, cool_ms: COOL_MIN_MS };
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..9 {
            assert!(!breaker.record(Passage::Normal, false, 0));
        }
        assert!(breaker.record(Passage::Normal, false, 0));
        breaker
    }

    #[test]
    fn ten_failures_open_it_and_one_probe_closes_it() {
        let mut breaker = opened();
        assert_eq!(breaker.gate(500), Gate::Until(1_000));
        assert_eq!(breaker.gate(1_000), Gate::Pass(Passage::Probe));
        assert_eq!(breaker.gate(1_001), Gate::Probing);
        assert!(breaker.record(Passage::Probe, true, 1_100));
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
            breaker.record(Passage::Probe, false, now);
            assert_eq!(breaker.gate(now), Gate::Until(now + cool));
            now += cool;
        }
    }

    #[test]
    fn late_answers_of_normal_attempts_do_not_touch_an_open_breaker() {
        let mut breaker = opened();
        assert!(!breaker.record(Passage::Normal, true, 10));
        assert!(breaker.is_open());
    }

    #[test]
    fn some_failures_among_successes_leave_it_closed() {
        let mut breaker = Breaker::default();
        for turn in 0..1000 {
            breaker.record(Passage::Normal, turn % 2 == 0, turn);
        }
        assert!(!breaker.is_open());
    }
}
