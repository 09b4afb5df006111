//! One connection: who is there, which HTTP is spoken, its requests, its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use model::Clock;
use rustls::ProtocolVersion;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::accept::{Door, Handler, Limits, Memory as _};
use crate::activity::{Activity, Bounds, InFlight, Verdict, Watch, Watched};
use crate::bell::Bell;
use crate::body::{Body, BoxError};
use crate::closing::Closing;
use crate::cores::Seat;
use crate::counts::DoorCounts;
use crate::incoming::Incoming;
use crate::one::{One, Served};
use crate::peer::{Peer, TlsPeer, Trusted};
use crate::problem::panicked;
use crate::proxy_header::{self, HEADER_MAX};
use crate::tls::TlsDoor;
use crate::transport::{Detached, Socket, Transport};

/// How an HTTP/2 connection begins (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How soon to look again at first bytes that came only in part.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The longest pause between two such looks: each is twice as long as the one before, so that
/// thousands of connections that say one byte cost next to nothing.
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(640);
/// How long whoever has just connected may take to ask when the door closes: what is on its way
/// arrives in that time, also from another continent.
const FIRST_REQUEST: Duration = Duration::from_millis(250);

/// Requests under way at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 250;
/// Streams that a client may open and reset before they are looked at (CVE-2023-44487).
const RESETS_MAX: usize = 50;
/// How much of a request's body may be on its way on one stream, and on all of a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// How much of the answers may wait for one HTTP/2 client.
const SEND_BUFFER_MAX: usize = 256 * 1024;
/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What a connection needs of its door.
#[derive(Clone)]
pub(crate) struct Context {
    limits: Limits,
    closing: Closing,
    tls: Option<Arc<TlsDoor>>,
    balancers: Option<Arc<Trusted>>,
    tracker: TaskTracker,
    counts: Arc<DoorCounts>,
    clock: Arc<dyn Clock>,
    /// Where the door has several cores: the one that the connection is on.
    seat: Option<Seat>,
}

impl Context {
    pub(crate) fn of(door: &Door, tracker: TaskTracker) -> Self {
        let (tls, balancers) = (door.tls.clone(), door.balancers.clone());
        let (closing, counts) = (door.closing.clone(), Arc::clone(&door.counts));
        let clock = Arc::clone(&door.clock);
        Self { limits: door.limits, closing, tls, balancers, tracker, counts, clock, seat: None }
    }

    /// The same on a core, with a stop signal of its own, which follows the door's: connections look at
    /// it often, and cores should not meet there.
    pub(crate) fn at(self, seat: Seat) -> Self {
        Self { closing: self.closing.alone(), seat: Some(seat), ..self }
    }
}

/// A connection that is ready for its first request.
type Ready = (Transport, Peer, Http);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

impl Http {
    /// That of a connection on which nothing was asked.
    fn activity(self) -> Activity {
        match self {
            Self::One => Activity::default(),
            Self::Two => Activity::multiplexed(),
        }
    }
}

/// A connection that goes on, on another core: what was found out when it began.
pub(crate) struct Moving {
    transport: Detached,
    address: SocketAddr,
    is_vouched_for: bool,
    tls: Option<Arc<TlsPeer>>,
    http: Http,
}

impl Moving {
    pub(crate) fn new(transport: Transport, peer: &Peer, http: Http) -> Option<Box<Self>> {
        let Peer { address, is_vouched_for, ref tls, .. } = *peer;
        let detached = Detached::from(transport).inspect_err(|error| lost(error, address));
        let (transport, tls) = (detached.ok()?, tls.clone());
        Some(Box::new(Self { transport, address, is_vouched_for, tls, http }))
    }

    #[cfg(test)]
    pub(crate) fn into_stream(self) -> TcpStream {
        let Ok(Transport::Left(stream)) = self.transport.attach() else { panic!("it is in TLS") };
        stream
    }

    /// Whether it will not move again.
    pub(crate) fn will_stay(&self) -> bool {
        self.http == Http::Two
    }
}

