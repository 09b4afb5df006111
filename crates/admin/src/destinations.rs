//! Destinations, with what waits for them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use model::{LaneKey, Name};
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::{World, wire};

pub(crate) async fn list(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let definitions = world.definitions.load_full();
    let mut lanes: BTreeMap<&Name, Vec<LaneKey>> = BTreeMap::new();
    for rule in definitions.rules.values() {
        for target in &rule.targets {
            let (bus, rule) = (rule.bus.clone(), rule.name.clone());
            let key = LaneKey::Target { bus, rule, target: target.id.clone() };
            lanes.entry(&target.destination).or_default().push(key);
        }
    }
    for schedule in definitions.schedules.values() {
        let key = LaneKey::Schedule(schedule.name.clone());
        lanes.entry(&schedule.destination).or_default().push(key);
    }
    let mut items = Vec::new();
    for destination in definitions.destinations.values() {
        let keys = lanes.remove(&destination.name).unwrap_or_default();
        let mut of_lanes = Vec::new();
        let numbers = world.store.lanes(keys.clone()).await?;
        for (key, number) in keys.iter().zip(numbers) {
            let waiting = world.store.backlog(number).await?;
            of_lanes.push(json!({ "lane": key.to_string(), "waiting": waiting }));
        }
        items.push(json!({
            "name": destination.name.as_str(),
            "request": format!("{} {}", destination.method, destination.url),
            "connection": destination.connection.as_ref().map(Name::as_str),
            "rate": destination.rate.rate().to_string(),
            "burst": destination.rate.burst(),
            "in_flight": destination.in_flight_max,
            "timeout_ms": destination.timeout_ms,
            "lanes": of_lanes,
        }));
    }
    Ok(Json(wire::items(items)))
}
