//! What this server offers (RFC 8414).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use jwt::Algorithm;
use model::Profile;
use serde_json::json;

use crate::Service;
use crate::exchange;
use crate::profile::{ClientMethod, permits_method};

/// The methods there are, before a profile takes some away (RFC 7591 §4.2, RFC 8705 §2).
const METHODS: [ClientMethod; 5] = [
    ClientMethod::SecretBasic,
    ClientMethod::SecretPost,
    ClientMethod::PrivateKeyJwt,
    ClientMethod::TlsClientAuth,
    ClientMethod::SelfSignedTls,
];

/// The ways in which a client may prove itself; by a certificate only where the door sees any.
fn methods(profile: Profile, certificates: bool) -> Vec<&'static str> {
    let by_certificate = [ClientMethod::TlsClientAuth, ClientMethod::SelfSignedTls];
    let there = METHODS.into_iter().filter(|way| certificates || !by_certificate.contains(way));
    there.filter(|way| permits_method(profile, *way)).map(ClientMethod::as_str).collect()
}

pub(crate) async fn show(State(service): State<Service>) -> Response {
    let state = service.state.load();
    let issuer = &state.issuer;
    let methods = methods(state.profile, service.world.certificates);
    let assertions = state.profile.permitted_names(&Algorithm::NAMES);
    let proofs = state.profile.permitted_names(&jwt::proof_algorithm_names());
    let document = json!({
        "issuer": issuer,
        "token_endpoint": state.endpoint,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": state.scopes,
        "response_types_supported": [],
        "grant_types_supported": exchange::grant_types(&state),
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertions,
        "revocation_endpoint": format!("{issuer}/oauth2/revoke"),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertions,
        "introspection_endpoint": format!("{issuer}/oauth2/introspect"),
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": assertions,
        "tls_client_certificate_bound_access_tokens": service.world.certificates,
        "dpop_signing_alg_values_supported": proofs,
    });
    let fields = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")];
    (fields, document.to_string()).into_response()
}
