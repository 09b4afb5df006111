//! The keys that sign tokens, and what the token service is known by.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jwt::{Algorithm, Ask};
use model::{Callers, Issuer, SigningKeyRecord, Timestamp};
use oauth::AskError;
use serde::Deserialize;
use serde_json::{Value, json};
use store::StoreError;

use crate::extract::MaybeBody;
use crate::problem::Problem;
use crate::{World, wire};

/// How often a change is tried that another one came before.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    /// The algorithm whose key is to change; all of them where none is named.
    algorithm: Option<String>,
    /// Whether the next key signs though some verifier may not know it yet.
    #[serde(default)]
    now: bool,
}

pub(crate) async fn list(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let records = world.store.signing_keys().await?;
    Ok(Json(wire::items(records.iter().map(shown).collect())))
}

/// What whoever reads a token has to know.
pub(crate) async fn service(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let records = world.store.signing_keys().await?;
    let keys = records.iter().filter_map(public).collect::<Vec<_>>();
    let definitions = world.definitions.load();
    let audiences: Vec<_> = definitions.apis.keys().map(model::Name::as_str).collect();
    let others: Vec<_> = definitions.issuers.values().map(other_issuer).collect();
    Ok(Json(json!({
        "issuer": definitions.public_url,
        "audiences": audiences,
        "other_issuers": others,
        "jwks": { "keys": keys },
    })))
}

/// An issuer whose tokens APIs take beside ours, with the clients that are named in the
/// configuration; none are where all of its tokens are one partner's.
fn other_issuer(issuer: &Issuer) -> Value {
    let clients = match &issuer.callers {
        Callers::Partner(_) => None,
        Callers::Clients(clients) => Some(clients.keys().collect::<Vec<_>>()),
    };
    json!({ "name": issuer.name.as_str(), "clients": clients })
}

/// Has the next keys sign.
pub(crate) async fn rotate(
    State(world): State<World>,
    MaybeBody(ask): MaybeBody<Rotate>,
) -> Result<Json<Value>, Problem> {
    let only = ask.algorithm.as_deref().map(algorithm).transpose()?;
    let how = if ask.now { Ask::Now } else { Ask::WhenPublished };
    for _ in 0..TRIES {
        let revision = *world.store.revisions().borrow();
        let records = world.store.signing_keys().await?;
        let now = world.clock.now();
        let definitions = world.definitions.load_full();
        let asked = oauth::ask(&records, &definitions, (only, how), now).map_err(refused)?;
        let turn = asked.turn;
        match world.store.change_signing_keys(revision, turn.change, turn.audit).await {
            Ok(()) => return Ok(Json(wire::items(rotated(&asked.signs_from, now)))),
            Err(StoreError::Conflict) => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
    let detail = "Other changes come before it again and again. Ask again in a moment.";
    Err(Problem::Refused(detail.to_owned()))
}

fn algorithm(name: &str) -> Result<Algorithm, Problem> {
    let known = Algorithm::parse(name).filter(|algorithm| algorithm.signs());
    known.ok_or_else(|| {
        let names = Algorithm::SIGNING.map(Algorithm::as_str).join(", ");
        Problem::Malformed(format!("`algorithm` is none of {names}."))
    })
}

fn refused(error: AskError) -> Problem {
    match error {
        AskError::Refused(algorithm, jwt::RotateError::TooMany { until_ms }) => {
            let until = Timestamp::from_ms(until_ms);
            Problem::Refused(format!(
                "{} has {} keys that sign no more and are published for their last tokens; the \
                 first of them goes at {until}.",
                algorithm.as_str(),
                jwt::RETIRING_KEYS_MAX
            ))
        }
        AskError::Unused(algorithm) => Problem::Refused(format!(
            "No tokens are signed with {}; an API has it by `token_algorithm`.",
            algorithm.as_str()
        )),
        other => Problem::Refused(format!("{other}.")),
    }
}

fn rotated(signs_from: &[(Algorithm, Timestamp)], now: Timestamp) -> Vec<Value> {
    let one = |(algorithm, from): &(Algorithm, Timestamp)| {
        json!({
            "algorithm": algorithm.as_str(),
            "signs_from": from.to_string(),
            "at_once": *from <= now,
        })
    };
    signs_from.iter().map(one).collect()
}

fn public(record: &SigningKeyRecord) -> Option<Value> {
    serde_json::from_str(&record.public_jwk).ok()
}

fn shown(record: &SigningKeyRecord) -> Value {
    json!({
        "id": record.kid,
        "algorithm": public(record).map(|jwk| jwk["alg"].clone()),
        "stage": oauth::stage(record).as_str(),
        "created_at": record.created_at.to_string(),
        "published_at": wire::time(record.published_at),
        "turn_at": wire::time(record.turn_at),
        "signs_from": wire::time(record.signs_from),
        "retired_at": wire::time(record.retired_at),
        "gone_at": wire::time(record.gone_at),
    })
}
