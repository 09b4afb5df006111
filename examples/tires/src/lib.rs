//! The tire company's order service: orders from car makers, their completion, and an
//! outbox of events.
//!
//! Plain HTTP, meant for loopback behind the company's own Gatepost, which checks tokens
//! and keys, strips its base path and says in `gatepost-…` headers who called. It imports
//! nothing of Gatepost. It promises that the same car order of the same client makes one
//! tire order, that a completion and the event that tells of it are written together, and
//! that the event reaches the bus at least once, however long the bus is away.

mod api;
mod extract;
mod id;
mod openapi;
mod order;
mod outbox;
mod problem;
mod store;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub use openapi::openapi;

/// How long requests in flight may go on once a stop was asked for.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// What the service needs to be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where HTTP is answered.
    pub listen: SocketAddr,
    /// The folder of `tires.db`; made if it is missing.
    pub data: PathBuf,
    /// The internal door of the company's own Gatepost, such as `http://127.0.0.1:7401`.
    pub events_url: String,
    /// The bus there that takes the service's events.
    pub bus: String,
}

/// Opens the port, the database and the outbox, and serves until `shutdown` ends.
pub async fn serve(
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let listener = bind(&config).await?;
    serve_on(listener, config, shutdown).await
}

/// Opens the port alone; port 0 takes a free one, which the listener then knows.
pub async fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listening on {}", config.listen))
}

/// Serves on a port that is already open, until `shutdown` ends and the requests in
/// flight are answered.
pub async fn serve_on(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let store = store::Store::open(&config.data).await?;
    let wake = Arc::new(Notify::new());
    let publisher =
        outbox::Publisher::new(store.clone(), Arc::clone(&wake), &config.events_url, &config.bus)?;
    let router = api::router(store, wake);
    let address = listener.local_addr().context("reading the address listened on")?;
    tracing::info!(company = "tires", listen = %address, bus = config.bus.as_str(), "serving");

    let mut tasks = JoinSet::new();
    tasks.spawn(publisher.run());
    let served = tokio::select! {
        served = answer(listener, router, shutdown) => served,
        ended = tasks.join_next() => Err(anyhow!("the outbox publisher ended: {ended:?}")),
    };
    // The publisher may be stopped anywhere: a row counts as published only once that is
    // committed, and the bus knows a repeated entry by its id.
    tasks.shutdown().await;
    served
}

async fn answer(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let drained = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stopped.notified().await })
        .into_future();
    let overdue = async move {
        shutdown.await;
        stop.notify_one();
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        served = drained => served.context("serving HTTP"),
        () = overdue => {
            tracing::warn!(company = "tires", "stopped with requests still in flight");
            Ok(())
        }
    }
}
