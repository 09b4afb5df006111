//! A change answers when it is in force: a minted key opens, a revoked one does not.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method};

use crate::World;

/// Says `no` on the answer to a change that is kept but not yet in force.
const IN_FORCE: HeaderName = HeaderName::from_static("gatepost-in-force");

/// How long the doors may take to catch up; the change itself is durable whatever happens.
const LONGEST: Duration = Duration::from_secs(2);

pub(crate) async fn wait(State(world): State<World>, request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.run(request).await;
    if changes && response.status().is_success() {
        let revision = *world.store.revisions().borrow();
        let mut live = world.live.clone();
        let caught_up = live.wait_for(|live| *live >= revision);
        if tokio::time::timeout(LONGEST, caught_up).await.is_err() {
            // Kept, and not undone: the doors take it over as soon as they can.
            let no = HeaderValue::from_static("no");
            response.headers_mut().insert(IN_FORCE, no);
        }
    }
    response
}
