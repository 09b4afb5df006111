//! The internal door: where the company's own services publish events.
//!
//! `POST /events/{bus}` takes one event or `{"entries": […]}`, answers when they are durable, and
//! gives every entry its own result in order. An entry with an id, its own or one out of the
//! request's `Idempotency-Key`, is taken once. The door listens on loopback unless told otherwise;
//! a browser cannot be made to use it, for it takes `application/json` only and allows no origin.

mod key;
mod problem;
mod wire;

use std::net::IpAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bus::{Bus, PutError};
use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri};

use key::Key;
use problem::problem;

/// The largest request body: the entries' own bound, and room for the JSON around them.
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// By which names the door may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// `localhost` and addresses: the door listens on loopback. A web page whose name was made to
    /// point here (DNS rebinding) names itself.
    Local,
    /// Any: the door listens where the company's other machines reach it.
    Any,
}

/// The internal door's endpoints.
pub fn router(bus: Bus, names: Names) -> Router {
    let router = endpoints(bus);
    match names {
        Names::Any => router,
        Names::Local => router.layer(from_fn(local_names_only)),
    }
}

async fn local_names_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(http::header::HOST).and_then(|value| value.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    let local = authority.is_some_and(|authority| {
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    });
    if local {
        return next.run(request).await;
    }
    problem(
        StatusCode::MISDIRECTED_REQUEST,
        "other-host",
        "This door is called by its address",
        "Call this door as `localhost` or by its address; it listens on loopback only.",
    )
}

fn endpoints(bus: Bus) -> Router {
    Router::new()
        .route("/events/{bus}", post(publish))
        .route("/livez", get(|| async { "alive\n" }))
        .fallback(no_such_endpoint)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(bus)
}

async fn publish(
    State(bus): State<Bus>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if !is_json(&headers) {
        return problem(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "Events are JSON",
            "Send the events as `Content-Type: application/json`.",
        );
    }
    let Ok(body) = body else {
        return problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The request's body is too large",
            "Send fewer entries at once: at most 100, and at most 1 MB together.",
        );
    };
    let key = match Key::read(&headers) {
        Ok(key) => key,
        Err(detail) => {
            return problem(
                StatusCode::BAD_REQUEST,
                "bad-idempotency-key",
                "The Idempotency-Key cannot be used",
                &detail,
            );
        }
    };
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let entries = match wire::read(&body, key.as_ref(), traceparent) {
        Ok(entries) => entries,
        Err(detail) => {
            return problem(
                StatusCode::BAD_REQUEST,
                "bad-entries",
                "The entries cannot be read",
                &detail,
            );
        }
    };
    match bus.put(&name, entries).await {
        Ok(results) => wire::write(&results),
        Err(error) => not_taken(&error),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// Why nothing of a request was taken.
fn not_taken(error: &PutError) -> Response {
    match error {
        PutError::Count(_) | PutError::TooLarge => problem(
            StatusCode::BAD_REQUEST,
            "bad-entries",
            "The entries are too many",
            &error.to_string(),
        ),
        PutError::Store(error) => {
            let mut response = problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "store-unavailable",
                "The events could not be kept",
                &format!(
                    "Nothing of this request was acknowledged; send it again, with the same ids if \
                     it has any. ({error})"
                ),
            );
            let value = http::HeaderValue::from_static("1");
            response.headers_mut().insert(http::header::RETRY_AFTER, value);
            response
        }
    }
}

async fn no_such_endpoint(uri: Uri) -> Response {
    let detail = format!("There is no {}. Publish events with POST /events/<bus>.", uri.path());
    problem(StatusCode::NOT_FOUND, "no-route", "No such path", &detail).into_response()
}
