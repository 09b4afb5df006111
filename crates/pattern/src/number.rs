//! Numbers as IEEE doubles: when two are equal, and ranges of them.

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};

/// Whether two numbers are equal, however they were spelled: `300`, `300.0` and `3.0e2` are.
pub(crate) fn equal(one: f64, other: f64) -> bool {
    one.partial_cmp(&other) == Some(Ordering::Equal)
}

/// What the operator `numeric` asks for.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    /// The lower end.
    pub(crate) bottom: Bound<f64>,
    /// The upper end.
    pub(crate) top: Bound<f64>,
}

impl Range {
    /// The range that holds one number.
    pub(crate) fn only(number: f64) -> Self {
        Self { bottom: Bound::Included(number), top: Bound::Included(number) }
    }

    /// Whether `number` lies within.
    pub(crate) fn contains(&self, number: f64) -> bool {
        (self.bottom, self.top).contains(&number)
    }
}