/// Serves one connection to its end, or until it is to move.
pub(crate) async fn connection<H: Handler>(
    stream: TcpStream,
    address: SocketAddr,
    handler: H,
    context: Context,
) -> Option<Box<Moving>> {
    let ready = tokio::select! {
        ready = tokio::time::timeout(context.limits.idle_timeout, prepare(stream, address, &context)) => ready,
        () = too_late(&context.closing) => return None,
    };
    match ready {
        // What serving needs is taken only when somebody asks.
        Ok(Ok((stream, peer, http))) => {
            if http == Http::Two && context.seat.is_some() && !context.closing.is_leaving() {
                // The only moment in which it can; at the end each core waits for its own.
                return Moving::new(stream, &peer, http);
            }
            let activity = http.activity();
            return Box::pin(serve(stream, (peer, http, activity), handler, context)).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, %address, "connection ended before a request"),
        Err(_) => tracing::debug!(%address, "connection closed: it said nothing"),
    }
    None
}

/// Serves a connection that was another core's, like [`connection`].
pub(crate) async fn moved<H: Handler>(
    moving: Box<Moving>,
    handler: H,
    context: Context,
) -> Option<Box<Moving>> {
    let Moving { transport, address, is_vouched_for, tls, http } = *moving;
    let stream = transport.attach().inspect_err(|error| lost(error, address)).ok()?;
    let peer = Peer { is_vouched_for, ..Peer::new(address, tls, context.tracker.clone()) };
    let activity = if http == Http::One { Activity::asked() } else { http.activity() };
    Box::pin(serve(stream, (peer, http, activity), handler, context)).await
}

fn lost(error: &io::Error, address: SocketAddr) {
    tracing::warn!(%error, %address, "a connection was lost on its way to another core, and its caller has to connect anew; is there memory, and room for open files?");
}

/// Waits until a connection on which nothing has come yet is not waited for any more.
async fn too_late(closing: &Closing) {
    closing.stopped().await;
    tokio::time::sleep(FIRST_REQUEST).await;
}

/// Takes the PROXY header, speaks TLS, and finds out which HTTP is spoken.
async fn prepare(
    mut stream: TcpStream,
    address: SocketAddr,
    context: &Context,
) -> io::Result<Ready> {
    stream.set_nodelay(true)?;
    let (mut address, mut is_vouched_for) = (address, true);
    if let Some(balancers) = &context.balancers
        && balancers.has(address.ip())
    {
        match take_proxy_header(&mut stream, context).await? {
            Some(source) => address = source,
            // Whoever it is has the balancer's address and must not be taken for the balancer.
            None => is_vouched_for = false,
        }
    }
    let tasks = context.tracker.clone();
    let Some(tls) = &context.tls else {
        let http = spoken(&stream, context.limits.head_timeout).await?;
        let peer = Peer { is_vouched_for, ..Peer::new(address, None, tasks) };
        return Ok((Transport::Left(stream), peer, http));
    };
    stream.readable().await?;
    let material = tls.material();
    let handshake = TlsAcceptor::from(Arc::clone(&material.config)).accept(Socket::from(stream));
    let shaken = tokio::time::timeout(context.limits.head_timeout, handshake).await;
    let shaken = shaken.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)));
    let stream = shaken.inspect_err(|error| {
        // Whoever only looks whether the port is open says nothing and goes.
        if error.kind() != io::ErrorKind::UnexpectedEof {
            context.counts.handshake_failed();
        }
    })?;
    let (_, state) = stream.get_ref();
    let shown = state.peer_certificates().and_then(|chain| material.judged(chain));
    let tls = TlsPeer {
        certificate: shown.as_ref().filter(|shown| shown.is_verified).map(|s| s.fingerprint),
        server_name: state.server_name().map(str::to_owned),
        shown: shown.map(Arc::new),
        version: match state.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            _ => "1.2",
        },
    };
    let peer = Peer { is_vouched_for, ..Peer::new(address, Some(Arc::new(tls)), tasks) };
    let http = if state.alpn_protocol() == Some(b"h2") { Http::Two } else { Http::One };
    Ok((Transport::Right(Box::new(stream)), peer, http))
}

