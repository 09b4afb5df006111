//! The example companies' own services: linked into the one binary for the demo, hidden from help.
//! They know nothing of Gatepost but its addresses.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use super::{say, wrong_usage};

#[derive(Subcommand)]
pub(super) enum Command {
    /// The car company's order service
    Cars(Arguments),
    /// The tire company's order service
    Tires(Arguments),
    /// Print what a company documents about its own service
    Openapi {
        /// `cars` or `tires`
        company: String,
    },
}

#[derive(Args)]
pub(super) struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    events_url: String,
    #[arg(long, default_value = "orders")]
    bus: String,
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Openapi { company } => {
            let document = match company.as_str() {
                "cars" => cars::openapi(),
                "tires" => tires::openapi(),
                _ => return Err(wrong_usage("the companies are `cars` and `tires`")),
            };
            say(&format!("{document:#}"));
            Ok(ExitCode::SUCCESS)
        }
        Command::Cars(a) => serve(async move {
            let Arguments { listen, data, events_url, bus } = a;
            cars::serve(cars::Config { listen, data, events_url, bus }, stopped()).await
        }),
        Command::Tires(a) => serve(async move {
            let Arguments { listen, data, events_url, bus } = a;
            tires::serve(tires::Config { listen, data, events_url, bus }, stopped()).await
        }),
    }
}

fn serve(service: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt().json().flatten_event(true).with_writer(std::io::stderr).init();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.context("the runtime cannot be started")?.block_on(service)?;
    Ok(ExitCode::SUCCESS)
}

async fn stopped() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
