//! One thread and one single-threaded runtime per core, and connections that go where there is room.
//!
//! A partner has few connections, and `SO_REUSEPORT` hashes blindly: four connections land on one
//! core one time in eight. So one acceptor hands each socket to the core with the least to do, of those
//! in use ([`crate::spread`]); everything of a connection, its upstream sockets included, is on
//! its core. It may move to another one between two requests.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::Clock;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::{Door, Handler, Open, accept, drain};
use crate::connection::{Context, Moving, connection, moved};
use crate::counts::DoorCounts;
use crate::load::{self, Machine, Thread, Times, share};
use crate::room::{Addresses, Full};
use crate::spread::{Orders, Seen, Spread};

/// Sockets that may wait for their core.
const HANDED_MAX: usize = 1024;
/// How often cores are looked at while they have something to do, and while they have nothing.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOK_SELDOM: Duration = Duration::from_secs(1);
/// So many connections that a core is given make it busier by a step, until it is looked at again.
const GIVEN_STEP: usize = 4;
/// Cores that work for less than this share of the time have nothing to do.
const QUIET: f64 = 0.02;

/// The cores of a door, as the acceptor, the connections and whoever spreads these see them.
pub(crate) struct Cores {
    each: Vec<Core>,
    /// The first so many are in use.
    used: AtomicUsize,
    /// How often they were looked at.
    looks: AtomicUsize,
    /// Whose turn it is to get a connection that will not move.
    turn: AtomicUsize,
    /// Somebody has connected.
    connected: Notify,
    counts: Arc<DoorCounts>,
}

struct Core {
    sockets: mpsc::Sender<(Handed, Open)>,
    open: Arc<AtomicUsize>,
    /// How busy it was when it was looked at last, in steps.
    busy: AtomicUsize,
    /// How many connections it was given since then.
    given: AtomicUsize,
    /// On how many of its connections, of those that can move, something was asked since then.
    asking: AtomicUsize,
    /// How many of these are to move to another.
    leaving: AtomicUsize,
    /// Its thread; none where the system keeps no times of threads.
    thread: OnceLock<Option<Thread>>,
}

/// What a core is handed.
enum Handed {
    /// Whoever has just connected.
    New(std::net::TcpStream, SocketAddr),
    /// A connection that was another core's.
    Moved(Box<Moving>),
}

type Receiver = mpsc::Receiver<(Handed, Open)>;

impl Cores {
    fn new(count: usize, counts: Arc<DoorCounts>) -> (Arc<Self>, Vec<Receiver>) {
        let core = |_| {
            let (sockets, handed) = mpsc::channel(HANDED_MAX);
            let (open, thread) = (Arc::default(), OnceLock::new());
            let (busy, given, asking, leaving) = Default::default();
            (Core { sockets, open, busy, given, asking, leaving, thread }, handed)
        };
        let (each, handed) = (0..count.max(1)).map(core).unzip();
        let (used, looks, turn) = (AtomicUsize::new(1), AtomicUsize::new(0), AtomicUsize::new(0));
        let connected = Notify::new();
        (Arc::new(Self { each, used, looks, turn, connected, counts }), handed)
    }

    /// Gives a connection to the least busy core, or to any that has room for it.
    fn give(
        &self,
        (stream, peer): (std::net::TcpStream, SocketAddr),
        open: Open,
    ) -> Result<(), Full> {
        let mut one = (Handed::New(stream, peer), open);
        for core in self.least(None).into_iter().chain(&self.each) {
            one.1.count_at(&core.open);
            match core.sockets.try_send(one) {
                Ok(()) => {
                    core.given.fetch_add(1, Ordering::Relaxed);
                    self.connected.notify_one();
                    return Ok(());
                }
                Err(refused) => one = refused.into_inner(),
            }
        }
        Err(Full::Door)
    }

    /// The least busy of those in use, but for one; of those alike, the one with the fewest connections.
    fn least(&self, but: Option<usize>) -> Option<&Core> {
        let used = self.used.load(Ordering::Relaxed);
        let others = self.each.iter().take(used).enumerate().filter(|(at, _)| Some(*at) != but);
        let load = |core: &&Core| {
            let given = core.given.load(Ordering::Relaxed) / GIVEN_STEP;
            (core.busy.load(Ordering::Relaxed) + given, core.open.load(Ordering::Relaxed))
        };
        others.map(|(_, core)| core).min_by_key(load)
    }

    fn use_first(&self, count: usize) {
        self.used.store(count, Ordering::Relaxed);
        self.counts.uses(count);
    }

    fn note(&self, seen: &[Seen]) {
        for (core, seen) in self.each.iter().zip(seen) {
            core.busy.store(seen.steps(), Ordering::Relaxed);
            core.given.store(0, Ordering::Relaxed);
        }
    }

