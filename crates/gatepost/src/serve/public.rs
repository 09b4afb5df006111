//! The public door: the token service's paths, and everything else through the gateway.

use gateway::Gateway;
use http::{Request, Response};
use hyper::body::Incoming;
use listener::{Body, Handler, Peer, RouterHandler};

/// One core's handler.
#[derive(Clone)]
pub(super) struct Public {
    gateway: Gateway,
    tokens: RouterHandler,
}

impl Public {
    pub(super) fn new(gateway: Gateway, tokens: RouterHandler) -> Self {
        Self { gateway, tokens }
    }
}

impl Handler for Public {
    async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<Body> {
        if oauth::owns(request.uri().path()) {
            self.tokens.handle(request, peer).await
        } else {
            self.gateway.handle(request, peer).await
        }
    }
}
