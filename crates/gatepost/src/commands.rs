//! The commands: one file per verb or noun. Data goes to standard output, talk to standard error;
//! exit 0 is done, 1 failed, 2 wrong usage (`WrongUsage`) or configuration.

mod audit;
mod check;
mod client_secrets;
mod clients;
mod credentials;
mod dead_letters;
mod deliveries;
mod destinations;
mod events;
mod example;
mod exports;
mod handover;
mod key_values;
mod keys;
mod listen;
mod moment;
mod operator;
mod output;
mod partners;
mod progress;
mod replays;
mod rules;
mod secrets;
mod serve;
mod token_audit;
mod token_explain;
mod token_given;
mod tokens;
mod usage;
mod webhooks;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::config::{Loaded, Report};
use crate::{demo, explain};

pub use output::{Table, say};

/// Gateway, token service, event bus and courier between companies, in one program.
#[derive(Parser)]
#[command(name = "gatepost", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a company: gateway, token service, event bus, courier
    Serve(serve::Arguments),
    /// Look a configuration over and show every mistake with its remedy
    Check(check::Arguments),
    /// Watch two companies do business through two Gateposts
    Demo(demo::Arguments),
    /// Partners: list, show, hand credentials over
    #[command(subcommand)]
    Partner(partners::Command),
    /// Clients of partners and their secrets
    #[command(subcommand)]
    Client(clients::Command),
    /// Access tokens: who got which, explain, revoke, introspect; the public keys
    #[command(subcommand)]
    Token(tokens::Command),
    /// API keys of partners and their values; the keys that sign tokens
    #[command(subcommand)]
    Key(keys::Command),
    /// Receive credentials from a company we call
    #[command(subcommand)]
    Handover(handover::Command),
    /// Publish events, try patterns and inputs
    #[command(subcommand)]
    Events(events::Command),
    /// Rules: what waits for each, pause, resume
    #[command(subcommand)]
    Rules(rules::Command),
    /// Where deliveries go, and what waits; disable, enable
    #[command(subcommand)]
    Destinations(destinations::Command),
    /// Attempts to deliver, and what was answered
    #[command(subcommand)]
    Deliveries(deliveries::Command),
    /// Deliveries that were given up: list, show, redrive, purge
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// Send events that are still in the log once more
    #[command(subcommand)]
    Replay(replays::Command),
    /// See a bus's events as they come, or have them posted to a service on this machine
    Listen(listen::Arguments),
    /// What deliveries are signed with: keys, secrets
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Secrets that Gatepost keeps for the configuration: set, list, remove
    #[command(subcommand)]
    Secret(secrets::Command),
    /// How much was asked at the gateway, by whom and of what
    Usage(Box<usage::Arguments>),
    /// Who changed what
    Audit(audit::Arguments),
    /// Explain a problem's code or a configuration key
    Explain {
        /// `quota-exceeded`, `destinations.rate` …; nothing lists everything
        what: Option<String>,
    },
    /// Print the JSON Schema of the configuration file
    Schema,
    /// Print the OpenAPI 3.1 document of an API as partners see it
    Openapi(exports::Arguments),
    /// Print a Postman collection (v2.1) of an API
    Postman(exports::PostmanArguments),
    /// The example companies' own services, linked in for the demo
    #[command(subcommand, hide = true)]
    Example(example::Command),
}

/// Which configuration.
#[derive(Args, Debug, Clone)]
pub struct ConfigArgument {
    /// The configuration file, or a directory of files
    #[arg(long, short, env = "GATEPOST_CONFIG", default_value = "gatepost.yaml")]
    pub config: PathBuf,
}

impl ConfigArgument {
    /// Loads it, or fails with every mistake shown.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        let loaded = crate::config::load(&self.config, &crate::files::environment);
        Ok(loaded.map_err(BadConfig)?)
    }
}

/// A configuration with mistakes; shown whole.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has mistakes")]
struct BadConfig(Report);

/// What was asked cannot be read: a value, an input, or what does not go together. Ends as a wrong
/// option does, whether a command finds it out or the server.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUsage(String);

/// An error that ends with 2: what cannot be read, and what to write.
fn wrong_usage(text: impl Into<String>) -> anyhow::Error {
    WrongUsage(text.into()).into()
}

/// The same of an input that cannot be read at all.
fn unread(what: impl fmt::Display, error: impl fmt::Display) -> anyhow::Error {
    wrong_usage(format!("{what} cannot be read: {error}"))
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; anything else is wrong usage.
            let code = if error.use_stderr() { 2 } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    match perform(cli.command) {
        Ok(code) => code,
        Err(error) => {
            if let Some(BadConfig(report)) = error.downcast_ref() {
                output::complain(&report.render(output::colour(), output::width()));
                return ExitCode::from(2);
            }
            output::complain(&format!("gatepost: {error:#}"));
            ExitCode::from(if error.is::<WrongUsage>() { 2 } else { 1 })
        }
    }
}

fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Check(arguments) => Ok(check::run(&arguments)),
        Command::Demo(arguments) => block_on(demo::run(arguments)),
        Command::Partner(command) => done(partners::run(command)),
        Command::Client(command) => done(clients::run(command)),
        Command::Key(command) => done(keys::run(command)),
        Command::Token(command) => block_on(tokens::run(command)),
        Command::Handover(command) => handover::run(command).map(|()| ExitCode::SUCCESS),
        Command::Events(command) => events::run(command),
        Command::Rules(command) => done(rules::run(command)),
        Command::Destinations(command) => done(destinations::run(command)),
        Command::Deliveries(command) => done(deliveries::run(command)),
        Command::DeadLetters(command) => done(dead_letters::run(command)),
        Command::Replay(command) => replays::run(command),
        Command::Listen(arguments) => done(listen::run(arguments)),
        Command::Webhooks(command) => webhooks::run(command),
        Command::Secret(command) => done(secrets::run(command)),
        Command::Usage(arguments) => done(usage::run(*arguments)),
        Command::Audit(arguments) => done(audit::run(arguments)),
        Command::Explain { what } => Ok(explain_command(what.as_deref())),
        Command::Schema => {
            say(&format!("{:#}", crate::config::schema()));
            Ok(ExitCode::SUCCESS)
        }
        Command::Openapi(arguments) => exports::openapi(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Postman(arguments) => exports::postman(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Example(command) => example::run(command),
    }
}

fn explain_command(what: Option<&str>) -> ExitCode {
    let Some(what) = what else {
        for known in explain::known() {
            say(&known);
        }
        return ExitCode::SUCCESS;
    };
    if let Some(text) = explain::explain(what) {
        say(&text);
        return ExitCode::SUCCESS;
    }
    let known = explain::known();
    let nearest = known.iter().max_by_key(|known| {
        // A similarity between 0 and 1, compared to three digits.
        #[expect(clippy::cast_possible_truncation, reason = "a number from 0 to 1000")]
        let similarity = (strsim::jaro_winkler(known, what) * 1000.0) as i64;
        similarity
    });
    let hint = nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    output::complain(&format!("gatepost: nothing is called `{what}`{hint}"));
    ExitCode::from(2)
}

/// Runs a command that talks to a serving Gatepost.
fn done(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    block_on(async { work.await.map(|()| ExitCode::SUCCESS) })
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("the runtime cannot be started")?.block_on(work)
}
