//! When a schedule fires: a fixed period, `rate(…)` or `cron(…)`, always in UTC.
//!
//! Pure: times are milliseconds since 1970 (UTC) and come in as arguments. A question is answered
//! in bounded time, however far away the next firing is.

mod cron;
mod every;

use std::fmt;
use std::str::FromStr;

pub use cron::Cron;
pub use every::Every;

/// The longest expression, in characters (EventBridge API, `ScheduleExpression`).
const EXPRESSION_CHARS_MAX: usize = 256;

/// When something fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// Again and again after the same time.
    Every(Every),
    /// At the minutes a calendar rule names.
    Cron(Cron),
}

impl Schedule {
    /// Reads `rate(5 minutes)`, `cron(0 12 * * ? *)`, or our own `2s`, `5m`, `1h`, `1d`.
    pub fn parse(expression: &str) -> Result<Self, ScheduleError> {
        Self::read(expression).map_err(ScheduleError)
    }

    fn read(expression: &str) -> Result<Self, Reason> {
        let chars = expression.chars().count();
        if chars > EXPRESSION_CHARS_MAX {
            return Err(Reason::TooLong { chars });
        }
        if let Some(rest) = expression.strip_prefix("rate(") {
            let inner = rest.strip_suffix(')').ok_or(Reason::Rate)?;
            return Every::from_rate(inner).map(Self::Every);
        }
        if let Some(rest) = expression.strip_prefix("cron(") {
            let inner = rest.strip_suffix(')').ok_or(Reason::Unclosed)?;
            return Cron::parse(inner).map(Self::Cron);
        }
        Every::from_duration(expression).map(Self::Every)
    }

    /// The first firing strictly after `after_ms`, or `None` when there is no more.
    ///
    /// `anchor_ms` is where the periods of [`Every`] are counted from, usually the moment the
    /// schedule was made; a cron does not use it.
    pub fn next(&self, after_ms: i64, anchor_ms: i64) -> Option<i64> {
        match self {
            Self::Every(every) => every.next(after_ms, anchor_ms),
            Self::Cron(cron) => cron.next(after_ms),
        }
    }
}

impl fmt::Display for Schedule {
    /// The normal form, which [`Schedule::parse`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(every) => write!(f, "{every}"),
            Self::Cron(cron) => write!(f, "{cron}"),
        }
    }
}

/// An expression that is not a schedule; its text begins as EventBridge's does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Parameter ScheduleExpression is not valid. Reason: {0}")]
pub struct ScheduleError(pub Reason);

/// What is wrong with an expression, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Longer than any schedule needs to be.
    #[error("it has {chars} characters; use at most {max}", max = EXPRESSION_CHARS_MAX)]
    TooLong {
        /// How many characters it has.
        chars: usize,
    },
    /// None of the three forms.
    #[error(
        "it is no rate(), no cron() and no duration; \
         write for example `rate(5 minutes)`, `cron(0 12 * * ? *)` or `5m`"
    )]
    Form,
    /// A duration that is too short or too long.
    #[error("the period is out of range; use at least 1 second and at most 366 days")]
    Period,
    /// A rate that is not "number, space, unit".
    #[error(
        "a rate is a positive number, one space and minute(s), hour(s) or day(s) in lower case; \
         write for example `rate(5 minutes)`"
    )]
    Rate,
    /// A singular with many, or a plural with one.
    #[error("the unit is singular for 1 and plural otherwise; write `{remedy}`")]
    Plural {
        /// The same rate, written right.
        remedy: String,
    },
    /// `cron(` without its end.
    #[error("the cron expression is not closed; end it with `)`")]
    Unclosed,
    /// Not six fields.
    #[error(
        "a cron expression has 6 fields, this has {count}; write minutes, hours, \
         day-of-month, month, day-of-week and year, as in `cron(0 12 * * ? *)`"
    )]
    Fields {
        /// How many fields there are.
        count: usize,
    },
    /// Both or neither of the day fields are `?`.
    #[error(
        "exactly one of day-of-month and day-of-week is `?`; \
         write for example `cron(0 12 * * ? *)` or `cron(0 12 ? * MON-FRI *)`"
    )]
    DayFields,
    /// A field holds something it cannot.
    #[error("the {field} field does not take `{item}`; {remedy}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// The part of the field that is not understood.
        item: String,
        /// What the field takes.
        remedy: &'static str,
    },
}

/// A number written in digits only: no sign, no blank.
fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
