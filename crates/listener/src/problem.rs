//! Problem details (RFC 9457): how a door says no in its default style.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http1::Fault;
use serde_json::{Map, Value};

use crate::body::{Body, full};

/// A refusal with its reason and its remedy.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem of a kind that `gatepost explain <code>` explains. `detail` says what was wrong
    /// with this request and what to do.
    pub fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        let mut members = Map::new();
        members.insert("type".to_owned(), format!("urn:gatepost:problem:{code}").into());
        members.insert("title".to_owned(), title.into());
        members.insert("status".to_owned(), status.as_u16().into());
        members.insert("detail".to_owned(), detail.into().into());
        Self { status, members }
    }

    /// Adds an extension member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer.
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(full(Value::Object(self.members).to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// The answer to a request whose handling panicked: says nothing about why.
pub fn panicked() -> Response<Body> {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal-error",
        "Internal error",
        "This request could not be handled. Try again later; if it stays, tell the operator the \
         time of the request.",
    )
    .into_response()
}

/// The answer to what cannot be read as a request.
pub(crate) fn unreadable(fault: Fault) -> Response<Body> {
    let (status, code) = match fault {
        Fault::HeadTooLarge | Fault::TooManyFields => {
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large")
        }
        Fault::TargetTooLong => (StatusCode::URI_TOO_LONG, "malformed-request"),
        Fault::Version => (StatusCode::HTTP_VERSION_NOT_SUPPORTED, "malformed-request"),
        _ => (StatusCode::BAD_REQUEST, "malformed-request"),
    };
    let title = "The request is not HTTP as RFC 9112 has it";
    let detail = format!("Your request cannot be read: {fault}. Send it anew, as RFC 9112 has it.");
    Problem::new(status, code, title, detail).into_response()
}
