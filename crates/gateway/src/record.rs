//! What is told of each request: who, what, why, how long. Told once: when the answer's last byte
//! is on its way, or when the caller has gone.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{HOST, ORIGIN, REFERER, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version};
use http_body::{Frame, SizeHint};
use listener::{Body, BoxError, TlsPeer, TraceParent};
use model::{Name, Timestamp};

use crate::checks::Admitted;
use crate::checks::plan::Slot;
use crate::denial::is_grpc;
use crate::headers::REQUEST_ID;
use crate::memory::Caller;
use crate::routes::Found;
use crate::service::ServiceState;
use crate::snapshot::ApiEntry;
use crate::{Refusal, World, cors};

/// A check that a request has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Route,
    Address,
    Certificate,
    Token,
    Proof,
    Scope,
    Key,
    Partner,
    Rate,
    Concurrency,
    Quota,
    Contract,
}

const CHECKS: [(Check, &str); 12] = [
    (Check::Route, "route"),
    (Check::Address, "address"),
    (Check::Certificate, "certificate"),
    (Check::Token, "token"),
    (Check::Proof, "proof"),
    (Check::Scope, "scope"),
    (Check::Key, "key"),
    (Check::Partner, "partner"),
    (Check::Rate, "rate"),
    (Check::Concurrency, "concurrency"),
    (Check::Quota, "quota"),
    (Check::Contract, "contract"),
];

/// The checks that a request has passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed(u16);

impl Passed {
    pub(crate) fn add(&mut self, check: Check) {
        self.0 |= 1 << check as u16;
    }

    /// Their names, in the order they are made.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let passed = CHECKS.iter().filter(move |(check, _)| self.0 & (1 << *check as u16) != 0);
        passed.map(|(_, name)| *name)
    }
}

/// One request as the access log, the metrics and the usage see it.
#[derive(Clone)]
pub struct Record {
    /// When it came.
    pub at: Timestamp,
    /// The trace it belongs to.
    pub trace: TraceParent,
    /// Where it came from.
    pub address: IpAddr,
    /// Its method.
    pub method: Method,
    /// The checks that passed.
    pub passed: Passed,
    /// Why it was refused: the problem's code, and more in words.
    pub refusal: Option<(&'static str, String)>,
    /// What would have refused it if its plan did more than observe.
    pub observed: Option<&'static str>,
    /// Whether the answer is one that was kept from an earlier request.
    pub replayed: bool,
    /// The answer's status.
    pub status: u16,
    /// From the request's head to the answer's last byte, in microseconds.
    pub took_us: u64,
    /// How much of that had passed when the company's service was called, in microseconds.
    pub upstream_after_us: u64,
    /// Of that, waiting for the company's service, in microseconds.
    pub upstream_us: Option<u64>,
    /// How often the service was called again.
    pub retries: u32,
    /// The HTTP that was spoken.
    pub version: Version,
    /// The version of TLS that was spoken; none on a plain connection.
    pub tls: Option<&'static str>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    request_id: HeaderValue,
    target: Option<PathAndQuery>,
    api: Option<Arc<ApiEntry>>,
    route: usize,
    caller: Option<Arc<Caller>>,
    called: Option<Called>,
    kept: Option<Box<Kept>>,
}

/// Which of a request's fields an observer wants to see. What nobody wants is not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `User-Agent`.
    pub user_agent: bool,
    /// `Referer`.
    pub referer: bool,
    /// `Host`, or what HTTP/2 has in its place.
    pub host: bool,
}

/// The fields of a request that somebody wants to see, as the caller wrote them.
#[derive(Clone)]
struct Kept {
    user_agent: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    host: Option<HeaderValue>,
}

impl Kept {
    fn of<B>(request: &Request<B>, wanted: Wanted) -> Option<Box<Self>> {
        if wanted == Wanted::default() {
            return None;
        }
        let headers = request.headers();
        let kept =
            |is_wanted: bool, name: HeaderName| headers.get(name).filter(|_| is_wanted).cloned();
        let authority = request.uri().authority().filter(|_| wanted.host);
        let authority = authority.and_then(|name| HeaderValue::from_str(name.as_str()).ok());
        Some(Box::new(Self {
            user_agent: kept(wanted.user_agent, USER_AGENT),
            referer: kept(wanted.referer, REFERER),
            host: authority.or_else(|| kept(wanted.host, HOST)),
        }))
    }
}

