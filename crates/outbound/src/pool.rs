//! A pool of HTTP/1.1 connections to one origin.
//!
//! The connection object itself is pooled: it is given back when an answer's body has ended, and
//! asked whether it is ready before it is used again. One that rests too long ends by itself, and
//! one that is old, or was made with a client certificate that has changed, is not used again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use http_body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::dial::{DialError, Dialer, Origin};
use crate::guard::Guard;
use crate::resolve::{Resolver, SystemResolver};
use crate::tls::Tls;

/// How long a connection may rest: shorter than the minutes after which a firewall on the way
/// forgets it without a word.
const IDLE_FOR: Duration = Duration::from_secs(90);
/// How long a connection is used, however busy: a receiver that has moved is found by its name when
/// a connection is made, and one that is never idle would go on to where it was.
const USED_FOR: Duration = Duration::from_mins(5);
/// The most bytes of an answer's head, its trailers and what is read ahead, from receivers that the
/// company does not choose. The number of headers is bounded by the library, at 100.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Connections to one origin.
pub struct Pool<B> {
    origin: Origin,
    dialer: Dialer,
    idle: Resting<B>,
    idle_max: usize,
    idle_for: Duration,
    used_for: Duration,
    tracker: TaskTracker,
}

type Resting<B> = Arc<Mutex<VecDeque<Idle<B>>>>;

struct Idle<B> {
    sender: SendRequest<B>,
    facts: Arc<Facts>,
}

/// What is known of a connection.
struct Facts {
    peer: SocketAddr,
    /// The number of the TLS material it was made with; 0 for that of nobody in particular.
    material: u64,
    /// Whether it has been used for long enough.
    old: AtomicBool,
    /// One more whenever it is lent, and whenever it is given back: odd while it is lent.
    turns: AtomicU64,
}

impl Facts {
    /// Never ends; says when the connection has been used for long enough.
    async fn grow_old(&self, used_for: Duration) {
        tokio::time::sleep(used_for).await;
        self.old.store(true, Ordering::Relaxed);
        std::future::pending::<()>().await;
    }

    /// Waits until the connection has rested for half of `idle_for`, and at most all of it.
    async fn rested(&self, idle_for: Duration) {
        let mut before = None;
        loop {
            let turns = self.turns.load(Ordering::Relaxed);
            let rests = turns.is_multiple_of(2);
            if rests && before == Some(turns) {
                return;
            }
            before = Some(turns);
            tokio::time::sleep(idle_for / 2).await;
        }
    }
}

/// A connection taken from the pool. [`Lent::give_back`] returns it; dropping it closes it.
pub struct Lent<B> {
    /// The connection.
    pub sender: SendRequest<B>,
    /// Whether it had served a request before: an error on it may only mean that the other side
    /// closed it while it was idle.
    pub reused: bool,
    /// Whom it reaches.
    pub peer: SocketAddr,
    facts: Arc<Facts>,
    idle: Resting<B>,
    idle_max: usize,
}

impl<B> Lent<B> {
    /// Returns the connection; to be called when the answer's body has ended.
    pub fn give_back(self) {
        if self.sender.is_closed() || self.facts.old.load(Ordering::Relaxed) {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.len() < self.idle_max {
            self.facts.turns.fetch_add(1, Ordering::Relaxed);
            idle.push_back(Idle { sender: self.sender, facts: self.facts });
        }
    }
}

impl<B> Pool<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// An empty pool; connections run on `tracker` and are known to whoever shuts down.
    pub fn new(origin: Origin, guard: Guard, idle_max: usize, tracker: TaskTracker) -> Self {
        let dialer = Dialer { guard, resolver: Arc::new(SystemResolver), tls: None };
        let (idle, idle_for, used_for) = (Arc::default(), IDLE_FOR, USED_FOR);
        Self { origin, dialer, idle, idle_max, idle_for, used_for, tracker }
    }

    /// Speaks TLS with a client certificate or authorities of its own.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<Arc<Tls>>) -> Self {
        self.dialer.tls = tls;
        self
    }

    /// Finds addresses otherwise than by the system's name service.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.dialer.resolver = resolver;
        self
    }

    /// Lets connections rest for another time than 90 s at the most.
    #[must_use]
    pub fn with_idle_for(mut self, idle_for: Duration) -> Self {
        self.idle_for = idle_for;
        self
    }

    /// Uses connections for another time than 5 minutes at the most.
    #[must_use]
    pub fn with_used_for(mut self, used_for: Duration) -> Self {
        self.used_for = used_for;
        self
    }

    /// Where its connections lead.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// An idle connection that is ready, the one used last first (the others may rest and close).
    pub fn idle(&self) -> Option<Lent<B>> {
        let count = self.idle.lock().len();
        for _ in 0..count {
            let mut idle = self.idle.lock().pop_back()?;
            if !self.is_current(&idle.facts) {
                continue;
            }
            match idle.sender.ready().now_or_never() {
                Some(Ok(())) => return Some(self.lend(idle, true)),
                // Its task has not yet seen the end of the last answer: it will be ready soon, but
                // whoever asks now should not wait for it.
                None if !idle.sender.is_closed() => self.idle.lock().push_front(idle),
                _ => {}
            }
        }
        None
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Lent<B>, DialError> {
        let dialled = self.dialer.dial(&self.origin).await?;
        let mut builder = http1::Builder::new();
        // Most messages are small: one copy into one buffer costs less than a vectored write.
        builder.writev(false);
        if matches!(self.dialer.guard, Guard::Public { .. }) {
            builder.max_buf_size(HEAD_BYTES_MAX);
        }
        let handshake = builder.handshake(TokioIo::new(dialled.stream)).await;
        let (sender, connection) = handshake.map_err(DialError::Http)?;
        let (old, turns) = (AtomicBool::new(false), AtomicU64::new(0));
        let facts = Facts { peer: dialled.peer, material: dialled.material, old, turns };
        let facts = Arc::new(facts);
        let lent = self.lend(Idle { sender, facts: Arc::clone(&facts) }, false);
        let idle = Arc::downgrade(&self.idle);
        let (idle_for, used_for) = (self.idle_for, self.used_for);
        self.tracker.spawn(async move {
            {
                let mut connection = pin!(connection.with_upgrades());
                tokio::select! {
                    ended = &mut connection => if let Err(error) = ended {
                        tracing::debug!(%error, "an outgoing connection ended early");
                    },
                    () = facts.rested(idle_for) => {}
                    () = facts.grow_old(used_for) => {}
                }
            }
            forget_closed(&idle);
        });
        Ok(lent)
    }

    /// Whether a connection may be used again: it speaks as whom we speak now, or as nobody, and is
    /// not too old.
    fn is_current(&self, facts: &Facts) -> bool {
        let tls = self.dialer.tls.as_ref().filter(|_| facts.material != 0);
        !facts.old.load(Ordering::Relaxed) && tls.is_none_or(|tls| tls.is_present(facts.material))
    }

    fn lend(&self, Idle { sender, facts }: Idle<B>, reused: bool) -> Lent<B> {
        facts.turns.fetch_add(1, Ordering::Relaxed);
        let (idle, idle_max) = (Arc::clone(&self.idle), self.idle_max);
        Lent { sender, reused, peer: facts.peer, facts, idle, idle_max }
    }
}

/// Takes those out of the pool whose connection has ended.
fn forget_closed<B>(idle: &Weak<Mutex<VecDeque<Idle<B>>>>) {
    if let Some(idle) = idle.upgrade() {
        idle.lock().retain(|idle| !idle.sender.is_closed());
    }
}
