//! Attempts: what was sent, and what was answered.

use axum::Json;
use axum::extract::State;
use model::{EventId, LaneKey};
use serde::Deserialize;
use serde_json::Value;
use store::AttemptFilter;

use crate::extract::Query;
use crate::problem::Problem;
use crate::{World, wire};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    event: Option<String>,
    lane: Option<String>,
    #[serde(default)]
    failed: bool,
    limit: Option<usize>,
}

pub(crate) async fn list(
    State(world): State<World>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, Problem> {
    let event = match filter.event {
        None => None,
        Some(text) => Some(EventId::parse(&text).ok_or_else(|| {
            Problem::Malformed(format!("`event` is `{text}`; an event's id begins with `evt_`"))
        })?),
    };
    let lane = match filter.lane {
        None => None,
        Some(text) => {
            let key = LaneKey::parse(&text).ok_or_else(|| {
                Problem::Malformed(format!("`lane` is `{text}`; write bus/rule/target"))
            })?;
            world.store.lanes(vec![key]).await?.first().copied()
        }
    };
    let limit = filter.limit.unwrap_or(100);
    let lanes = lane.map(|lane| vec![lane]);
    let filter = AttemptFilter {
        event,
        lanes,
        failed_only: filter.failed,
        limit,
        ..AttemptFilter::default()
    };
    let rows = world.store.attempts(filter).await?.rows.into_iter().map(|row| {
        let mut item = wire::attempt(&row.attempt);
        item["delivery"] = row.id.to_string().into();
        item["event_id"] = row.id.event.to_string().into();
        item["lane"] = row.lane.to_string().into();
        item
    });
    Ok(Json(wire::items(rows.collect())))
}
