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
    /// Requests under way at once, of a partner on this plan.
    pub concurrency: Option<u32>,
    /// Other rates for single routes, each counted alone.
    pub routes: Vec<RouteLimit>,
    /// Whether its bounds are only told of and refuse nobody.
    pub observe: bool,
}

impl UsagePlan {
    /// A plan that bounds nothing.
    pub fn new(name: Name) -> Self {
        let description = String::new();
        let (rate, quota, concurrency, routes) = (None, None, None, Vec::new());
        Self { name, description, rate, quota, concurrency, routes, observe: false }
    }
}

/// The rate of a plan on one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteLimit {
    /// The API.
    pub api: Name,
    /// The route as the API has it, `POST /orders`.
    pub route: String,
    /// The rate and burst there.
    pub limit: limit::Limit,
}
