//! How much a caller may do: a token bucket for the rate, a quota for the period.
//!
//! Pure: time is an argument. A [`Bucket`] is one atomic word and may be shared between threads;
//! a [`Quota`] only says which period a moment belongs to and how large a lease may be.

mod quota;
mod rate;

pub use quota::{Period, Quota, Window};
pub use rate::{Bucket, Limit, Rate, Taken};

/// Why a rate or a quota could not be read; the text names the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A number without a unit of time.
    #[error("add a unit: `{0}/s`, `{0}/min` or `{0}/h`")]
    RateUnitMissing(String),
    /// No slash between the number and the unit.
    #[error("`{text}` is not a rate; write for example `{count}/s`, `{count}/min` or `{count}/h`")]
    RateForm {
        /// What stood there.
        text: String,
        /// The number that it begins with, or one for an example.
        count: String,
    },
    /// A unit of time that a rate does not have.
    #[error("`{0}` is not a unit of a rate; write `/s`, `/min` or `/h`")]
    RateUnitUnknown(String),
    /// The part before the slash is no whole number in range.
    #[error("`{text}` is not a whole number from 1 to {max}")]
    Count {
        /// What stood there.
        text: String,
        /// The largest number accepted.
        max: u64,
    },
    /// A quota without a period, or with one it does not have.
    #[error("add a period: `{0}/day`, `{0}/week` or `{0}/month`")]
    PeriodUnknown(String),
}
