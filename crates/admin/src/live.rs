//! A change answers when it is in force: a minted key opens, a revoked one does not.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;

use crate::World;

/// How long the doors may take to catch up; the change itself is durable whatever happens.
const LONGEST: Duration = Duration::from_secs(2);

pub(crate) async fn wait(State(world): State<World>, request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    if changes && response.status().is_success() {
        let revision = *world.store.revisions().borrow();
        let mut live = world.live.clone();
        // Too late is not undone: the doors take it over a little later.
        drop(tokio::time::timeout(LONGEST, live.wait_for(|live| *live >= revision)).await);
    }
    response
}
