//! Rules, with what waits on their lanes; pausing and resuming them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use model::{LaneKey, Name, Rule, Timestamp};
use serde_json::{Value, json};
use store::PausedRule;

use crate::problem::Problem;
use crate::trail::audit;
use crate::{World, waiting, wire};

pub(crate) async fn list(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let definitions = world.definitions.load_full();
    let paused = world.store.paused_rules().await?;
    let paused: BTreeMap<(Name, Name), Timestamp> =
        paused.into_iter().map(|paused| ((paused.bus, paused.rule), paused.since)).collect();
    let mut items = Vec::new();
    for (key, rule) in &definitions.rules {
        let targets: Vec<_> =
            rule.targets.iter().map(|target| target.destination.as_str()).collect();
        let mut item = json!({
            "name": format!("{}/{}", rule.bus, rule.name),
            "description": rule.description,
            "targets": targets,
        });
        wire::add(&mut item, wire::pause(paused.get(key).copied()));
        let (lanes, waiting) = waiting::on(&world, lanes(rule)).await?;
        item["lanes"] = lanes.into();
        wire::add(&mut item, waiting);
        items.push(item);
    }
    Ok(Json(wire::items(items)))
}

/// Stops the lanes of a rule; what it matches from now on waits with what waited before.
pub(crate) async fn pause(
    State(world): State<World>,
    Path((bus, rule)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (bus, rule) = defined(&world, &bus, &rule)?;
    let subject = format!("rule/{bus}/{rule}");
    let now = world.clock.now();
    let paused = PausedRule { bus: bus.clone(), rule: rule.clone(), since: now };
    world.store.pause_rule(paused, audit(now, "pause rule", &subject, "")).await?;
    answer(&world, &bus, &rule).await
}

/// Lets the lanes of a rule go on from where they stopped.
pub(crate) async fn resume(
    State(world): State<World>,
    Path((bus, rule)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (bus, rule) = defined(&world, &bus, &rule)?;
    let entry = audit(world.clock.now(), "resume rule", &format!("rule/{bus}/{rule}"), "");
    world.store.resume_rule(bus.clone(), rule.clone(), entry).await?;
    answer(&world, &bus, &rule).await
}

/// The rule's state as it is now: pausing what is paused changes nothing, not even since when.
async fn answer(world: &World, bus: &Name, rule: &Name) -> Result<Json<Value>, Problem> {
    let paused = world.store.paused_rules().await?;
    let this = paused.into_iter().find(|paused| paused.bus == *bus && paused.rule == *rule);
    let mut item = json!({ "name": format!("{bus}/{rule}") });
    wire::add(&mut item, wire::pause(this.map(|paused| paused.since)));
    Ok(Json(item))
}

/// The names of a rule that there is.
fn defined(world: &World, bus: &str, rule: &str) -> Result<(Name, Name), Problem> {
    let definitions = world.definitions.load();
    let mut rules = definitions.rules.keys();
    let found = rules.find(|(of, name)| of.as_str() == bus && name.as_str() == rule);
    let missing = || Problem::Missing { kind: "rule", name: format!("{bus}/{rule}") };
    found.cloned().ok_or_else(missing)
}

fn lanes(rule: &Rule) -> Vec<LaneKey> {
    let lane = |target: &model::Target| LaneKey::Target {
        bus: rule.bus.clone(),
        rule: rule.name.clone(),
        target: target.id.clone(),
    };
    rule.targets.iter().map(lane).collect()
}
