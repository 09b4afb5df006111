//! `gatepost serve`: the wiring, the architecture on one screen.
//!
//! ```text
//! data directory ─ key file ─ store
//!                              │
//! file → definitions → live (snapshots, rebuilt and swapped at every revision)
//!                              │
//! public door    gateway + token service, one runtime per core
//! internal door  the bus takes the company's events
//! admin door     operators, health, metrics
//! courier, schedules, replays, keys of other issuers, revoked tokens, retention, usage, readings for the metrics
//! ```
//!
//! `signals` says when it ends, and whether another process follows (`successor`, `predecessor`),
//! which inherits the doors' `sockets`.

mod apply;
mod certificate;
mod denied;
mod federation;
mod keeping;
mod live;
mod notify;
mod predecessor;
mod public;
mod readings;
mod retention;
mod rotation;
mod signals;
mod sockets;
mod spans;
mod status;
mod successor;
mod token_audit;
mod usage;
mod uses;
mod webhook_jwks;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use courier::{Board, Courier};
use credential::Master;
use gateway::Issuers;
use listener::{Closing, Door, GRACE, RouterHandler, TlsDoor, Trusted, serve, serve_on_cores};
use model::{Clock as _, Secret};
use store::{DenyList, Store, UseBook};
use store_sqlite::{Sealing, SqliteStore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{SystemClock, SystemRandom};
use crate::config::{Loaded, Server};
use crate::files::{AllSecrets, DataDirectory, RecentSecrets, environment};
use crate::telemetry::{Exporter, Form, Lines, Settings, Telemetry};

use certificate::Certificate;
use keeping::Keeping;
use live::Live;
use notify::Notify;
use predecessor::Predecessor;
use public::Public;
use signals::{End, Signals};
use sockets::{ADMIN, INTERNAL, Opened, PUBLIC, Sockets};
use status::ProgramStatus;

pub use sockets::Inherited;

/// A file of the log in which something need not be kept any more is sealed when it is so large.
const OVER_BYTES: u64 = 16 << 20;

/// How long requests under way may keep the store from the process that takes over. All who connect
/// wait so long; what takes longer is answered without the store.
const PATIENCE: Duration = Duration::from_secs(1);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file or directory the definitions came from; read again on SIGHUP.
    pub config: PathBuf,
    /// The addresses and the directory of the file, before flags and environment changed them.
    pub server: Server,
    /// How log lines look.
    pub form: Form,
}

/// What everything shares.
#[derive(Clone)]
struct Parts {
    clock: Arc<SystemClock>,
    random: Arc<SystemRandom>,
    store: Arc<dyn Store>,
    telemetry: Arc<Telemetry>,
    board: Arc<Board>,
    issuers: Arc<Issuers>,
    /// The tokens that are refused before their end.
    denied: Arc<DenyList>,
    status: Arc<ProgramStatus>,
    /// On which days credentials were used.
    uses: Arc<UseBook>,
    tracker: TaskTracker,
    /// How the doors close.
    closing: Closing,
    /// Cancelled when the doors have closed, and what goes on beside them is to end.
    stop: CancellationToken,
}

impl Parts {
    fn bus_world(&self) -> bus::World {
        bus::World {
            clock: Arc::clone(&self.clock) as _,
            store: Arc::clone(&self.store),
            observer: Arc::clone(&self.telemetry) as _,
        }
    }

    fn courier_world(&self, live: &Live) -> courier::World {
        courier::World {
            clock: Arc::clone(&self.clock) as _,
            random: Arc::clone(&self.random) as _,
            store: Arc::clone(&self.store),
            secrets: Arc::new(RecentSecrets::new(
                AllSecrets(live.kept_secrets()),
                Arc::clone(&self.clock) as _,
            )),
            webhook_keys: live.webhook_keys(),
            observer: Arc::clone(&self.telemetry) as _,
            board: Arc::clone(&self.board),
        }
    }

    fn gateway_world(&self, trusted: &Trusted) -> gateway::World {
        gateway::World {
            clock: Arc::clone(&self.clock) as _,
            random: Arc::clone(&self.random) as _,
            store: Arc::clone(&self.store),
            observer: Arc::clone(&self.telemetry) as _,
            trusted: Arc::new(trusted.clone()),
            issuers: Arc::clone(&self.issuers),
            running: Arc::default(),
        }
    }
}

/// What there is before anything is served.
struct Ground {
    parts: Parts,
    data: DataDirectory,
    master: Master,
    admin_token: Secret,
    sqlite: Arc<SqliteStore>,
    exporter: Option<Exporter>,
}

