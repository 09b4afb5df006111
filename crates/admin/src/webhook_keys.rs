//! The program's own keys that sign webhooks.

use axum::Json;
use axum::extract::State;
use courier::{mint_webhook_key, webhook_key_signs};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use signature::TOLERANCE_S;

use crate::extract::Body;
use crate::problem::Problem;
use crate::trail::audit;
use crate::{World, wire};

/// How many keys may sign at once: each costs every call a signature.
const SIGNING_MAX: usize = 4;
/// How long a former key signs where nothing is said: a day.
const OVERLAP_S: u32 = 86_400;
/// How long it may sign at the most: seven days.
const OVERLAP_MAX_S: u32 = 7 * OVERLAP_S;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// How long the keys there are go on signing, in seconds.
    overlap_s: Option<u32>,
}

pub(crate) async fn list(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let (keys, now) = (world.store.webhook_keys().await?, world.clock.now());
    Ok(Json(wire::items(keys.iter().rev().map(|key| wire::webhook_key(key, now)).collect())))
}

/// Makes a new key; those before it sign on until the overlap is over.
pub(crate) async fn rotate(
    State(world): State<World>,
    Body(ask): Body<Ask>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let overlap_s = ask.overlap_s.unwrap_or(OVERLAP_S);
    if overlap_s > OVERLAP_MAX_S {
        let detail = "`overlap_s` is more than seven days, 604800 seconds.";
        return Err(Problem::Malformed(detail.to_owned()));
    }
    let now = world.clock.now();
    let keys = world.store.webhook_keys().await?;
    let signing = keys.iter().filter(|key| webhook_key_signs(key.retired_at, now)).count();
    if overlap_s > 0 && signing >= SIGNING_MAX {
        return Err(Problem::Refused(format!(
            "{signing} keys sign already. Wait until one has ended, as `gatepost webhooks keys` \
             shows, or end them all now with `--overlap 0s`."
        )));
    }
    let key = mint_webhook_key(&world.vault, &*world.random, now);
    let key = key.map_err(|error| Problem::Refused(error.to_string()))?;
    // With no overlap they end as far back as they would be published: whoever asks for that may
    // have lost one, and nothing signed with it is to be believed any more.
    let until = match overlap_s {
        0 => now.plus_ms(-1000 * (TOLERANCE_S + 1)),
        seconds => now.plus_ms(i64::from(seconds) * 1000),
    };
    let detail = format!("the keys before it sign until {until}");
    let entry = audit(now, "rotate webhook key", &format!("webhook-key/{}", key.kid), &detail);
    world.store.add_webhook_key(key.clone(), until, entry).await?;
    Ok((StatusCode::CREATED, Json(wire::webhook_key(&key, now))))
}
