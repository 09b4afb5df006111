//! The audit trail: who did what to which noun.

use axum::Json;
use axum::extract::State;
use model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use store::AuditEntry;

use crate::extract::Query;
use crate::problem::Problem;
use crate::{World, wire};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    limit: Option<usize>,
}

pub(crate) async fn list(
    State(world): State<World>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    let entries = world.store.audit(page.limit.unwrap_or(100)).await?;
    let entry = |entry: AuditEntry| {
        json!({
            "at": entry.at.to_string(),
            "who": entry.who,
            "what": entry.what,
            "subject": entry.subject,
            "detail": entry.detail,
        })
    };
    Ok(Json(wire::items(entries.into_iter().map(entry).collect())))
}

/// An entry for something done through this door.
pub(crate) fn audit(at: Timestamp, what: &str, subject: &str, detail: &str) -> AuditEntry {
    AuditEntry {
        at,
        who: "admin".to_owned(),
        what: what.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_owned(),
    }
}
