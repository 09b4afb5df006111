//! Partners.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::Value;

use crate::problem::Problem;
use crate::{World, wire};

pub(crate) async fn list(State(world): State<World>) -> Json<Value> {
    let definitions = world.definitions.load();
    let partners = definitions.partners.values();
    Json(wire::items(partners.map(|partner| wire::partner(partner, &definitions)).collect()))
}

pub(crate) async fn show(
    State(world): State<World>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    let definitions = world.definitions.load();
    let partner = definitions.partners.get(name.as_str());
    let partner = partner.ok_or(Problem::Missing { kind: "partner", name })?;
    Ok(Json(wire::partner(partner, &definitions)))
}
