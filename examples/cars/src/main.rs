//! Runs the car company's order service alone, until it is interrupted or terminated.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// The car company's order service.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to answer HTTP.
    #[arg(long, env = "CARS_LISTEN", default_value = "127.0.0.1:7310")]
    listen: SocketAddr,
    /// The folder of the database; made if it is missing.
    #[arg(long, env = "CARS_DATA", default_value = "cars-data")]
    data: PathBuf,
    /// The internal door of the company's own Gatepost.
    #[arg(long, env = "CARS_EVENTS_URL", default_value = "http://127.0.0.1:7301")]
    events_url: String,
    /// The bus there that takes the events.
    #[arg(long, env = "CARS_BUS", default_value = "orders")]
    bus: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { listen, data, events_url, bus } = Arguments::parse();
    let filter =
        EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();

    let mut terminated = signal(SignalKind::terminate()).context("watching for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("watching for SIGINT")?;
    let shutdown = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    cars::serve(cars::Config { listen, data, events_url, bus }, shutdown).await
}
