//! Admission + request → the company's own service → answer, streamed both ways.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, TE, VIA};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use listener::{Body, BoxError};
use model::Api;
use outbound::{Guard, Lent, Origin, Pool, in_words};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::checks::{Admission, key};
use crate::denial::Denial;
use crate::record::Recorder;
use crate::routes::Found;

/// Idle connections kept to one upstream, per core.
const IDLE_MAX: usize = 256;
/// The largest request head, in bytes of names and values (API Gateway's own limit).
const HEAD_BYTES_MAX: usize = 10_240;
/// What we call ourselves in `Via` (RFC 9110 §7.6.3).
const VIA_NAME: &str = "1.1 gatepost";

/// Identity headers: always ours, never the caller's.
const OURS: [&str; 4] =
    ["gatepost-partner", "gatepost-client", "gatepost-api-key-id", "gatepost-scopes"];

/// Fields that concern one connection only (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "trailer",
    "upgrade",
];

/// This core's connections to the company's services.
#[derive(Clone)]
pub(crate) struct Upstreams {
    pools: Arc<Mutex<HashMap<String, Arc<Pool<Body>>>>>,
    tracker: TaskTracker,
}

impl Upstreams {
    pub(crate) fn new(tracker: TaskTracker) -> Self {
        Self { pools: Arc::default(), tracker }
    }

    fn pool(&self, authority: &str) -> Option<Arc<Pool<Body>>> {
        let mut pools = self.pools.lock();
        if let Some(pool) = pools.get(authority) {
            return Some(Arc::clone(pool));
        }
        let origin = Origin::plain(authority)?;
        let pool = Arc::new(Pool::new(origin, Guard::Own, IDLE_MAX, self.tracker.clone()));
        pools.insert(authority.to_owned(), Arc::clone(&pool));
        Some(pool)
    }
}

/// Forwards an admitted request and gives the answer as soon as its head is there.
pub(crate) async fn send(
    upstreams: &Upstreams,
    admission: &Admission,
    found: &Found,
    (request, recorder): (Request<Incoming>, &Recorder),
) -> Result<Response<Body>, Denial> {
    recorder.passed(admission.passed());
    let api = &found.api.api;
    let unreachable = |reason: String| Denial::UpstreamUnreachable { reason };
    let authority = &api.upstream.authority;
    let pool = upstreams.pool(authority).ok_or_else(|| unreachable(authority.clone()))?;
    let too_large = Arc::new(AtomicBool::new(false));
    let request = outgoing(request, admission, found, recorder)?
        .map(|body| bounded(body, api.body_bytes_max, recorder, &too_large));
    let began_ns = recorder.ticks_ns();
    let timeout = Duration::from_millis(api.timeout_ms);
    let sent = tokio::time::timeout(timeout, exchange(&pool, request)).await;
    recorder.upstream(began_ns);
    match sent {
        Err(_) => Err(Denial::UpstreamTimeout { timeout_ms: api.timeout_ms }),
        Ok(Err(_)) if too_large.load(Ordering::Relaxed) => {
            Err(Denial::BodyTooLarge { bytes_max: api.body_bytes_max })
        }
        Ok(Err(denial)) => Err(denial),
        Ok(Ok(response)) => Ok(response),
    }
}

/// Sends on an idle connection, or a new one. An idle connection that the service closed meanwhile
/// hands the request back unsent; then, and only then, it is sent again.
async fn exchange(pool: &Pool<Body>, mut request: Request<Body>) -> Result<Response<Body>, Denial> {
    loop {
        let mut lent = match pool.idle() {
            Some(lent) => lent,
            None => pool
                .connect()
                .await
                .map_err(|error| Denial::UpstreamUnreachable { reason: in_words(&error) })?,
        };
        match lent.sender.try_send_request(request).await {
            Ok(response) => return Ok(incoming(response, lent)),
            Err(mut error) => match error.take_message() {
                Some(unsent) if lent.reused => request = unsent,
                _ => {
                    let reason = in_words(&error.into_error());
                    return Err(Denial::UpstreamBroke { reason });
                }
            },
        }
    }
}

/// What is wrong with the message's form: shapes that servers on the way take apart differently
/// (RFC 9112 §3.2, §6.3). Content-Length beside Transfer-Encoding is taken out by the HTTP library
/// before we see it; the body is framed anew on its way on, so there is one reading only.
pub(crate) fn malformed<B>(request: &Request<B>) -> Option<Denial> {
    let headers = request.headers();
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == http::Version::HTTP_11) {
        return Some(Denial::Malformed("Send exactly one Host header."));
    }
    if headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Some(Denial::Malformed("Send one Content-Length."));
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
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|text| text.parse::<u64>().ok());
    let bytes_max = found.api.api.body_bytes_max;
    length.filter(|length| *length > bytes_max).map(|_| Denial::BodyTooLarge { bytes_max })
}

