//! A fixed period: `rate(5 minutes)`, or a duration of ours such as `90s`, `5m`, `1h`, `1d`.

use std::fmt;

use crate::{Reason, number};

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;
/// The longest period: a leap year. EventBridge names no bound for rates; ours is the same for all.
const PERIOD_MAX_S: u64 = 366 * DAY_S;

/// A period of 1 second to 366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Every {
    seconds: u64,
}

impl Every {
    /// What stands between the brackets of `rate(…)`: number, one space, unit (EventBridge, rate
    /// expressions).
    pub(crate) fn from_rate(inner: &str) -> Result<Self, Reason> {
        let (count, unit) = inner.split_once(' ').ok_or(Reason::Rate)?;
        let count = number::<u64>(count).filter(|count| *count > 0).ok_or(Reason::Rate)?;
        let (name, plural) = match unit.strip_suffix('s') {
            Some(name) => (name, true),
            None => (unit, false),
        };
        let unit_s = match name {
            "minute" => MINUTE_S,
            "hour" => HOUR_S,
            "day" => DAY_S,
            _ => return Err(Reason::Rate),
        };
        if plural == (count == 1) {
            let ending = if count == 1 { "" } else { "s" };
            return Err(Reason::Plural { remedy: format!("rate({count} {name}{ending})") });
        }
        Self::of(count, unit_s)
    }

    /// Our own form: a number and one of `s`, `m`, `h`, `d`.
    pub(crate) fn from_duration(text: &str) -> Result<Self, Reason> {
        let unit_s = match text.as_bytes().last() {
            Some(b's') => 1,
            Some(b'm') => MINUTE_S,
            Some(b'h') => HOUR_S,
            Some(b'd') => DAY_S,
            _ => return Err(Reason::Form),
        };
        // The unit is one byte, so what is before it is whole characters.
        let count = number(&text[..text.len() - 1]).ok_or(Reason::Form)?;
        Self::of(count, unit_s)
    }

    fn of(count: u64, unit_s: u64) -> Result<Self, Reason> {
        let seconds = count.saturating_mul(unit_s);
        if !(1..=PERIOD_MAX_S).contains(&seconds) {
            return Err(Reason::Period);
        }
        Ok(Self { seconds })
    }

    /// The period in seconds.
    pub fn seconds(self) -> u64 {
        self.seconds
    }

    /// The first moment strictly after `after_ms` that is a whole number of periods from
    /// `anchor_ms`. The anchor only fixes the phase: it may lie in the future.
    ///
    /// `None` only when that moment does not fit in an `i64`.
    pub fn next(self, after_ms: i64, anchor_ms: i64) -> Option<i64> {
        let period_ms = i128::from(self.seconds) * 1_000;
        let anchor_ms = i128::from(anchor_ms);
        let periods = (i128::from(after_ms) - anchor_ms).div_euclid(period_ms) + 1;
        i64::try_from(anchor_ms + periods * period_ms).ok()
    }
}

impl fmt::Display for Every {
    /// The duration in the largest unit that divides it: `60m` is `1h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = [(DAY_S, 'd'), (HOUR_S, 'h'), (MINUTE_S, 'm')]
            .into_iter()
            .find(|(unit_s, _)| self.seconds.is_multiple_of(*unit_s))
            .map_or((self.seconds, 's'), |(unit_s, unit)| (self.seconds / unit_s, unit));
        write!(f, "{count}{unit}")
    }
}