    fn obey(&self, orders: &Orders) {
        self.use_first(orders.used);
        for (core, leaving) in self.each.iter().zip(&orders.leaving) {
            core.leaving.store(*leaving, Ordering::Relaxed);
        }
    }

    /// Looks at what the cores have to do, and spreads the connections by it. Where that cannot be seen,
    /// they are spread over all.
    async fn spread(&self, clock: &dyn Clock) -> Infallible {
        let Some(cpus) = load::cpus().filter(|cpus| Machine::now(cpus).is_some()) else {
            return self.use_all().await;
        };
        let (mut spread, mut last) = (Spread::new(), None);
        loop {
            if self.each.iter().any(|core| matches!(core.thread.get(), Some(None))) {
                return self.use_all().await;
            }
            // Another time, where the program has no file left to open.
            let now = self.look(&cpus, clock);
            let seen = last.as_ref().zip(now.as_ref()).and_then(|(last, now)| now.since(last));
            last = now.or(last);
            let mut is_quiet = false;
            if let Some((cores, idle, passed_ms)) = seen {
                self.note(&cores);
                self.obey(&spread.look(&cores, idle, passed_ms));
                is_quiet = cores.iter().all(|core| core.worked < QUIET);
            }
            if self.each.iter().all(|core| core.open.load(Ordering::Relaxed) == 0) {
                self.rest(1);
                (spread, last) = (Spread::new(), None);
                self.connected.notified().await;
            } else if is_quiet {
                // Whoever connects will ask.
                drop(tokio::time::timeout(LOOK_SELDOM, self.connected.notified()).await);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn use_all(&self) -> Infallible {
        self.rest(self.each.len());
        pending().await
    }

    /// Nothing is known of what the cores do, or they do nothing.
    fn rest(&self, used: usize) {
        self.obey(&Orders { used, leaving: vec![0; self.each.len()] });
        for core in &self.each {
            core.busy.store(0, Ordering::Relaxed);
            core.given.store(0, Ordering::Relaxed);
        }
    }

    fn look(&self, cpus: &[usize], clock: &dyn Clock) -> Option<Look> {
        let at_ns = clock.ticks_ns();
        let core = |core: &Core| match core.thread.get() {
            // It has not begun.
            None => Some((Times::default(), 0)),
            Some(thread) => {
                Some((thread.as_ref()?.times()?, core.asking.swap(0, Ordering::Relaxed)))
            }
        };
        let cores = self.each.iter().map(core).collect::<Option<_>>()?;
        self.looks.fetch_add(1, Ordering::Relaxed);
        Some(Look { at_ns, machine: Machine::now(cpus)?, cores })
    }
}

/// What was counted until a moment.
struct Look {
    at_ns: u64,
    machine: Machine,
    cores: Vec<(Times, usize)>,
}

impl Look {
    /// What each core did since then, how many of the machine's had nothing to do, and how long that
    /// is. None where no time has passed that the system counts.
    fn since(&self, then: &Self) -> Option<(Vec<Seen>, f64, u64)> {
        let passed_ns = self.at_ns.saturating_sub(then.at_ns);
        if self.machine == then.machine || passed_ns == 0 {
            return None;
        }
        let core = |((now, asking), (then, _)): (&(Times, usize), &(Times, usize))| Seen {
            worked: share(now.worked_ns.saturating_sub(then.worked_ns), passed_ns),
            waited: share(now.waited_ns.saturating_sub(then.waited_ns), passed_ns),
            asking: *asking,
        };
        let cores = self.cores.iter().zip(&then.cores).map(core).collect();
        let idle = self.machine.idle_since(then.machine);
        Some((cores, idle, passed_ns / 1_000_000))
    }
}

/// The core that a connection is on.
#[derive(Clone)]
pub(crate) struct Seat {
    cores: Arc<Cores>,
    number: usize,
}

impl Seat {
    fn core(&self) -> Option<&Core> {
        self.cores.each.get(self.number)
    }

    /// Notes that something is asked on a connection that can move; it keeps when that was done last.
    pub(crate) fn note_asked(&self, noted: &mut usize) {
        let look = self.cores.looks.load(Ordering::Relaxed);
        if *noted != look {
            *noted = look;
            if let Some(core) = self.core() {
                core.asking.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whether a connection that has nothing to do right now is to move.
    pub(crate) fn is_left(&self) -> bool {
        self.core().is_some_and(|core| core.leaving.load(Ordering::Relaxed) > 0)
    }

    /// Hands a connection on to another core; gives it back where it stays.
    fn hand_on(&self, moving: Box<Moving>, mut open: Open) -> Result<(), (Box<Moving>, Open)> {
        let other =
            if moving.will_stay() { self.next() } else { self.cores.least(Some(self.number)) };
        let (Some(own), Some(other)) = (self.core(), other) else { return Err((moving, open)) };
        let Ok(room) = other.sockets.try_reserve() else { return Err((moving, open)) };
        if !moving.will_stay() {
            let less = |count: usize| count.checked_sub(1);
            let leaves = own.leaving.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
            if leaves.is_err() {
                return Err((moving, open));
            }
            other.given.fetch_add(1, Ordering::Relaxed);
            self.cores.counts.moves();
        }
        open.count_at(&other.open);
        room.send((Handed::Moved(moving), open));
        Ok(())
    }

    /// Where a connection goes that will not move any more: to each core in turn, for nobody knows what
    /// it will have to do. None where that is this one.
    fn next(&self) -> Option<&Core> {
        let next = self.cores.turn.fetch_add(1, Ordering::Relaxed) % self.cores.each.len();
        self.cores.each.get(next).filter(|_| next != self.number)
    }
}

/// Serves a door on `count` cores until it is stopped, then lets requests under way end. `make`
/// gives each core its own handler.
pub async fn serve_on_cores<H: Handler>(
    door: Door,
    count: usize,
    make: impl Fn(usize) -> H,
) -> std::io::Result<()> {
    let (cores, handed) = Cores::new(count, Arc::clone(&door.counts));
    let clock = Arc::clone(&door.clock);
    serve_by(door, (&cores, handed), make, cores.spread(&*clock)).await
}

/// The same with whoever spreads the connections.
async fn serve_by<H: Handler>(
    door: Door,
    (cores, handed): (&Arc<Cores>, Vec<Receiver>),
    make: impl Fn(usize) -> H,
    spreading: impl Future<Output = Infallible>,
) -> std::io::Result<()> {
    let over = CancellationToken::new();
    // Also where a thread cannot be started: those before it are to end.
    let ending = over.clone().drop_guard();
    let mut threads = Vec::new();
    for (number, handed) in handed.into_iter().enumerate() {
        let seat = Seat { cores: Arc::clone(cores), number };
        threads.push(start(seat, (handed, over.clone()), make(number), &door)?);
    }
    let addresses = Addresses::of(&door);
    let all = Arc::new(AtomicUsize::new(0));
    let accepting = accept(&door, |stream, peer| {
        let core = cores.least(None).ok_or(Full::Door)?;
        let place = addresses.take(peer.ip()).ok_or(Full::Address)?;
        let open = Open::new(&door, place, &all, &core.open)?;
        let stream = stream.into_std().map_err(|_| Full::Door)?;
        cores.give((stream, peer), open)
    });
    tokio::select! {
        () = accepting => {}
        never = spreading => match never {},
    }
    // Whoever connects from here on is refused at once and goes elsewhere; where another process
    // has the socket too, it waits for that one.
    drop(door.listener);
    drop(ending);
    let joined = tokio::task::spawn_blocking(move || {
        threads.into_iter().all(|thread| thread.join().is_ok())
    });
    if !joined.await.unwrap_or(false) {
        tracing::error!("a core's thread ended in a panic");
    }
    Ok(())
}

fn start<H: Handler>(
    seat: Seat,
    (handed, over): (Receiver, CancellationToken),
    handler: H,
    door: &Door,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let tracker = TaskTracker::new();
    let (context, longest) =
        (Context::of(door, tracker.clone()).at(seat.clone()), door.limits.drain);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("core-{}", seat.number)).spawn(move || {
        if let Some(core) = seat.core() {
            drop(core.thread.set(Thread::this()));
        }
        let take = |(handed, open)| {
            tracker.spawn(serve_here(
                (handed, open),
                handler.clone(),
                context.clone(),
                seat.clone(),
            ));
        };
        runtime.block_on(async { run(handed, over, take, drain(&tracker, longest)).await });
    })
}

/// Takes what a core is handed, until nobody connects any more and what is open has ended.
async fn run(
    mut handed: Receiver,
    over: CancellationToken,
    take: impl Fn((Handed, Open)),
    drained: impl Future<Output = ()>,
) {
    loop {
        tokio::select! {
            biased;
            Some(one) = handed.recv() => take(one),
            () = over.cancelled() => break,
        }
    }
    let mut drained = pin!(drained);
    loop {
        tokio::select! {
            biased;
            Some(one) = handed.recv() => take(one),
            () = &mut drained => break,
        }
    }
}

/// Serves a connection as long as it is on this core.
async fn serve_here<H: Handler>(
    (handed, mut open): (Handed, Open),
    handler: H,
    context: Context,
    seat: Seat,
) {
    let mut next = match handed {
        Handed::New(stream, peer) => {
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            connection(stream, peer, handler.clone(), context.clone()).await
        }
        Handed::Moved(moving) => moved(moving, handler.clone(), context.clone()).await,
    };
    while let Some(moving) = next {
        (next, open) = match seat.hand_on(moving, open) {
            Ok(()) => return,
            Err((moving, open)) => (moved(moving, handler.clone(), context.clone()).await, open),
        };
    }
    drop(open);
}

#[cfg(test)]
mod tests;
