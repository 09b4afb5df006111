//! Problem details (RFC 9457) of this door; the only place of its statuses.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode, Uri};
use serde_json::json;
use store::StoreError;

/// Why an operator's request is not done.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No token, or another one.
    Token,
    /// There is nothing of that kind and name.
    Missing { kind: &'static str, name: String },
    /// A parameter or the body cannot be read.
    Malformed(String),
    /// It cannot be done as things are.
    Refused(String),
    /// The store did not do it.
    Store(StoreError),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title, detail) = match &self {
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                "admin-token",
                "The admin token is needed",
                "Send `Authorization: Bearer <token>`; the token lies in the file `admin-token` of \
                 the data directory."
                    .to_owned(),
            ),
            Self::Missing { kind, name } => (
                StatusCode::NOT_FOUND,
                "not-found",
                "There is no such thing",
                format!("There is no {kind} `{name}`."),
            ),
            Self::Malformed(detail) => {
                (StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read", detail.clone())
            }
            Self::Refused(detail) => {
                (StatusCode::CONFLICT, "conflict", "This cannot be done now", detail.clone())
            }
            Self::Store(error) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "store-unavailable",
                "The store did not do it",
                error.to_string(),
            ),
        };
        let mut response = answer(status, code, title, &detail);
        if matches!(self, Self::Token) {
            let challenge = HeaderValue::from_static("Bearer realm=\"gatepost admin\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

pub(crate) async fn no_such_endpoint(uri: Uri) -> Response {
    let detail = format!("There is no {}.", uri.path());
    answer(StatusCode::NOT_FOUND, "no-route", "No such path", &detail)
}

pub(crate) async fn other_method(uri: Uri) -> Response {
    let detail = format!("{} has other methods.", uri.path());
    answer(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Other methods", &detail)
}

fn answer(status: StatusCode, code: &str, title: &str, detail: &str) -> Response {
    let body = json!({
        "type": format!("urn:gatepost:problem:{code}"),
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