/// The request as the company's service gets it.
fn outgoing<B>(
    request: Request<B>,
    admission: &Admission,
    found: &Found,
    recorder: &Recorder,
) -> Result<Request<B>, Denial> {
    let api = &found.api.api;
    let (mut parts, body) = request.into_parts();
    let host = parts.headers.get(HOST).cloned();
    strip(&mut parts.headers);
    parts.headers.remove(EXPECT);
    parts.headers.remove(key::HEADER);
    if !api.forward_token {
        parts.headers.remove(AUTHORIZATION);
    }
    identify(&mut parts.headers, admission, recorder, host);
    let authority = HeaderValue::from_str(&api.upstream.authority);
    parts.headers.insert(
        HOST,
        authority.map_err(|_| Denial::UpstreamUnreachable {
            reason: "the upstream's authority is no header value".to_owned(),
        })?,
    );
    parts.uri = target(api, found.path(parts.uri.path()), parts.uri.query())?;
    parts.version = http::Version::HTTP_11;
    parts.extensions = http::Extensions::new();
    Ok(Request::from_parts(parts, body))
}

fn target(api: &Api, path: &str, query: Option<&str>) -> Result<Uri, Denial> {
    let prefix = &api.upstream.path_prefix;
    let whole = match query {
        Some(query) => format!("{prefix}{path}?{query}"),
        None => format!("{prefix}{path}"),
    };
    let path = PathAndQuery::try_from(whole)
        .map_err(|error| Denial::UpstreamUnreachable { reason: error.to_string() })?;
    Ok(Uri::from(path))
}

/// Removes what concerns this connection only, and what a caller may not claim.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        // A caller must not name a field away that the message's form hangs on.
        if name != CONTENT_LENGTH && name != HOST {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP.iter().chain(&OURS) {
        headers.remove(*name);
    }
    headers.remove(TE);
    let claimed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            // Some servers hand `_` and `-` on as the same letter (CGI, WSGI).
            let name = name.as_str().replace('_', "-");
            let reserved = ["forwarded", "x-real-ip", "x-request-id", "traceparent", "x-api-key"];
            name.starts_with("gatepost-")
                || name.starts_with("x-forwarded-")
                || reserved.contains(&name.as_str())
        })
        .cloned()
        .collect();
    for name in claimed {
        headers.remove(name);
    }
    headers.remove(FORWARDED);
}

/// Tells the service who calls.
fn identify(
    headers: &mut HeaderMap,
    admission: &Admission,
    recorder: &Recorder,
    host: Option<HeaderValue>,
) {
    let address = recorder.address();
    let token = admission.token();
    let facts = [
        ("gatepost-partner", admission.partner().map(ToString::to_string)),
        ("gatepost-client", token.map(|token| token.client_id.clone())),
        ("gatepost-api-key-id", admission.key().map(|key| key.id.clone())),
        ("gatepost-scopes", token.map(|token| token.scope.clone())),
        ("x-forwarded-for", Some(address.to_string())),
        ("x-request-id", Some(recorder.request_id().to_owned())),
        ("traceparent", Some(recorder.trace().to_string())),
        ("forwarded", Some(forwarded(address))),
    ];
    for (name, value) in facts {
        if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
    if let Some(host) = host {
        headers.insert("x-forwarded-host", host);
    }
    headers.append(VIA, HeaderValue::from_static(VIA_NAME));
}

/// RFC 7239 §6: an IPv6 address stands in brackets and quotes.
fn forwarded(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("for={v4};proto=http"),
        IpAddr::V6(v6) => format!(r#"for="[{v6}]";proto=http"#),
    }
}

/// The service's answer as the partner gets it; the connection returns when its body has ended.
fn incoming(response: Response<Incoming>, lent: Lent<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    for name in HOP_BY_HOP {
        parts.headers.remove(name);
    }
    parts.headers.append(VIA, HeaderValue::from_static(VIA_NAME));
    // The version is of each connection, not of the message (RFC 9110 §2.5).
    parts.version = http::Version::HTTP_11;
    parts.extensions = http::Extensions::new();
    let mut returning = Returning { inner: body, lent: Some(lent) };
    if returning.inner.is_end_stream() {
        returning.end();
    }
    Response::from_parts(parts, Body::new(returning))
}

struct Returning {
    inner: Incoming,
    lent: Option<Lent<Body>>,
}

impl Returning {
    fn end(&mut self) {
        if let Some(lent) = self.lent.take() {
            lent.give_back();
        }
    }
}

impl http_body::Body for Returning {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if frame.is_none() || self.inner.is_end_stream() {
            self.end();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn bounded(
    inner: Incoming,
    bytes_max: u64,
    recorder: &Recorder,
    too_large: &Arc<AtomicBool>,
) -> Body {
    if inner.is_end_stream() {
        return listener::empty();
    }
    let count = recorder.bytes_in();
    Body::new(Bounded { inner, bytes_max, count, too_large: Arc::clone(too_large) })
}

/// A request's body, counted and cut off with an error at its bound.
struct Bounded {
    inner: Incoming,
    bytes_max: u64,
    count: Arc<AtomicU64>,
    too_large: Arc<AtomicBool>,
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
        let frame = frame.map_err(BoxError::from)?;
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        let so_far = self.count.fetch_add(length, Ordering::Relaxed) + length;
        if so_far > self.bytes_max {
            self.too_large.store(true, Ordering::Relaxed);
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
