//! Accepting connections until told to stop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use model::Clock;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::body::Body;
use crate::closing::Closing;
use crate::connection::{Context, connection};
use crate::counts::DoorCounts;
use crate::incoming::Incoming;
use crate::peer::{Peer, Trusted};
use crate::room::{Addresses, Full, Place, TurnedAway};
use crate::tls::TlsDoor;

/// Connections the system holds until we accept them.
const BACKLOG: i32 = 1024;
/// How long a refused `accept` (no file handles left) is waited out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers the requests of a door.
pub trait Handler: Clone + Send + Sync + 'static {
    /// What it remembers of a connection from one request to the next.
    type Memory: Memory;

    /// Answers one request that came on a connection of that peer, of which it remembers that.
    fn handle(
        &self,
        request: Request<Incoming>,
        connection: (&Peer, &Self::Memory),
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// What is remembered of a connection.
pub trait Memory: Default + Send + Sync + 'static {
    /// The connection rests: what can be found out again may be forgotten.
    fn rest(&self) {}
}

impl Memory for () {}

/// The bounds of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections held at once; more are closed.
    pub connections_max: usize,
    /// Connections that one address may hold of them, an IPv6 one together with its /64.
    pub address_connections_max: usize,
    /// How long a client may take to send a request's head, and for a TLS handshake.
    pub head_timeout: Duration,
    /// How long a connection may be open on which nothing is asked.
    pub idle_timeout: Duration,
    /// How long a client may take none of an answer that waits for it.
    pub stuck_timeout: Duration,
    /// How long nothing may pass on a connection while a request is under way; longer than any
    /// route's timeout.
    pub silent_timeout: Duration,
    /// The largest request head that is read, in bytes; more is 431.
    pub head_bytes_max: usize,
    /// How long requests under way may take after the stop was asked for.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            // A tenth: no caller fills the door alone, and a company behind one address has enough.
            address_connections_max: 1_000,
            head_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(75),
            stuck_timeout: Duration::from_mins(1),
            silent_timeout: Duration::from_mins(65),
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
    /// When it closes, together with the program's other doors.
    pub closing: Closing,
    /// TLS; none speaks plain HTTP.
    pub tls: Option<Arc<TlsDoor>>,
    /// The balancers whose connections begin with a PROXY header; others' do not.
    pub balancers: Option<Arc<Trusted>>,
    /// The proxies and balancers that speak for many callers: what they hold is not bounded by
    /// address.
    pub trusted: Arc<Trusted>,
    /// What is counted of its connections.
    pub counts: Arc<DoorCounts>,
    /// Where the time of answers comes from.
    pub clock: Arc<dyn Clock>,
}

impl Door {
    /// A door that speaks plain HTTP to whoever connects, to one address as often as to many.
    pub fn plain(listener: TcpListener, closing: Closing, clock: Arc<dyn Clock>) -> Self {
        let limits = Limits { address_connections_max: usize::MAX, ..Limits::default() };
        let (trusted, counts) = (Arc::default(), Arc::default());
        Self { listener, limits, closing, tls: None, balancers: None, trusted, counts, clock }
    }
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
    let (all, open) = (Arc::default(), Arc::default());
    let addresses = Addresses::of(&door);
    accept(&door, |stream, peer| {
        let place = addresses.take(peer.ip()).ok_or(Full::Address)?;
        let guard = Open::new(&door, place, &all, &open)?;
        let context = Context::of(&door, tracker.clone());
        let connection = connection(stream, peer, handler.clone(), context);
        tracker.spawn(async move {
            // There is no other core for it to move to.
            drop(connection.await);
            drop(guard);
        });
        Ok(())
    })
    .await;
    // Whoever connects from here on is refused at once and goes elsewhere; where another process
    // has the socket too, it waits for that one.
    drop(door.listener);
    drain(&tracker, door.limits.drain).await;
}

/// Accepts until stopped; what `take` has no room for is closed at once.
pub(crate) async fn accept(
    door: &Door,
    mut take: impl FnMut(TcpStream, SocketAddr) -> Result<(), Full>,
) {
    let mut turned_away = TurnedAway::default();
    loop {
        let accepted = tokio::select! {
            () = door.closing.stopped() => return,
            () = turned_away.rested() => {
                turned_away.tell();
                continue;
            }
            accepted = door.listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Err(full) = take(stream, peer) {
                    door.counts.turned_away(full);
                    turned_away.note(full, peer);
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
pub(crate) struct Open {
    /// Of the whole door.
    all: Arc<AtomicUsize>,
    /// Of where it is.
    here: Arc<AtomicUsize>,
    counts: Arc<DoorCounts>,
    _place: Place,
    _connection: TaskTrackerToken,
}

impl Open {
    pub(crate) fn new(
        door: &Door,
        place: Place,
        all: &Arc<AtomicUsize>,
        here: &Arc<AtomicUsize>,
    ) -> Result<Self, Full> {
        let (all, here) = (Arc::clone(all), Arc::clone(here));
        let before = all.fetch_add(1, Ordering::Relaxed);
        here.fetch_add(1, Ordering::Relaxed);
        let counts = Arc::clone(&door.counts);
        counts.opened();
        let open =
            Self { all, here, counts, _place: place, _connection: door.closing.connection() };
        if before < door.limits.connections_max { Ok(open) } else { Err(Full::Door) }
    }

    /// Counts it somewhere else from here on.
    pub(crate) fn count_at(&mut self, other: &Arc<AtomicUsize>) {
        other.fetch_add(1, Ordering::Relaxed);
        self.here.fetch_sub(1, Ordering::Relaxed);
        self.here = Arc::clone(other);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        self.here.fetch_sub(1, Ordering::Relaxed);
        self.counts.closed();
    }
}
