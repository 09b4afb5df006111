//! `gatepost events`.

mod lines;
mod patterns;
mod transform;

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use http::Request;
use serde_json::{Value, json};

use super::operator::{ask, pool, segment};
use super::{ConfigArgument, block_on, output, say, unread, wrong_usage};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Publish one event
    Publish {
        /// The bus
        bus: String,
        /// Which service it comes from
        #[arg(long)]
        source: String,
        /// What happened
        #[arg(long)]
        detail_type: String,
        /// A JSON object, or @FILE
        #[arg(long)]
        detail: String,
        /// An id of your own: the same event sent again under it is not published again
        #[arg(long)]
        id: Option<String>,
        /// The internal door, `http://127.0.0.1:7401`; the configuration's where none is given
        #[arg(long, env = "GATEPOST_INTERNAL_SERVER")]
        server: Option<String>,
        #[command(flatten)]
        config: ConfigArgument,
        /// Print the door's whole answer
        #[arg(long)]
        json: bool,
    },
    /// Whether a pattern matches an event: exit 0 if so, 1 if not, 2 if either cannot be read
    TestPattern(patterns::Arguments),
    /// What a target receives for an event
    Transform(transform::Arguments),
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Publish { bus, source, detail_type, detail, id, server, config, json } => {
            let server = match server {
                Some(server) => server,
                // The same variable that moves `serve` moves those who look for it.
                None => match crate::files::environment("GATEPOST_INTERNAL") {
                    Some(address) => format!("http://{address}"),
                    None => format!("http://{}", config.load()?.server.internal),
                },
            };
            let detail: Value = serde_json::from_str(&text(&detail)?).map_err(|error| {
                let form = "write an object like '{\"id\": \"7\"}'";
                wrong_usage(format!("--detail is no JSON; {form}: {error}"))
            })?;
            let mut entry =
                json!({ "source": source, "detail_type": detail_type, "detail": detail });
            if let Some(id) = id {
                entry["id"] = id.into();
            }
            block_on(publish(&server, &bus, &entry, json)).map(|()| ExitCode::SUCCESS)
        }
        Command::TestPattern(arguments) => Ok(patterns::run(&arguments)),
        Command::Transform(arguments) => Ok(transform::run(&arguments)),
    }
}

/// An argument's text, or a file's where it begins with `@`.
pub(super) fn text(argument: &str) -> anyhow::Result<String> {
    match argument.strip_prefix('@') {
        None => Ok(argument.to_owned()),
        Some(path) => std::fs::read_to_string(path).map_err(|error| unread(path, error)),
    }
}

async fn publish(server: &str, bus: &str, entry: &Value, json: bool) -> anyhow::Result<()> {
    let request = Request::post(format!("/events/{}", segment(bus)));
    let answer = ask(&pool(server)?, request, Some(&json!({ "entries": [entry] }))).await?;
    let result = &answer["entries"][0];
    if json {
        say(&answer.to_string());
    }
    if let Some(message) = result["error"]["message"].as_str() {
        let code = output::cell(&result["error"]["code"]);
        let told = format!("{code}: {message}");
        // What is no event, whatever there is; others may be taken elsewhere, or later.
        if matches!(code.as_str(), "InvalidArgument" | "MalformedDetail") {
            return Err(wrong_usage(told));
        }
        bail!(told);
    }
    if !json {
        say(&output::cell(&result["id"]));
    }
    if result["duplicate"] == true {
        output::complain("Accepted before under this id; this is the event of the first time.");
    } else if result["matched"] == 0 {
        output::complain("Accepted, but no rule of this bus matches it.");
    }
    Ok(())
}
