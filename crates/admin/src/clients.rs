//! Clients and their credentials: secrets are minted here, all others are declared in the file.

mod full;

use axum::Json;
use axum::extract::{Path, State};
use credential::{Kind, Minted, RANDOM_BYTES, mint as mint_text};
use http::StatusCode;
use model::{Authentication, Client, ClientCredential, Name, Secret, SecretCredential, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Placing;

use crate::extract::{Body, MaybeBody};
use crate::problem::Problem;
use crate::terms::{Rotation, Span, Terms};
use crate::trail::audit;
use crate::{World, wire};

/// How long a secret of another authorization server is.
const IMPORTED_CHARS: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that another authorization server gave.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Import {
    secret: String,
    expires_in_s: Option<u32>,
}

pub(crate) async fn list(State(world): State<World>) -> Result<Json<Value>, Problem> {
    let secrets = world.store.secret_credentials().await?;
    let uses = world.store.declared_uses().await?;
    let kept = wire::KeptCredentials::new(&secrets, &uses);
    let (definitions, now) = (world.definitions.load(), world.clock.now());
    let clients = definitions.clients.values();
    Ok(Json(wire::items(clients.map(|client| wire::client(client, &kept, now)).collect())))
}

/// Mints a secret; the only time it is shown.
pub(crate) async fn mint(
    State(world): State<World>,
    Path(id): Path<String>,
    MaybeBody(terms): MaybeBody<Terms>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let now = world.clock.now();
    let span = terms.span(now)?;
    let minted = mint_with(&world, &id, (span, None), now).await?;
    Ok((StatusCode::CREATED, Json(shown_once(&id, &minted, span, None))))
}

/// Mints a secret, and ends those before it after an overlap.
pub(crate) async fn rotate(
    State(world): State<World>,
    Path(id): Path<String>,
    MaybeBody(ask): MaybeBody<Rotation>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let now = world.clock.now();
    let (span, others_end) = ask.span(now)?;
    let minted = mint_with(&world, &id, (span, Some(others_end)), now).await?;
    Ok((StatusCode::CREATED, Json(shown_once(&id, &minted, span, Some(others_end)))))
}

/// Takes over a secret that another authorization server gave.
pub(crate) async fn import(
    State(world): State<World>,
    Path(client): Path<String>,
    Body(ask): Body<Import>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (secret, now) = (Secret::new(ask.secret), world.clock.now());
    let text = secret.expose();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+'));
    if !plain || !IMPORTED_CHARS.contains(&text.len()) {
        let detail = "`secret` is not 24 to 64 letters, digits, `_` and `+`.";
        return Err(Problem::Malformed(detail.to_owned()));
    }
    let owner = with_secrets(&world, &client)?;
    let digest = world.digester.digest(text);
    let secrets = world.store.secret_credentials().await?;
    let id = &owner.id;
    let mut live = secrets.iter().filter(|known| known.client == *id && !known.is_over(now));
    if let Some(same) = live.find(|known| known.digest.matches(&digest)) {
        return Err(Problem::Refused(format!(
            "The client {id} has this secret already; its id is {}.",
            same.id
        )));
    }
    let terms = Terms::lasting(ask.expires_in_s);
    let span = terms.span(now)?;
    let last_four = text.get(text.len() - 4..).unwrap_or_default().to_owned();
    let credential = SecretCredential {
        id: mint_for(&world).id,
        client: id.clone(),
        digest,
        last_four,
        created_at: now,
        not_before: None,
        expires_at: span.expires_at,
        revoked_at: None,
        last_used: None,
        imported: true,
    };
    let body = json!({ "client_id": client, "id": credential.id, "imported": true });
    place(&world, (&owner, credential), ("import client secret", None), now).await?;
    Ok((StatusCode::CREATED, Json(body)))
}

pub(crate) async fn mint_secret(world: &World, client: &str) -> Result<Minted, Problem> {
    mint_with(world, client, (Span::default(), None), world.clock.now()).await
}

async fn mint_with(
    world: &World,
    client: &str,
    (span, others_end): (Span, Option<Timestamp>),
    now: Timestamp,
) -> Result<Minted, Problem> {
    let owner = with_secrets(world, client)?;
    let minted = mint_for(world);
    let credential = SecretCredential {
        id: minted.id.clone(),
        client: owner.id.clone(),
        digest: world.digester.digest(&minted.text),
        last_four: minted.last_four.clone(),
        created_at: now,
        not_before: span.not_before,
        expires_at: span.expires_at,
        revoked_at: None,
        last_used: None,
        imported: false,
    };
    let what = if others_end.is_some() { "rotate client secret" } else { "mint client secret" };
    place(world, (&owner, credential), (what, others_end), now).await?;
    Ok(minted)
}

/// A client of which secrets are taken: one of any other would never be.
fn with_secrets(world: &World, client: &str) -> Result<Client, Problem> {
    let missing = || Problem::Missing { kind: "client", name: client.to_owned() };
    let definitions = world.definitions.load();
    let client = definitions.clients.get(client).ok_or_else(missing)?;
    if client.takes_secrets() {
        return Ok(client.clone());
    }
    let mut methods: Vec<_> = client.declared().map(|one| one.authentication.method()).collect();
    methods.sort_unstable();
    methods.dedup();
    let (id, place) = (&client.id, place_of(client));
    let remedy = if client.credentials.iter().any(|one| one.name.is_some()) {
        format!("add `secret: {{ auth: client_secret }}` to {place}.credentials")
    } else {
        format!("write `auth: client_secret` in {place}")
    };
    Err(Problem::Refused(format!(
        "The client {id} proves itself by `{}`, and no secret is taken of it. To give it one, \
         {remedy}, and reload.",
        methods.join("`, `")
    )))
}

/// Where a client stands in the file.
fn place_of(client: &Client) -> String {
    format!("partners.{}.clients.{}", client.partner, client.id)
}

fn mint_for(world: &World) -> Minted {
    let mut random = [0; RANDOM_BYTES];
    world.random.fill(&mut random);
    let minted = mint_text(Kind::ClientSecret, &random);
    zeroize::Zeroize::zeroize(&mut random);
    minted
}

async fn place(
    world: &World,
    (owner, credential): (&Client, SecretCredential),
    (what, others_end): (&str, Option<Timestamp>),
    now: Timestamp,
) -> Result<(), Problem> {
    let entry = audit(now, what, &format!("client/{}", owner.id), &credential.id);
    let placing = Placing { now, live_max: owner.secrets_max(now), others_end };
    if world.store.place_secret_credential(credential, placing, entry).await? {
        return Ok(());
    }
    Err(no_room(world, (owner, others_end.is_some()), now).await?)
}

/// What is told where there is no room for one more secret, in a rotation or beside the others.
async fn no_room(
    world: &World,
    (client, is_rotation): (&Client, bool),
    now: Timestamp,
) -> Result<Problem, Problem> {
    let secrets = world.store.secret_credentials().await?;
    let uses = world.store.declared_uses().await?;
    let kept = full::Kept { secrets: &secrets, uses: &uses };
    Ok(Problem::Refused(full::told((client, is_rotation), &kept, now)))
}

fn shown_once(id: &str, minted: &Minted, span: Span, others_end: Option<Timestamp>) -> Value {
    let mut body =
        json!({ "client_id": id, "id": minted.id, "client_secret": minted.text.as_str() });
    wire::add_span(&mut body, span, others_end);
    body
}

/// Whether one more secret of the client may live.
pub(crate) async fn room(world: &World, client: &Client) -> Result<(), Problem> {
    let (now, id) = (world.clock.now(), &client.id);
    let secrets = world.store.secret_credentials().await?;
    let live = secrets.iter().filter(|secret| secret.client == *id && !secret.is_over(now)).count();
    if live < client.secrets_max(now) {
        return Ok(());
    }
    Err(no_room(world, (client, false), now).await?)
}

/// The client and its credential that an id names as those of declared credentials do, `orders/hsm`;
/// the credential where it is declared still.
pub(crate) fn named(world: &World, id: &str) -> Option<(Client, Option<ClientCredential>)> {
    let (client, name) = id.split_once('/')?;
    let name = Name::new(name).ok()?;
    let definitions = world.definitions.load();
    let client = definitions.clients.get(client)?;
    let credential = client.credentials.iter().find(|one| one.name() == name.as_str()).cloned();
    Some((client.clone(), credential))
}

pub(crate) async fn revoke(
    State(world): State<World>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let now = world.clock.now();
    let entry = audit(now, "revoke client secret", &format!("client-secret/{id}"), "");
    if world.store.revoke_secret_credential(id.clone(), now, entry).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    match named(&world, &id) {
        Some((client, Some(credential))) => Err(declared(&id, &client, &credential)),
        _ => Err(Problem::Missing { kind: "live client secret", name: id }),
    }
}

/// What is declared ends where it is declared.
fn declared(id: &str, client: &Client, credential: &ClientCredential) -> Problem {
    let place = place_of(client);
    let remedy = match &credential.name {
        _ if credential.authentication == Authentication::Secret => {
            return Problem::Refused(format!(
                "`{id}` lets the secrets of the client count, and each has an id of its own: \
                 `gatepost client secret list {}` shows them.",
                client.id
            ));
        }
        Some(name) => format!("remove {place}.credentials.{name}, or give it an `expires`,"),
        None => format!("give {place} another `auth`, or `credentials`,"),
    };
    Problem::Refused(format!(
        "`{id}` is declared in the file, and ends there: {remedy} and reload. The tokens that were \
         got by it: `gatepost token revoke --credential {id}`."
    ))
}
