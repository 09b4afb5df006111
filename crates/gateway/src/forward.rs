//! Admission + request → the company's own service → answer, streamed both ways.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, UPGRADE};
use http::{HeaderName, HeaderValue, Method, Request, Response, Version};
use http_body::{Body as _, Frame, SizeHint};
use listener::{Body, BoxError, Incoming, OnUpgrade};

use crate::body::Given;
use crate::denial::Denial;
use crate::headers::{self, Call, Spoken, says};
use crate::record::Recorder;
use crate::routes::Found;
use crate::service::{ServiceState, UnderWay};
use crate::tunnel;
use crate::upstreams::{Came, Failed, FromService, Line, Upstreams, came};

/// The largest request head, in bytes of names and values (API Gateway's own limit).
const HEAD_BYTES_MAX: usize = 10_240;
/// A request with this field may be repeated: the service promises to tell.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Connections that rested are tried at most so often: each may have been closed meanwhile.
const RESTED_MAX: u32 = 16;

/// How an admitted request was answered.
pub(crate) enum Answered {
    /// By the service; its body is on its way.
    Coming(Response<Coming>),
    /// By a function, whole.
    Whole(Response<Body>),
    /// By another protocol, which goes on after this answer.
    Upgraded(Response<Body>),
}

/// Forwards an admitted request and gives the answer as soon as its head is there. An upgraded
/// connection takes the recorder with it.
pub(crate) async fn send(
    upstreams: &Upstreams,
    call: Call<'_>,
    (body, upgrade): (Given, Option<OnUpgrade>),
    slot: &mut Option<Box<Recorder>>,
) -> Result<Answered, Denial> {
    let Some(recorder) = slot.as_mut() else { return Err(Denial::Forgotten) };
    let (api, route) = (&call.found.api, call.found.route());
    let state = api.service(call.admission.partner(), recorder.address());
    let bytes_max = route.body_bytes_max.unwrap_or(api.api.body_bytes_max);
    let timeout_ms = route.timeout_ms.unwrap_or(api.api.timeout_ms);
    let mut fault = Fault::default();
    let body = match body {
        Given::Whole(bytes) => listener::full(bytes),
        Given::Coming(body) if body.is_end_stream() => listener::empty(),
        Given::Coming(inner) => {
            fault = Fault::possible();
            let (count, fault) = (recorder.bytes_in(), fault.clone());
            Body::new(Bounded { inner, bytes_max, count, fault })
        }
    };
    let began_ns = recorder.ticks_ns();
    // Whoever cannot change the protocol answers as if nobody had asked (RFC 9110 §7.8). What an
    // HTTP/2 service would need for it (RFC 8441) is not spoken.
    let upgrade = upgrade.filter(|_| !state.service.http2);
    let spoken = match (&upgrade, state.service.http2) {
        (Some(_), _) => Spoken::Upgrade,
        (None, true) => Spoken::Two,
        (None, false) => Spoken::One,
    };
    let (at, tried, called, retries) = (None, Vec::new(), None, 0);
    let of_caller = fault.clone();
    let mut tries =
        Tries { upstreams, call, recorder, state, spoken, at, tried, called, retries, of_caller };
    let timeout = Duration::from_millis(timeout_ms);
    // Pinned here, so that it is not moved into what waits for it.
    let sent = {
        let answered = pin!(tries.until_answered(body, began_ns));
        call.peer.timer.within((began_ns, timeout), answered).await
    };
    let Tries { at, called, retries, .. } = tries;
    let now_ns = recorder.ticks_ns();
    recorder.upstream(began_ns, now_ns);
    if let Some(index) = called {
        recorder.called(state, index, retries);
    }
    let denial = match sent {
        Some(Ok(answer)) => return answered(call, answer, upgrade, slot),
        _ if fault.is(TOO_LARGE) => return Err(Denial::BodyTooLarge { bytes_max }),
        _ if fault.is(BROKEN) => return Err(Denial::CallerBroke),
        Some(Err(denial)) => denial,
        None => Denial::UpstreamTimeout { timeout_ms },
    };
    if let (Denial::UpstreamTimeout { .. }, Some(mut under_way)) = (&denial, at) {
        under_way.failed(now_ns);
    }
    Err(denial)
}

/// The tries of one call.
struct Tries<'a> {
    upstreams: &'a Upstreams,
    call: Call<'a>,
    recorder: &'a Recorder,
    state: &'a Arc<ServiceState>,
    spoken: Spoken,
    /// Where the present try is: kept here so that it is known when the time is up.
    at: Option<UnderWay>,
    tried: Vec<usize>,
    /// The address of the present or the last try.
    called: Option<usize>,
    /// How often it was tried again.
    retries: u32,
    /// What is wrong with the caller's body: then nothing is wrong with the service.
    of_caller: Fault,
}