async fn take_proxy_header(
    stream: &mut TcpStream,
    context: &Context,
) -> io::Result<Option<SocketAddr>> {
    let mut bytes = vec![0; HEADER_MAX];
    let reading = async {
        loop {
            let count = stream.peek(&mut bytes).await?;
            match proxy_header::read(bytes.get(..count).unwrap_or_default()) {
                proxy_header::Read::Header { length, source } => {
                    bytes.truncate(length);
                    stream.read_exact(&mut bytes).await?;
                    return Ok(source);
                }
                proxy_header::Read::Bad(reason) => return Err(io::Error::other(reason)),
                proxy_header::Read::More if count == 0 => {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
                }
                proxy_header::Read::More => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    };
    let read = tokio::time::timeout(context.limits.head_timeout, reading).await;
    read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Which HTTP a plain connection's first bytes are of. Nothing is taken. A connection may rest
/// before its first byte; from then on a head is on its way, and has the time of one.
async fn spoken(stream: &TcpStream, within: Duration) -> io::Result<Http> {
    stream.readable().await?;
    let looking = async {
        let (mut first, mut pause) = ([0; PREFACE.len()], LOOK_AGAIN);
        loop {
            let count = stream.peek(&mut first).await?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            if first.get(..count) != PREFACE.get(..count) {
                return Ok(Http::One);
            }
            if count == PREFACE.len() {
                return Ok(Http::Two);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN_MAX);
        }
    };
    let looked = tokio::time::timeout(within, looking).await;
    looked.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// What the requests of a connection share.
pub(crate) struct Shared<H: Handler> {
    handler: H,
    memory: H::Memory,
    peer: Peer,
    http: Http,
    activity: Arc<Activity>,
    closing: Closing,
    seat: Option<Seat>,
}

impl<H: Handler> Shared<H> {
    /// Notes that something is asked; keeps when that was done last.
    pub(crate) fn note_asked(&self, noted: &mut usize) {
        if let Some(seat) = &self.seat {
            seat.note_asked(noted);
        }
    }

    /// Whether the connection is to go on on another core. Not at the end, when each core waits for
    /// its own.
    pub(crate) fn moves(&self) -> bool {
        self.seat.as_ref().is_some_and(Seat::is_left) && !self.closing.is_leaving()
    }

    /// Says in an answer that the connection closes after it, where that is so. HTTP/2 says it of
    /// the whole connection by itself, and what is no HTTP any more not at all.
    fn say_whether_it_ends(&self, answer: &mut Response<Body>) {
        let ends = self.http == Http::One && self.closing.is_leaving();
        if ends && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl<H: Handler> Shared<H> {
    /// Gives back what a connection needs only while something is asked on it.
    fn rest(&self) {
        self.peer.timer.rest();
        self.memory.rest();
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let mut under_way = InFlight::begin(&self.activity);
        // A panic in one request harms no other, and not the connection either.
        let answered = pin!(self.handler.handle(request, (&self.peer, &self.memory)));
        let answer = AssertUnwindSafe(answered).catch_unwind().await;
        let mut answer = answer.unwrap_or_else(|_| {
            tracing::error!(peer = %self.peer.address, "a request's handling panicked");
            panicked()
        });
        self.say_whether_it_ends(&mut answer);
        under_way.answered();
        answer.map(|body| body.hold(under_way))
    }
}

async fn serve<H: Handler>(
    stream: Transport,
    (peer, http, activity): (Peer, Http, Activity),
    handler: H,
    context: Context,
) -> Option<Box<Moving>> {
    let activity = Arc::new(activity);
    let io = Watched::new(stream, Arc::clone(&activity));
    let address = peer.address;
    let (closing, seat) = (context.closing.clone(), context.seat.clone());
    let (memory, its) = (H::Memory::default(), Arc::clone(&activity));
    let shared = Shared { handler, memory, peer, http, activity: its, closing, seat };
    let head_bytes_max = context.limits.head_bytes_max;
    match http {
        Http::One => {
            let one = One::new(io, head_bytes_max, Arc::clone(&context.clock));
            let rest = || {
                one.rest();
                shared.rest();
            };
            let end = |_: Pin<&mut _>| one.leave();
            let ended = to_its_end(one.serve(&shared), (end, rest), &activity, &context).await;
            if let Ended::Itself(Served::Moves) = ended {
                return Moving::new(one.give_up()?, &shared.peer, http);
            }
            ended.tell(address);
        }
        Http::Two => {
            let shared = Arc::new(shared);
            let resting = Arc::clone(&shared);
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let shared = Arc::clone(&shared);
                let answer = async move { shared.answer(request.map(Incoming::two)).await };
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let connection = http2::Builder::new(Spawner(context.tracker.clone()))
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MAX)
                .max_pending_accept_reset_streams(RESETS_MAX)
                .max_header_list_size(u32::try_from(head_bytes_max).unwrap_or(u32::MAX))
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .max_send_buf_size(SEND_BUFFER_MAX)
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PING_TIMEOUT)
                .serve_connection(TokioIo::new(io), service);
            let end = |connection: Pin<&mut _>| http2::Connection::graceful_shutdown(connection);
            let rest = || resting.rest();
            to_its_end(connection, (end, rest), &activity, &context).await.tell(address);
        }
    }
    None
}

/// How a connection came to its end.
enum Ended<T> {
    Itself(T),
    Early(BoxError),
    By(Verdict),
}

impl<T> Ended<T> {
    fn tell(self, address: SocketAddr) {
        match self {
            Self::Itself(_) => {}
            Self::Early(error) => {
                tracing::debug!(%error, peer = %address, "connection ended early");
            }
            Self::By(verdict) => tracing::debug!(?verdict, peer = %address, "connection closed"),
        }
    }
}

async fn to_its_end<C, T, E: Into<BoxError>>(
    connection: C,
    (ask_to_end, rest): (impl Fn(Pin<&mut C>), impl Fn()),
    activity: &Arc<Activity>,
    context: &Context,
) -> Ended<T>
where
    C: Future<Output = Result<T, E>>,
{
    let limits = context.limits;
    let bounds = Bounds {
        idle: limits.idle_timeout,
        head: limits.head_timeout,
        stuck: limits.stuck_timeout,
        silent: limits.silent_timeout,
    };
    let mut connection = pin!(connection);
    let mut end = pin!(end(&context.closing, activity));
    let mut watch = Watch::new(Arc::clone(activity), bounds);
    let mut pause = pin!(watch.pause());
    let (mut bell, mut stopping) = (Bell::default(), false);
    loop {
        let event = poll_fn(|context| {
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(Event::Ended(ended));
            }
            // A connection wakes several times for each request, and these once in seconds.
            bell.answer(context, |context| {
                if !stopping && end.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Event::Stop);
                }
                watch.poll_verdict(context, pause.as_mut(), &rest).map(Event::Verdict)
            })
        });
        match event.await {
            Event::Ended(ended) => {
                return ended.map_or_else(|error| Ended::Early(error.into()), Ended::Itself);
            }
            // Asked to end, an idle connection ends at once; one that does not is cut.
            Event::Stop | Event::Verdict(Verdict::Idle) if !stopping => {
                stopping = true;
                ask_to_end(connection.as_mut());
            }
            Event::Stop => {}
            Event::Verdict(verdict) => return Ended::By(verdict),
        }
    }
}

/// What a connection is woken by.
enum Event<T, E> {
    Ended(Result<T, E>),
    Stop,
    Verdict(Verdict),
}

/// Waits until a connection is asked to end: when its door closes, and a moment later where nobody
/// has asked on it yet, because whoever has just connected is about to.
async fn end(closing: &Closing, activity: &Activity) {
    closing.stopped().await;
    if !activity.is_multiplexed() && !activity.was_asked() {
        tokio::time::sleep(FIRST_REQUEST).await;
    }
}

/// Runs the streams of an HTTP/2 connection where whoever shuts down knows of them.
#[derive(Clone)]
struct Spawner(TaskTracker);

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
