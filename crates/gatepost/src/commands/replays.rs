//! `gatepost replay`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::moment::moment;
use super::operator::{Operator, OperatorArguments, segment};
use super::progress::Progress;
use super::{block_on, output, say};

/// How often a watched replay is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often in a row a server may not answer while a replay is watched: half a minute.
const REFUSALS_MAX: u32 = 60;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Send events that are still in the log once more
    Start(Box<Start>),
    /// List replays and how far they are
    List(OperatorArguments),
    /// Show one
    Show(Named),
    /// Follow one until it is over: exit 0 when completed, 1 when cancelled or failed
    Watch(Named),
    /// Let one stand still, with what waits on its lanes
    Pause(Named),
    /// Let a paused one go on
    Resume(Named),
    /// End one: what waits on its lanes is not sent any more
    Cancel(Named),
}

#[derive(Args)]
pub(super) struct Named {
    /// The replay's name
    name: String,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Args)]
pub(super) struct Start {
    /// The bus
    bus: String,
    /// Events accepted at or after: RFC 3339, or how long ago (`2h`, `7d`)
    #[arg(long)]
    from: String,
    /// Events accepted before; now where nothing is said. `rule-start`: until the first event that
    /// the rules got by themselves, to let a new rule start in the past
    #[arg(long)]
    until: Option<String>,
    /// Only for this rule of the bus; may be given several times
    #[arg(long = "rule")]
    rules: Vec<String>,
    /// Only events that match this pattern too, JSON or @FILE
    #[arg(long = "where", visible_alias = "pattern", value_name = "PATTERN")]
    pattern: Option<String>,
    /// Only for targets that lead to this destination
    #[arg(long)]
    destination: Option<String>,
    /// To this destination, in place of the rules' own
    #[arg(long)]
    to: Option<String>,
    /// At most so fast, `50/s`
    #[arg(long)]
    rate: Option<String>,
    /// A name of your own
    #[arg(long)]
    name: Option<String>,
    /// Follow it until it is over
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    operator: OperatorArguments,
}

impl Start {
    fn body(&self) -> anyhow::Result<Value> {
        let until = match self.until.as_deref() {
            Some("rule-start") => Some("rule-start".to_owned()),
            other => other.map(moment).transpose()?,
        };
        // As it is written: what it means is for the server to say.
        let pattern = self.pattern.as_deref().map(super::events::text).transpose()?;
        let mut body = json!({ "bus": self.bus, "from": moment(&self.from)?, "rules": self.rules });
        for (member, value) in [
            ("until", until.map(Value::from)),
            ("pattern", pattern.map(Value::from)),
            ("destination", self.destination.clone().map(Value::from)),
            ("to", self.to.clone().map(Value::from)),
            ("rate", self.rate.clone().map(Value::from)),
            ("name", self.name.clone().map(Value::from)),
        ] {
            if let Some(value) = value {
                body[member] = value;
            }
        }
        Ok(body)
    }
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    block_on(perform(command))
}

async fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Start(start) => {
            let operator = start.operator.operator()?;
            let replay = operator.post("replays", &start.body()?).await?;
            if let Some(note) = replay["note"].as_str() {
                output::complain(&format!("Note: {note}."));
            }
            let name = output::cell(&replay["name"]);
            if start.watch {
                return watch(&operator, &name, start.operator.json).await;
            }
            told(&replay, start.operator.json, &format!("Started: {name}"));
            Ok(ExitCode::SUCCESS)
        }
        Command::List(arguments) => {
            let mut replays = arguments.operator()?.get("replays").await?;
            if !arguments.json {
                for item in replays["items"].as_array_mut().into_iter().flatten() {
                    item["far"] = format!("{}%", item["percent"]).into();
                }
            }
            let columns = [
                ("replay", "name"),
                ("bus", "bus"),
                ("state", "state"),
                ("far", "far"),
                ("found", "found"),
                ("settled", "settled"),
                ("waiting", "waiting"),
                ("from", "from"),
                ("until", "until"),
            ];
            output::list(&replays, arguments.json, &columns);
            Ok(ExitCode::SUCCESS)
        }
        Command::Show(Named { name, operator }) => {
            let replay = operator.operator()?.get(&path(&name)).await?;
            say(&if operator.json { replay.to_string() } else { format!("{replay:#}") });
            Ok(ExitCode::SUCCESS)
        }
        Command::Watch(Named { name, operator }) => {
            watch(&operator.operator()?, &name, operator.json).await
        }
        Command::Pause(named) => turn(named, "pause", "Paused").await,
        Command::Resume(named) => turn(named, "resume", "Goes on").await,
        Command::Cancel(named) => turn(named, "cancel", "Cancelled").await,
    }
}

fn path(name: &str) -> String {
    format!("replays/{}", segment(name))
}

async fn turn(named: Named, verb: &str, words: &str) -> anyhow::Result<ExitCode> {
    let Named { name, operator } = named;
    let path = format!("{}/{verb}", path(&name));
    let replay = operator.operator()?.post(&path, &json!({})).await?;
    told(&replay, operator.json, &format!("{words}: {name}"));
    Ok(ExitCode::SUCCESS)
}

fn told(replay: &Value, json: bool, words: &str) {
    say(&if json { replay.to_string() } else { words.to_owned() });
}

/// Shows how far a replay is until it is over.
async fn watch(operator: &Operator, name: &str, json: bool) -> anyhow::Result<ExitCode> {
    let progress = Progress::bar(100, "%");
    // The first question tells what is wrong; later ones, that the server is away.
    let mut refusals = REFUSALS_MAX;
    loop {
        // A server that is being restarted is waited for.
        let replay = match operator.get(&path(name)).await {
            Ok(replay) => replay,
            Err(error) if refusals == REFUSALS_MAX => return Err(error),
            Err(_) => {
                refusals += 1;
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
        };
        refusals = 0;
        let count = |member: &str| replay[member].as_u64().unwrap_or(0);
        let words = format!("{} settled, {} waiting", count("settled"), count("waiting"));
        progress.at(count("percent"), &words);
        match replay["state"].as_str().unwrap_or_default() {
            "running" | "paused" => tokio::time::sleep(LOOK_EVERY).await,
            state => {
                drop(progress);
                let settled = count("settled");
                told(&replay, json, &format!("{name}: {state}, {settled} delivered or given up"));
                if state != "completed" {
                    let why = replay["reason"].as_str().map(|why| format!(": {why}"));
                    bail!("{name} is {state}{}", why.unwrap_or_default());
                }
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}
