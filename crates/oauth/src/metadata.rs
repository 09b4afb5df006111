//! What this server offers (RFC 8414).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use model::Profile;
use serde_json::json;

use crate::Service;
use crate::exchange;
use crate::profile::{ClientMethod, permits_method};

/// The methods there are, before a profile takes some away.
const METHODS: [ClientMethod; 2] = [ClientMethod::SecretBasic, ClientMethod::SecretPost];

pub(crate) async fn show(State(service): State<Service>) -> Response {
    let state = service.state.load();
    let issuer = &state.issuer;
    let document = json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": state.scopes,
        "response_types_supported": [],
        "grant_types_supported": exchange::grant_types(&state),
        "token_endpoint_auth_methods_supported": methods(state.profile),
    });
    let fields = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")];
    (fields, document.to_string()).into_response()
}

fn methods(profile: Profile) -> Vec<&'static str> {
    let permitted = METHODS.into_iter().filter(|method| permits_method(profile, *method));
    permitted.map(ClientMethod::as_str).collect()
}
