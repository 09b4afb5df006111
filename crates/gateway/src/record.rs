//! What is told of each request: who, what, why, how long. Told once: when the answer's last byte
//! is on its way, or when the caller has gone.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use listener::{Body, BoxError, TraceParent};
use model::{Clock, Timestamp, request_id};
use parking_lot::Mutex;

use crate::checks::Admitted;
use crate::routes::Found;
use crate::{Refusal, World};

/// One request as the access log and the metrics see it.
#[derive(Debug, Clone)]
pub struct Record {
    /// When it came.
    pub at: Timestamp,
    /// Its id; the partner has it too.
    pub request_id: String,
    /// The trace it belongs to.
    pub trace_id: String,
    /// Where it came from.
    pub address: IpAddr,
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// The API, once known.
    pub api: Option<String>,
    /// The route's template, once known.
    pub route: Option<String>,
    /// The partner, once known.
    pub partner: Option<String>,
    /// The token's client, once known.
    pub client: Option<String>,
    /// The API key's id, once known.
    pub key_id: Option<String>,
    /// The checks that passed.
    pub passed: Vec<&'static str>,
    /// Why it was refused: the problem's code, and more in words.
    pub refusal: Option<(&'static str, String)>,
    /// The answer's status.
    pub status: u16,
    /// From the request's head to the answer's last byte, in microseconds.
    pub took_us: u64,
    /// Of that, waiting for the company's service, in microseconds.
    pub upstream_us: Option<u64>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

/// What the log says of a caller that went away before its answer; nobody is sent it.
const CALLER_GONE: u16 = 499;

/// Is told of every request. Must not block.
pub trait Observer: Send + Sync {
    /// A request has been answered.
    fn record(&self, record: Record);
}

/// Gathers a request's record while it is answered; tells it when dropped.
pub(crate) struct Recorder {
    record: Mutex<Record>,
    request_id: String,
    trace_id: String,
    trace: TraceParent,
    began_ns: u64,
    bytes_in: Arc<AtomicU64>,
    bytes_out: u64,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
}

impl Recorder {
    pub(crate) fn begin<B>(
        world: &World,
        request: &Request<B>,
        address: IpAddr,
        trace: TraceParent,
    ) -> Self {
        let at = world.clock.now();
        let (request_id, trace_id) = (request_id(at, &*world.random), trace.trace_id());
        let record = Record {
            at,
            request_id: request_id.clone(),
            trace_id: trace_id.clone(),
            address: address.to_canonical(),
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            api: None,
            route: None,
            partner: None,
            client: None,
            key_id: None,
            passed: Vec::new(),
            refusal: None,
            status: 0,
            took_us: 0,
            upstream_us: None,
            bytes_in: 0,
            bytes_out: 0,
        };
        Self {
            record: Mutex::new(record),
            request_id,
            trace_id,
            trace,
            began_ns: world.clock.ticks_ns(),
            bytes_in: Arc::default(),
            bytes_out: 0,
            clock: Arc::clone(&world.clock),
            observer: Arc::clone(&world.observer),
        }
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    pub(crate) fn trace_id(&self) -> &str {
        &self.trace_id
    }

    pub(crate) fn trace(&self) -> TraceParent {
        self.trace
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.record.lock().address
    }

    /// Where the request's body is counted.
    pub(crate) fn bytes_in(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_in)
    }

    pub(crate) fn ticks_ns(&self) -> u64 {
        self.clock.ticks_ns()
    }

    pub(crate) fn route(&self, found: &Found) {
        let mut record = self.record.lock();
        record.api = Some(found.api.api.name.to_string());
        record.route = Some(found.route().path.as_str().to_owned());
    }

    pub(crate) fn admitted(&self, admitted: &Admitted) {
        let mut record = self.record.lock();
        record.partner = admitted.partner.as_ref().map(ToString::to_string);
        record.client = admitted.token.as_ref().map(|token| token.client_id.clone());
        record.key_id = admitted.key.as_ref().map(|key| key.id.clone());
        record.passed.clone_from(&admitted.passed);
    }

    pub(crate) fn passed(&self, passed: &[&'static str]) {
        self.record.lock().passed = passed.to_vec();
    }

    pub(crate) fn upstream(&self, began_ns: u64) {
        let took = self.clock.ticks_ns().saturating_sub(began_ns) / 1000;
        self.record.lock().upstream_us = Some(took);
    }

    /// The company's service has answered.
    pub(crate) fn answered(self, response: Response<Body>) -> Response<Body> {
        self.finish(response)
    }

    /// The gateway has refused.
    pub(crate) fn refused(self, refusal: &Refusal, response: Response<Body>) -> Response<Body> {
        let denial = &refusal.denial;
        self.record.lock().refusal = Some((denial.code(), denial.reason()));
        self.finish(response)
    }

    fn finish(self, mut response: Response<Body>) -> Response<Body> {
        self.record.lock().status = response.status().as_u16();
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            response.headers_mut().insert("x-request-id", id);
        }
        response.map(|inner| Body::new(Counted { inner, recorder: self }))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let took_ns = self.clock.ticks_ns().saturating_sub(self.began_ns);
        let mut record = self.record.lock().clone();
        if record.status == 0 {
            record.status = CALLER_GONE;
            let reason = "the caller went away before the answer".to_owned();
            record.refusal = Some(("caller-gone", reason));
        }
        record.took_us = took_ns / 1000;
        record.bytes_in = self.bytes_in.load(Ordering::Relaxed);
        record.bytes_out = self.bytes_out;
        self.observer.record(record);
    }
}

/// A body that counts what passes.
struct Counted {
    inner: Body,
    recorder: Recorder,
}

impl http_body::Body for Counted {
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
            self.recorder.bytes_out += data.len() as u64;
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
