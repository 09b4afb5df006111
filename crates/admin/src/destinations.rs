//! Destinations, with what waits for them; switching them off and on.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use model::{LaneKey, Name, Signing};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Switch, SwitchState};

use crate::extract::Body;
use crate::lanes::in_use;
use crate::problem::Problem;
use crate::trail::audit;
use crate::{World, waiting, wire};

/// The longest reason, in bytes: a sentence or two.
const REASON_BYTES_MAX: usize = 500;

/// Why a destination is switched off.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    reason: String,
}

pub(crate) async fn list(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let definitions = world.definitions.load_full();
    let mut lanes: BTreeMap<Name, Vec<LaneKey>> = BTreeMap::new();
    for (key, leads) in in_use(&world).await? {
        lanes.entry(leads.destination).or_default().push(key);
    }
    let states = world.store.destination_states().await?;
    let mut states: BTreeMap<Name, _> =
        states.into_iter().map(|state| (state.name.clone(), state)).collect();
    let mut items = Vec::new();
    for destination in definitions.destinations.values() {
        let keys = lanes.remove(&destination.name).unwrap_or_default();
        let (of_lanes, waiting) = waiting::on(&world, keys).await?;
        let mut item = json!({
            "name": destination.name.as_str(),
            "request": format!("{} {}", destination.method, destination.url),
            "connection": destination.connection.as_ref().map(Name::as_str),
            "rate": destination.rate.rate().to_string(),
            "burst": destination.rate.burst(),
            "in_flight": destination.in_flight_max,
            "timeout_ms": destination.timeout_ms,
            "signed_with": signed_with(&destination.signing),
            "lanes": of_lanes,
        });
        wire::add(&mut item, waiting);
        let state = states.remove(&destination.name);
        let kept = state.as_ref().and_then(|state| state.last_success);
        wire::add(&mut item, wire::switch(state.and_then(|state| state.switch).as_ref()));
        let standing = world.board.standing(&destination.name).unwrap_or_default();
        wire::add(&mut item, wire::standing(&standing, kept, world.clock.now()));
        items.push(item);
    }
    Ok(Json(wire::items(items)))
}

/// Switches a destination off: what goes there waits in the log.
pub(crate) async fn disable(
    State(world): State<World>,
    Path(name): Path<String>,
    Body(why): Body<Why>,
) -> Result<Json<Value>, Problem> {
    let reason = why.reason.trim().to_owned();
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(Problem::Malformed(format!(
            "`reason` says why in 1 to {REASON_BYTES_MAX} bytes"
        )));
    }
    switch(&world, name, SwitchState::Disabled, reason).await
}

/// Switches a destination on, and lets what waits go on at once: a breaker that holds it back and a
/// pause the receiver asked for end too.
pub(crate) async fn enable(
    State(world): State<World>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    switch(&world, name, SwitchState::Enabled, String::new()).await
}

async fn switch(
    world: &World,
    name: String,
    state: SwitchState,
    reason: String,
) -> Result<Json<Value>, Problem> {
    let definitions = world.definitions.load_full();
    let Some(destination) = definitions.destinations.get(name.as_str()) else {
        return Err(Problem::Missing { kind: "destination", name });
    };
    let known = world.store.destination_state(destination.name.clone()).await?;
    let present = known.and_then(|known| known.switch);
    // What stands so already stays as it is, with its reason and since when.
    if state == SwitchState::Disabled
        && let Some(present) = present.filter(|present| present.state == state)
    {
        let mut item = json!({ "name": name });
        wire::add(&mut item, wire::switch(Some(&present)));
        return Ok(Json(item));
    }
    let now = world.clock.now();
    let what = match state {
        SwitchState::Enabled => "enable destination",
        SwitchState::Disabled => "disable destination",
    };
    let entry = audit(now, what, &format!("destination/{name}"), &reason);
    let switch = Switch { state, reason, since: now };
    world.store.switch_destination(destination.name.clone(), switch.clone(), entry).await?;
    let mut item = json!({ "name": name });
    wire::add(&mut item, wire::switch(Some(&switch)));
    Ok(Json(item))
}

/// The kinds of a destination's signatures, as `webhook-signature` names them.
fn signed_with(signing: &Signing) -> Vec<&'static str> {
    let kinds = [("v1", !signing.secrets.is_empty()), ("v1a", signing.ed25519)];
    kinds.into_iter().filter(|(_, signs)| *signs).map(|(kind, _)| kind).collect()
}
