//! A refusal as problem details (RFC 9457), with what programs may want of it as members.

use http::Response;
use listener::{Body, Problem};

use super::{Denial, Facts};

impl Denial {
    /// The problem, with the request's ids and the members of its kind.
    pub(super) fn problem(&self, facts: &Facts<'_>) -> Response<Body> {
        let shown = self.shown();
        let mut problem = Problem::new(shown.status, shown.code, shown.title, shown.detail)
            .with("request_id", facts.request_id.to_str().unwrap_or_default())
            .with("trace_id", facts.trace.trace_id());
        match self {
            Self::ScopeMissing { needed, .. } => problem = problem.with("scopes", needed.clone()),
            Self::RequestInvalid { faults } => {
                let errors = serde_json::to_value(faults).unwrap_or_default();
                problem = problem.with("errors", errors);
            }
            Self::MediaTypeUnsupported { supported, .. } => {
                problem = problem.with("supported", supported.clone());
            }
            Self::RateExceeded { plan, limit, .. } => {
                problem = problem
                    .with("plan", plan.as_str())
                    .with("limit", limit.rate().to_string())
                    .with("burst", limit.burst());
            }
            Self::ConcurrencyExceeded { plan, most, .. } => {
                problem = problem.with("plan", plan.as_str()).with("limit", *most);
            }
            Self::QuotaExceeded { plan, quota, until, .. } => {
                problem = problem
                    .with("plan", plan.as_str())
                    .with("limit", quota.to_string())
                    .with("resets_at", until.to_seconds_text());
            }
            _ => {}
        }
        problem.into_response()
    }
}
