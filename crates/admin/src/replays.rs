//! Replays: events that are still in the log, sent once more; how far each has come.

use axum::Json;
use axum::extract::{Path, State};
use bus::{ReplayPart, lane_keys, replay_parts};
use limit::Rate;
use model::{Definitions, LaneKey, Name, Timestamp};
use pattern::Pattern;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{EventRange, Position, Replay, ReplaySpec, ReplayState, Turn};

use crate::World;
use crate::extract::Body;
use crate::problem::Problem;
use crate::trail::audit;
use crate::wire;

/// So many replays may be under way at once.
const UNDER_WAY_MAX: usize = 100;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    name: Option<String>,
    bus: String,
    from: String,
    until: Option<String>,
    #[serde(default)]
    rules: Vec<String>,
    pattern: Option<Value>,
    destination: Option<String>,
    to: Option<String>,
    rate: Option<String>,
}

/// What `until` says to end with the first event that the rules got by themselves.
const RULE_START: &str = "rule-start";

impl Order {
    fn read(self, definitions: &Definitions, now: Timestamp) -> Result<ReplaySpec, Problem> {
        let name = self.name.clone().unwrap_or_else(|| of_moment(now));
        let until = self.until.as_deref().filter(|text| *text != RULE_START);
        let spec = ReplaySpec {
            name: named("name", &name)?,
            bus: named("bus", &self.bus)?,
            from: time("from", &self.from)?,
            until: until.map_or(Ok(now), |text| time("until", text))?.min(now),
            rules: self.rules.iter().map(|rule| named("rules", rule)).collect::<Result<_, _>>()?,
            pattern: self.pattern.map(pattern).transpose()?,
            destination: optional("destination", self.destination.as_deref())?,
            to: optional("to", self.to.as_deref())?,
            rate: self.rate.as_deref().map(rate).transpose()?,
            created_at: now,
        };
        leads_somewhere(definitions, &spec)?;
        Ok(spec)
    }
}

fn is_a_stretch(spec: &ReplaySpec) -> Result<(), Problem> {
    if spec.from < spec.until {
        return Ok(());
    }
    Err(Problem::Malformed(format!(
        "`from` ({}) is not before `until` ({})",
        spec.from, spec.until
    )))
}

/// When the first event was accepted that a rule asked for got by itself; none if there was none yet.
async fn rule_start(world: &World, spec: &ReplaySpec) -> Result<Option<Timestamp>, Problem> {
    if spec.rules.is_empty() {
        return Err(Problem::Malformed(format!(
            "`until` is `{RULE_START}`, and no rule is named; name the rule that is to start earlier"
        )));
    }
    let definitions = world.definitions.load_full();
    let of_rules = lane_keys(&definitions).into_iter().filter(|key| {
        matches!(key, LaneKey::Target { bus, rule, .. }
            if *bus == spec.bus && spec.rules.contains(rule))
    });
    let mut first: Option<Timestamp> = None;
    for lane in world.store.lanes(of_rules.collect()).await? {
        let entries = world.store.read_lane(lane, Position::default(), 1).await?.entries;
        let accepted_at = entries.first().map(|entry| entry.event.id.accepted_at);
        first = first.into_iter().chain(accepted_at).min();
    }
    Ok(first)
}

fn of_moment(now: Timestamp) -> String {
    let digits: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("replay-{digits}")
}

fn named(member: &str, text: &str) -> Result<Name, Problem> {
    let hint = if member == "rules" && text.contains('/') {
        "; write the rule's own name, without its bus"
    } else {
        ""
    };
    Name::new(text)
        .map_err(|error| Problem::Malformed(format!("`{member}` is `{text}`: {error}{hint}")))
}

fn optional(member: &str, text: Option<&str>) -> Result<Option<Name>, Problem> {
    text.map(|text| named(member, text)).transpose()
}

fn time(member: &str, text: &str) -> Result<Timestamp, Problem> {
    let form = || format!("`{member}` is `{text}`; write RFC 3339, `2026-01-31T12:00:00Z`");
    Timestamp::parse(text).ok_or_else(|| Problem::Malformed(form()))
}

