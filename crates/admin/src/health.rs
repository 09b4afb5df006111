//! Health and metrics.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::World;

/// Ready means: everything is open and the program is not draining. `?verbose` lists the parts.
pub(crate) async fn ready(State(world): State<World>, RawQuery(query): RawQuery) -> Response {
    let unready = world.status.unready();
    let status = if unready.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part == "verbose"));
    let body = match (unready.is_empty(), verbose) {
        (true, _) => "ready\n".to_owned(),
        (false, false) => "not ready\n".to_owned(),
        (false, true) => {
            let lines: Vec<_> =
                unready.iter().map(|(part, why)| format!("{part}: {why}")).collect();
            lines.join("\n") + "\n"
        }
    };
    (status, body).into_response()
}

pub(crate) async fn metrics(State(world): State<World>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], world.status.metrics()).into_response()
}
