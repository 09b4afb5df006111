//! What an API says of itself to clients (RFC 9728): whose tokens it takes, with which scopes.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::json;

use crate::Service;
use crate::error::missing;

const PLACE: &str = "/.well-known/oauth-protected-resource";

pub(crate) async fn show(State(service): State<Service>, request: Request) -> Response {
    let state = service.state.load_full();
    let base = request.uri().path().strip_prefix(PLACE).unwrap_or_default();
    let Some(resource) = state.resources.get(base) else { return missing(&request) };
    let others = resource.issuers.iter().map(String::as_str);
    let issuers: Vec<&str> = std::iter::once(state.issuer.as_str()).chain(others).collect();
    let proofs = state.profile.permitted_names(&jwt::proof_algorithm_names());
    let document = json!({
        "resource": format!("{}{base}", state.issuer),
        "authorization_servers": issuers,
        "jwks_uri": format!("{}/.well-known/jwks.json", state.issuer),
        "scopes_supported": resource.scopes,
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": proofs,
    });
    let fields = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")];
    (fields, document.to_string()).into_response()
}
