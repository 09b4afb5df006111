//! The token service: OAuth 2.0 for machines. A file is an endpoint or a rule of an RFC.
//!
//! ```text
//! token.rs      POST /oauth2/token, client credentials (RFC 6749 §4.4)
//! dpop.rs       the proof of the key that a token is bound to (RFC 9449 §5)
//! authentication.rs  which way a client proves itself, and whether it has:
//!   client.rs        by a secret, Basic or in the body (RFC 6749 §2.3.1)
//!   assertion.rs     by an assertion it signs (RFC 7523 §2.2, RFC 10070); client_keys.rs gets
//!                    the keys of who publishes them, replay.rs knows what was used
//!   certificates.rs  by the connection's certificate, and tokens bound to it (RFC 8705)
//! caller.rs     who asks at the endpoints beside it, proven in the same way
//! exchange.rs   token exchange as workload federation (RFC 8693)
//! profile.rs    what FAPI 2.0 permits
//! form.rs       the form body, read strictly (RFC 6749 §3.2, appendix B)
//! scope.rs      what is granted, and for which resource server
//! target.rs     for which API a token is asked: resource, audience (RFC 8707)
//! revoke.rs     POST /oauth2/revoke (RFC 7009)
//! introspect.rs POST /oauth2/introspect (RFC 7662)
//! inspect.rs    our own tokens, looked at by us
//! metadata.rs   /.well-known/oauth-authorization-server (RFC 8414)
//! jwks.rs       /.well-known/jwks.json (RFC 7517)
//! resource.rs   /.well-known/oauth-protected-resource (RFC 9728)
//! ring.rs       signing keys: made, sealed, read back
//! rotation.rs   signing keys over time: next, active, retiring
//! error.rs      every refusal (RFC 6749 §5.2); the only place of statuses
//! claims.rs     how long a token lives, and what else it says
//! limits.rs     rates, quotas and proofs, each in a file below limits/; damping.rs remembers wrong
//!               credentials, quota.rs leases
//! audit.rs      who got which token, and revoked one, until it is kept
//! ```

mod assertion;
mod audit;
mod authentication;
mod caller;
mod certificates;
mod claims;
mod client;
mod client_keys;
mod damping;
mod dpop;
mod error;
mod exchange;
mod fields;
mod form;
mod inspect;
mod introspect;
mod jwks;
mod limits;
mod metadata;
pub mod profile;
mod quota;
mod replay;
mod resource;
mod revoke;
mod ring;
mod rotation;
mod scope;
mod state;
mod target;
mod token;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use listener::Trusted;
use model::{Clock, Random};
use store::{DenyList, Store};

pub use audit::AuditBook;
pub use client_keys::PublishedKeys;
pub use error::{RequestId, other_method};
pub use exchange::{Exchanged, ForeignVerifier, Verifying, Workload, WorkloadFault};
pub use inspect::Inspector;
pub use limits::Limits;
pub use revoke::Revocation;
pub use ring::{RingError, ensure_signing_key};
pub use rotation::{AskError, Asked, Turn, ask, ensure_signing_keys, signing_algorithms, stage};
pub use state::{Source, State};
pub use token::{Observer, Origin, TokenRecord};

/// The largest form body, in bytes.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// What the token service needs of its surroundings.
#[derive(Clone)]
pub struct World {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn Random>,
    /// Who is told of every token request, and of what clients revoke.
    pub observer: Arc<dyn Observer>,
    /// The keys of clients that publish them.
    pub keys: Arc<PublishedKeys>,
    /// Who stands before the door and is believed on callers' certificates.
    pub trusted: Arc<Trusted>,
    /// Whether callers can show certificates at all.
    pub certificates: bool,
    /// Where what is revoked is kept, and quotas are leased.
    pub store: Arc<dyn Store>,
    /// The tokens that are refused before their end, as the gateway knows them.
    pub denied: Arc<DenyList>,
    /// What is counted of token requests.
    pub limits: Arc<Limits>,
    /// Who verifies tokens of other issuers.
    pub foreign: Arc<dyn ForeignVerifier>,
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Service {
    state: Arc<ArcSwap<State>>,
    world: World,
    /// The assertions that were used, whatever the state is.
    replays: Arc<replay::Replays>,
}

/// Whether a path belongs to the token service and not to an API.
pub fn owns(path: &str) -> bool {
    path.starts_with("/oauth2/") || path.starts_with("/.well-known/")
}

/// The token service's endpoints over a state that somebody else swaps.
pub fn router(state: Arc<ArcSwap<State>>, world: World) -> Router {
    Router::new()
        .route("/oauth2/token", post(token::issue))
        .route("/oauth2/revoke", post(revoke::revoke))
        .route("/oauth2/introspect", post(introspect::introspect))
        .route("/.well-known/jwks.json", get(jwks::show))
        .route("/.well-known/oauth-authorization-server", get(metadata::show))
        // The same document, for clients that know OpenID Connect's place only.
        .route("/.well-known/openid-configuration", get(metadata::show))
        .route("/.well-known/oauth-protected-resource", get(resource::show))
        .route("/.well-known/oauth-protected-resource/{*path}", get(resource::show))
        .fallback(error::no_such_endpoint)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(Service { state, world, replays: Arc::default() })
}
