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
//! courier, schedules, replays, keys of other issuers, retention, usage, readings for the metrics
//! ```

mod apply;
mod certificate;
mod live;
mod public;
mod readings;
mod retention;
mod status;
mod usage;
mod webhook_jwks;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use courier::{Board, Courier};
use gateway::Issuers;
use listener::{Door, RouterHandler, TlsDoor, Trusted, bind, serve, serve_on_cores};
use model::{Clock as _, Secret};
use store::Store;
use store_sqlite::{Sealing, SqliteStore};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{SystemClock, SystemRandom};
use crate::config::{Loaded, Server};
use crate::files::{AllSecrets, DataDirectory, RecentSecrets};
use crate::telemetry::{Form, Lines, Telemetry};

use certificate::Certificate;
use live::Live;
use public::Public;
use status::ProgramStatus;

/// A file of the log in which something need not be kept any more is sealed when it is so large.
const OVER_BYTES: u64 = 16 << 20;

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
    status: Arc<ProgramStatus>,
    tracker: TaskTracker,
    /// Cancelled when the doors are to close.
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

/// Serves until told to stop: by SIGTERM or SIGINT, orderly; by a second one, at once.
pub async fn run(loaded: Loaded, options: Options) -> anyhow::Result<()> {
    let (clock, random) = (Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let data = DataDirectory::take(&loaded.server.data)?;
    let (master, admin_token) = (data.master(&*random)?, data.admin_token(&*random)?);
    let sqlite = SqliteStore::open_with(data.path(), sealing(&loaded.server));
    let sqlite = Arc::new(sqlite.context("the store cannot be opened")?);
    let lines = Lines::to_stdout(options.form).context("the log cannot be started")?;
    let telemetry = Arc::new(Telemetry::new(lines, Arc::clone(&clock) as _));
    let tracker = TaskTracker::new();
    let parts = Parts {
        status: Arc::new(ProgramStatus::new(Arc::clone(&telemetry))),
        issuers: issuers(&clock, &random, &tracker),
        clock,
        random,
        store: Arc::clone(&sqlite) as Arc<dyn Store>,
        telemetry,
        board: Arc::default(),
        tracker,
        stop: CancellationToken::new(),
    };
    apply::documents(&*parts.store, &loaded.documents, parts.clock.now()).await?;
    let server = loaded.server.clone();
    let live = Live::open(&parts, &master, (loaded.definitions, loaded.contracts)).await?;
    let admin = admin_world(&parts, &live, &admin_token);

    // The admin door opens first: whoever waits for readiness sees why it is not there yet.
    open(&parts, server.admin, admin::router(admin), "admin")?;
    let local = server.internal.ip().is_loopback();
    let names = if local { intake::Names::Local } else { intake::Names::Any };
    let internal = intake::router(live.bus(&parts), names);
    open(&parts, server.internal, internal, "internal")?;
    let certificate = Certificate::open(server.tls.as_ref())?;
    let public = open_public(&parts, &server, &live, certificate.door())?;
    let usage = usage::Keeping::begin(&parts);
    let courier = Courier::new(parts.courier_world(&live));
    let no_more_deliveries = CancellationToken::new();
    let courier = tokio_task(&parts, courier.run(live.plans(), no_more_deliveries.clone()));
    let firing = bus::Schedules::run(live.schedules(), parts.bus_world(), parts.stop.clone());
    let firing = tokio_task(&parts, firing);
    let trusting = tokio_task(&parts, Arc::clone(&parts.issuers).run(parts.stop.clone()));
    let feeding = tokio_task(&parts, live.feeder(&parts));
    let keeping = tokio_task(&parts, retention::run(parts.clone(), live.definitions()));
    let reading = readings::run(parts.clone(), live.plans(), Arc::clone(&parts.board));
    let reading = tokio_task(&parts, reading);
    let health = gateway::Health::new(live.gateway(), Arc::clone(&parts.clock) as _);
    let health = tokio_task(&parts, health.run(parts.stop.clone()));
    let watching = tokio_task(&parts, certificate.watch(parts.stop.clone()));
    let live = Arc::new(live);
    live.tell_of_orphans(&*parts.store).await;
    live.tell_of_unset_secrets();
    let following = tokio_task(&parts, Live::follow(Arc::clone(&live), parts.clone()));
    parts.status.ready();
    tracing::info!(public = %server.public, internal = %server.internal, admin = %server.admin, "serving");

    // Held to the end: dropping it ends the watch for a second signal.
    let _second = wait(&parts, &live, &options).await?;

    // Unready, then no new connections, then what is under way ends, then the courier keeps what
    // it knows; the store closes last.
    parts.status.draining();
    parts.stop.cancel();
    let doors = [public, firing, feeding, keeping, reading, trusting, health, watching, following];
    for task in doors {
        ended(task.await);
    }
    usage.end().await;
    live.give_back(&*parts.store).await;
    no_more_deliveries.cancel();
    ended(courier.await);
    parts.tracker.close();
    parts.tracker.wait().await;
    parts.telemetry.close();
    tokio::task::spawn_blocking(move || sqlite.close()).await.context("closing the store")?;
    tracing::info!("stopped");
    Ok(())
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
        board: Arc::clone(&parts.board),
        status: Arc::clone(&parts.status) as _,
    }
}

