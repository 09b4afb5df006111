//! `gatepost destinations`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::{OperatorArguments, segment};
use super::{output, say};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List destinations, how they are, and what waits for each
    List(OperatorArguments),
    /// Let deliveries go on from where they stopped
    Enable {
        /// The destination's name
        name: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Send nothing there: deliveries wait in the log
    Disable {
        /// The destination's name
        name: String,
        /// Why, for those who find it disabled
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => list(&arguments).await,
        Command::Enable { name, operator } => {
            let path = format!("destinations/{}/enable", segment(&name));
            let done = operator.operator()?.post(&path, &json!({})).await?;
            let words = format!("Enabled: deliveries go on from where they stopped. ({name})");
            say(&if operator.json { done.to_string() } else { words });
            Ok(())
        }
        Command::Disable { name, reason, operator } => {
            let path = format!("destinations/{}/disable", segment(&name));
            let done = operator.operator()?.post(&path, &json!({ "reason": reason })).await?;
            let words = format!("Disabled: deliveries wait until it is enabled again. ({name})");
            say(&if operator.json { done.to_string() } else { words });
            Ok(())
        }
    }
}

async fn list(arguments: &OperatorArguments) -> anyhow::Result<()> {
    let mut destinations = arguments.operator()?.get("destinations").await?;
    for item in destinations["items"].as_array_mut().into_iter().flatten() {
        let lanes = item["lanes"].as_array().cloned().unwrap_or_default();
        let waiting: u64 = lanes.iter().filter_map(|lane| lane["waiting"].as_u64()).sum();
        item["waiting"] = Value::from(waiting);
    }
    let columns = [
        ("destination", "name"),
        ("request", "request"),
        ("connection", "connection"),
        ("rate", "rate"),
        ("waiting", "waiting"),
        ("state", "state"),
        ("since", "since"),
        ("reason", "reason"),
    ];
    output::list(&destinations, arguments.json, &columns);
    Ok(())
}
