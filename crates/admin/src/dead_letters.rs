//! Dead letters: list, look at, redrive, purge.

use axum::Json;
use axum::extract::{Path, State};
use bus::lane_keys;
use model::{DeliveryId, Name, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{AttemptFilter, DeadFilter};

use crate::extract::{Body, Query};
use crate::problem::Problem;
use crate::trail::audit;
use crate::{World, wire};

/// How many are moved in one write; more writes follow until all are.
const MOVED_AT_ONCE: usize = 1000;

/// Which dead letters; nothing given means all.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    id: Option<String>,
    queue: Option<String>,
    code: Option<String>,
    from: Option<String>,
    until: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

impl Filter {
    fn read(&self, limit: usize) -> Result<DeadFilter, Problem> {
        let malformed = |name: &str, form: &str| {
            Problem::Malformed(format!("`{name}` cannot be read; write {form}"))
        };
        let time = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Timestamp::parse(text)
                .map(Some)
                .ok_or_else(|| malformed(name, "RFC 3339, `2026-01-31T12:00:00Z`")),
        };
        let delivery = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => DeliveryId::parse(text)
                .map(Some)
                .ok_or_else(|| malformed(name, "a delivery's id, `dlv_…`")),
        };
        let queue = self.queue.as_deref().map(Name::new).transpose();
        Ok(DeadFilter {
            queue: queue.map_err(|error| Problem::Malformed(error.to_string()))?,
            delivery: delivery("id", &self.id)?,
            from: time("from", &self.from)?,
            until: time("until", &self.until)?,
            lanes: None,
            code: self.code.clone(),
            after: delivery("after", &self.after)?.map(|id| (id.lane, id.event.seq)),
            limit,
        })
    }
}

pub(crate) async fn list(
    State(world): State<World>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, Problem> {
    let limit = filter.limit.unwrap_or(100).clamp(1, 1000);
    let letters = world.store.dead_letters(filter.read(limit)?).await?;
    let next = (letters.len() == limit).then(|| letters.last().map(|letter| letter.id.to_string()));
    let mut body = wire::items(letters.iter().map(wire::dead_letter).collect());
    body["next"] = next.flatten().into();
    Ok(Json(body))
}

/// One dead letter with its event and all its attempts.
pub(crate) async fn show(
    State(world): State<World>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let filter = Filter { id: Some(id.clone()), ..Filter::default() }.read(1)?;
    let letters = world.store.dead_letters(filter).await?;
    let letter = letters.first().ok_or(Problem::Missing { kind: "dead letter", name: id })?;
    let mut body = wire::dead_letter(letter);
    let event = world.store.event(letter.id.event).await?;
    body["event"] = event.as_ref().map_or(Value::Null, wire::event);
    let attempts = AttemptFilter {
        event: Some(letter.id.event),
        lanes: Some(vec![letter.id.lane]),
        limit: 200,
        ..AttemptFilter::default()
    };
    let attempts = world.store.attempts(attempts).await?;
    body["attempts_made"] = attempts.rows.iter().map(|row| wire::attempt(&row.attempt)).collect();
    Ok(Json(body))
}

pub(crate) async fn redrive(
    State(world): State<World>,
    Body(filter): Body<Filter>,
) -> Result<Json<Value>, Problem> {
    let now = world.clock.now();
    // What dies again while this goes on is not taken a second time.
    let mut filter = filter.read(MOVED_AT_ONCE)?;
    filter.until = Some(filter.until.map_or(now, |until| until.min(now)));
    // Put back on a lane that no rule reads, a letter would be out of sight: it stays listed.
    let keys = lane_keys(&world.definitions.load());
    filter.lanes = Some(world.store.lanes(keys).await?);
    let mut moved = 0;
    loop {
        let count = world.store.redrive(filter.clone(), now).await?;
        moved += count;
        if count < MOVED_AT_ONCE as u64 {
            break;
        }
    }
    note(&world, "redrive dead letters", moved).await?;
    filter.lanes = None;
    let stay = world.store.dead_letters(filter).await?.len();
    Ok(Json(json!({ "redriven": moved, "without_a_rule": stay })))
}

pub(crate) async fn purge(
    State(world): State<World>,
    Body(filter): Body<Filter>,
) -> Result<Json<Value>, Problem> {
    let filter = filter.read(MOVED_AT_ONCE)?;
    let mut purged = 0;
    loop {
        let count = world.store.purge(filter.clone()).await?;
        purged += count;
        if count < MOVED_AT_ONCE as u64 {
            break;
        }
    }
    note(&world, "purge dead letters", purged).await?;
    Ok(Json(json!({ "purged": purged })))
}

async fn note(world: &World, what: &str, count: u64) -> Result<(), Problem> {
    let (revision, _) = world.store.documents().await?;
    let entry = audit(world.clock.now(), what, "dead-letters", &count.to_string());
    // Somebody else's change in between only means that this note is not worth a conflict.
    match world.store.commit(revision, Vec::new(), vec![entry]).await {
        Ok(_) | Err(store::StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