/// The program while it serves.
struct Running {
    parts: Parts,
    live: Arc<Live>,
    /// Held until the store has closed.
    data: DataDirectory,
    sqlite: Arc<SqliteStore>,
    sockets: Sockets,
    notify: Arc<Notify>,
    doors: Vec<Task>,
    delivering: Delivering,
    usage: Keeping,
    token_audit: Keeping,
    spans: spans::Exporting,
    /// What goes on beside the doors, as long as they need it.
    beside: Vec<Task>,
    /// Waits for the end of the process that this one follows.
    predecessor: Option<Task>,
    /// Tells that the process is alive, until it is dropped.
    alive: JoinSet<()>,
}

/// Serves until told to stop: by SIGTERM or SIGINT, orderly; by a second one, at once. At SIGUSR2
/// the program is started anew, inherits the open sockets and takes over.
pub async fn run(loaded: Loaded, options: Options, inherited: Inherited) -> anyhow::Result<()> {
    let signals = Signals::watch().context("signals cannot be watched for")?;
    let mut running = Running::start(loaded, options.form, inherited).await?;
    // Held to the end: dropping it ends the watch for a second signal.
    let (end, _impatient) = signals.end(&mut running, &options).await?;
    running.end(end).await
}

impl Running {
    async fn start(loaded: Loaded, form: Form, mut inherited: Inherited) -> anyhow::Result<Self> {
        let mut server = loaded.server;
        let notify = Arc::new(Notify::open(environment("NOTIFY_SOCKET")));
        let alive = notify.watched();
        // What can be wrong with the configuration is found before another process lets go.
        let certificate = Certificate::open(server.tls.as_ref())?;
        let mut predecessor = inherited.predecessor.take().map(Predecessor::of).transpose()?;
        let data = take_data(&server.data, predecessor.as_mut()).await?;
        let ground = ground(data, &server, form)?;
        let Ground { parts, data, master, admin_token, sqlite, exporter } = ground;
        parts.telemetry.tell_requests(loaded.log);
        apply::documents(&*parts.store, &loaded.documents, parts.clock.now()).await?;
        let denied = parts.denied.follow(&*parts.store, parts.clock.now()).await;
        denied.context("what is revoked cannot be read")?;
        let live = Live::open(&parts, &master, (loaded.definitions, loaded.contracts)).await?;
        let predecessor = predecessor.map(|before| tokio_task(&parts, before.rest(parts.clone())));
        let mut sockets = Sockets::new(inherited);
        let with = (&live, &certificate, &admin_token);
        let doors = doors(&parts, &mut sockets, &mut server, with)?;
        let usage = Keeping::begin(&parts, usage::Counted::of(parts.telemetry.usage()));
        let answered = parts.telemetry.token_audit();
        let answered = token_audit::Answered::of(answered, live.definitions());
        let token_audit = Keeping::begin(&parts, answered);
        let spans = spans::Exporting::begin(exporter);
        let delivering = Delivering::begin(&parts, &live);
        let mut beside = beside(&parts, &live);
        beside.push(tokio_task(&parts, certificate.watch(parts.stop.clone())));
        let live = Arc::new(live);
        live.tell(&parts).await;
        beside.push(tokio_task(&parts, Live::follow(Arc::clone(&live), parts.clone())));
        beside.push(tokio_task(&parts, rotation::run(Arc::clone(&live), parts.clone())));
        parts.status.ready();
        notify.ready();
        tracing::info!(public = %server.public, internal = %server.internal, admin = %server.admin, "serving");
        Ok(Self {
            parts,
            live,
            data,
            sqlite,
            sockets,
            notify,
            doors,
            delivering,
            usage,
            token_audit,
            spans,
            beside,
            predecessor,
            alive,
        })
    }

