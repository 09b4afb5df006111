//! `gatepost destinations`.

use clap::Subcommand;
use serde_json::Value;

use super::operator::OperatorArguments;
use super::output;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List destinations and what waits for each
    List(OperatorArguments),
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let Command::List(arguments) = command;
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
    ];
    output::list(&destinations, arguments.json, &columns);
    Ok(())
}
