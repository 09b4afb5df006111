//! Accepting connections and serving HTTP/1.1 on each, until told to stop.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::Body;
use crate::problem::panicked;

/// Connections the system holds until we accept them.
const BACKLOG: i32 = 1024;
/// How long a refused `accept` (no file handles left) is waited out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers the requests of a door.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request from the address `peer`.
    fn handle(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// The bounds of a door.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections held at once; more wait in the system's backlog.
    pub connections_max: usize,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// The largest request head hyper reads, in bytes; more is 431.
    pub head_bytes_max: usize,
    /// How long requests under way may take after the stop was asked for.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            header_timeout: Duration::from_secs(15),
            head_bytes_max: 64 * 1024,
            drain: Duration::from_secs(30),
        }
    }
}

/// An open door: its socket and its bounds.
pub struct Door {
    /// The listening socket.
    pub listener: TcpListener,
    /// Its bounds.
    pub limits: Limits,
    /// Cancelled when the door is to close.
    pub stop: CancellationToken,
}

/// Opens a listening socket. The address may be taken again at once after a restart.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves a door on this runtime until it is stopped, then lets requests under way end.
pub async fn serve<H: Handler>(door: Door, handler: H) {
    let tracker = TaskTracker::new();
    let open = Arc::new(AtomicUsize::new(0));
    accept(&door, |stream, peer| {
        let guard = Open::new(Arc::clone(&open), door.limits.connections_max)?;
        let connection = connection(stream, peer, handler.clone(), Context::of(&door));
        tracker.spawn(async move {
            connection.await;
            drop(guard);
        });
        Some(())
    })
    .await;
    // Whoever connects from here on is refused at once and goes elsewhere.
    drop(door.listener);
    drain(&tracker, door.limits.drain).await;
}

/// Accepts until stopped; `take` gives none while there is no room.
pub(crate) async fn accept(door: &Door, mut take: impl FnMut(TcpStream, SocketAddr) -> Option<()>) {
    loop {
        let accepted = tokio::select! {
            () = door.stop.cancelled() => return,
            accepted = door.listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if take(stream, peer).is_none() {
                    tracing::warn!(%peer, "connection closed: the door holds as many as it may");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits for connections to end, so long as may be.
pub(crate) async fn drain(tracker: &TaskTracker, longest: Duration) {
    tracker.close();
    if tokio::time::timeout(longest, tracker.wait()).await.is_err() {
        tracing::warn!(connections = tracker.len(), "closing connections that did not end in time");
    }
}

/// Counts an open connection as long as it lives.
pub(crate) struct Open(Arc<AtomicUsize>);

impl Open {
    pub(crate) fn new(count: Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        let open = Self(count);
        (before < most).then_some(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a connection needs of its door.
#[derive(Clone)]
pub(crate) struct Context {
    limits: Limits,
    stop: CancellationToken,
}

impl Context {
    pub(crate) fn of(door: &Door) -> Self {
        Self { limits: door.limits, stop: door.stop.clone() }
    }
}

/// Serves one connection to its end.
pub(crate) async fn connection<H: Handler>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: H,
    context: Context,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "no TCP_NODELAY on this connection");
    }
    let service = service_fn(move |request| {
        let handler = handler.clone();
        async move {
            // A panic in one request harms no other, and not the connection either.
            let answer = AssertUnwindSafe(handler.handle(request, peer)).catch_unwind().await;
            let answer = answer.unwrap_or_else(|_| {
                tracing::error!(%peer, "a request's handling panicked");
                panicked()
            });
            Ok::<_, Infallible>(answer)
        }
    });
    let mut served = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(context.limits.header_timeout)
            .max_buf_size(context.limits.head_bytes_max)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = context.stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended early");
    }
}
