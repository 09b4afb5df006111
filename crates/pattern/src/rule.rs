//! What a pattern means once `$or` is worked out: alternatives, each a list of fields that all have
//! to be satisfied.

use std::sync::Arc;

use crate::condition::Condition;

/// A pattern as fields and the ways to combine them.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Every field the pattern names; one that was overwritten is in no alternative.
    pub(crate) fields: Vec<Field>,
    /// Indexes into `fields`, in the order of their paths.
    pub(crate) alternatives: Vec<Vec<usize>>,
}

/// A leaf of a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The names that lead to it, joined with dots.
    pub(crate) path: Arc<str>,
    /// The entries of its list, one of which has to hold.
    pub(crate) conditions: Vec<Condition>,
}
