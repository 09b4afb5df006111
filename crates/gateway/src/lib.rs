//! The partners' door: find the route, admit the request, forward it, record what happened.
//!
//! ```text
//! Gateway::handle   find → admit → forward → record
//!   snapshot.rs     routes, keys, clients as one immutable value; swapped when they change
//!   routes.rs       method and path → route
//!   issuers.rs      token issuers beside our own: their keys, kept fresh in the background
//!   checks.rs       the checks in their order → Admission, which nothing else can make
//!   memory.rs       whom a connection's last request was let in as
//!   idempotency.rs  what is sent again under its key is carried out once
//!   denial.rs       every way to say no; the only place that chooses a status
//!   validation.rs   the request against its API's OpenAPI document
//!   forward.rs      Admission + request → the company's own service, streamed
//!   function.rs     Admission + request → event → a function → response
//!   service.rs      which of a service's addresses is called; health.rs asks them how they are
//!   record.rs       what is told of each request: who, what, why, how long
//!   usage.rs        what is counted of each request, until it is kept
//! ```

mod body;
mod checks;
mod cors;
mod damper;
mod denial;
mod forward;
mod function;
mod headers;
mod health;
mod idempotency;
mod ids;
mod issuers;
mod memory;
mod path;
mod record;
mod routes;
mod service;
mod snapshot;
mod token_memory;
mod tunnel;
mod upstreams;
mod usage;
mod validation;

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::header::ALLOW;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use jwt::AccessToken;
use listener::{Body, Incoming, OnUpgrade, Peer, TraceParent, Trusted};
use model::{Clock, ErrorStyle, Random, request_id};
use store::Store;
use tokio_util::task::TaskTracker;

pub use checks::plan::Meter;
pub use health::Health;
pub use idempotency::Running;
pub use issuers::{IssuerFault, IssuerState, Issuers, KeysStanding, Verified};
pub use memory::Memory;
pub use record::{Observer, Passed, Record, Wanted};
pub use snapshot::{AddressState, BuildError, Contracts, Snapshot, Source};
pub use usage::{THREADS_APART, UsageBook, UsageOf, answered_by, number_of_thread};

use body::Given;
use denial::Denial;
use forward::Answered;
use ids::Ids;
use record::Recorder;
use routes::Found;

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
    /// Who stands before the door and is believed on where a request came from.
    pub trusted: Arc<Trusted>,
    /// The token issuers that are trusted beside our own.
    pub issuers: Arc<Issuers>,
    /// What is being carried out under an `Idempotency-Key`, on all cores together.
    pub running: Arc<Running>,
}

/// The door on one core: shares the snapshot with the others, has upstream connections of its own.
#[derive(Clone)]
pub struct Gateway(Arc<Core>);

struct Core {
    snapshot: Arc<ArcSwap<Snapshot>>,
    world: Arc<World>,
    upstreams: upstreams::Upstreams,
    ids: Ids,
}

impl Gateway {
    /// A door over a snapshot that somebody else swaps.
    pub fn new(snapshot: Arc<ArcSwap<Snapshot>>, world: World) -> Self {
        let ids = Ids::seeded(&*world.random);
        let upstreams = upstreams::Upstreams::new(TaskTracker::new());
        Self(Arc::new(Core { snapshot, world: Arc::new(world), upstreams, ids }))
    }

    /// An id as its own requests have, for one that is answered elsewhere.
    pub fn next_request_id(&self) -> String {
        request_id(self.0.world.clock.now(), &self.0.ids)
    }

    /// Answers one request of a partner.
    pub async fn handle(
        &self,
        request: Request<Incoming>,
        (peer, memory): (&Peer, &Memory),
    ) -> Response<Body> {
        let core = &self.0;
        let address = if peer.is_vouched_for {
            core.world.trusted.origin(peer.address.ip(), request.headers())
        } else {
            peer.address.ip().to_canonical()
        };
        let trace = TraceParent::continued(request.headers(), &core.ids);
        let at = core.world.clock.now();
        let id = request_id(at, &core.ids);
        let id = HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("req_unknown"));
        let mut recorder = Recorder::begin(&core.world, &request, address, (at, id, trace));
        recorder.comes_by(peer.tls.as_deref());
        let mut slot = Some(recorder);
        let answered = core.answer(request, (peer, memory), &mut slot).await;
        let Some(recorder) = slot else {
            // The recorder went with an upgraded connection.
            return match answered {
                Ok(Reply::Whole(response)) => response,
                _ => listener::panicked(),
            };
        };
        match answered {
            Ok(Reply::Coming(response)) => recorder.answered(response),
            Ok(Reply::Whole(response)) => recorder.answered(response),
            Err(refusal) => {
                let response = refusal.denial.response(&refusal.facts(&recorder));
                recorder.refused(&refusal, response)
            }
        }
    }
}

