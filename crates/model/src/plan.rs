//! Usage plans.

use crate::Name;

/// What the keys of a plan may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsagePlan {
    /// Its name, as `RateLimit` fields show it.
    pub name: Name,
    /// For people.
    pub description: String,
    /// Requests per second and at once, per API key.
    pub rate: Option<limit::Limit>,
    /// Requests per period, per API key.
    pub quota: Option<limit::Quota>,
}
