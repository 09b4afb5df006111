//! API keys and their values.

use axum::Json;
use axum::extract::{Path, State};
use credential::{Kind, Minted, RANDOM_BYTES, mint as mint_text};
use http::StatusCode;
use model::{KeyCredential, Name};
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::trail::audit;
use crate::{World, wire};

/// How many values of a key may live at once: enough to rotate with overlap.
const LIVE_MAX: usize = 4;

pub(crate) async fn list(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let values = world.store.key_credentials().await?;
    let (definitions, now) = (world.definitions.load(), world.clock.now());
    let keys = definitions.api_keys.values().map(|key| {
        let of_partner = definitions.partners.get(&key.partner).and_then(|p| p.plan.as_ref());
        let values = values.iter().filter(|value| value.key == key.name);
        let values: Vec<_> = values.map(|value| wire::key_value(value, now)).collect();
        json!({
            "name": key.name.as_str(),
            "partner": key.partner.as_str(),
            "plan": key.plan.as_ref().or(of_partner).map(Name::as_str),
            "values": values,
        })
    });
    Ok(Json(wire::items(keys.collect())))
}

/// Mints a value; the only time it is shown.
pub(crate) async fn mint(
    State(world): State<World>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let minted = mint_value(&world, &name).await?;
    let body = json!({ "key": name, "id": minted.id, "api_key": minted.text.as_str() });
    Ok((StatusCode::CREATED, Json(body)))
}

pub(crate) async fn mint_value(world: &World, name: &str) -> Result<Minted, Problem> {
    let missing = || Problem::Missing { kind: "API key", name: name.to_owned() };
    let key = world.definitions.load().api_keys.get(name).cloned().ok_or_else(missing)?;
    room(world, &key.name).await?;
    let now = world.clock.now();
    let mut random = [0; RANDOM_BYTES];
    world.random.fill(&mut random);
    let minted = mint_text(Kind::ApiKey, &random);
    zeroize::Zeroize::zeroize(&mut random);
    let credential = KeyCredential {
        id: minted.id.clone(),
        key: key.name,
        partner: key.partner,
        digest: world.digester.digest(&minted.text),
        last_four: minted.last_four.clone(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    let entry = audit(now, "mint API key", &format!("key/{name}"), &minted.id);
    world.store.add_key_credential(credential, entry).await?;
    Ok(minted)
}

/// Whether one more value of the key may live.
pub(crate) async fn room(world: &World, name: &Name) -> Result<(), Problem> {
    let now = world.clock.now();
    let values = world.store.key_credentials().await?;
    let live = values.iter().filter(|value| value.key == *name && value.is_live(now)).count();
    if live >= LIVE_MAX {
        return Err(Problem::Refused(format!(
            "The key {name} has {live} live values. Revoke one that is no longer used first: \
             `gatepost key list` shows their ids, `gatepost key revoke ID` ends one."
        )));
    }
    Ok(())
}

pub(crate) async fn revoke(
    State(world): State<World>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let now = world.clock.now();
    let entry = audit(now, "revoke API key", &format!("key-value/{id}"), "");
    if world.store.revoke_key_credential(id.clone(), now, entry).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::Missing { kind: "live API key value", name: id })
    }
}
