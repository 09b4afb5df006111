//! Every refusal of the token endpoint (RFC 6749 §5.2), and what it looks like.

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode, Uri};
use serde_json::json;

use crate::exchange::{Unexchanged, WorkloadFault};
use crate::profile::Reason;

/// Why no token is issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `invalid_request`: the request cannot be read.
    Malformed(&'static str),
    /// `invalid_request`: the body is too large.
    TooLarge,
    /// `invalid_client`: the client did not prove who it is. One text for every reason, so that
    /// nobody learns which clients there are.
    Client,
    /// `invalid_client`: there is no proof at all.
    ClientMissing,
    /// `unauthorized_client`: its partner or itself is suspended.
    Suspended,
    /// `unsupported_grant_type`.
    GrantType,
    /// `invalid_scope`: with the scopes the client may ask for.
    Scope {
        /// The first scope that is not the client's.
        asked: String,
    },
    /// `invalid_scope`: the scopes belong to several APIs.
    Audiences,
    /// Nothing is exchanged (RFC 8693).
    Exchange(Unexchanged),
    /// The profile does not permit it.
    Profile(Reason),
}

impl Refusal {
    /// The standard's error code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::TooLarge => "invalid_request",
            Self::Client | Self::ClientMissing => "invalid_client",
            Self::Suspended => "unauthorized_client",
            Self::GrantType => "unsupported_grant_type",
            Self::Scope { .. } | Self::Audiences => "invalid_scope",
            Self::Exchange(unexchanged) => unexchanged.code(),
            Self::Profile(reason) => reason.code(),
        }
    }

    fn description(&self) -> String {
        match self {
            Self::Malformed(what) => format!("The request cannot be read: {what}."),
            Self::TooLarge => "The request's body is larger than 16 KiB.".to_owned(),
            Self::Client => "Client id or secret is wrong, or the secret is no longer live.".into(),
            Self::ClientMissing => "Send client id and secret by HTTP Basic, or as client_id and \
                 client_secret in the body."
                .into(),
            Self::Suspended => "This client is suspended.".to_owned(),
            Self::GrantType => "Only grant_type=client_credentials is offered here.".to_owned(),
            Self::Scope { asked } => format!(
                "The client has not been given the scope {asked}. Leave scope out to get all it \
                 has."
            ),
            Self::Audiences => {
                "The scopes belong to several APIs. Ask for those of one API at a time.".to_owned()
            }
            Self::Exchange(unexchanged) => unexchanged.description(),
            Self::Profile(reason) => format!("{reason}."),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Client | Self::ClientMissing => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Profile(reason) if reason.code() == "invalid_client" => StatusCode::UNAUTHORIZED,
            Self::Exchange(Unexchanged::Subject(WorkloadFault::NoKeys)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer; `realm` is shown in the challenge of a failed client authentication.
    pub(crate) fn into_answer(self, realm: &str) -> Response {
        let description = self.description();
        // RFC 6749 §5.2: printable ASCII without quotes and backslashes.
        let plain = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let description: String = description.chars().filter(plain).collect();
        let body = json!({ "error": self.code(), "error_description": description });
        let mut response = (self.status(), body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if self.status() == StatusCode::UNAUTHORIZED
            && let Ok(challenge) = HeaderValue::from_str(&format!(r#"Basic realm="{realm}""#))
        {
            // RFC 9110 §15.5.2: a 401 carries a challenge, whichever way the client tried.
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The answer to a path below `/oauth2/` or `/.well-known/` that is none of ours.
pub(crate) async fn no_such_endpoint(uri: Uri) -> Response {
    let detail = format!(
        "There is no {}. The token endpoint is POST /oauth2/token; \
         /.well-known/oauth-authorization-server lists what there is.",
        uri.path()
    );
    problem(StatusCode::NOT_FOUND, "no-route", "No such path", &detail)
}

/// The answer to a known path with another method. RFC 6749 §3.2: tokens are asked for by POST.
pub async fn other_method(uri: Uri) -> Response {
    let allow = if uri.path() == "/oauth2/token" { "POST" } else { "GET, HEAD" };
    let detail = format!("{} takes {allow}.", uri.path());
    let (status, code) = (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
    let mut response = problem(status, code, "The path has other methods", &detail);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

fn problem(status: StatusCode, code: &str, title: &str, detail: &str) -> Response {
    let body = json!({
        "type": format!("urn:gatepost:problem:{code}"),
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut response = (status, body.to_string()).into_response();
    let problem = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, problem);
    response
}
