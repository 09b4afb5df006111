//! `gatepost deliveries`.

use clap::Subcommand;

use super::operator::{OperatorArguments, segment};
use super::output;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List attempts, newest events first
    List {
        /// Only of this event, `evt_…`
        #[arg(long)]
        event: Option<String>,
        /// Only of this lane, `bus/rule/target`
        #[arg(long)]
        lane: Option<String>,
        /// Only those that failed
        #[arg(long)]
        failed: bool,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let Command::List { event, lane, failed, limit, operator } = command;
    let mut path = format!("deliveries?limit={limit}&failed={failed}");
    for (name, value) in [("event", event), ("lane", lane)] {
        if let Some(value) = value {
            for part in ["&", name, "=", &segment(&value)] {
                path.push_str(part);
            }
        }
    }
    let attempts = operator.operator()?.get(&path).await?;
    let columns = [
        ("at", "at"),
        ("lane", "lane"),
        ("event", "event_id"),
        ("n", "number"),
        ("status", "status"),
        ("ms", "took_ms"),
        ("outcome", "outcome"),
        ("error", "error"),
    ];
    output::list(&attempts, operator.json, &columns);
    Ok(())
}
