//! The token service: OAuth 2.0 for machines. A file is an endpoint or a rule of an RFC.
//!
//! ```text
//! token.rs      POST /oauth2/token, client credentials (RFC 6749 §4.4)
//! client.rs     how a client proves itself: Basic or body secret (RFC 6749 §2.3.1)
//! exchange.rs   token exchange as workload federation (RFC 8693)
//! profile.rs    what FAPI 2.0 permits
//! form.rs       the form body, read strictly (RFC 6749 §3.2, appendix B)
//! scope.rs      what is granted, and for which resource server
//! metadata.rs   /.well-known/oauth-authorization-server (RFC 8414)
//! jwks.rs       /.well-known/jwks.json (RFC 7517)
//! resource.rs   /.well-known/oauth-protected-resource (RFC 9728)
//! ring.rs       signing keys: made, sealed, read back
//! error.rs      every refusal (RFC 6749 §5.2); the only place of statuses
//! ```

mod client;
mod error;
mod exchange;
mod form;
mod jwks;
mod metadata;
pub mod profile;
mod resource;
mod ring;
mod scope;
mod state;
mod token;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use model::{Clock, Random};

pub use error::other_method;
pub use exchange::{ForeignVerifier, Verifying, Workload, WorkloadFault};
pub use ring::{RingError, ensure_signing_key};
pub use state::{Source, State};
pub use token::{Observer, TokenRecord};

/// The largest form body, in bytes.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// What the token service needs of its surroundings.
#[derive(Clone)]
pub struct World {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn Random>,
    /// Who is told of every token request.
    pub observer: Arc<dyn Observer>,
    /// Who verifies tokens of other issuers.
    pub foreign: Arc<dyn ForeignVerifier>,
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Service {
    state: Arc<ArcSwap<State>>,
    world: World,
}

/// Whether a path belongs to the token service and not to an API.
pub fn owns(path: &str) -> bool {
    path.starts_with("/oauth2/") || path.starts_with("/.well-known/")
}

/// The token service's endpoints over a state that somebody else swaps.
pub fn router(state: Arc<ArcSwap<State>>, world: World) -> Router {
    Router::new()
        .route("/oauth2/token", post(token::issue))
        .route("/.well-known/jwks.json", get(jwks::show))
        .route("/.well-known/oauth-authorization-server", get(metadata::show))
        // The same document, for clients that know OpenID Connect's place only.
        .route("/.well-known/openid-configuration", get(metadata::show))
        .route("/.well-known/oauth-protected-resource", get(resource::show))
        .route("/.well-known/oauth-protected-resource/{*path}", get(resource::show))
        .fallback(error::no_such_endpoint)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(Service { state, world })
}