impl Core {
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        connection: (&Peer, &Memory),
        slot: &mut Option<Box<Recorder>>,
    ) -> Result<Reply, Refusal> {
        let Some(recorder) = slot.as_mut() else { return Err(Refusal::bare(Denial::Forgotten)) };
        if let Some(denial) = forward::malformed(&request) {
            return Err(Refusal::bare(denial));
        }
        let now = checks::Now { at: recorder.at(), ticks_ns: recorder.began_ns() };
        let (peer, _) = connection;
        let mut judged = self.judge(&request, (connection, None), recorder, now);
        if let Err(Refusal { denial: Denial::Unverified, .. }) = &judged {
            // In a room of its own, as all that few requests need: what waits is moved about, and small
            // without it.
            let verified = Box::pin(self.verify(&request, peer, recorder, now)).await?;
            judged = self.judge(&request, (connection, Some(&verified)), recorder, now);
        }
        let (found, admitted) = match judged? {
            Judged::Admitted(found, admitted) => (found, admitted),
            Judged::Answered(response) => return Ok(Reply::Whole(response)),
        };
        recorder.admitted(&admitted);
        let fault = forward::too_large(&request, &found);
        let rated = checks::plan::rate(admitted, &found, fault, now);
        let rated = rated.map_err(|denial| found.refusal(denial))?;
        let upgrade = forward::upgrade_of(&mut request);
        let (parts, body) = request.into_parts();
        let key = idempotency::key_of(&parts, &found).map_err(|denial| Refusal {
            limits: rated.limits(now.at).map(Box::new),
            ..found.refusal(denial)
        })?;
        if let Some(key) = key {
            let keyed = idempotency::Keyed { parts, found, rated, now, key };
            return Box::pin(self.answer_once(keyed, body, peer, slot)).await;
        }
        let debited = rated.debit(&self.world.store, &peer.tasks, now.at).await;
        let (mut admission, held) = debited.map_err(|denial| found.refusal(denial))?;
        recorder.counted(admission.admitted());
        recorder.hold(held);
        let call = headers::Call { parts: &parts, found: &found, admission: &admission, peer };
        let answered = serve(&self.upstreams, call, (Given::Coming(body), upgrade), slot).await;
        let answered = answered.map_err(|denial| {
            if denial.gives_quota_back() {
                admission.refund();
            }
            Refusal { limits: admission.limits().map(Box::new), ..found.refusal(denial) }
        })?;
        let mut reply = match answered {
            Answered::Upgraded(response) => return Ok(Reply::Whole(response)),
            Answered::Coming(response) => Reply::Coming(response),
            Answered::Whole(response) => Reply::Whole(response),
        };
        admission.add_limits(reply.headers_mut());
        checks::proof::offer_nonce(admission.admitted(), reply.headers_mut());
        add_request_id(&found, slot.as_deref(), reply.headers_mut());
        Ok(reply)
    }

    /// Verifies a token of another issuer; what it says.
    async fn verify(
        &self,
        request: &Request<Incoming>,
        peer: &Peer,
        recorder: &Recorder,
        now: checks::Now,
    ) -> Result<Arc<AccessToken>, Refusal> {
        let snapshot = self.snapshot.load_full();
        let found = routes::find(&snapshot, request)?;
        let certificate = self.world.trusted.certificate(peer, request.headers());
        let asked = checks::Asked::new(request, recorder.address(), certificate.as_deref());
        let issuers = &self.world.issuers;
        let verified = checks::token::foreign(&snapshot, issuers, &found, (asked, now)).await;
        verified.map_err(|denial| found.refusal(denial))
    }

    /// Everything that is decided from the snapshot, without waiting for anything.
    fn judge(
        &self,
        request: &Request<Incoming>,
        ((peer, memory), verified): ((&Peer, &Memory), Option<&Arc<AccessToken>>),
        recorder: &mut Recorder,
        now: checks::Now,
    ) -> Result<Judged, Refusal> {
        let snapshot = self.snapshot.load();
        let found = match routes::find(&snapshot, request) {
            Ok(found) => found,
            Err(refusal) => {
                // A page asks with a method that the route need not have.
                if let Some(response) = refusal.preflight(request) {
                    return Ok(Judged::Answered(response));
                }
                recorder.missed(refusal.api.as_ref(), request);
                return Err(refusal);
            }
        };
        recorder.route(&found, request);
        if found.route().method.is_none() {
            // A route for every method has no answer of its own to a browser's question.
            let all = model::Method::ALL.map(model::Method::as_str).join(", ");
            let asked = (request.method(), request.headers());
            if let Some(response) = cors::preflight(&found.api, asked, &all) {
                return Ok(Judged::Answered(response));
            }
        }
        let certificate = self.world.trusted.certificate(peer, request.headers());
        let asked = checks::Asked {
            verified,
            ..checks::Asked::new(request, recorder.address(), certificate.as_deref())
        };
        match checks::admit((&snapshot, &self.world.issuers, memory), &found, (asked, now)) {
            Ok(_) if headers::ends_here(request) => Ok(Judged::Answered(last_stop(&found))),
            Ok(admitted) => Ok(Judged::Admitted(found, admitted)),
            Err(refused) => {
                recorder.admitted(&refused.known);
                Err(found.refusal(refused.denial))
            }
        }
    }
}

