//! How long a destination has taken nothing, and what is to be told of it: at the first trouble,
//! half-way, and when it is to be left alone.
//!
//! Counted are attempts that reached for the receiver and were not taken, from the first one after
//! the last success. A destination that nothing is sent to is in no trouble, however long ago its
//! last success was.

/// Nothing but failures for so long is trouble: a minute, so that a hiccup is not told.
const TROUBLE_MS: i64 = 60_000;
/// Nothing but failures for so long ends it: five days.
const DISABLE_MS: i64 = 5 * 86_400_000;

/// What is to be told of a destination that takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A minute of nothing but failures.
    Trouble,
    /// Half of the time until it is disabled.
    HalfWay,
    /// It is to be disabled: nothing is sent there until somebody says so.
    Disabled,
    /// It refuses our credentials, also those that are new. Not told by [`Health`], and at once.
    Credentials,
}

impl Notice {
    /// For logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::HalfWay => "half-way",
            Self::Disabled => "disabled",
            Self::Credentials => "credentials",
        }
    }
}

/// One destination's successes and failures, as far as they say how it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    failing_since_ms: Option<i64>,
    notices: u32,
}

impl Health {
    /// Goes on after a restart: failing since then, with so many notices given.
    pub fn failing(since_ms: i64, notices: u32) -> Self {
        Self { failing_since_ms: Some(since_ms), notices }
    }

    /// Notes a failed attempt; says what is to be told. Each notice comes once, in order, and each
    /// at an attempt of its own: a single failure after a long silence disables nothing.
    pub fn failed(&mut self, now_ms: i64) -> Option<Notice> {
        let since_ms = *self.failing_since_ms.get_or_insert(now_ms);
        let (notice, after_ms) = match self.notices {
            0 => (Notice::Trouble, TROUBLE_MS),
            1 => (Notice::HalfWay, DISABLE_MS / 2),
            2 => (Notice::Disabled, DISABLE_MS),
            _ => return None,
        };
        if now_ms.saturating_sub(since_ms) < after_ms {
            return None;
        }
        self.notices += 1;
        Some(notice)
    }

    /// Notes a success. Returns true when it ends a trouble that was told.
    pub fn succeeded(&mut self) -> bool {
        let told = self.notices > 0;
        *self = Self::default();
        told
    }

    /// When the first failure after the last success was.
    pub fn failing_since_ms(&self) -> Option<i64> {
        self.failing_since_ms
    }

    /// How many notices were given since then.
    pub fn notices(&self) -> u32 {
        self.notices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn notices_come_after_a_minute_half_way_and_after_five_days() {
        let mut health = Health::default();
        let mut told = Vec::new();
        for hour in 0..200 {
            if let Some(notice) = health.failed(hour * HOUR) {
                told.push((hour, notice));
            }
        }
        assert_eq!(told, [(1, Notice::Trouble), (60, Notice::HalfWay), (120, Notice::Disabled)]);
    }

    #[test]
    fn the_bounds_are_exact() {
        for (at, notices, expected) in [
            (59_999, 0, None),
            (60_000, 0, Some(Notice::Trouble)),
            (60 * HOUR - 1, 1, None),
            (60 * HOUR, 1, Some(Notice::HalfWay)),
            (120 * HOUR - 1, 2, None),
            (120 * HOUR, 2, Some(Notice::Disabled)),
            (1_000 * HOUR, 3, None),
        ] {
            assert_eq!(Health::failing(0, notices).failed(at), expected, "{at} {notices}");
        }
    }

    #[test]
    fn a_success_begins_anew_and_says_whether_trouble_was_told() {
        let mut health = Health::default();
        health.failed(0);
        assert!(!health.succeeded());
        health.failed(HOUR);
        assert_eq!(health.failing_since_ms(), Some(HOUR));
        assert_eq!(health.failed(2 * HOUR), Some(Notice::Trouble));
        assert!(health.succeeded());
        assert_eq!(health, Health::default());
        assert_eq!(health.failed(500 * HOUR), None);
    }

    #[test]
    fn a_failure_after_a_long_silence_disables_nothing() {
        let mut health = Health::default();
        assert_eq!(health.failed(0), None);
        let next = [500, 501, 502, 503].map(|hour| health.failed(hour * HOUR));
        let notices = [Notice::Trouble, Notice::HalfWay, Notice::Disabled].map(Some);
        assert_eq!(next[..3], notices);
        assert_eq!(next[3], None);
    }

    #[test]
    fn what_was_told_is_not_told_again_after_a_restart() {
        let mut health = Health::failing(0, 2);
        assert_eq!(health.failed(70 * HOUR), None);
        assert_eq!(health.failed(121 * HOUR), Some(Notice::Disabled));
        assert_eq!(health.notices(), 3);
    }
}
