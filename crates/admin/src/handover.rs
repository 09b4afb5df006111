//! The hand-over: everything a partner needs to call us, in one sealed letter.
//!
//! The partner gives us the public half of its hand-over key; we mint a secret for each of its
//! clients that has any and a value for each of its keys, and seal them so that only the partner can
//! read them. Nothing secret is shown, logged, or sent in clear.

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credential::{KEY_BYTES, seal_to};
use http::StatusCode;
use model::{Api, Client, Definitions, Name, Partner};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::World;
use crate::clients::{self, mint_secret};
use crate::extract::Body;
use crate::keys::{self, mint_value};
use crate::problem::Problem;

/// What begins a hand-over key's text.
const KEY_PREFIX: &str = "gph_";

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// The public half of the partner's hand-over key, `gph_…`.
    seal_to: String,
}

/// A sealed letter: who may know it exists, and what only the partner can read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Letter {
    /// Always 1.
    pub version: u8,
    /// Who wrote it.
    pub from: String,
    /// To which partner.
    pub partner: String,
    /// When.
    pub issued_at: String,
    /// The [`Bundle`], sealed.
    pub sealed: String,
}

/// What a partner needs to call us.
#[derive(Serialize, Deserialize)]
pub struct Bundle {
    /// Who issued it.
    pub from: String,
    /// The issuer of tokens.
    pub issuer: String,
    /// Where tokens are asked for.
    pub token_url: String,
    /// The APIs its clients may call.
    pub apis: Vec<BundleApi>,
    /// Its clients of which secrets are taken, each with a fresh one; of the others it has what is
    /// needed.
    pub clients: Vec<BundleClient>,
    /// Its API keys, each with a fresh value.
    pub api_keys: Vec<BundleKey>,
}

/// An API in a bundle.
#[derive(Serialize, Deserialize)]
pub struct BundleApi {
    /// Its name.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// Where it is.
    pub base_url: String,
    /// What may be called, `POST /orders`.
    pub routes: Vec<String>,
}

/// A client in a bundle.
#[derive(Serialize, Deserialize)]
pub struct BundleClient {
    /// The client id.
    pub client_id: String,
    /// The secret.
    pub client_secret: String,
    /// What it may ask for, parted by spaces.
    pub scope: String,
}

/// An API key in a bundle.
#[derive(Serialize, Deserialize)]
pub struct BundleKey {
    /// The key's name.
    pub name: String,
    /// The header it is sent in.
    pub header: String,
    /// The value.
    pub value: String,
    /// What the plan allows, in words.
    pub plan: Option<String>,
}

impl Drop for Bundle {
    fn drop(&mut self) {
        self.clients.iter_mut().for_each(|client| client.client_secret.zeroize());
        self.api_keys.iter_mut().for_each(|key| key.value.zeroize());
    }
}

/// Mints and seals; the values cannot be shown again by anybody but the partner.
pub(crate) async fn make(
    State(world): State<World>,
    Path(name): Path<String>,
    Body(ask): Body<Ask>,
) -> Result<(StatusCode, Json<Letter>), Problem> {
    let reader = read_key(&ask.seal_to)?;
    let mut ephemeral = Zeroizing::new([0; KEY_BYTES]);
    world.random.fill(&mut *ephemeral);
    // A key nothing can be sealed to is refused before anything is minted.
    seal_to(&reader, &ephemeral, b"")
        .map_err(|error| Problem::Malformed(format!("`seal_to`: {error}")))?;
    let definitions = world.definitions.load_full();
    let partner = definitions.partners.get(name.as_str());
    let partner = partner.ok_or(Problem::Missing { kind: "partner", name })?;
    let bundle = bundle(&world, &definitions, partner).await?;
    let plain = serde_json::to_vec(&bundle).map(Zeroizing::new);
    let plain = plain.map_err(|error| Problem::Refused(error.to_string()))?;
    world.random.fill(&mut *ephemeral);
    let sealed = seal_to(&reader, &ephemeral, &plain)
        .map_err(|error| Problem::Malformed(format!("`seal_to`: {error}")))?;
    let letter = Letter {
        version: 1,
        from: definitions.company.clone(),
        partner: partner.name.to_string(),
        issued_at: world.clock.now().to_seconds_text(),
        sealed: URL_SAFE_NO_PAD.encode(sealed),
    };
    Ok((StatusCode::CREATED, Json(letter)))
}

