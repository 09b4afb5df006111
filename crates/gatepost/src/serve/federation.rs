//! The token service asks, the gateway has the keys: tokens of other issuers that stand for a client
//! of ours (RFC 8693).

use std::sync::Arc;

use gateway::{IssuerFault, Issuers};
use model::{Name, Timestamp};
use oauth::{ForeignVerifier, Verifying, Workload, WorkloadFault};
use serde_json::Value;

/// The issuers of the gateway, as the token service asks them.
pub(super) struct Foreign(pub(super) Arc<Issuers>);

impl ForeignVerifier for Foreign {
    fn verify<'a>(&'a self, token: &'a str, issuers: &'a [Name], now: Timestamp) -> Verifying<'a> {
        Box::pin(verified(&self.0, token, issuers, now))
    }
}

async fn verified(
    known: &Issuers,
    token: &str,
    issuers: &[Name],
    now: Timestamp,
) -> Result<Workload, WorkloadFault> {
    let verified = known.verify_workload(token, issuers, now).await;
    let (issuer, token) = verified.map_err(|fault| match fault {
        IssuerFault::Token(fault) => WorkloadFault::Token(fault),
        IssuerFault::NoKeys { .. } => WorkloadFault::NoKeys,
        // Nobody calls with it, so there is no client that could be unknown.
        IssuerFault::NotTrusted | IssuerFault::UnknownClient { .. } => WorkloadFault::NotTrusted,
    })?;
    let audiences = audiences(token.claims.get("aud"));
    Ok(Workload { issuer, iss: token.iss, jti: token.jti, subject: token.sub, audiences })
}

/// One audience, or a list of them (RFC 7519 §4.1.3); their form was judged before.
fn audiences(aud: Option<&Value>) -> Vec<String> {
    match aud {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
