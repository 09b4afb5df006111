//! One core's connections to the company's services.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use listener::Body;
use outbound::{Guard, Lent, Multiplexed, Origin, Pool, Shared, in_words};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::denial::Denial;
use crate::service::{Member, ServiceState};

/// Idle connections kept to one address, per core.
const IDLE_MAX: usize = 256;
/// Addresses whose connections are kept; when there are more, those that are no longer called go.
const POOLS_MAX: usize = 1024;

/// This core's pools, by the number of the address.
#[derive(Clone)]
pub(crate) struct Upstreams {
    pools: Arc<Mutex<HashMap<usize, Connections>>>,
    tracker: TaskTracker,
}

/// Connections to one address.
#[derive(Clone)]
enum Connections {
    One(Arc<Pool<Body>>),
    Two(Arc<Multiplexed<Body>>),
}

/// A connection for one call.
pub(crate) enum Line {
    One(Lent<Body>),
    Two(Shared<Body>),
}

/// A call that did not come to an answer.
pub(crate) struct Failed {
    pub(crate) denial: Denial,
    /// The body, when nothing of the call was sent.
    pub(crate) unsent: Option<Body>,
    /// Whether the connection had served a call before: it may have been closed meanwhile.
    pub(crate) reused: bool,
    /// Whether something came that is no answer.
    pub(crate) answering: bool,
}

impl Upstreams {
    pub(crate) fn new(tracker: TaskTracker) -> Self {
        Self { pools: Arc::default(), tracker }
    }

    fn connections(&self, member: &Member, http2: bool) -> Option<Connections> {
        let mut pools = self.pools.lock();
        if let Some(known) = pools.get(&member.number) {
            return Some(known.clone());
        }
        let origin = Origin::plain(&member.upstream.authority)?;
        let tracker = self.tracker.clone();
        let made = if http2 {
            Connections::Two(Arc::new(Multiplexed::new(origin, Guard::Own, tracker)))
        } else {
            Connections::One(Arc::new(Pool::new(origin, Guard::Own, IDLE_MAX, tracker)))
        };
        if pools.len() >= POOLS_MAX {
            pools.clear();
        }
        pools.insert(member.number, made.clone());
        Some(made)
    }

    /// A connection to an address: one that rests, or a new one.
    pub(crate) async fn line(
        &self,
        state: &ServiceState,
        member: &Member,
        fresh: bool,
    ) -> Result<Line, Denial> {
        let unreachable = |reason: String| Denial::UpstreamUnreachable { reason };
        let connections = self.connections(member, state.service.http2);
        let connections =
            connections.ok_or_else(|| unreachable(member.upstream.authority.clone()))?;
        let within = Duration::from_millis(state.service.connect_timeout_ms);
        let too_slow = |_| unreachable(format!("no connection within {} ms", within.as_millis()));
        match connections {
            Connections::One(pool) => {
                if let Some(lent) = pool.idle().filter(|_| !fresh) {
                    return Ok(Line::One(lent));
                }
                let connected = tokio::time::timeout(within, pool.connect()).await;
                let lent = connected.map_err(too_slow)?;
                Ok(Line::One(lent.map_err(|error| unreachable(in_words(&error)))?))
            }
            Connections::Two(shared) => {
                if let Some(present) = shared.present() {
                    return Ok(Line::Two(present));
                }
                let connected = tokio::time::timeout(within, shared.connect()).await;
                let made = connected.map_err(too_slow)?;
                Ok(Line::Two(made.map_err(|error| unreachable(in_words(&error)))?))
            }
        }
    }
}

impl Line {
    /// Sends a call; gives the answer's head, and the connection that its body comes on.
    pub(crate) async fn send(
        self,
        request: Request<Body>,
    ) -> Result<(Response<Incoming>, Option<Lent<Body>>), Failed> {
        let (sent, reused, lent) = match self {
            Self::One(mut lent) => {
                let sent = lent.sender.try_send_request(request).await;
                (sent, lent.reused, Some(lent))
            }
            Self::Two(mut shared) => (shared.sender.try_send_request(request).await, true, None),
        };
        sent.map(|response| (response, lent)).map_err(|mut error| {
            let unsent = error.take_message().map(Request::into_body);
            let error = error.into_error();
            let answering = error.is_parse();
            let denial = Denial::UpstreamBroke { reason: in_words(&error) };
            Failed { denial, unsent, reused, answering }
        })
    }
}