type Answer = (Came, UnderWay);

impl Tries<'_> {
    /// Calls one address after the other until one answers or no further try is allowed.
    async fn until_answered(&mut self, body: Body, began_ns: u64) -> Result<Answer, Denial> {
        let repeatable = http_body::Body::is_end_stream(&body)
            && (self.call.parts.method.is_idempotent()
                || self.call.parts.headers.contains_key(IDEMPOTENCY_KEY));
        self.state.called();
        let (mut body, mut rested) = (Some(body), 0);
        loop {
            let now_ns =
                if self.retries + rested == 0 { began_ns } else { self.recorder.ticks_ns() };
            let chosen = self.state.choose(now_ns, &self.tried);
            let chosen = chosen
                .map_err(|out| Denial::ServiceOut { wait: Duration::from_nanos(out.wait_ns) })?;
            let index = chosen.index();
            (self.at, self.called) = (Some(chosen), Some(index));
            let failed = match self.once(&mut body).await {
                Ok(came) => {
                    let Some(mut under_way) = self.at.take() else { return Err(Denial::Forgotten) };
                    under_way.succeeded(|| self.recorder.ticks_ns());
                    return Ok((came, under_way));
                }
                Err(failed) => failed,
            };
            // A connection that the service closed while it rested says nothing of the service.
            let stale = failed.reused && failed.unsent.is_some() && rested < RESTED_MAX;
            if stale {
                (body, rested) = (failed.unsent, rested + 1);
                self.at = None;
                continue;
            }
            if let Some(mut under_way) = self.at.take()
                && self.of_caller.is(SOUND)
            {
                under_way.failed(self.recorder.ticks_ns());
            }
            // Sent, and no answer begun: another address may do better, and a connection that had
            // rested may have been closed just then.
            let again = repeatable && (failed.reused || self.state.members.len() > 1);
            body = match failed.unsent {
                Some(unsent) => Some(unsent),
                None if again && !failed.answering => Some(listener::empty()),
                None => return Err(*failed.denial),
            };
            if self.retries >= self.state.service.retries || !self.state.may_retry() {
                return Err(*failed.denial);
            }
            self.retries += 1;
            self.tried.push(index);
        }
    }

    /// One try at the present address.
    async fn once(&self, body: &mut Option<Body>) -> Result<Came, Failed> {
        let failed = |denial, unsent| {
            let denial = Box::new(denial);
            Failed { denial, unsent, reused: false, answering: false }
        };
        let Some(member) = self.at.as_ref().map(UnderWay::member) else {
            return Err(failed(Denial::Forgotten, None));
        };
        let fresh = self.spoken == Spoken::Upgrade;
        let line = match self.upstreams.line(self.state, member, fresh).await {
            Ok(line) => line,
            Err(denial) => return Err(failed(denial, body.take())),
        };
        let unsent = body.take().unwrap_or_default();
        let parts = self.call.parts;
        let mut lent = match line {
            Line::One(lent) => lent,
            Line::Two(_) => {
                let how = (member, self.spoken);
                let request = headers::outgoing(self.call, self.recorder, how, unsent);
                return Box::pin(line.send(request.map_err(|denial| failed(denial, None))?)).await;
            }
        };
        let to = (lent.head(), unsent.size_hint().exact());
        let framing = headers::write(self.call, self.recorder, (member, self.spoken), to);
        let framing = framing.map_err(|denial| failed(denial, None))?;
        // In HTTP/1.1 what follows a body is not taken, and announces nothing.
        let announced = match parts.version {
            Version::HTTP_2 => http1::announced(&parts.headers),
            _ => Vec::new(),
        };
        came(lent.call(&parts.method, (framing, announced), unsent).await)
    }
}

fn answered(
    call: Call<'_>,
    (came, under_way): Answer,
    upgrade: Option<OnUpgrade>,
    slot: &mut Option<Box<Recorder>>,
) -> Result<Answered, Denial> {
    let response = match came {
        Came::Answer(response) => response,
        Came::Switched(response, service) => {
            let Some(caller) = upgrade else {
                let reason = "it changed the protocol, and nobody asked for that".to_owned();
                return Err(Denial::UpstreamBroke { reason });
            };
            let Some(mut recorder) = slot.take() else { return Err(Denial::Forgotten) };
            let answer = switched(call, response, &recorder);
            recorder.upgraded();
            call.peer.tasks.spawn(tunnel::carry((caller, service), recorder, under_way));
            return Ok(Answered::Upgraded(answer));
        }
    };
    let (mut parts, inner) = response.into_parts();
    headers::incoming(&mut parts.headers, call.found, parts.version);
    // The version is of each connection, not of the message (RFC 9110 §2.5).
    parts.version = Version::HTTP_11;
    parts.extensions = http::Extensions::new();
    let mut coming = Coming { inner, under_way: Some(under_way) };
    if coming.inner.is_end_stream() {
        coming.under_way = None;
    }
    Ok(Answered::Coming(Response::from_parts(parts, coming)))
}

