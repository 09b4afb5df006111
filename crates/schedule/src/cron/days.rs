//! The two day fields of a cron expression, of which exactly one counts.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};

use super::field::{DAY_OF_MONTH, DAY_OF_WEEK};
use crate::{Reason, number};

/// Which days of a month fire. Days of the week are 1-7 = SUN-SAT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Days {
    /// These days of the month.
    OfMonth(BTreeSet<i16>),
    /// `L`: the month's last day.
    LastOfMonth,
    /// `LW`: the month's last Monday to Friday.
    LastWorkday,
    /// `15W`: the Monday to Friday nearest to a day, within the month. A month without that day
    /// has none.
    NearestWorkday(i8),
    /// These days of the week.
    OfWeek(BTreeSet<i16>),
    /// `6L`: the month's last Friday.
    LastOfWeek(i16),
    /// `6#3`: the month's third Friday.
    Nth { day_of_week: i16, nth: i8 },
}

impl Days {
    pub(super) fn parse(of_month: &str, of_week: &str) -> Result<Self, Reason> {
        match (of_month == "?", of_week == "?") {
            (false, true) => Self::of_month(of_month),
            (true, false) => Self::of_week(of_week),
            _ => Err(Reason::DayFields),
        }
    }

    fn of_month(text: &str) -> Result<Self, Reason> {
        if text == "L" {
            return Ok(Self::LastOfMonth);
        }
        if text == "LW" {
            return Ok(Self::LastWorkday);
        }
        if let Some(day) = text.strip_suffix('W') {
            let day = DAY_OF_MONTH.value(day).and_then(|day| i8::try_from(day).ok());
            return day.map(Self::NearestWorkday).ok_or_else(|| DAY_OF_MONTH.refuse(text));
        }
        DAY_OF_MONTH.parse(text).map(Self::OfMonth)
    }

    fn of_week(text: &str) -> Result<Self, Reason> {
        if text == "L" {
            // The last day of the week is Saturday.
            return Ok(Self::OfWeek(BTreeSet::from([7])));
        }
        if let Some(day) = text.strip_suffix('L') {
            let day = DAY_OF_WEEK.value(day);
            return day.map(Self::LastOfWeek).ok_or_else(|| DAY_OF_WEEK.refuse(text));
        }
        if let Some((day, nth)) = text.split_once('#') {
            let nth = number::<i8>(nth).filter(|nth| (1..=5).contains(nth));
            return match (DAY_OF_WEEK.value(day), nth) {
                (Some(day_of_week), Some(nth)) => Ok(Self::Nth { day_of_week, nth }),
                _ => Err(DAY_OF_WEEK.refuse(text)),
            };
        }
        DAY_OF_WEEK.parse(text).map(Self::OfWeek)
    }

    /// Whether `date` is one of these days.
    pub(super) fn hold(&self, date: Date) -> bool {
        let day = date.day();
        let last = date.days_in_month();
        let weekday = date.weekday();
        let day_of_week = i16::from(weekday.to_sunday_one_offset());
        match self {
            Self::OfMonth(days) => days.contains(&i16::from(day)),
            Self::LastOfMonth => day == last,
            Self::LastWorkday => match weekday {
                Weekday::Saturday | Weekday::Sunday => false,
                // A Friday is the last one, too, before a weekend that ends the month.
                Weekday::Friday => day + 2 >= last,
                _ => day == last,
            },
            Self::NearestWorkday(wanted) => nearest_workday(date, *wanted) == Some(date),
            Self::OfWeek(days) => days.contains(&day_of_week),
            Self::LastOfWeek(wanted) => day_of_week == *wanted && day + 7 > last,
            Self::Nth { day_of_week: wanted, nth } => {
                day_of_week == *wanted && (day - 1) / 7 + 1 == *nth
            }
        }
    }
}

/// The Monday to Friday nearest to `day` in the month of `date`, never in another month.
fn nearest_workday(date: Date, day: i8) -> Option<Date> {
    let wanted = Date::new(date.year(), date.month(), day).ok()?;
    let nearest = match wanted.weekday() {
        Weekday::Saturday if day == 1 => day + 2,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == wanted.days_in_month() => day - 2,
        Weekday::Sunday => day + 1,
        _ => day,
    };
    Date::new(date.year(), date.month(), nearest).ok()
}
