//! What a handler takes from a request, checked at the edge; every refusal is a
//! [`Problem`].

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::order::Status;
use crate::problem::{Fault, Problem};

/// How many orders a page has if the caller does not say.
const PAGE_DEFAULT: u32 = 100;
/// How many orders a page has at most.
const PAGE_MAX: u32 = 1_000;
/// The longest idempotency key that is kept.
const KEY_BYTES_MAX: usize = 255;

/// The whole body, no larger than the router allows.
pub(crate) struct Body(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::BodyTooLarge)
            }
            Err(rejection) => Err(Problem::Fault(Fault {
                field: "body",
                reason: format!("broke off: {rejection}"),
                remedy: "Send the request again.",
            })),
        }
    }
}

/// The `{id}` of the path.
pub(crate) struct OrderId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for OrderId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // An id that is not even text names no order.
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Problem::UnknownOrder),
        }
    }
}

/// Who called, as the company's Gatepost says; nobody when the call came from inside.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) client: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) traceparent: Option<String>,
}

impl Caller {
    /// Reads the headers that Gatepost always overwrites, so that no caller can set them.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        // Lossy on purpose: a client that cannot be read must not pass for a call from
        // inside.
        let text = |name: &str| {
            headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            client: text("gatepost-client"),
            request_id: text("x-request-id"),
            traceparent: text("traceparent"),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self::of(&parts.headers))
    }
}

/// The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header-07), if there
/// is one.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        match value.to_str() {
            Ok(key) if (1..=KEY_BYTES_MAX).contains(&key.len()) => Ok(Self(Some(key.to_owned()))),
            _ => Err(Problem::Fault(Fault {
                field: "Idempotency-Key",
                reason: format!("is not 1 to {KEY_BYTES_MAX} visible ASCII characters"),
                remedy: "Send a fresh UUID for each new order.",
            })),
        }
    }
}

/// Which part of the list is wanted: `limit`, `after` and `status` of the query.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) after: i64,
    pub(crate) limit: u32,
    pub(crate) status: Option<Status>,
}

#[derive(Deserialize)]
struct RawPage {
    after: Option<String>,
    limit: Option<String>,
    status: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Query(raw) = Query::<RawPage>::try_from_uri(&parts.uri).map_err(|rejection| Fault {
            field: "query",
            reason: format!("cannot be read: {rejection}"),
            remedy: "Give limit, after and status at most once each.",
        })?;
        Ok(Self {
            after: raw.after.map_or(Ok(0), |text| after(&text))?,
            limit: raw.limit.map_or(Ok(PAGE_DEFAULT), |text| limit(&text))?,
            status: raw.status.map(|text| status(&text)).transpose()?,
        })
    }
}

fn after(text: &str) -> Result<i64, Fault> {
    text.parse::<i64>().ok().filter(|seq| *seq >= 0).ok_or_else(|| Fault {
        field: "after",
        reason: format!("is {text:?}"),
        remedy: "Give the `next` of the page before, or leave it out.",
    })
}

fn limit(text: &str) -> Result<u32, Fault> {
    text.parse::<u32>().ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| Fault {
        field: "limit",
        reason: format!("is {text:?}"),
        remedy: "Give a whole number from 1 to 1000, or leave it out.",
    })
}

fn status(text: &str) -> Result<Status, Fault> {
    Status::named(text).ok_or_else(|| Fault {
        field: "status",
        reason: format!("is {text:?}"),
        remedy: "Give OrderSubmitted or OrderCompleted, or leave it out.",
    })
}