fn rate(text: &str) -> Result<Rate, Problem> {
    Rate::parse(text).map_err(|error| Problem::Malformed(format!("`rate`: {error}")))
}

/// A pattern, as JSON or as the text of it.
fn pattern(value: Value) -> Result<String, Problem> {
    let text = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let unfit = |error: pattern::PatternError| {
        let example = r#"{"detail":{"orderId":["A-7"]}}"#;
        Problem::Malformed(format!(
            "`pattern` (`--where`) is no event pattern: {}; write one like {example}",
            error.message
        ))
    };
    Pattern::parse(&text).map_err(unfit)?;
    Ok(text)
}

/// Every name that a replay speaks of is defined, and something leads from it to a destination that
/// can be filled.
fn leads_somewhere(definitions: &Definitions, spec: &ReplaySpec) -> Result<(), Problem> {
    let missing = |kind: &'static str, name: String| Err(Problem::Missing { kind, name });
    if !definitions.buses.contains_key(&spec.bus) {
        return missing("bus", spec.bus.to_string());
    }
    for rule in &spec.rules {
        if !definitions.rules.contains_key(&(spec.bus.clone(), rule.clone())) {
            return missing("rule", format!("{}/{rule}", spec.bus));
        }
    }
    for destination in spec.destination.iter().chain(&spec.to) {
        if !definitions.destinations.contains_key(destination) {
            return missing("destination", destination.to_string());
        }
    }
    if spec.destination.is_some() && spec.to.is_some() && spec.rules.is_empty() {
        return Err(Problem::Malformed(
            "`destination` chooses among the targets of rules, and with `to` alone no rule is asked; \
             name the `rules`, or leave `destination` out"
                .to_owned(),
        ));
    }
    let parts = replay_parts(definitions, spec);
    if parts.is_empty() {
        return Err(Problem::Malformed(
            "nothing would be sent: no rule that was asked for has a target that leads there"
                .to_owned(),
        ));
    }
    let unfilled = |part: &&ReplayPart| {
        let destination = definitions.destinations.get(&part.target.destination);
        destination.is_some_and(|to| to.url.parameters() != part.target.path.len())
    };
    match parts.iter().find(unfilled) {
        None => Ok(()),
        Some(part) => Err(Problem::Malformed(format!(
            "the URL of `{}` has other `*` than are filled; name a `rules` whose target fills as \
             many",
            part.target.destination
        ))),
    }
}

pub(crate) async fn list(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let mut items = Vec::new();
    for replay in world.store.replays().await? {
        items.push(shown(&world, &replay).await?);
    }
    Ok(Json(wire::items(items)))
}

pub(crate) async fn show(
    State(world): State<World>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&world, &find(&world, &name).await?).await?))
}

pub(crate) async fn start(
    State(world): State<World>,
    Body(order): Body<Order>,
) -> Result<Json<Value>, Problem> {
    let now = world.clock.now();
    let definitions = world.definitions.load_full();
    let until_rule = order.until.as_deref() == Some(RULE_START);
    let mut spec = order.read(&definitions, now)?;
    if until_rule {
        // With the whole millisecond: one event sent twice is better than one left out.
        let start = rule_start(&world, &spec).await?.map(|start| start.plus_ms(1));
        spec.until = start.unwrap_or(now).min(now);
    }
    is_a_stretch(&spec)?;
    let replays = world.store.replays().await?;
    let under_way = replays.iter().filter(|replay| !replay.progress.state.is_over()).count();
    if under_way >= UNDER_WAY_MAX {
        return Err(Problem::Refused(format!(
            "{UNDER_WAY_MAX} replays are under way; wait for one to end, or cancel one"
        )));
    }
    let name = spec.name.clone();
    let kept_from = definitions.buses.get(&spec.bus).map(|bus| now.plus_ms(-bus.keep_ms));
    let cut = kept_from.filter(|kept_from| spec.from < *kept_from);
    let entry = audit(now, "start replay", &format!("replay/{name}"), &format!("{spec:?}"));
    // Also of one that is no longer listed: its lanes and its deliveries' ids would be the same.
    let lanes = world.store.all_lanes().await?;
    let is_used = |key: &LaneKey| matches!(key, LaneKey::Replay { replay, .. } if *replay == name);
    if lanes.iter().any(|(key, _)| is_used(key)) || !world.store.add_replay(spec, entry).await? {
        return Err(Problem::Refused(format!(
            "a replay was called `{name}` already; give this one another name"
        )));
    }
    let mut item = shown(&world, &find(&world, &name).await?).await?;
    if let Some(kept_from) = cut {
        item["note"] =
            format!("the bus keeps events from {kept_from} on; older ones may be gone").into();
    }
    Ok(Json(item))
}