fn read_key(text: &str) -> Result<[u8; KEY_BYTES], Problem> {
    let bytes = text.strip_prefix(KEY_PREFIX).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        Problem::Malformed(
            "`seal_to` is no hand-over key; the partner prints its own with `gatepost handover \
             key`, it begins with `gph_`"
                .to_owned(),
        )
    })
}

async fn bundle(
    world: &World,
    definitions: &Definitions,
    partner: &Partner,
) -> Result<Bundle, Problem> {
    room(world, definitions, partner).await?;
    let mut clients = Vec::new();
    for client in of(definitions, partner).filter(|client| client.takes_secrets()) {
        let minted = mint_secret(world, &client.id).await?;
        clients.push(BundleClient {
            client_id: client.id.to_string(),
            client_secret: minted.text.to_string(),
            scope: client.scopes.join(" "),
        });
    }
    let mut api_keys = Vec::new();
    for key in definitions.api_keys.values().filter(|k| k.partner == partner.name) {
        let minted = mint_value(world, &key.name).await?;
        let plan = key.plan.as_ref().or(partner.plan.as_ref());
        api_keys.push(BundleKey {
            name: key.name.to_string(),
            header: "x-api-key".to_owned(),
            value: minted.text.to_string(),
            plan: plan.and_then(|plan| plan_in_words(definitions, plan)),
        });
    }
    let issuer = definitions.public_url.clone();
    Ok(Bundle {
        from: definitions.company.clone(),
        token_url: format!("{issuer}/oauth2/token"),
        apis: apis(definitions, partner),
        issuer,
        clients,
        api_keys,
    })
}

/// Whether everything the letter needs can be minted: otherwise nothing is, for a value minted into
/// a letter that is never written would be live and nobody's.
async fn room(world: &World, definitions: &Definitions, partner: &Partner) -> Result<(), Problem> {
    for client in of(definitions, partner).filter(|client| client.takes_secrets()) {
        clients::room(world, client).await?;
    }
    for key in definitions.api_keys.values().filter(|k| k.partner == partner.name) {
        keys::room(world, &key.name).await?;
    }
    Ok(())
}

/// The clients of a partner.
fn of<'a>(definitions: &'a Definitions, partner: &'a Partner) -> impl Iterator<Item = &'a Client> {
    definitions.clients.values().filter(move |client| client.partner == partner.name)
}

fn plan_in_words(definitions: &Definitions, plan: &Name) -> Option<String> {
    let plan = definitions.plans.get(plan)?;
    let rate = plan.rate.map(|limit| format!("{} burst {}", limit.rate(), limit.burst()));
    let quota = plan.quota.map(|quota| quota.to_string());
    let parts: Vec<String> = rate.into_iter().chain(quota).collect();
    Some(parts.join(", "))
}

/// The APIs that any of the partner's clients has a scope of.
fn apis(definitions: &Definitions, partner: &Partner) -> Vec<BundleApi> {
    let has = |scope: &String| of(definitions, partner).any(|client| client.scopes.contains(scope));
    let open = |api: &&Api| api.routes.iter().any(|route| route.scopes.iter().any(has));
    let entry = |api: &Api| BundleApi {
        name: api.name.to_string(),
        title: api.title.clone(),
        base_url: format!("{}{}", definitions.public_url, api.base_path),
        routes: api
            .routes
            .iter()
            .filter(|route| route.scopes.is_empty() || route.scopes.iter().any(has))
            .map(|route| {
                let method = route.method.map_or("ANY", model::Method::as_str);
                format!("{method} {}", route.path.as_str())
            })
            .collect(),
    };
    definitions.apis.values().filter(open).map(entry).collect()
}
