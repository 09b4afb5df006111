//! A door made of an axum router.

use axum::Router;
use axum::extract::ConnectInfo;
use http::{Request, Response};
use tower::ServiceExt as _;

use crate::accept::Handler;
use crate::body::Body;
use crate::incoming::Incoming;
use crate::peer::Peer;

/// Lets an axum router answer a door's requests; handlers find the peer's address in
/// [`ConnectInfo`], and all that is known of it in `Extension<Peer>`.
#[derive(Clone)]
pub struct RouterHandler(pub Router);

impl Handler for RouterHandler {
    type Memory = ();

    async fn handle(&self, request: Request<Incoming>, (peer, ()): (&Peer, &())) -> Response<Body> {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer.address));
        request.extensions_mut().insert(peer.clone());
        let response = match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        response.map(Body::new)
    }
}
