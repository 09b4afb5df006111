//! A door made of an axum router.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ConnectInfo;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tower::ServiceExt as _;

use crate::accept::Handler;
use crate::body::{Body, BoxError};

/// Lets an axum router answer a door's requests; handlers find the peer in [`ConnectInfo`].
#[derive(Clone)]
pub struct RouterHandler(pub Router);

impl Handler for RouterHandler {
    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = match self.0.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        response.map(|body| body.map_err(BoxError::from).boxed_unsync())
    }
}