/// The address that was called last, by its place: the service is found by the API.
#[derive(Clone, Copy)]
struct Called {
    whose: Whose,
    index: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Service,
    Canary,
    Function,
}

impl Record {
    /// Its id; the partner has it too.
    pub fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    /// Its path, without the query.
    pub fn path(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::path)
    }

    /// Its query, where it has one.
    pub fn query(&self) -> Option<&str> {
        self.target.as_ref().and_then(PathAndQuery::query)
    }

    /// Its `User-Agent`, if somebody [wanted](Wanted) it.
    pub fn user_agent(&self) -> Option<&[u8]> {
        self.kept.as_ref()?.user_agent.as_ref().map(HeaderValue::as_bytes)
    }

    /// Its `Referer`, if somebody [wanted](Wanted) it.
    pub fn referer(&self) -> Option<&[u8]> {
        self.kept.as_ref()?.referer.as_ref().map(HeaderValue::as_bytes)
    }

    /// The host it was sent to, if somebody [wanted](Wanted) it.
    pub fn host(&self) -> Option<&[u8]> {
        self.kept.as_ref()?.host.as_ref().map(HeaderValue::as_bytes)
    }

    /// The address of the service that was called last, `10.0.0.1:8080`; none where none was.
    pub fn upstream(&self) -> Option<&str> {
        let (called, api) = (self.called?, self.api.as_ref()?);
        let state: &ServiceState = match called.whose {
            Whose::Service => &api.upstream,
            Whose::Canary => &api.canary.as_ref()?.0,
            Whose::Function => api.functions.get(self.route)?.as_ref()?,
        };
        Some(state.members.get(called.index)?.upstream.authority.as_str())
    }

    /// Whether a function was called in a service's place.
    pub fn is_function(&self) -> bool {
        self.called.is_some_and(|called| called.whose == Whose::Function)
    }

    /// The API, once known.
    pub fn api(&self) -> Option<&str> {
        self.api.as_ref().map(|entry| entry.api.name.as_str())
    }

    /// The path before all routes of the API, once known.
    pub fn base_path(&self) -> Option<&str> {
        self.api.as_ref().map(|entry| entry.api.base_path.as_str())
    }

    /// The route's template, once known.
    pub fn route(&self) -> Option<&str> {
        let routes = self.api.as_ref().map(|entry| &entry.api.routes)?;
        routes.get(self.route).map(|route| route.path.as_str())
    }

    /// The partner, once known.
    pub fn partner(&self) -> Option<&Name> {
        self.by().and_then(|caller| caller.partner.as_ref()).map(|partner| &partner.name)
    }

    /// The token's client, once known.
    pub fn client(&self) -> Option<&str> {
        let token = self.by().and_then(|caller| caller.token.as_ref());
        token.map(|token| token.client_id.as_str())
    }

    /// The route as the file has it, `POST /orders`, once known.
    pub fn route_key(&self) -> Option<&str> {
        let keys = self.api.as_ref().map(|entry| &entry.route_keys)?;
        keys.get(self.route).map(String::as_str)
    }

    /// The name of the API key, once known.
    pub fn key_name(&self) -> Option<&str> {
        self.by().and_then(|caller| caller.key.as_ref()).map(|key| key.name.as_str())
    }

    /// The API key's id, once known.
    pub fn key_id(&self) -> Option<&str> {
        self.by().and_then(|caller| caller.key.as_ref()).map(|key| key.id.as_str())
    }

    /// A number that is the same for all requests of the same route, as long as nothing is
    /// defined anew, and never another route's; 0 where it is not known.
    pub fn route_number(&self) -> usize {
        self.api.as_ref().map_or(0, |entry| entry.number + self.route)
    }

    /// The same for the partner; 0 where it is not known.
    pub fn partner_number(&self) -> usize {
        self.by().and_then(|caller| caller.partner.as_ref()).map_or(0, |partner| partner.number)
    }

    fn by(&self) -> Option<&Caller> {
        self.caller.as_deref()
    }
}

