//! The partners' door: find the route, admit the request, forward it, record what happened.
//!
//! ```text
//! Gateway::handle   find → admit → forward → record
//!   snapshot.rs     routes, keys, clients as one immutable value; swapped when they change
//!   routes.rs       method and path → route
//!   issuers.rs      token issuers beside our own: their keys, kept fresh in the background
//!   checks.rs       the checks in their order → Admission, which nothing else can make
//!   denial.rs       every way to say no; the only place that chooses a status
//!   forward.rs      Admission + request → the company's own service, streamed
//!   record.rs       what is told of each request: who, what, why, how long
//! ```

mod checks;
mod denial;
mod forward;
mod issuers;
mod path;
mod record;
mod routes;
mod snapshot;
mod token_memory;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use listener::{Body, TraceParent};
use model::{Clock, ErrorStyle, Random};
use store::Store;
use tokio_util::task::TaskTracker;

pub use checks::plan::Meter;
pub use issuers::{IssuerFault, IssuerState, Issuers, KeysStanding, Verified};
pub use record::{Observer, Record};
pub use snapshot::{BuildError, Snapshot, Source};

use denial::Denial;
use record::Recorder;

/// What the gateway needs of its surroundings.
#[derive(Clone)]
pub struct World {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub random: Arc<dyn Random>,
    /// Where quotas are leased.
    pub store: Arc<dyn Store>,
    /// Who is told of every request.
    pub observer: Arc<dyn Observer>,
    /// The token issuers that are trusted beside our own.
    pub issuers: Arc<Issuers>,
}

/// The door on one core: shares the snapshot with the others, has upstream connections of its own.
#[derive(Clone)]
pub struct Gateway {
    snapshot: Arc<ArcSwap<Snapshot>>,
    world: World,
    upstreams: forward::Upstreams,
}

impl Gateway {
    /// A door over a snapshot that somebody else swaps.
    pub fn new(snapshot: Arc<ArcSwap<Snapshot>>, world: World) -> Self {
        Self { snapshot, world, upstreams: forward::Upstreams::new(TaskTracker::new()) }
    }

    /// Answers one request of a partner.
    pub async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let snapshot = self.snapshot.load_full();
        let trace = TraceParent::continued(request.headers(), &*self.world.random);
        let recorder = Recorder::begin(&self.world, &request, peer.ip(), trace);
        match self.answer(&snapshot, request, &recorder).await {
            Ok(response) => recorder.answered(response),
            Err(refusal) => {
                let response = refusal.denial.response(&refusal.facts(&recorder));
                recorder.refused(&refusal, response)
            }
        }
    }

    async fn answer(
        &self,
        snapshot: &Arc<Snapshot>,
        request: Request<Incoming>,
        recorder: &Recorder,
    ) -> Result<Response<Body>, Refusal> {
        if let Some(denial) = forward::malformed(&request) {
            return Err(Refusal::bare(denial));
        }
        let found = routes::find(snapshot, &request)?;
        recorder.route(&found);
        let now = checks::Now::of(&*self.world.clock);
        let admission =
            checks::admit(snapshot, &found, checks::Asked::new(&request, recorder.address()), now);
        let admission = admission.map_err(|refused| {
            recorder.admitted(&refused.known);
            found.refusal(refused.denial)
        })?;
        recorder.admitted(&admission);
        let fault = forward::too_large(&request, &found);
        let admission = checks::plan::debit(admission, fault, &*self.world.store, now)
            .await
            .map_err(|denial| found.refusal(denial))?;
        let answered =
            forward::send(&self.upstreams, &admission, &found, (request, recorder)).await;
        let mut response = answered.map_err(|denial| {
            if matches!(denial, Denial::BodyTooLarge { .. }) {
                admission.refund();
            }
            Refusal { limits: admission.limits().map(Box::new), ..found.refusal(denial) }
        })?;
        admission.add_limits(response.headers_mut());
        if found.api.api.errors == ErrorStyle::Aws
            && let Ok(id) = HeaderValue::from_str(recorder.request_id())
        {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        Ok(response)
    }
}

/// A refusal, with what decides its form.
pub(crate) struct Refusal {
    pub(crate) denial: Denial,
    pub(crate) api: Option<Arc<snapshot::ApiEntry>>,
    pub(crate) limits: Option<Box<checks::plan::Limits>>,
}

impl Refusal {
    fn bare(denial: Denial) -> Self {
        Self { denial, api: None, limits: None }
    }

    fn facts<'a>(&'a self, recorder: &'a Recorder) -> denial::Facts<'a> {
        denial::Facts {
            api: self.api.as_deref(),
            request_id: recorder.request_id(),
            trace_id: recorder.trace_id(),
            limits: self.limits.as_deref(),
        }
    }
}
