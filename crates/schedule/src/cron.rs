//! A calendar rule of six fields, in UTC (EventBridge, cron expressions).
//!
//! The search goes by year, month and day, and reads the time of day from sorted sets: at most
//! every day of 230 years is looked at, never every minute.

mod days;
mod field;

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::Reason;
use days::Days;

const MINUTE_MS: i64 = 60_000;

/// A cron expression: minutes, hours, day-of-month, month, day-of-week, year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    /// The six fields in upper case with one blank between them.
    fields: String,
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    days: Days,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
}

impl Cron {
    /// What stands between the brackets of `cron(…)`. Names and letters may be in either case.
    pub(crate) fn parse(inner: &str) -> Result<Self, Reason> {
        let upper = inner.to_ascii_uppercase();
        let fields: Vec<&str> = upper.split_ascii_whitespace().collect();
        let &[minutes, hours, day_of_month, month, day_of_week, year] = fields.as_slice() else {
            return Err(Reason::Fields { count: fields.len() });
        };
        Ok(Self {
            days: Days::parse(day_of_month, day_of_week)?,
            minutes: field::MINUTES.parse(minutes)?,
            hours: field::HOURS.parse(hours)?,
            months: field::MONTH.parse(month)?,
            years: field::YEAR.parse(year)?,
            fields: fields.join(" "),
        })
    }

    /// The first whole minute strictly after `after_ms` that the rule names, in milliseconds since
    /// 1970, or `None` when no such minute comes before 2200.
    pub fn next(&self, after_ms: i64) -> Option<i64> {
        // No year before 1970 can be named, so the search starts there at the earliest.
        let first_minute = (after_ms.div_euclid(MINUTE_MS) + 1).max(0);
        let start = TimeZone::UTC.to_datetime(Timestamp::from_second(first_minute * 60).ok()?);
        if self.fires_on(start.date())
            && let Some(time) = self.time_from(i16::from(start.hour()), i16::from(start.minute()))
        {
            return moment_ms(start.date(), time);
        }
        let date = self.date_from(start.date().tomorrow().ok()?)?;
        moment_ms(date, self.time_from(0, 0)?)
    }

    fn fires_on(&self, date: Date) -> bool {
        self.years.contains(&date.year())
            && self.months.contains(&i16::from(date.month()))
            && self.days.hold(date)
    }

    /// The first hour and minute of a day, from this one on.
    fn time_from(&self, hour: i16, minute: i16) -> Option<(i16, i16)> {
        if self.hours.contains(&hour)
            && let Some(minute) = self.minutes.range(minute..).next()
        {
            return Some((hour, *minute));
        }
        let later = self.hours.range(hour + 1..).next()?;
        Some((*later, *self.minutes.first()?))
    }

    /// The first day the rule names, from this one on.
    fn date_from(&self, first: Date) -> Option<Date> {
        for &year in self.years.range(first.year()..) {
            for &month in &self.months {
                let month = i8::try_from(month).ok()?;
                let start = Date::new(year, month, 1).ok()?.max(first);
                if start.year() != year || start.month() != month {
                    continue; // This month was over before `first`.
                }
                let found = (start.day()..=start.days_in_month())
                    .filter_map(|day| Date::new(year, month, day).ok())
                    .find(|date| self.days.hold(*date));
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }
}

fn moment_ms(date: Date, (hour, minute): (i16, i16)) -> Option<i64> {
    let moment = date.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0);
    Some(TimeZone::UTC.to_timestamp(moment).ok()?.as_millisecond())
}

impl fmt::Display for Cron {
    /// The expression in upper case with one blank between fields.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cron({})", self.fields)
    }
}
