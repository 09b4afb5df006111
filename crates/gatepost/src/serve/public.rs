//! The public door: the token service's paths, and everything else through the gateway.

use std::sync::Arc;

use gateway::Gateway;
use http::{Request, Response};
use listener::{Body, CallerScheme, Handler, Incoming, Peer, RouterHandler, Trusted};

/// One core's handler.
#[derive(Clone)]
pub(super) struct Public {
    gateway: Gateway,
    tokens: RouterHandler,
    trusted: Arc<Trusted>,
}

impl Public {
    pub(super) fn new(gateway: Gateway, tokens: RouterHandler, trusted: Arc<Trusted>) -> Self {
        Self { gateway, tokens, trusted }
    }

    /// Where a request came from: by the rule of the gateway.
    fn origin(&self, request: &Request<Incoming>, peer: &Peer) -> oauth::Origin {
        let address = peer.address.ip();
        oauth::Origin(if peer.is_vouched_for {
            self.trusted.origin(address, request.headers())
        } else {
            address.to_canonical()
        })
    }
}

impl Handler for Public {
    type Memory = gateway::Memory;

    async fn handle(
        &self,
        mut request: Request<Incoming>,
        (peer, memory): (&Peer, &gateway::Memory),
    ) -> Response<Body> {
        if oauth::owns(request.uri().path()) {
            let origin = self.origin(&request, peer);
            request.extensions_mut().insert(origin);
            let id = oauth::RequestId(self.gateway.next_request_id());
            request.extensions_mut().insert(id);
            self.tokens.handle(request, (peer, &())).await
        } else {
            let scheme = self.trusted.scheme(peer, request.headers());
            // Only where a proxy says otherwise: extensions cost an allocation.
            if scheme != peer.scheme() {
                request.extensions_mut().insert(CallerScheme(scheme));
            }
            self.gateway.handle(request, (peer, memory)).await
        }
    }
}