/// The answer to a caller whose connection goes on in another protocol.
fn switched(call: Call<'_>, response: Response<()>, recorder: &Recorder) -> Response<Body> {
    let protocol = response.headers().get(UPGRADE).cloned();
    let version = response.version();
    let mut answer = response.map(|()| listener::empty());
    let headers = answer.headers_mut();
    headers::incoming(headers, call.found, version);
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if let Some(protocol) = protocol {
        headers.insert(UPGRADE, protocol);
    }
    headers.insert(headers::REQUEST_ID, recorder.request_id().clone());
    *answer.version_mut() = Version::HTTP_11;
    answer
}

/// What a caller that wants to change the protocol needs for it (RFC 9110 §7.8).
pub(crate) fn upgrade_of<B>(request: &mut Request<B>) -> Option<OnUpgrade> {
    let headers = request.headers();
    let wants = request.version() == Version::HTTP_11
        && request.method() == Method::GET
        && headers.contains_key(UPGRADE)
        && says(headers, &CONNECTION, "upgrade")
        // No other protocol is carried; the request is answered in HTTP/1.1.
        && says(headers, &UPGRADE, "websocket");
    wants.then(|| request.extensions_mut().remove::<OnUpgrade>()).flatten()
}

/// What is wrong with the message's form: shapes that servers on the way take apart differently
/// (RFC 9112 §3.2, §6.3). In HTTP/1.1 the body's length has been settled when the head was read.
pub(crate) fn malformed<B>(request: &Request<B>) -> Option<Denial> {
    let headers = request.headers();
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Some(Denial::Malformed("Send exactly one Host header."));
    }
    // HTTP/2 may say the same length twice; a service in HTTP/1.1 is told one.
    if headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        return Some(Denial::Malformed("Send one Content-Length."));
    }
    if headers.get(HOST).is_some_and(|host| !headers::is_host(host.as_bytes())) {
        return Some(Denial::Malformed("Send a Host header of one host and its port."));
    }
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    if !target.is_ascii() {
        return Some(Denial::Malformed(
            "Send the path and the query in ASCII, percent-encoded (RFC 3986).",
        ));
    }
    None
}

/// What is known to be too large about a request before its body is read.
pub(crate) fn too_large<B>(request: &Request<B>, found: &Found) -> Option<Denial> {
    let headers = request.headers();
    let head: usize =
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if head > HEAD_BYTES_MAX {
        return Some(Denial::HeadTooLarge);
    }
    let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
    let bytes_max = found.body_bytes_max();
    (length > bytes_max).then_some(Denial::BodyTooLarge { bytes_max })
}

/// The body of a service's answer; the call is over when it has ended.
pub(crate) struct Coming {
    inner: FromService,
    under_way: Option<UnderWay>,
}

impl http_body::Body for Coming {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if frame.is_none() || self.inner.is_end_stream() {
            self.under_way = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

const SOUND: u8 = 0;
const TOO_LARGE: u8 = 1;
const BROKEN: u8 = 2;

/// What is wrong with a caller's body; nothing can be with one that is whole.
#[derive(Clone, Default)]
struct Fault(Option<Arc<AtomicU8>>);

impl Fault {
    fn possible() -> Self {
        Self(Some(Arc::default()))
    }

    fn is(&self, fault: u8) -> bool {
        self.0.as_ref().map_or(SOUND, |present| present.load(Ordering::Relaxed)) == fault
    }

    fn set(&self, fault: u8) {
        if let Some(present) = &self.0 {
            present.store(fault, Ordering::Relaxed);
        }
    }
}

/// A request's body, counted and cut off with an error at its bound.
struct Bounded {
    inner: Incoming,
    bytes_max: u64,
    count: Arc<AtomicU64>,
    fault: Fault,
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(context)) else {
            return Poll::Ready(None);
        };
        let frame = frame.map_err(|error| {
            self.fault.set(BROKEN);
            BoxError::from(error)
        })?;
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        let so_far = self.count.fetch_add(length, Ordering::Relaxed) + length;
        if so_far > self.bytes_max {
            self.fault.set(TOO_LARGE);
            return Poll::Ready(Some(Err("the body is larger than the API takes".into())));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
