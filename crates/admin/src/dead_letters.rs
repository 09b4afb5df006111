//! Dead letters: list, look at, redrive, purge.

use axum::Json;
use axum::extract::{Path, State};
use model::{DeadLetter, DeliveryId, EventId, Name, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{AttemptFilter, DeadFilter, LaneId};

use crate::extract::{Body, Query};
use crate::lanes::{Which, numbers_in_use};
use crate::problem::Problem;
use crate::search::{Asked, Where};
use crate::trail::audit;
use crate::{World, wire};

/// How many are moved in one write; more writes follow until all are.
const MOVED_AT_ONCE: usize = 1000;
/// So many pages of letters are looked through for one answer.
const PAGES_MAX: usize = 20;

/// Which dead letters; nothing given means all.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    id: Option<String>,
    queue: Option<String>,
    code: Option<String>,
    rule: Option<String>,
    destination: Option<String>,
    /// A pattern that the event matches.
    #[serde(rename = "where")]
    pattern: Option<String>,
    from: Option<String>,
    until: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

impl Filter {
    async fn read(&self, world: &World, limit: usize) -> Result<DeadFilter, Problem> {
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
        let (rule, destination) = (self.rule.as_deref(), self.destination.as_deref());
        let lanes = Which { lane: None, rule, destination }.numbers(world).await?;
        Ok(DeadFilter {
            queue: queue.map_err(|error| Problem::Malformed(error.to_string()))?,
            delivery: delivery("id", &self.id)?,
            from: time("from", &self.from)?,
            until: time("until", &self.until)?,
            lanes,
            code: self.code.clone(),
            after: delivery("after", &self.after)?.map(|id| (id.lane, id.event.seq)),
            limit,
        })
    }

    fn pattern(&self) -> Result<Option<Where>, Problem> {
        self.pattern.as_deref().map(Where::parse).transpose()
    }

    fn limit(&self, otherwise: usize) -> usize {
        self.limit.unwrap_or(otherwise).clamp(1, MOVED_AT_ONCE)
    }
}

/// Some letters, and behind which one to go on.
struct Found {
    letters: Vec<DeadLetter>,
    next: Option<(LaneId, u64)>,
}

/// Up to `filter.limit` letters whose events match; looks through a bounded number of them.
async fn matching(
    world: &World,
    mut filter: DeadFilter,
    pattern: Option<&Where>,
) -> Result<Found, Problem> {
    let (limit, mut asked, mut letters) = (filter.limit, Asked::default(), Vec::new());
    filter.limit = if pattern.is_some() { MOVED_AT_ONCE } else { limit };
    for _ in 0..PAGES_MAX {
        let page = world.store.dead_letters(filter.clone()).await?;
        let whole = page.len() == filter.limit;
        for letter in page {
            filter.after = Some((letter.id.lane, letter.id.event.seq));
            let wanted = match pattern {
                Some(pattern) => asked.holds(&*world.store, pattern, letter.id.event).await?,
                None => true,
            };
            if wanted {
                letters.push(letter);
            }
            if letters.len() == limit {
                return Ok(Found { letters, next: filter.after });
            }
        }
        if !whole {
            return Ok(Found { letters, next: None });
        }
    }
    Ok(Found { letters, next: filter.after })
}

pub(crate) async fn list(
    State(world): State<World>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, Problem> {
    let pattern = filter.pattern()?;
    let read = filter.read(&world, filter.limit(100)).await?;
    let Found { letters, next } = matching(&world, read, pattern.as_ref()).await?;
    // The last letter looked at may not be one that is shown.
    let next = next.map(behind);
    let mut body = wire::items(letters.iter().map(wire::dead_letter).collect());
    body["next"] = next.into();
    Ok(Json(body))
}

/// One dead letter with its event and all its attempts.
pub(crate) async fn show(
    State(world): State<World>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let filter = Filter { id: Some(id.clone()), ..Filter::default() };
    let filter = filter.read(&world, 1).await?;
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

/// Puts letters back on their lanes: up to `limit` of a filter. Whoever wants all asks again while
/// there is `more`, behind `next` where one is given, at a rate of his own.
pub(crate) async fn redrive(
    State(world): State<World>,
    Body(filter): Body<Filter>,
) -> Result<Json<Value>, Problem> {
    let now = world.clock.now();
    let pattern = filter.pattern()?;
    // What dies again while this goes on is not taken a second time.
    let mut read = filter.read(&world, filter.limit(MOVED_AT_ONCE)).await?;
    read.until = Some(read.until.map_or(now, |until| until.min(now)));
    let (until, everywhere) = (read.until, read.clone());
    // Put back on a lane that nothing reads, a letter would be out of sight: it stays listed.
    let in_use = numbers_in_use(&world).await?;
    read.lanes = Some(match read.lanes {
        Some(lanes) => lanes.into_iter().filter(|lane| in_use.contains(lane)).collect(),
        None => in_use.clone(),
    });
    let (moved, more) = moved(&world, &mut read, pattern.as_ref(), Move::Back(now)).await?;
    let mut stay = 0;
    if !more && pattern.is_none() {
        let left = world.store.dead_letters(DeadFilter { limit: 1000, ..everywhere }).await?;
        stay = left.iter().filter(|letter| !in_use.contains(&letter.id.lane)).count();
    }
    if moved == 0 && stay == 0 {
        demand_one(&filter)?;
    }
    note(&world, "redrive dead letters", moved).await?;
    Ok(Json(json!({
        "redriven": moved,
        "more": more,
        "next": more.then(|| read.after.map(behind)).flatten(),
        "until": until.map(|until| until.to_string()),
        "without_a_rule": stay,
    })))
}

/// Forgets letters: up to `limit` of a filter, as [`redrive`] does it.
pub(crate) async fn purge(
    State(world): State<World>,
    Body(filter): Body<Filter>,
) -> Result<Json<Value>, Problem> {
    let pattern = filter.pattern()?;
    let mut read = filter.read(&world, filter.limit(MOVED_AT_ONCE)).await?;
    let (moved, more) = moved(&world, &mut read, pattern.as_ref(), Move::Away).await?;
    if moved == 0 {
        demand_one(&filter)?;
    }
    note(&world, "purge dead letters", moved).await?;
    let next = more.then(|| read.after.map(behind)).flatten();
    Ok(Json(json!({ "purged": moved, "more": more, "next": next })))
}

/// Moves one piece; says how many, and whether there may be more.
async fn moved(
    world: &World,
    filter: &mut DeadFilter,
    pattern: Option<&Where>,
    to: Move,
) -> Result<(u64, bool), Problem> {
    if let Some(pattern) = pattern {
        return one_by_one(world, filter, pattern, to).await;
    }
    let count = match to {
        Move::Back(now) => world.store.redrive(filter.clone(), now).await?,
        Move::Away => world.store.purge(filter.clone()).await?,
    };
    // Those moved are no letters any more: the next piece begins where this one did.
    Ok((count, count == filter.limit as u64))
}

/// The place behind a letter, as `after` takes it.
fn behind((lane, seq): (LaneId, u64)) -> String {
    let event = EventId { accepted_at: Timestamp::default(), seq };
    DeliveryId { lane, event }.to_string()
}

/// One letter that was named and is not there is a mistake; a filter that finds none is not.
fn demand_one(filter: &Filter) -> Result<(), Problem> {
    match &filter.id {
        Some(id) => Err(Problem::Missing { kind: "dead letter", name: id.clone() }),
        None => Ok(()),
    }
}

/// Where a letter goes.
#[derive(Clone, Copy)]
enum Move {
    Back(Timestamp),
    Away,
}

/// Moves the letters whose events match; says how many, and whether there may be more.
async fn one_by_one(
    world: &World,
    filter: &mut DeadFilter,
    pattern: &Where,
    to: Move,
) -> Result<(u64, bool), Problem> {
    let Found { letters, next } = matching(world, filter.clone(), Some(pattern)).await?;
    filter.after = next;
    let mut moved = 0;
    for letter in letters {
        let delivery = Some(letter.id);
        let one = DeadFilter { delivery, limit: 1, ..DeadFilter::default() };
        moved += match to {
            Move::Back(now) => world.store.redrive(one, now).await?,
            Move::Away => world.store.purge(one).await?,
        };
    }
    Ok((moved, next.is_some()))
}

async fn note(world: &World, what: &str, count: u64) -> Result<(), Problem> {
    if count == 0 {
        return Ok(());
    }
    tracing::info!(count, "{what}");
    let entry = audit(world.clock.now(), what, "dead-letters", &count.to_string());
    Ok(world.store.note(entry).await?)
}
