//! What this server offers (RFC 8414).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::json;

use crate::Service;

/// How clients prove themselves, at every endpoint that asks who they are.
const METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

pub(crate) async fn show(State(service): State<Service>) -> Response {
    let state = service.state.load();
    let issuer = &state.issuer;
    let document = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": state.scopes,
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "revocation_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint": format!("{issuer}/oauth2/introspect"),
        "introspection_endpoint_auth_methods_supported": METHODS,
    });
    let fields = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")];
    (fields, document.to_string()).into_response()
}
