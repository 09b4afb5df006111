//! Banks of five rules, one for each kind of condition, and what each rule has to find.
//!
//! They are selective in the manner of event-ruler's own benchmark: a rule matches from a handful
//! to most of the records. What it has to match is said a second time, in Rust.

mod excluded;
mod places;
mod texts;

use crate::parcels::Points;
use crate::scan::Parcel;

/// Rules that are measured together, and on which records.
pub(crate) struct Bank {
    pub(crate) name: &'static str,
    pub(crate) points: Points,
    /// Events per second and core: five times what event-ruler does on one core of such a machine,
    /// for those of its banks that we have numbers of.
    pub(crate) goal: Option<f64>,
    pub(crate) rules: &'static [Rule],
}

/// A pattern, and the same in Rust.
pub(crate) struct Rule {
    pub(crate) pattern: &'static str,
    pub(crate) holds: fn(&Parcel<'_>) -> bool,
}

/// The name of all banks in one matcher.
pub(crate) const TOGETHER: &str = "all together";
/// Five times event-ruler's 19,000.
pub(crate) const TOGETHER_GOAL: f64 = 95_000.0;

pub(crate) static BANKS: [Bank; 18] = [
    bank("exact", Points::Arrays, Some(1_600_000.0), &texts::EXACT),
    bank("prefix", Points::Arrays, Some(1_550_000.0), &texts::PREFIX),
    bank("suffix", Points::Arrays, Some(1_250_000.0), &texts::SUFFIX),
    bank("wildcard", Points::Arrays, Some(1_400_000.0), &texts::WILDCARD),
    bank("equals-ignore-case", Points::Arrays, None, &texts::EQUALS_IGNORE_CASE),
    bank("prefix, ignore case", Points::Arrays, None, &texts::PREFIX_IGNORE_CASE),
    bank("suffix, ignore case", Points::Arrays, None, &texts::SUFFIX_IGNORE_CASE),
    bank("numeric", Points::Arrays, Some(700_000.0), &places::NUMERIC),
    // This is the one that event-ruler's number is of: a field with one number.
    bank("numeric, one number", Points::Objects, Some(700_000.0), &places::NUMERIC_ONE),
    bank("anything-but", Points::Arrays, Some(750_000.0), &excluded::LIST),
    bank("anything-but prefix", Points::Arrays, None, &excluded::PREFIX),
    bank("anything-but suffix", Points::Arrays, None, &excluded::SUFFIX),
    bank("anything-but ignore-case", Points::Arrays, None, &excluded::IGNORE_CASE),
    bank("anything-but wildcard", Points::Arrays, None, &excluded::WILDCARD),
    bank("exists", Points::Arrays, None, &texts::EXISTS),
    bank("$or", Points::Arrays, None, &texts::OR),
    bank("simple arrays", Points::Arrays, None, &places::SIMPLE_ARRAYS),
    bank("complex arrays", Points::Objects, Some(185_000.0), &places::COMPLEX_ARRAYS),
];

const fn bank(
    name: &'static str,
    points: Points,
    goal: Option<f64>,
    rules: &'static [Rule],
) -> Bank {
    Bank { name, points, goal, rules }
}

const fn rule(pattern: &'static str, holds: fn(&Parcel<'_>) -> bool) -> Rule {
    Rule { pattern, holds }
}
