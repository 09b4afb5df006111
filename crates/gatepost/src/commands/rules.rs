//! `gatepost rules`.

use clap::Subcommand;
use serde_json::json;

use super::destinations::add_ages;
use super::operator::{OperatorArguments, segment};
use super::{output, say, wrong_usage};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List rules, whether they are paused, and what waits for each
    List(OperatorArguments),
    /// Stop a rule: what it matches waits in the log
    Pause {
        /// The rule, `BUS/RULE`
        rule: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Let a rule go on from where it stopped
    Resume {
        /// The rule, `BUS/RULE`
        rule: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => {
            let mut rules = arguments.operator()?.get("rules").await?;
            if !arguments.json {
                add_ages(&mut rules);
            }
            let columns = [
                ("rule", "name"),
                ("targets", "targets"),
                ("waiting", "waiting"),
                ("oldest", "oldest"),
                ("state", "state"),
                ("since", "since"),
            ];
            output::list(&rules, arguments.json, &columns);
        }
        Command::Pause { rule, operator } => {
            let done = operator.operator()?.post(&path(&rule, "pause")?, &json!({})).await?;
            let words = format!("Paused: what it matches waits until it is resumed. ({rule})");
            say(&if operator.json { done.to_string() } else { words });
        }
        Command::Resume { rule, operator } => {
            let done = operator.operator()?.post(&path(&rule, "resume")?, &json!({})).await?;
            let words = format!("Resumed: deliveries go on from where they stopped. ({rule})");
            say(&if operator.json { done.to_string() } else { words });
        }
    }
    Ok(())
}

fn path(rule: &str, verb: &str) -> anyhow::Result<String> {
    let parts = rule.split_once('/').filter(|(_, name)| !name.contains('/'));
    let none = || {
        let shown = "as `gatepost rules list` shows it";
        wrong_usage(format!("`{rule}` names no rule; write BUS/RULE, {shown}"))
    };
    let (bus, name) = parts.ok_or_else(none)?;
    Ok(format!("rules/{}/{}/{verb}", segment(bus), segment(name)))
}