type Task = tokio::task::JoinHandle<()>;

fn tokio_task(parts: &Parts, task: impl Future<Output = ()> + Send + 'static) -> Task {
    parts.tracker.spawn(task)
}

fn ended(joined: Result<(), tokio::task::JoinError>) {
    if let Err(error) = joined {
        tracing::error!(%error, "a part of the program ended in a panic");
    }
}

/// Opens a door that an axum router answers, on the program's own runtime.
fn open(
    parts: &Parts,
    address: std::net::SocketAddr,
    router: axum::Router,
    name: &str,
) -> anyhow::Result<()> {
    let listener = bind(address).with_context(|| cannot_listen(name, address))?;
    let door = Door::plain(listener, parts.stop.clone());
    parts.tracker.spawn(serve(door, RouterHandler(router)));
    Ok(())
}

fn open_public(
    parts: &Parts,
    server: &Server,
    live: &Live,
    tls: Option<Arc<TlsDoor>>,
) -> anyhow::Result<Task> {
    let address = server.public;
    let listener = bind(address).with_context(|| cannot_listen("public", address))?;
    if tls.is_none() && !address.ip().is_loopback() && server.trusted.proxies.is_empty() {
        tracing::warn!(%address, "tokens and keys pass this door unencrypted; give it `tls`, or put a proxy with TLS in front of it and name it under `proxies`");
    }
    let mut door = Door::plain(listener, parts.stop.clone());
    door.limits = server.limits;
    door.tls = tls;
    door.balancers = server.proxy_protocol.then(|| Arc::new(server.trusted.clone()));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let world = parts.gateway_world(&server.trusted);
    let tokens = RouterHandler(live.token_router(parts));
    let snapshot: Arc<ArcSwap<gateway::Snapshot>> = live.gateway();
    let make = move |_core| {
        let gateway = gateway::Gateway::new(Arc::clone(&snapshot), world.clone());
        Public::new(gateway, tokens.clone())
    };
    Ok(parts.tracker.spawn(async move {
        if let Err(error) = serve_on_cores(door, cores, make).await {
            tracing::error!(%error, "the public door cannot be served");
        }
    }))
}

fn cannot_listen(name: &str, address: std::net::SocketAddr) -> String {
    format!(
        "the {name} door cannot listen on {address}; is something else there? Set listen.{name}"
    )
}

/// Waits for the signal to stop; reads the file again at SIGHUP.
async fn wait(parts: &Parts, live: &Arc<Live>, options: &Options) -> anyhow::Result<JoinSet<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => reload(parts, live, options).await,
        }
    }
    // From here on a second signal ends the program at once.
    let mut second = JoinSet::new();
    second.spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        at_once();
    });
    Ok(second)
}

#[expect(clippy::exit, reason = "the operator asked twice")]
fn at_once() {
    std::process::exit(130);
}

/// Reads the file again; a bad one leaves everything as it is.
async fn reload(parts: &Parts, live: &Arc<Live>, options: &Options) {
    let loaded = match crate::config::load(&options.config, &crate::files::environment) {
        Ok(loaded) => loaded,
        Err(report) => {
            tracing::error!("the configuration was not taken over:\n{}", report.render(false, 100));
            return;
        }
    };
    if loaded.server != options.server {
        tracing::warn!(
            "a change of `listen`, `tls`, `proxies`, `limits`, `data` or `segment` takes effect at the next start only"
        );
    }
    let applied = apply::documents(&*parts.store, &loaded.documents, parts.clock.now()).await;
    let taken = match applied {
        Ok(()) => live.define(parts, (loaded.definitions, loaded.contracts)).await,
        Err(error) => Err(error),
    };
    match taken {
        Ok(()) => {
            tracing::info!("the configuration was read again");
            live.tell_of_orphans(&*parts.store).await;
            live.tell_of_unset_secrets();
        }
        Err(error) => tracing::error!("the configuration was not taken over: {error:#}"),
    }
}