/// What the log says of a caller that went away before its answer; nobody is sent it.
const CALLER_GONE: u16 = 499;

/// Is told of every request. Must not block.
pub trait Observer: Send + Sync {
    /// A request has come; its record follows. Gives the trace back, with the decision whether it
    /// is to be recorded.
    fn begins(&self, trace: TraceParent) -> TraceParent {
        trace
    }

    /// Which fields of requests it wants to see.
    fn wanted(&self) -> Wanted {
        Wanted::default()
    }

    /// A request has been answered.
    fn record(&self, record: &Record);
}

/// Gathers a request's record while it is answered; tells it when dropped.
pub(crate) struct Recorder {
    record: Record,
    began_ns: u64,
    bytes_in: Option<Arc<AtomicU64>>,
    world: Arc<World>,
    /// The request's place among those of its partner that may be under way at once.
    slot: Option<Slot>,
    /// Who asks, as a browser names its page.
    origin: Option<HeaderValue>,
    /// Whether a gRPC client asks.
    grpc: bool,
    /// The API that has no such route, if pages of others may call it.
    missed: Option<Arc<ApiEntry>>,
}

impl Recorder {
    pub(crate) fn begin<B>(
        world: &Arc<World>,
        request: &Request<B>,
        address: IpAddr,
        (at, request_id, trace): (Timestamp, HeaderValue, TraceParent),
    ) -> Box<Self> {
        let record = Record {
            at,
            trace: world.observer.begins(trace),
            address,
            method: request.method().clone(),
            passed: Passed::default(),
            refusal: None,
            observed: None,
            replayed: false,
            status: 0,
            took_us: 0,
            upstream_after_us: 0,
            upstream_us: None,
            retries: 0,
            version: request.version(),
            tls: None,
            bytes_in: 0,
            bytes_out: 0,
            request_id,
            target: request.uri().path_and_query().cloned(),
            api: None,
            route: 0,
            caller: None,
            called: None,
            kept: Kept::of(request, world.observer.wanted()),
        };
        Box::new(Self {
            record,
            began_ns: world.clock.ticks_ns(),
            bytes_in: None,
            world: Arc::clone(world),
            slot: None,
            origin: None,
            grpc: is_grpc(request),
            missed: None,
        })
    }

    pub(crate) fn request_id(&self) -> &HeaderValue {
        &self.record.request_id
    }

    pub(crate) fn trace(&self) -> TraceParent {
        self.record.trace
    }

    /// The trace as the service gets it: what it does is a part of our call, and that of ours.
    pub(crate) fn onward(&self) -> TraceParent {
        self.record.trace.child(0)
    }

    /// What the connection is.
    pub(crate) fn comes_by(&mut self, tls: Option<&TlsPeer>) {
        self.record.tls = tls.map(|tls| tls.version);
    }

    pub(crate) fn is_grpc(&self) -> bool {
        self.grpc
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.record.address
    }

    pub(crate) fn began_ns(&self) -> u64 {
        self.began_ns
    }

    pub(crate) fn at(&self) -> Timestamp {
        self.record.at
    }

    /// Where the request's body is counted.
    pub(crate) fn bytes_in(&mut self) -> Arc<AtomicU64> {
        Arc::clone(self.bytes_in.get_or_insert_default())
    }

    pub(crate) fn ticks_ns(&self) -> u64 {
        self.world.clock.ticks_ns()
    }

    pub(crate) fn route<B>(&mut self, found: &Found, request: &Request<B>) {
        self.record.api = Some(Arc::clone(&found.api));
        self.record.route = found.index();
        if found.api.api.cors.is_some() {
            self.origin = request.headers().get(ORIGIN).cloned();
        }
    }

    /// No route was found, but an API: its pages must be able to read the refusal.
    pub(crate) fn missed<B>(&mut self, api: Option<&Arc<ApiEntry>>, request: &Request<B>) {
        self.missed = api.filter(|entry| entry.api.cors.is_some()).cloned();
        if self.missed.is_some() {
            self.origin = request.headers().get(ORIGIN).cloned();
        }
    }

