//! A pool of HTTP/1.1 connections to one origin.
//!
//! The connection itself is pooled: it is given back when an answer's body has ended, and looked at
//! before it is used again. One that rests too long is closed, and one that is old, or was made with
//! a client certificate that has changed, is not used again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::clock;
use crate::dial::{DialError, Dialer, Origin};
use crate::guard::Guard;
use crate::resolve::{Resolver, SystemResolver};
use crate::tls::Tls;
use crate::wire::Wire;

/// How long a connection may rest: shorter than the minutes after which a firewall on the way
/// forgets it without a word.
const IDLE_FOR: Duration = Duration::from_secs(90);
/// How long a connection is used, however busy: a receiver that has moved is found by its name when
/// a connection is made, and one that is never idle would go on to where it was.
const USED_FOR: Duration = Duration::from_mins(5);
/// How often those that rest are looked at, at the least.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The most bytes of an answer's head and of its trailers, from receivers that the company does not
/// choose, and from its own services.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const OWN_HEAD_BYTES_MAX: usize = 400 * 1024;

/// Connections to one origin.
pub struct Pool {
    origin: Origin,
    dialer: Dialer,
    idle: Arc<Idle>,
    tracker: TaskTracker,
}

/// The connections that rest, those used last at the end.
#[derive(Debug)]
struct Idle {
    resting: Mutex<VecDeque<Resting>>,
    /// Whether somebody looks at them.
    is_watched: AtomicBool,
    idle_max: usize,
    idle_for: Duration,
    used_for: Duration,
}

#[derive(Debug)]
struct Resting {
    wire: Wire,
    facts: Facts,
    since: Instant,
}

/// What is known of a connection.
#[derive(Debug, Clone, Copy)]
struct Facts {
    peer: SocketAddr,
    /// The number of the TLS material it was made with; 0 for that of nobody in particular.
    material: u64,
    made: Instant,
}

/// A connection taken from the pool. It returns by itself when it has been used to the end of an
/// answer; dropping it closes it.
#[derive(Debug)]
pub struct Lent {
    pub(crate) wire: Wire,
    /// Whether it had served a request before: an error on it may only mean that the other side
    /// closed it while it was idle.
    pub reused: bool,
    /// Whom it reaches.
    pub peer: SocketAddr,
    facts: Facts,
    idle: Arc<Idle>,
    tracker: TaskTracker,
}

impl Lent {
    /// Returns the connection; to be called when the answer's body has ended.
    pub(crate) fn give_back(self) {
        let Self { mut wire, facts, idle, tracker, .. } = self;
        let since = clock::now();
        if idle.idle_max == 0 || since.duration_since(facts.made) >= idle.used_for {
            return;
        }
        wire.rest();
        {
            let mut resting = idle.resting.lock();
            if resting.len() >= idle.idle_max {
                return;
            }
            resting.push_back(Resting { wire, facts, since });
        }
        idle.watch(&tracker);
    }

    pub(crate) fn into_wire(self) -> Wire {
        self.wire
    }
}

impl Pool {
    /// An empty pool; what looks at its connections runs on `tracker`.
    pub fn new(origin: Origin, guard: Guard, idle_max: usize, tracker: TaskTracker) -> Self {
        let dialer = Dialer { guard, resolver: Arc::new(SystemResolver), tls: None };
        let (resting, is_watched) = (Mutex::default(), AtomicBool::new(false));
        let (idle_for, used_for) = (IDLE_FOR, USED_FOR);
        let idle = Arc::new(Idle { resting, is_watched, idle_max, idle_for, used_for });
        Self { origin, dialer, idle, tracker }
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
    pub fn with_idle_for(self, idle_for: Duration) -> Self {
        self.with(|idle| Idle { idle_for, ..idle })
    }

    /// Uses connections for another time than 5 minutes at the most.
    #[must_use]
    pub fn with_used_for(self, used_for: Duration) -> Self {
        self.with(|idle| Idle { used_for, ..idle })
    }

    fn with(mut self, change: impl FnOnce(Idle) -> Idle) -> Self {
        let Idle { idle_max, idle_for, used_for, .. } = *self.idle;
        let (resting, is_watched) = (Mutex::default(), AtomicBool::new(false));
        let present = Idle { resting, is_watched, idle_max, idle_for, used_for };
        self.idle = Arc::new(change(present));
        self
    }

    /// Where its connections lead.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// An idle connection that is ready, the one used last first (the others may rest and close).
    pub fn idle(&self) -> Option<Lent> {
        let now = clock::now();
        loop {
            let Resting { mut wire, facts, since } = self.idle.resting.lock().pop_back()?;
            let rested = now.duration_since(since) >= self.idle.idle_for;
            if !rested && self.is_current(facts, now) && wire.is_quiet() {
                return Some(self.lend(wire, facts, true));
            }
        }
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Lent, DialError> {
        let dialled = self.dialer.dial(&self.origin).await?;
        let is_own = matches!(self.dialer.guard, Guard::Own);
        let head_bytes_max = if is_own { OWN_HEAD_BYTES_MAX } else { HEAD_BYTES_MAX };
        let (peer, material) = (dialled.peer, dialled.material);
        let facts = Facts { peer, material, made: clock::now() };
        Ok(self.lend(Wire::new(dialled.stream, head_bytes_max), facts, false))
    }

    /// Whether a connection may be used again: it speaks as whom we speak now, or as nobody, and is
    /// not too old.
    fn is_current(&self, facts: Facts, now: Instant) -> bool {
        let tls = self.dialer.tls.as_ref().filter(|_| facts.material != 0);
        now.duration_since(facts.made) < self.idle.used_for
            && tls.is_none_or(|tls| tls.is_present(facts.material))
    }

    fn lend(&self, wire: Wire, facts: Facts, reused: bool) -> Lent {
        let (idle, tracker) = (Arc::clone(&self.idle), self.tracker.clone());
        Lent { wire, reused, peer: facts.peer, facts, idle, tracker }
    }
}

impl Idle {
    /// Sees to it that somebody looks at the connections that rest, as long as there are any.
    fn watch(self: &Arc<Self>, tracker: &TaskTracker) {
        if self.is_watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let (idle, every) = (Arc::downgrade(self), (self.idle_for / 2).min(LOOK_EVERY));
        tracker.spawn(watch(idle, every));
    }

    /// Closes those that have rested for long enough, are old, or were closed by the other side.
    fn look(&self) -> usize {
        let now = clock::now();
        let mut resting = self.resting.lock();
        resting.retain_mut(|one| {
            now.duration_since(one.since) < self.idle_for
                && now.duration_since(one.facts.made) < self.used_for
                && one.wire.is_quiet()
        });
        if resting.is_empty() {
            // Under the lock: whoever gives one back from here on begins anew.
            self.is_watched.store(false, Ordering::Relaxed);
        }
        resting.len()
    }
}

async fn watch(idle: Weak<Idle>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        match idle.upgrade().map(|idle| idle.look()) {
            None | Some(0) => return,
            Some(_) => {}
        }
    }
}
