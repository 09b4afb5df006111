//! `gatepost serve`.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use model::Clock as _;
use tracing_subscriber::EnvFilter;

use super::{ConfigArgument, output};
use crate::clock::SystemClock;
use crate::serve::{Inherited, Options};
use crate::telemetry::Form;

/// Server settings: flag, then environment, then file.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The data directory
    #[arg(long, env = "GATEPOST_DATA")]
    data: Option<PathBuf>,
    /// Where partners call: gateway and token service
    #[arg(long, env = "GATEPOST_PUBLIC")]
    public: Option<SocketAddr>,
    /// Where the company's own services publish events
    #[arg(long, env = "GATEPOST_INTERNAL")]
    internal: Option<SocketAddr>,
    /// Where operators ask and change
    #[arg(long, env = "GATEPOST_ADMIN")]
    admin: Option<SocketAddr>,
    /// The form of log lines; human on a terminal, JSON otherwise
    #[arg(long, env = "GATEPOST_LOG_FORM")]
    log: Option<LogForm>,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogForm {
    Human,
    Json,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // Before there are threads, as it changes the environment.
    let inherited = Inherited::take(&crate::files::environment)?;
    let mut loaded = arguments.config.load()?;
    let of_file = loaded.server.clone();
    let server = &mut loaded.server;
    server.data = arguments.data.unwrap_or_else(|| server.data.clone());
    server.public = arguments.public.unwrap_or(server.public);
    server.internal = arguments.internal.unwrap_or(server.internal);
    server.admin = arguments.admin.unwrap_or(server.admin);
    let form = match arguments.log {
        Some(LogForm::Human) => Form::Human,
        Some(LogForm::Json) => Form::Json,
        None => Form::of_stdout(),
    };
    start_tracing();
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    for warning in super::check::by_the_clock(&loaded.definitions, SystemClock::new().now()) {
        tracing::warn!("{warning}");
    }
    let options = Options { config: arguments.config.config, server: of_file, form };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(crate::serve::run(loaded, options, inherited))?;
    Ok(ExitCode::SUCCESS)
}

/// The program's own talk goes to standard error; `RUST_LOG` chooses how much.
fn start_tracing() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.with_ansi(output::colour()).with_target(false).init();
    } else {
        builder.json().flatten_event(true).init();
    }
}
