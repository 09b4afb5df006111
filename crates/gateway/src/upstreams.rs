//! One core's connections to the company's services.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use listener::{Body, BoxError};
use outbound::{
    Answered, Arriving, Guard, Lent, Multiplexed, NotAnswered, Origin, Pool, Shared, Switched,
    in_words,
};
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
    pools: Arc<Mutex<HashMap<usize, Connections, foldhash::fast::RandomState>>>,
    tracker: TaskTracker,
}

/// Connections to one address.
#[derive(Clone)]
enum Connections {
    One(Arc<Pool>),
    Two(Arc<Multiplexed<Body>>),
}

/// A connection for one call.
pub(crate) enum Line {
    One(Lent),
    Two(Shared<Body>),
}

/// A call that did not come to an answer.
pub(crate) struct Failed {
    pub(crate) denial: Box<Denial>,
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

    /// A connection that rests.
    fn rested(&self, member: &Member) -> Option<Lent> {
        match self.pools.lock().get(&member.number)? {
            Connections::One(pool) => pool.idle(),
            Connections::Two(_) => None,
        }
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
        if !fresh && let Some(lent) = self.rested(member) {
            return Ok(Line::One(lent));
        }
        let unreachable = |reason: String| Denial::UpstreamUnreachable { reason };
        let connections = self.connections(member, state.service.http2);
        let connections =
            connections.ok_or_else(|| unreachable(member.upstream.authority.clone()))?;
        let within = Duration::from_millis(state.service.connect_timeout_ms);
        let too_slow = |_| unreachable(format!("no connection within {} ms", within.as_millis()));
        match connections {
            Connections::One(pool) => {
                let connected = tokio::time::timeout(within, Box::pin(pool.connect())).await;
                let lent = connected.map_err(too_slow)?;
                let lent = lent.map_err(|error| unreachable(in_words(&error)))?;
                Ok(Line::One(lent))
            }
            Connections::Two(shared) => {
                if let Some(present) = shared.present() {
                    return Ok(Line::Two(present));
                }
                let connected = tokio::time::timeout(within, Box::pin(shared.connect())).await;
                let made = connected.map_err(too_slow)?;
                Ok(Line::Two(made.map_err(|error| unreachable(in_words(&error)))?))
            }
        }
    }
}

/// What a service answered.
pub(crate) enum Came {
    Answer(Response<FromService>),
    /// It speaks another protocol from here on.
    Switched(Response<()>, Switched),
}

/// The body of a service's answer. Its connection is free again when it has ended.
pub(crate) enum FromService {
    One(Arriving<Body>),
    Two(hyper::body::Incoming),
}

impl Line {
    /// Sends a call; gives the answer's head, and its body as it comes.
    pub(crate) async fn send(self, request: Request<Body>) -> Result<Came, Failed> {
        match self {
            Self::One(lent) => {
                let answered = lent.send(request).await;
                came(answered.map_err(|failed| failed.map(Request::into_body)))
            }
            Self::Two(mut shared) => {
                let sent = shared.sender.try_send_request(request).await;
                let response = sent.map_err(|mut error| {
                    let unsent = error.take_message().map(Request::into_body);
                    let error = error.into_error();
                    let answering = error.is_parse();
                    let denial = Box::new(Denial::UpstreamBroke { reason: in_words(&error) });
                    Failed { denial, unsent, reused: true, answering }
                })?;
                Ok(Came::Answer(response.map(FromService::Two)))
            }
        }
    }
}

/// What came on a connection in HTTP/1.1.
pub(crate) fn came(answered: Result<Answered<Body>, NotAnswered<Body>>) -> Result<Came, Failed> {
    match answered {
        Ok(Answered::Coming(response)) => Ok(Came::Answer(response.map(FromService::One))),
        Ok(Answered::Switched(response, switched)) => Ok(Came::Switched(response, switched)),
        Err(NotAnswered { error, unsent, answering, reused }) => {
            let denial = Box::new(Denial::UpstreamBroke { reason: in_words(&error) });
            Err(Failed { denial, unsent, reused, answering })
        }
    }
}

impl http_body::Body for FromService {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::One(body) => Pin::new(body).poll_frame(context).map_err(BoxError::from),
            Self::Two(body) => Pin::new(body).poll_frame(context).map_err(BoxError::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::One(body) => body.is_end_stream(),
            Self::Two(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::One(body) => body.size_hint(),
            Self::Two(body) => body.size_hint(),
        }
    }
}
