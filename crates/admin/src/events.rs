//! Events of a bus as they come in, for whoever listens on a developer's machine.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{EventPage, EventRange};

use crate::extract::Query;
use crate::problem::Problem;
use crate::search::Where;
use crate::{World, wire};

/// The longest time that a question waits for the next event, in seconds.
const WAIT_MAX_S: u64 = 25;
/// How often is looked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So many pages are looked through for one answer.
const PAGES_MAX: usize = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    /// Events accepted at or after; the moment of the question where nothing is said.
    from: Option<String>,
    /// Behind this place: `next` of the last answer.
    after: Option<u64>,
    #[serde(rename = "where")]
    pattern: Option<String>,
    limit: Option<usize>,
    /// How long to wait for the first one.
    wait_s: Option<u64>,
}

/// The next events of a bus, as soon as there is one.
pub(crate) async fn list(
    State(world): State<World>,
    Path(bus): Path<String>,
    Query(listen): Query<Listen>,
) -> Result<Json<Value>, Problem> {
    if !world.definitions.load().buses.contains_key(bus.as_str()) {
        return Err(Problem::Missing { kind: "bus", name: bus });
    }
    let pattern = listen.pattern.as_deref().map(Where::parse).transpose()?;
    let began = world.clock.now();
    let from = match &listen.from {
        None => began,
        Some(text) => Timestamp::parse(text).ok_or_else(|| {
            Problem::Malformed(format!(
                "`from` is `{text}`; write RFC 3339, `2026-01-31T12:00:00Z`"
            ))
        })?,
    };
    // Whoever goes on from a place wants what lies behind it, whenever that was accepted.
    let from = if listen.after.is_some() { Timestamp::default() } else { from };
    let until = Timestamp::from_ms(i64::MAX / 2);
    let mut range = EventRange { bus, from, until, after: listen.after };
    let limit = listen.limit.unwrap_or(100).clamp(1, 1000);
    let wait_ms = i64::try_from(listen.wait_s.unwrap_or(0).min(WAIT_MAX_S)).unwrap_or(0) * 1000;
    loop {
        let (items, page) = look(&world, &mut range, pattern.as_ref(), limit).await?;
        // `next` says where to go on, also when what was asked for has not been found yet.
        let over = world.clock.now().since_ms(began) >= wait_ms;
        if !items.is_empty() || over {
            let mut body = wire::items(items);
            body["next"] = json!(range.after);
            body["from"] = json!(from.to_string());
            return Ok(Json(body));
        }
        if page.at_end {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Looks on from where the range stands, until something is found or the log ends.
async fn look(
    world: &World,
    range: &mut EventRange,
    pattern: Option<&Where>,
    limit: usize,
) -> Result<(Vec<Value>, EventPage), Problem> {
    let mut page = EventPage::default();
    for _ in 0..PAGES_MAX {
        page = world.store.read_events(range.clone(), limit).await?;
        range.after = Some(page.looked_until).filter(|until| *until > 0).or(range.after);
        let wanted = page.events.iter().filter(|event| pattern.is_none_or(|p| p.holds_for(event)));
        let items: Vec<Value> = wanted.map(wire::event).collect();
        if !items.is_empty() || page.at_end {
            return Ok((items, page));
        }
    }
    Ok((Vec::new(), page))
}
