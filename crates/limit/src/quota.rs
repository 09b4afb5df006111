//! Quota: so many per day, week or month, with the day the period begins.

use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::ParseError;

/// The largest quota: a million million.
const LIMIT_MAX: u64 = 1_000_000_000_000;
/// The largest lease; the next one is fetched when a quarter of it is left.
const LEASE_MAX: u64 = 800;

/// The period a quota is counted over, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday's midnight, moved by the offset.
    Week,
    /// From the first day of the month, moved by the offset.
    Month,
}

/// So many requests per period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    limit: u64,
    period: Period,
    offset_days: u8,
}

/// One period of a quota: from its first millisecond (UTC, since 1970) to the next one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First millisecond of the period.
    pub start_ms: i64,
    /// First millisecond of the next period.
    pub end_ms: i64,
}

impl Quota {
    /// A quota whose period begins `offset_days` late; the offset is cut to the period's length
    /// (6 days of a week, 27 of a month, none of a day).
    pub fn new(limit: u64, period: Period, offset_days: u8) -> Self {
        let longest = match period {
            Period::Day => 0,
            Period::Week => 6,
            Period::Month => 27,
        };
        Self { limit: limit.clamp(1, LIMIT_MAX), period, offset_days: offset_days.min(longest) }
    }

    /// Reads `10000/month`, `500/week` or `100/day`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let (number, period) = text.split_once('/').unwrap_or((text, ""));
        let period = match period.trim() {
            "day" | "d" => Period::Day,
            "week" | "w" => Period::Week,
            "month" => Period::Month,
            _ => {
                let number = leading_number(number.trim(), "10000");
                return Err(ParseError::PeriodUnknown(number.to_owned()));
            }
        };
        Ok(Self::new(count(number, LIMIT_MAX)?, period, 0))
    }

    /// The same quota with another first day.
    #[must_use]
    pub fn starting(self, offset_days: u8) -> Self {
        Self::new(self.limit, self.period, offset_days)
    }

    /// Requests per period.
    pub fn limit(self) -> u64 {
        self.limit
    }

    /// The period.
    pub fn period(self) -> Period {
        self.period
    }

    /// The period that holds the moment `now_ms` (milliseconds since 1970, UTC).
    pub fn window(self, now_ms: i64) -> Window {
        let today = date(now_ms);
        let offset = i64::from(self.offset_days);
        let (start, end) = match self.period {
            Period::Day => (today, plus_days(today, 1)),
            Period::Week => {
                let day = plus_days(today, -offset);
                let back = i64::from(day.weekday().since(Weekday::Monday));
                let start = plus_days(day, offset - back);
                (start, plus_days(start, 7))
            }
            Period::Month => {
                let first = plus_days(plus_days(today, -offset).first_of_month(), 0);
                let next = first.saturating_add(1.month());
                (plus_days(first, offset), plus_days(next, offset))
            }
        };
        Window { start_ms: midnight_ms(start), end_ms: midnight_ms(end) }
    }

    /// How many requests to reserve durably at once when `remaining` are left in the period: four
    /// fifths of a hundredth of it, at most 800. So the end is exact, and a crash costs no more than a
    /// hundredth of what is left, or 1,000, also where the next lease is fetched while a quarter of
    /// the last one is left. Of less than four none is fetched ahead, and they may have the hundredth.
    pub fn lease(remaining: u64) -> u64 {
        match remaining / 125 {
            0..4 => (remaining / 100).clamp(1, 3).min(remaining),
            part => part.min(LEASE_MAX),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.period {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
        };
        write!(f, "{}/{period}", self.limit)
    }
}

/// The number that a text begins with, to be shown in what to write instead; an example where it
/// begins with none.
pub(crate) fn leading_number<'t>(text: &'t str, example: &'t str) -> &'t str {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.get(..digits).filter(|number| !number.is_empty()).unwrap_or(example)
}

/// Reads a whole number from 1 to `max`.
pub(crate) fn count(text: &str, max: u64) -> Result<u64, ParseError> {
    let text = text.trim();
    match text.parse::<u64>() {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        _ => Err(ParseError::Count { text: text.to_owned(), max }),
    }
}

fn date(now_ms: i64) -> Date {
    let moment = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.to_zoned(TimeZone::UTC).date()
}

fn plus_days(date: Date, days: i64) -> Date {
    date.saturating_add(days.days())
}

fn midnight_ms(date: Date) -> i64 {
    date.to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_moment_belongs_to_one_period() {
        let rows = [
            ("5/day", 0, "2026-11-22T23:59:59Z", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
            ("5/week", 0, "2026-11-22T12:00:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"),
            ("5/week", 2, "2026-11-22T12:00:00Z", "2026-11-18T00:00:00Z", "2026-11-25T00:00:00Z"),
            ("5/week", 2, "2026-11-17T12:00:00Z", "2026-11-11T00:00:00Z", "2026-11-18T00:00:00Z"),
            ("5/month", 0, "2024-02-29T12:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("5/month", 14, "2026-11-14T12:00:00Z", "2026-10-15T00:00:00Z", "2026-11-15T00:00:00Z"),
            ("5/month", 14, "2026-11-15T00:00:00Z", "2026-11-15T00:00:00Z", "2026-12-15T00:00:00Z"),
            ("5/month", 0, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ];
        for (quota, offset, now, start, end) in rows {
            let window = Quota::parse(quota).unwrap().starting(offset).window(ms(now));
            let expected = Window { start_ms: ms(start), end_ms: ms(end) };
            assert_eq!(window, expected, "{quota} offset {offset} at {now}");
        }
    }

    #[test]
    fn a_quota_needs_its_period() {
        assert_eq!(Quota::parse("10000/month").unwrap().limit(), 10_000);
        for (text, reason) in [
            ("10000", "add a period: `10000/day`, `10000/week` or `10000/month`"),
            ("10000/year", "add a period: `10000/day`, `10000/week` or `10000/month`"),
            ("500 per day", "add a period: `500/day`, `500/week` or `500/month`"),
            ("many", "add a period: `10000/day`, `10000/week` or `10000/month`"),
            ("0/day", "`0` is not a whole number from 1 to 1000000000000"),
        ] {
            assert_eq!(Quota::parse(text).unwrap_err().to_string(), reason);
        }
    }

    #[test]
    fn leases_shrink_so_that_the_end_is_exact() {
        for (remaining, lease) in
            [(1_000_000, 800), (10_000, 80), (500, 4), (499, 3), (250, 2), (1, 1), (0, 0)]
        {
            assert_eq!(Quota::lease(remaining), lease, "{remaining}");
        }
    }
}
