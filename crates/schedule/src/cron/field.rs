//! One field of a cron expression: the numbers it names.

use std::collections::BTreeSet;
use std::iter::StepBy;
use std::ops::RangeInclusive;

use crate::{Reason, number};

/// The bounds of a field, and the names its numbers may go by.
pub(super) struct Field {
    name: &'static str,
    first: i16,
    last: i16,
    /// The names of the numbers, from `first` on.
    names: &'static [&'static str],
    /// What the field takes, as a remedy.
    takes: &'static str,
}

pub(super) const MINUTES: Field = Field {
    name: "minutes",
    first: 0,
    last: 59,
    names: &[],
    takes: "use 0-59 with `,` `-` `*` `/`, ranges upwards",
};

pub(super) const HOURS: Field = Field {
    name: "hours",
    first: 0,
    last: 23,
    names: &[],
    takes: "use 0-23 with `,` `-` `*` `/`, ranges upwards",
};

pub(super) const DAY_OF_MONTH: Field = Field {
    name: "day-of-month",
    first: 1,
    last: 31,
    names: &[],
    takes: "use 1-31 with `,` `-` `*` `/`, ranges upwards, or one of `L`, `LW`, `15W` alone",
};

pub(super) const MONTH: Field = Field {
    name: "month",
    first: 1,
    last: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    takes: "use 1-12 or JAN-DEC with `,` `-` `*` `/`, ranges upwards",
};

pub(super) const DAY_OF_WEEK: Field = Field {
    name: "day-of-week",
    first: 1,
    last: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    takes: "use 1-7 or SUN-SAT with `,` `-` `*` `/`, ranges upwards, \
            or one of `L`, `6L`, `6#3` alone",
};

pub(super) const YEAR: Field = Field {
    name: "year",
    first: 1970,
    last: 2199,
    names: &[],
    takes: "use 1970-2199 with `,` `-` `*` `/`, ranges upwards",
};

impl Field {
    /// Every number the field names; never empty.
    pub(super) fn parse(&self, text: &str) -> Result<BTreeSet<i16>, Reason> {
        let mut numbers = BTreeSet::new();
        for item in text.split(',') {
            numbers.extend(self.item(item).ok_or_else(|| self.refuse(item))?);
        }
        Ok(numbers)
    }

    /// The error that `item` cannot stand in this field.
    pub(super) fn refuse(&self, item: &str) -> Reason {
        Reason::Field { field: self.name, item: item.to_owned(), remedy: self.takes }
    }

    /// One number of the field, by its digits or its name.
    pub(super) fn value(&self, text: &str) -> Option<i16> {
        let named = (self.first..).zip(self.names).find(|(_, name)| **name == text);
        let value = named.map(|(value, _)| value).or_else(|| number(text))?;
        (self.first..=self.last).contains(&value).then_some(value)
    }

    /// `*`, `5`, `1-5`, and each of them with `/step`; `5/10` runs from 5 to the field's end.
    fn item(&self, item: &str) -> Option<StepBy<RangeInclusive<i16>>> {
        let (span, step) = match item.split_once('/') {
            Some((span, step)) => (span, Some(self.step(step)?)),
            None => (item, None),
        };
        let (from, to) = if span == "*" {
            (self.first, self.last)
        } else if let Some((from, to)) = span.split_once('-') {
            (self.value(from)?, self.value(to)?)
        } else {
            let value = self.value(span)?;
            (value, if step.is_some() { self.last } else { value })
        };
        (from <= to).then(|| (from..=to).step_by(step.unwrap_or(1)))
    }

    /// A step of at least one and no longer than the field.
    fn step(&self, text: &str) -> Option<usize> {
        let step = number::<i16>(text).filter(|step| (1..=self.last).contains(step))?;
        usize::try_from(step).ok()
    }
}