    /// Ends in order: unready, then no more connections, then what is under way ends, then the
    /// courier keeps what it knows; the store closes last.
    ///
    /// If another process takes over, connections wait from the moment in which no more are taken
    /// until that process has the data directory. So the courier, which may wait for a receiver's
    /// answer, ends before that moment, and what is under way and takes long ends after the store
    /// has closed: it has been admitted and debited, and what is counted of it is handed on.
    async fn end(self, end: End) -> anyhow::Result<()> {
        let Self { parts, live, data, sqlite, delivering, .. } = self;
        let (mut delivering, mut successor) = (Some(delivering), None);
        match end {
            End::Stop => {
                parts.status.draining();
                self.notify.stopping();
            }
            // Ready all the time: no balancer need look elsewhere.
            End::Followed(other) => {
                successor = Some(other);
                if let Some(delivering) = delivering.take() {
                    delivering.end().await;
                }
            }
        }
        // The doors alone hold their sockets now: once they close, nobody is kept waiting in vain.
        drop(self.sockets);
        parts.closing.close(GRACE).await;
        let mut doors = pin!(all(self.doors));
        let late = if successor.is_some() {
            tokio::time::timeout(PATIENCE, doors.as_mut()).await.is_err()
        } else {
            doors.as_mut().await;
            false
        };
        parts.stop.cancel();
        all(self.beside).await;
        all(self.predecessor).await;
        self.usage.end().await;
        self.token_audit.end().await;
        live.give_back(&*parts.store).await;
        if let Some(delivering) = delivering {
            delivering.end().await;
        }
        parts.tracker.close();
        if !late {
            parts.tracker.wait().await;
        }
        tokio::task::spawn_blocking(move || sqlite.close()).await.context("closing the store")?;
        drop(data);
        if late {
            tracing::info!("the store is handed over; requests that take longer are answered");
            doors.await;
            parts.tracker.wait().await;
        }
        token_audit::tell_of_the_rest(&parts.telemetry.token_audit());
        if let Some(successor) = successor {
            successor.hand_on(parts.telemetry.usage().drain()).await;
        }
        self.spans.end().await;
        parts.telemetry.close();
        drop(self.alive);
        tracing::info!("stopped");
        Ok(())
    }
}

/// The courier at work.
struct Delivering {
    task: Task,
    no_more: CancellationToken,
}

impl Delivering {
    fn begin(parts: &Parts, live: &Live) -> Self {
        let no_more = CancellationToken::new();
        let courier = Courier::new(parts.courier_world(live));
        Self { task: tokio_task(parts, courier.run(live.plans(), no_more.clone())), no_more }
    }

    /// Lets attempts under way end.
    async fn end(self) {
        self.no_more.cancel();
        ended(self.task.await);
    }
}

/// Takes the data directory; where this process follows another one, when that lets go of it.
async fn take_data(
    path: &Path,
    predecessor: Option<&mut Predecessor>,
) -> anyhow::Result<DataDirectory> {
    let Some(predecessor) = predecessor else { return DataDirectory::take(path) };
    if let Err(error) = predecessor.ready().await {
        tracing::warn!(%error, "the process before is gone; this one goes on alone");
    }
    tracing::info!("ready to take over; waiting for the data directory");
    DataDirectory::take_when_free(path).await
}