/// What was decided about a request.
enum Judged {
    Admitted(Found, checks::Admitted),
    /// By the gateway itself: a browser's question, or one that is to go no further.
    Answered(Response<Body>),
}

/// Holds an admitted request against its API's document, and has it answered.
pub(crate) async fn serve(
    upstreams: &upstreams::Upstreams,
    call: headers::Call<'_>,
    (body, upgrade): (Given, Option<OnUpgrade>),
    slot: &mut Option<Box<Recorder>>,
) -> Result<Answered, Denial> {
    let Some(recorder) = slot.as_mut() else { return Err(Denial::Forgotten) };
    let body = match &call.found.api.contract {
        Some(contract) => Box::pin(validation::check(contract, call, body, recorder)).await?,
        None => body,
    };
    if call.found.function().is_some() {
        let answer = Box::pin(function::invoke(upstreams, call, body, recorder)).await?;
        return Ok(Answered::Whole(answer));
    }
    forward::send(upstreams, call, (body, upgrade), slot).await
}

/// What the caller gets.
enum Reply {
    Coming(Response<forward::Coming>),
    Whole(Response<Body>),
}

impl Reply {
    fn headers_mut(&mut self) -> &mut HeaderMap {
        match self {
            Self::Coming(response) => response.headers_mut(),
            Self::Whole(response) => response.headers_mut(),
        }
    }
}

/// Adds the id of the request as API Gateway names it, where that is the API's style.
fn add_request_id(found: &Found, recorder: Option<&Recorder>, headers: &mut HeaderMap) {
    if found.api.api.errors == ErrorStyle::Aws
        && let Some(recorder) = recorder
    {
        headers.insert("x-amzn-requestid", recorder.request_id().clone());
    }
}

/// The answer to an OPTIONS that is to go no further: what the route takes.
fn last_stop(found: &Found) -> Response<Body> {
    let mut response = Response::new(listener::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let allow = found.route().method.map_or("OPTIONS", model::Method::as_str);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
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

    /// The answer to a browser's question, where that is what was refused.
    fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let Denial::MethodNotAllowed { allow } = &self.denial else { return None };
        cors::preflight(self.api.as_deref()?, (request.method(), request.headers()), allow)
    }

    fn facts<'a>(&'a self, recorder: &'a Recorder) -> denial::Facts<'a> {
        denial::Facts {
            api: self.api.as_deref(),
            request_id: recorder.request_id(),
            trace: recorder.trace(),
            limits: self.limits.as_deref(),
            grpc: recorder.is_grpc(),
        }
    }
}
