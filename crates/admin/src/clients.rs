//! Clients and their secrets.

use axum::Json;
use axum::extract::{Path, State};
use credential::{Kind, Minted, RANDOM_BYTES, mint as mint_text};
use http::StatusCode;
use model::{Name, SecretCredential};
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::trail::audit;
use crate::{World, wire};

/// How many secrets of a client may live at once: enough to rotate with overlap.
const LIVE_MAX: usize = 4;

pub(crate) async fn list(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let secrets = world.store.secret_credentials().await?;
    let (definitions, now) = (world.definitions.load(), world.clock.now());
    let clients = definitions.clients.values();
    Ok(Json(wire::items(clients.map(|client| wire::client(client, &secrets, now)).collect())))
}

/// Mints a secret; the only time it is shown.
pub(crate) async fn mint(
    State(world): State<World>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let minted = mint_secret(&world, &id).await?;
    let body = json!({ "client_id": id, "id": minted.id, "client_secret": minted.text.as_str() });
    Ok((StatusCode::CREATED, Json(body)))
}

pub(crate) async fn mint_secret(world: &World, client: &str) -> Result<Minted, Problem> {
    let missing = || Problem::Missing { kind: "client", name: client.to_owned() };
    let id: Name = {
        let definitions = world.definitions.load();
        definitions.clients.get(client).ok_or_else(missing)?.id.clone()
    };
    room(world, &id).await?;
    let now = world.clock.now();
    let mut random = [0; RANDOM_BYTES];
    world.random.fill(&mut random);
    let minted = mint_text(Kind::ClientSecret, &random);
    zeroize::Zeroize::zeroize(&mut random);
    let credential = SecretCredential {
        id: minted.id.clone(),
        client: id,
        digest: world.digester.digest(&minted.text),
        last_four: minted.last_four.clone(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    let entry = audit(now, "mint client secret", &format!("client/{client}"), &minted.id);
    world.store.add_secret_credential(credential, entry).await?;
    Ok(minted)
}

/// Whether one more secret of the client may live.
pub(crate) async fn room(world: &World, id: &Name) -> Result<(), Problem> {
    let now = world.clock.now();
    let secrets = world.store.secret_credentials().await?;
    let live = secrets.iter().filter(|secret| secret.client == *id && secret.is_live(now)).count();
    if live >= LIVE_MAX {
        return Err(Problem::Refused(format!(
            "The client {id} has {live} live secrets. Revoke one that is no longer used first: \
             `gatepost client list` shows their ids, `gatepost client revoke ID` ends one."
        )));
    }
    Ok(())
}

pub(crate) async fn revoke(
    State(world): State<World>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let now = world.clock.now();
    let entry = audit(now, "revoke client secret", &format!("client-secret/{id}"), "");
    if world.store.revoke_secret_credential(id.clone(), now, entry).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::Missing { kind: "live client secret", name: id })
    }
}