fn ground(data: DataDirectory, server: &Server, form: Form) -> anyhow::Result<Ground> {
    let (clock, random) = (Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    // Before the store is there: a key that is missing beside one is not made anew.
    let (master, admin_token) = (data.master(&*random)?, data.admin_token(&*random)?);
    let sqlite = SqliteStore::open_with(data.path(), sealing(server));
    let sqlite = Arc::new(sqlite.context("the store cannot be opened")?);
    let lines = Lines::to_stdout(form).context("the log cannot be started")?;
    let (telemetry, exporter) = Telemetry::new(lines, Arc::clone(&clock) as _, tracing_settings());
    let telemetry = Arc::new(telemetry);
    let tracker = TaskTracker::new();
    let parts = Parts {
        status: Arc::new(ProgramStatus::new(Arc::clone(&telemetry))),
        issuers: issuers(&clock, &random, &tracker),
        denied: Arc::default(),
        clock,
        random,
        store: Arc::clone(&sqlite) as Arc<dyn Store>,
        telemetry,
        board: Arc::default(),
        uses: Arc::default(),
        tracker,
        closing: Closing::default(),
        stop: CancellationToken::new(),
    };
    Ok(Ground { parts, data, master, admin_token, sqlite, exporter })
}

/// Where spans go, if the environment names a collector.
fn tracing_settings() -> Option<Settings> {
    let (settings, problems) = Settings::read(&environment);
    for problem in problems {
        tracing::warn!("{problem}");
    }
    settings
}

/// Begins what goes on beside the doors.
fn beside(parts: &Parts, live: &Live) -> Vec<Task> {
    let stop = || parts.stop.clone();
    let health = gateway::Health::new(live.gateway(), Arc::clone(&parts.clock) as _);
    let board = Arc::clone(&parts.board);
    let reading = readings::run(parts.clone(), live.plans(), board, live.gateway());
    vec![
        tokio_task(parts, bus::Schedules::run(live.schedules(), parts.bus_world(), stop())),
        tokio_task(parts, Arc::clone(&parts.issuers).run(stop())),
        tokio_task(parts, live.feeder(parts)),
        tokio_task(parts, denied::run(parts.clone())),
        tokio_task(parts, retention::run(parts.clone(), live.definitions())),
        tokio_task(parts, uses::run(parts.clone())),
        tokio_task(parts, reading),
        tokio_task(parts, health.run(stop())),
    ]
}

/// The token issuers that are trusted beside our own; `Live` says which.
fn issuers(
    clock: &Arc<SystemClock>,
    random: &Arc<SystemRandom>,
    tracker: &TaskTracker,
) -> Arc<Issuers> {
    let issuers = Issuers::new(Arc::clone(clock) as _, Arc::clone(random) as _, tracker.clone());
    Arc::new(issuers)
}

/// When a file of the log makes way for a new one.
fn sealing(server: &Server) -> Sealing {
    let bytes = server.segment_bytes;
    Sealing { bytes, over_bytes: bytes.min(OVER_BYTES), ..Sealing::default() }
}

fn admin_world(parts: &Parts, live: &Live, token: &Secret) -> admin::World {
    admin::World {
        clock: Arc::clone(&parts.clock) as _,
        random: Arc::clone(&parts.random) as _,
        store: Arc::clone(&parts.store),
        digester: live.digester(),
        vault: live.vault(),
        definitions: live.definitions(),
        token: live.digester().digest(token.expose()),
        live: live.caught_up(),
        denied: Arc::clone(&parts.denied),
        tokens: live.inspector(parts),
        board: Arc::clone(&parts.board),
        status: Arc::clone(&parts.status) as _,
    }
}

type Task = tokio::task::JoinHandle<()>;

fn tokio_task(parts: &Parts, task: impl Future<Output = ()> + Send + 'static) -> Task {
    parts.tracker.spawn(task)
}

async fn all(tasks: impl IntoIterator<Item = Task>) {
    for task in tasks {
        ended(task.await);
    }
}

fn ended(joined: Result<(), tokio::task::JoinError>) {
    if let Err(error) = joined {
        tracing::error!(%error, "a part of the program ended in a panic");
    }
}

/// Opens the doors. The admin door comes first: whoever waits for readiness sees why it is not there
/// yet. `server` says afterwards where they listen.
fn doors(
    parts: &Parts,
    sockets: &mut Sockets,
    server: &mut Server,
    (live, certificate, admin_token): (&Live, &Certificate, &Secret),
) -> anyhow::Result<Vec<Task>> {
    let opened = sockets.open(ADMIN, server.admin)?;
    server.admin = opened.address;
    let router = admin::router(admin_world(parts, live, admin_token));
    let admin = open(parts, (ADMIN, opened), router);
    let opened = sockets.open(INTERNAL, server.internal)?;
    server.internal = opened.address;
    let local = opened.address.ip().is_loopback();
    let names = if local { intake::Names::Local } else { intake::Names::Any };
    let router = intake::router(live.bus(parts), names);
    let internal = open(parts, (INTERNAL, opened), router);
    let opened = sockets.open(PUBLIC, server.public)?;
    server.public = opened.address;
    let public = open_public(parts, opened, server, live, certificate.door());
    Ok(vec![public, internal, admin])
}

/// Opens a door that an axum router answers, on the program's own runtime.
fn open(parts: &Parts, (name, opened): (&'static str, Opened), router: axum::Router) -> Task {
    let door = Door::plain(opened.listener, parts.closing.clone(), parts.clock.clone());
    parts.telemetry.door(name, Arc::clone(&door.counts));
    tokio_task(parts, serve(door, RouterHandler(router)))
}

fn open_public(
    parts: &Parts,
    opened: Opened,
    server: &Server,
    live: &Live,
    tls: Option<Arc<TlsDoor>>,
) -> Task {
    let Opened { listener, address } = opened;
    if tls.is_none() && !address.ip().is_loopback() && server.trusted.proxies.is_empty() {
        tracing::warn!(%address, "tokens and keys pass this door unencrypted; give it `tls`, or put a proxy with TLS in front of it and name it under `proxies`");
    }
    let mut door = Door::plain(listener, parts.closing.clone(), parts.clock.clone());
    parts.telemetry.door(PUBLIC, Arc::clone(&door.counts));
    door.limits = server.limits;
    door.tls = tls;
    door.balancers = server.proxy_protocol.then(|| Arc::new(server.trusted.clone()));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let world = parts.gateway_world(&server.trusted);
    door.trusted = Arc::clone(&world.trusted);
    let tokens = RouterHandler(live.token_router(parts, server));
    let trusted = Arc::clone(&world.trusted);
    let snapshot: Arc<ArcSwap<gateway::Snapshot>> = live.gateway();
    let make = move |_core| {
        let gateway = gateway::Gateway::new(Arc::clone(&snapshot), world.clone());
        Public::new(gateway, tokens.clone(), Arc::clone(&trusted))
    };
    tokio_task(parts, async move {
        if let Err(error) = serve_on_cores(door, cores, make).await {
            tracing::error!(%error, "the public door cannot be served");
        }
    })
}