pub(crate) async fn pause(
    State(world): State<World>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    turn(&world, &name, &[ReplayState::Running], ReplayState::Paused).await
}

pub(crate) async fn resume(
    State(world): State<World>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    turn(&world, &name, &[ReplayState::Paused], ReplayState::Running).await
}

/// Ends a replay: what waits on its lanes is not sent any more. Its dead letters stay.
pub(crate) async fn cancel(
    State(world): State<World>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let before = [ReplayState::Running, ReplayState::Paused];
    turn(&world, &name, &before, ReplayState::Cancelled).await
}

async fn turn(
    world: &World,
    name: &str,
    before: &[ReplayState],
    after: ReplayState,
) -> Result<Json<Value>, Problem> {
    let replay = find(world, name).await?;
    let now = world.clock.now();
    let entry = audit(now, &format!("replay {}", after.as_str()), &format!("replay/{name}"), "");
    let to = Turn { state: after, at: now, reason: String::new() };
    let turned = world.store.turn_replay(replay.spec.name.clone(), before.to_vec(), to, entry);
    // What stands so already is as it was asked to be.
    if !turned.await? && replay.progress.state != after {
        return Err(Problem::Refused(format!(
            "the replay `{name}` is {}",
            replay.progress.state.as_str()
        )));
    }
    Ok(Json(shown(world, &find(world, name).await?).await?))
}

async fn find(world: &World, name: &str) -> Result<Replay, Problem> {
    let replays = world.store.replays().await?;
    let found = replays.into_iter().find(|replay| replay.spec.name.as_str() == name);
    found.ok_or_else(|| Problem::Missing { kind: "replay", name: name.to_owned() })
}

async fn shown(world: &World, replay: &Replay) -> Result<Value, Problem> {
    let (spec, progress) = (&replay.spec, &replay.progress);
    let (mut waiting, mut entries) = (0, 0);
    let parts = replay_parts(&world.definitions.load(), spec);
    let keys = parts.into_iter().map(|part| part.key).collect();
    for lane in world.store.lanes(keys).await? {
        waiting += world.store.backlog(lane).await?;
        entries += world.store.lane_end(lane).await?.entries;
    }
    // Letters that are redriven stand on its lanes once more; what was noted counts each once.
    let found = if progress.state.is_over() { progress.found } else { entries.max(progress.found) };
    let reached = reached(world, replay).await?;
    let mut item = wire::replay(spec, progress);
    let whole = spec.until.since_ms(spec.from).max(1);
    let done = reached.map_or(0, |at| at.since_ms(spec.from)).clamp(0, whole);
    let percent = if progress.state == ReplayState::Completed { 100 } else { done * 100 / whole };
    wire::add(
        &mut item,
        json!({
            "found": found,
            "waiting": waiting,
            "settled": found.saturating_sub(waiting),
            "reached": wire::time(reached),
            "percent": percent,
        }),
    );
    Ok(item)
}

/// When the event was accepted that a replay looked at last.
async fn reached(world: &World, replay: &Replay) -> Result<Option<Timestamp>, Problem> {
    let looked_until = replay.progress.looked_until;
    let range = EventRange {
        bus: replay.spec.bus.to_string(),
        from: replay.spec.from,
        until: replay.spec.until,
        after: looked_until.checked_sub(1),
    };
    let page = world.store.read_events(range, 1).await?;
    let next = page.events.first().map(|event| event.id.accepted_at);
    let none_left = page.at_end && looked_until > 0;
    Ok(next.or_else(|| none_left.then_some(replay.spec.until)))
}
