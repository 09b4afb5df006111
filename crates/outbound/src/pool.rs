//! A pool of HTTP/1.1 connections to one origin.
//!
//! The connection itself is pooled: it is given back when an answer's body has ended, and looked at
//! before it is used again. One that rests too long is closed, and one that is old, or was made with
//! a client certificate that has changed, is not used again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

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
/// How often at the most, where somebody lets them rest for next to no time.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(5);
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
    resting: Mutex<VecDeque<Box<Line>>>,
    /// Whether somebody looks at them.
    is_watched: AtomicBool,
    /// How often somebody has looked: what connections' ages are told by, so that no clock is read
    /// for each call.
    looks: AtomicU32,
    most: usize,
    rest_for: Duration,
    use_for: Duration,
    /// Tells whoever looks that the pool is gone.
    gone: Arc<Notify>,
}

/// One connection, and what is known of it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) wire: Wire,
    peer: SocketAddr,
    /// The number of the TLS material it was made with; 0 for that of nobody in particular.
    material: u64,
    /// How often had been looked when it was made, and when it came to rest.
    made: u32,
    rests_since: u32,
    idle: Weak<Idle>,
    tracker: TaskTracker,
}

/// A connection taken from the pool. It returns by itself when it has been used to the end of an
/// answer; dropping it closes it.
#[derive(Debug)]
pub struct Lent {
    pub(crate) line: Box<Line>,
    /// Whether it had served a request before: an error on it may only mean that the other side
    /// closed it while it was idle.
    pub reused: bool,
}

impl Lent {
    /// Whom it reaches.
    pub fn peer(&self) -> SocketAddr {
        self.line.peer
    }

    /// Returns the connection; to be called when the answer's body has ended.
    pub(crate) fn give_back(self) {
        let Self { mut line, .. } = self;
        let Some(idle) = line.idle.upgrade() else { return };
        let now = idle.looks.load(Ordering::Relaxed);
        if idle.most == 0 || idle.is_old(&line, now) {
            return;
        }
        line.rests_since = now;
        let watched = idle.is_watched.load(Ordering::Relaxed);
        let tracker = (!watched).then(|| line.tracker.clone());
        {
            let mut resting = idle.resting.lock();
            if resting.len() >= idle.most {
                return;
            }
            resting.push_back(line);
        }
        if let Some(tracker) = tracker {
            idle.watch(&tracker);
        }
    }
}

impl Pool {
    /// An empty pool; what looks at its connections runs on `tracker`.
    pub fn new(origin: Origin, guard: Guard, most: usize, tracker: TaskTracker) -> Self {
        let dialer = Dialer { guard, resolver: Arc::new(SystemResolver), tls: None };
        let idle = Arc::new(Idle::new(most, IDLE_FOR, USED_FOR));
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
    pub fn with_idle_for(mut self, rest_for: Duration) -> Self {
        self.idle = Arc::new(Idle::new(self.idle.most, rest_for, self.idle.use_for));
        self
    }

    /// Uses connections for another time than 5 minutes at the most.
    #[must_use]
    pub fn with_used_for(mut self, use_for: Duration) -> Self {
        self.idle = Arc::new(Idle::new(self.idle.most, self.idle.rest_for, use_for));
        self
    }

    /// Where its connections lead.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// An idle connection that is ready, the one used last first (the others may rest and close).
    pub fn idle(&self) -> Option<Lent> {
        let now = self.idle.looks.load(Ordering::Relaxed);
        loop {
            let mut line = self.idle.resting.lock().pop_back()?;
            if !self.idle.has_rested(&line, now) && self.is_current(&line) && line.wire.is_quiet() {
                return Some(Lent { line, reused: true });
            }
        }
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Lent, DialError> {
        let dialled = self.dialer.dial(&self.origin).await?;
        let is_own = matches!(self.dialer.guard, Guard::Own);
        let head_bytes_max = if is_own { OWN_HEAD_BYTES_MAX } else { HEAD_BYTES_MAX };
        let now = self.idle.looks.load(Ordering::Relaxed);
        let line = Line {
            wire: Wire::new(dialled.stream, head_bytes_max),
            peer: dialled.peer,
            material: dialled.material,
            made: now,
            rests_since: now,
            idle: Arc::downgrade(&self.idle),
            tracker: self.tracker.clone(),
        };
        // From now on its age is told.
        self.idle.watch(&self.tracker);
        Ok(Lent { line: Box::new(line), reused: false })
    }

    /// Whether a connection may be used again: it speaks as whom we speak now, or as nobody.
    fn is_current(&self, line: &Line) -> bool {
        let tls = self.dialer.tls.as_ref().filter(|_| line.material != 0);
        tls.is_none_or(|tls| tls.is_present(line.material))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.idle.gone.notify_one();
    }
}

impl Idle {
    fn new(most: usize, rest_for: Duration, use_for: Duration) -> Self {
        let (resting, is_watched) = (Mutex::default(), AtomicBool::new(false));
        let (looks, gone) = (AtomicU32::new(0), Arc::default());
        Self { resting, is_watched, looks, most, rest_for, use_for, gone }
    }

    /// How often is looked.
    fn every(&self) -> Duration {
        (self.rest_for / 2).min(self.use_for / 2).min(LOOK_EVERY).max(LOOK_EVERY_MIN)
    }

    /// Whether so many looks took so long.
    fn took(&self, looks: u32, time: Duration) -> bool {
        self.every().saturating_mul(looks) >= time
    }

    fn has_rested(&self, line: &Line, now: u32) -> bool {
        self.took(now.wrapping_sub(line.rests_since), self.rest_for) || self.is_old(line, now)
    }

    fn is_old(&self, line: &Line, now: u32) -> bool {
        self.took(now.wrapping_sub(line.made), self.use_for)
    }

    /// Sees to it that somebody looks at the connections, as long as there are any.
    fn watch(self: &Arc<Self>, tracker: &TaskTracker) {
        if self.most == 0 || self.is_watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let gone = Arc::clone(&self.gone);
        tracker.spawn(watch(Arc::downgrade(self), gone, self.every()));
    }

    /// Closes those that have rested for long enough, are old, or were closed by the other side;
    /// says whether to look again.
    fn look(&self, is_alone: bool) -> bool {
        let now = self.looks.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mut resting = self.resting.lock();
        resting.retain_mut(|line| {
            line.wire.rest();
            !self.has_rested(line, now) && line.wire.is_quiet()
        });
        let again = !(is_alone && resting.is_empty());
        if !again {
            // Under the lock: whoever gives one back from here on begins anew.
            self.is_watched.store(false, Ordering::Relaxed);
        }
        again
    }
}

/// Looks as long as there is a connection, resting or lent.
async fn watch(idle: Weak<Idle>, gone: Arc<Notify>, every: Duration) {
    loop {
        // Whoever stops waits for this task, and not for its next look.
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = gone.notified() => return,
        }
        let Some(idle) = idle.upgrade() else { return };
        // Each connection knows the pool, resting or lent, and so do we.
        let is_alone = Arc::weak_count(&idle) <= 1;
        if !idle.look(is_alone) {
            return;
        }
    }
}
