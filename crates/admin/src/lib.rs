//! The admin door: what operators and the command line ask and change.
//!
//! Listens on loopback unless told otherwise, and everything below `/admin/` needs the admin token
//! that lies in the data directory: a web page or another user of the machine cannot mint keys.
//! Health and metrics are open. One file per noun.

mod apis;
mod clients;
mod dead_letters;
mod deliveries;
mod destinations;
mod events;
mod extract;
mod handover;
mod health;
mod keys;
mod lanes;
mod live;
mod partners;
mod problem;
mod replays;
mod rules;
mod search;
mod secrets;
mod signing_keys;
mod terms;
mod token;
mod token_audit;
mod tokens;
mod trail;
mod usage;
mod waiting;
mod webhook_keys;
mod wire;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use courier::Board;
use credential::{Digest, Digester, Vault};
use model::{Clock, Definitions, Random, Revision};
use oauth::Inspector;
use store::{DenyList, Store};
use tokio::sync::watch;

pub use handover::{Bundle, BundleApi, BundleClient, BundleKey, Letter};

/// The largest request body.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the admin door needs of its surroundings.
#[derive(Clone)]
pub struct World {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn Random>,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Digests what is minted.
    pub digester: Arc<Digester>,
    /// Seals what is made and must be read again.
    pub vault: Arc<Vault>,
    /// What the company defines at present.
    pub definitions: Arc<ArcSwap<Definitions>>,
    /// The digest of the admin token.
    pub token: Digest,
    /// Up to which revision of the store the doors have caught up.
    pub live: watch::Receiver<Revision>,
    /// The tokens that are refused before their end, as the doors know them.
    pub denied: Arc<DenyList>,
    /// Looks at tokens.
    pub tokens: Inspector,
    /// How destinations are at present.
    pub board: Arc<Board>,
    /// Health and metrics.
    pub status: Arc<dyn Status>,
}

/// What the program knows of its own state.
pub trait Status: Send + Sync {
    /// Parts that are not ready, each with its reason; none when all are.
    fn unready(&self) -> Vec<(String, String)>;
    /// The metrics in Prometheus' text form.
    fn metrics(&self) -> String;
}

/// The admin door's endpoints.
pub fn router(world: World) -> Router {
    let admin = Router::new()
        .route("/partners", get(partners::list))
        .route("/partners/{name}", get(partners::show))
        .route("/partners/{name}/handover", post(handover::make))
        .route("/clients", get(clients::list))
        .route("/clients/{id}/secrets", post(clients::mint))
        .route("/clients/{id}/secrets/rotate", post(clients::rotate))
        .route("/clients/{id}/secrets/import", post(clients::import))
        .route("/client-secrets/{id}", delete(clients::revoke))
        .route("/keys", get(keys::list))
        .route("/keys/{name}/values", post(keys::mint))
        .route("/keys/{name}/values/rotate", post(keys::rotate))
        .route("/key-values/{id}", delete(keys::revoke))
        .route("/signing-keys", get(signing_keys::list))
        .route("/signing-keys/rotate", post(signing_keys::rotate))
        .route("/token-service", get(signing_keys::service))
        .route("/apis", get(apis::list))
        .route("/rules", get(rules::list))
        .route("/rules/{bus}/{rule}/pause", post(rules::pause))
        .route("/rules/{bus}/{rule}/resume", post(rules::resume))
        .route("/destinations", get(destinations::list))
        .route("/destinations/{name}/disable", post(destinations::disable))
        .route("/destinations/{name}/enable", post(destinations::enable))
        .route("/deliveries", get(deliveries::list))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/redrive", post(dead_letters::redrive))
        .route("/dead-letters/purge", post(dead_letters::purge))
        .route("/dead-letters/{id}", get(dead_letters::show))
        .route("/replays", get(replays::list).post(replays::start))
        .route("/replays/{name}", get(replays::show))
        .route("/replays/{name}/pause", post(replays::pause))
        .route("/replays/{name}/resume", post(replays::resume))
        .route("/replays/{name}/cancel", post(replays::cancel))
        .route("/events/{bus}", get(events::list))
        .route("/webhook-keys", get(webhook_keys::list).post(webhook_keys::rotate))
        .route("/secrets", get(secrets::list))
        .route("/secrets/{name}", put(secrets::set).delete(secrets::remove))
        .route("/tokens/revoke", post(tokens::revoke))
        .route("/tokens/introspect", post(tokens::introspect))
        .route("/usage", get(usage::list))
        .route("/audit", get(trail::list))
        .route("/token-audit", get(token_audit::list))
        .fallback(problem::no_such_endpoint)
        .method_not_allowed_fallback(problem::other_method)
        .layer(from_fn_with_state(world.clone(), live::wait))
        .layer(from_fn_with_state(world.clone(), token::demand))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    Router::new()
        .nest("/admin/v1", admin)
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(problem::no_such_endpoint)
        .with_state(world)
}
