//! Secrets that the program keeps for the configuration. None is ever shown.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use courier::seal_secret;
use http::StatusCode;
use model::{Name, Secret, SecretSource};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::World;
use crate::extract::Body;
use crate::problem::Problem;
use crate::trail::audit;
use crate::wire;

/// How many may be kept.
const KEPT_MAX: usize = 1_000;
/// The longest value: a chain of certificates has some ten thousand bytes.
const VALUE_BYTES_MAX: usize = 32 * 1024;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    value: String,
}

/// What is kept, and what the configuration names and is not there yet.
pub(crate) async fn list(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let mut found: BTreeMap<Name, (Option<String>, Vec<String>)> = BTreeMap::new();
    for secret in world.store.kept_secrets().await? {
        found.insert(secret.name, (Some(secret.set_at.to_string()), Vec::new()));
    }
    for (place, source) in world.definitions.load().secrets() {
        if let SecretSource::Kept(name) = source {
            found.entry(name.clone()).or_default().1.push(place);
        }
    }
    let item = |(name, (set_at, mut used_by)): (Name, (Option<String>, Vec<String>))| {
        used_by.dedup();
        json!({ "name": name.as_str(), "set_at": set_at, "used_by": used_by })
    };
    Ok(Json(wire::items(found.into_iter().map(item).collect())))
}

/// Sets one, in place of the one there is.
pub(crate) async fn set(
    State(world): State<World>,
    Path(name): Path<String>,
    Body(ask): Body<Ask>,
) -> Result<StatusCode, Problem> {
    let value = Secret::new(ask.value);
    let name = Name::new(&name).map_err(|error| Problem::Malformed(format!("{error}.")))?;
    if value.expose().is_empty() || value.expose().len() > VALUE_BYTES_MAX {
        let detail = "`value` is empty or longer than 32 KiB.";
        return Err(Problem::Malformed(detail.to_owned()));
    }
    let kept = world.store.kept_secrets().await?;
    let there = kept.iter().any(|secret| secret.name == name);
    if !there && kept.len() >= KEPT_MAX {
        return Err(Problem::Refused(format!(
            "{KEPT_MAX} secrets are kept already. Remove one that is no longer used first: \
             `gatepost secret list` shows which."
        )));
    }
    let now = world.clock.now();
    let what = if there { "change secret" } else { "set secret" };
    let secret = seal_secret((&name, &value), &world.vault, &*world.random, now);
    let entry = audit(now, what, &format!("secret/{name}"), "");
    world.store.keep_secret(secret, entry).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets one.
pub(crate) async fn remove(
    State(world): State<World>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::Missing { kind: "secret", name: name.clone() };
    let known = Name::new(&name).map_err(|_| missing())?;
    let entry = audit(world.clock.now(), "remove secret", &format!("secret/{name}"), "");
    if world.store.forget_secret(known, entry).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing())
    }
}
