//! The company's own APIs, by name, with their routes.

use axum::Json;
use axum::extract::State;
use model::{Api, Route};
use serde_json::{Value, json};

use crate::{World, wire};

pub(crate) async fn list(State(world): State<World>) -> Json<Value> {
    let definitions = world.definitions.load();
    Json(wire::items(definitions.apis.values().map(shown).collect()))
}

fn shown(api: &Api) -> Value {
    let routes: Vec<String> = api.routes.iter().map(Route::key).collect();
    json!({ "name": api.name.as_str(), "routes": routes })
}
