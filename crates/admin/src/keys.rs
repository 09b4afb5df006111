//! API keys and their values.

use axum::Json;
use axum::extract::{Path, State};
use credential::{Kind, Minted, RANDOM_BYTES, mint as mint_text};
use http::StatusCode;
use model::{KeyCredential, LIVE_CREDENTIALS_MAX, Name, Timestamp};
use serde_json::{Value, json};
use store::Placing;

use crate::extract::MaybeBody;
use crate::problem::Problem;
use crate::terms::{Rotation, Span, Terms, full};
use crate::trail::audit;
use crate::{World, wire};

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
    MaybeBody(terms): MaybeBody<Terms>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let now = world.clock.now();
    let span = terms.span(now)?;
    let minted = mint_with(&world, &name, (span, None), now).await?;
    Ok((StatusCode::CREATED, Json(shown_once(&name, &minted, span, None))))
}

/// Mints a value, and ends those before it after an overlap.
pub(crate) async fn rotate(
    State(world): State<World>,
    Path(name): Path<String>,
    MaybeBody(ask): MaybeBody<Rotation>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let now = world.clock.now();
    let (span, others_end) = ask.span(now)?;
    let minted = mint_with(&world, &name, (span, Some(others_end)), now).await?;
    Ok((StatusCode::CREATED, Json(shown_once(&name, &minted, span, Some(others_end)))))
}

pub(crate) async fn mint_value(world: &World, name: &str) -> Result<Minted, Problem> {
    mint_with(world, name, (Span::default(), None), world.clock.now()).await
}

async fn mint_with(
    world: &World,
    name: &str,
    (span, others_end): (Span, Option<Timestamp>),
    now: Timestamp,
) -> Result<Minted, Problem> {
    let missing = || Problem::Missing { kind: "API key", name: name.to_owned() };
    let key = world.definitions.load().api_keys.get(name).cloned().ok_or_else(missing)?;
    let mut random = [0; RANDOM_BYTES];
    world.random.fill(&mut random);
    let minted = mint_text(Kind::ApiKey, &random);
    zeroize::Zeroize::zeroize(&mut random);
    let credential = KeyCredential {
        id: minted.id.clone(),
        key: key.name.clone(),
        partner: key.partner,
        digest: world.digester.digest(&minted.text),
        last_four: minted.last_four.clone(),
        created_at: now,
        not_before: span.not_before,
        expires_at: span.expires_at,
        revoked_at: None,
        last_used: None,
    };
    let what = if others_end.is_some() { "rotate API key" } else { "mint API key" };
    let entry = audit(now, what, &format!("key/{name}"), &minted.id);
    let placing = Placing { now, live_max: LIVE_CREDENTIALS_MAX, others_end };
    if world.store.place_key_credential(credential, placing, entry).await? {
        return Ok(minted);
    }
    Err(no_room(&key.name))
}

fn no_room(name: &Name) -> Problem {
    let noun = format!("The key {name} has as many live values as it may");
    full(&noun, ("gatepost key list", "gatepost key revoke"))
}

fn shown_once(name: &str, minted: &Minted, span: Span, others_end: Option<Timestamp>) -> Value {
    let mut body = json!({ "key": name, "id": minted.id, "api_key": minted.text.as_str() });
    wire::add_span(&mut body, span, others_end);
    body
}

/// Whether one more value of the key may live.
pub(crate) async fn room(world: &World, name: &Name) -> Result<(), Problem> {
    let now = world.clock.now();
    let values = world.store.key_credentials().await?;
    let live = values.iter().filter(|value| value.key == *name && !value.is_over(now)).count();
    if live >= LIVE_CREDENTIALS_MAX { Err(no_room(name)) } else { Ok(()) }
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