    pub(crate) fn admitted(&mut self, admitted: &Admitted) {
        self.record.caller.clone_from(&admitted.caller);
        self.counted(admitted);
    }

    /// What its plan has counted since it was admitted.
    pub(crate) fn counted(&mut self, admitted: &Admitted) {
        self.record.passed = admitted.passed;
        self.record.observed = admitted.observed;
    }

    /// One more check has passed.
    pub(crate) fn passed(&mut self, check: Check) {
        self.record.passed.add(check);
    }

    pub(crate) fn hold(&mut self, slot: Option<Slot>) {
        self.slot = slot;
    }

    /// The answer is one that was kept.
    pub(crate) fn replayed(&mut self) {
        self.record.replayed = true;
    }

    pub(crate) fn upstream(&mut self, began_ns: u64, now_ns: u64) {
        self.record.upstream_after_us = began_ns.saturating_sub(self.began_ns) / 1000;
        self.record.upstream_us = Some(now_ns.saturating_sub(began_ns) / 1000);
    }

    /// Which of a service's addresses was called last, and how often one was called again.
    pub(crate) fn called(&mut self, state: &Arc<ServiceState>, index: usize, retries: u32) {
        let canary = self.record.api.as_ref().and_then(|api| api.canary.as_ref());
        let is_canary = canary.is_some_and(|(canary, _)| Arc::ptr_eq(canary, state));
        let whose = if is_canary { Whose::Canary } else { Whose::Service };
        self.record.called = Some(Called { whose, index });
        self.record.retries = retries;
    }

    /// The function of the route was called.
    pub(crate) fn invoked(&mut self) {
        self.record.called = Some(Called { whose: Whose::Function, index: 0 });
    }

    /// What an upgraded connection has carried.
    pub(crate) fn carried(&mut self, bytes_in: u64, bytes_out: u64) {
        self.record.bytes_in = bytes_in;
        self.record.bytes_out = bytes_out;
    }

    /// An upgraded connection begins: its end is this request's.
    pub(crate) fn upgraded(&mut self) {
        self.record.status = 101;
    }

    /// The gateway has refused.
    pub(crate) fn refused(
        mut self: Box<Self>,
        refusal: &Refusal,
        response: Response<Body>,
    ) -> Response<Body> {
        let denial = &refusal.denial;
        self.record.refusal = Some((denial.code(), denial.reason()));
        if self.grpc {
            // Every answer of gRPC is a 200; log, metrics and usage tell what it would have been.
            self.record.status = denial.status().as_u16();
        }
        self.answered(response)
    }

    /// The company's service has answered, or the gateway in its place.
    pub(crate) fn answered<B>(mut self: Box<Self>, mut response: Response<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static,
    {
        if self.record.status == 0 {
            self.record.status = response.status().as_u16();
        }
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, self.record.request_id.clone());
        let api = self.record.api.as_ref().or(self.missed.as_ref());
        if let Some(cors) = api.and_then(|entry| entry.api.cors.as_ref()) {
            cors::add(cors, self.origin.as_ref(), headers);
        }
        response.map(|inner| Body::new(Counted { inner, recorder: self }))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let took_ns = self.world.clock.ticks_ns().saturating_sub(self.began_ns);
        let record = &mut self.record;
        if record.status == 0 {
            record.status = CALLER_GONE;
            let reason = "the caller went away before the answer".to_owned();
            record.refusal = Some(("caller-gone", reason));
        }
        record.took_us = took_ns / 1000;
        if let Some(bytes_in) = &self.bytes_in {
            record.bytes_in = bytes_in.load(Ordering::Relaxed);
        }
        self.world.observer.record(record);
    }
}

/// A body that counts what passes.
struct Counted<B> {
    inner: B,
    recorder: Box<Recorder>,
}

impl<B> http_body::Body for Counted<B>
where
    B: http_body::Body<Data = Bytes, Error = BoxError> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.recorder.record.bytes_out += data.len() as u64;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
