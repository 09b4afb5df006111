//! `gatepost deliveries`.

use clap::{Args, Subcommand};

use super::moment::moment;
use super::operator::{OperatorArguments, add_parameter};
use super::output;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List attempts, newest events first
    List(Box<List>),
}

#[derive(Args)]
pub(super) struct List {
    /// Only of this event, `evt_…`
    #[arg(long)]
    event: Option<String>,
    /// Only to this destination
    #[arg(long)]
    destination: Option<String>,
    /// Only of this rule, `BUS/RULE`
    #[arg(long)]
    rule: Option<String>,
    /// Only of this lane, `bus/rule/target`
    #[arg(long)]
    lane: Option<String>,
    /// Only those that failed
    #[arg(long)]
    failed: bool,
    /// Only those answered so: `404`, `5xx`, or `none` for no answer
    #[arg(long)]
    status: Option<String>,
    /// Only those begun at or after: RFC 3339, or how long ago (`2h`)
    #[arg(long)]
    from: Option<String>,
    /// Only those begun before
    #[arg(long)]
    until: Option<String>,
    /// Only for events that match this pattern, JSON or @FILE: `{"detail":{"id":["A-7"]}}`
    #[arg(long = "where", value_name = "PATTERN")]
    pattern: Option<String>,
    /// Go on behind this place: the `next` of the listing before
    #[arg(long)]
    after: Option<String>,
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    operator: OperatorArguments,
}

impl List {
    fn path(&self) -> anyhow::Result<String> {
        let mut path = format!("deliveries?limit={}&failed={}", self.limit, self.failed);
        let pattern = self.pattern.as_deref().map(super::events::text).transpose()?;
        let (from, until) = (self.from.as_deref(), self.until.as_deref());
        for (name, value) in [
            ("event", self.event.clone()),
            ("destination", self.destination.clone()),
            ("rule", self.rule.clone()),
            ("lane", self.lane.clone()),
            ("status", self.status.clone()),
            ("from", from.map(moment).transpose()?),
            ("until", until.map(moment).transpose()?),
            ("where", pattern),
            ("after", self.after.clone()),
        ] {
            if let Some(value) = value {
                add_parameter(&mut path, name, &value);
            }
        }
        Ok(path)
    }
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let Command::List(list) = command;
    let attempts = list.operator.operator()?.get(&list.path()?).await?;
    let columns = [
        ("at", "at"),
        ("lane", "lane"),
        ("event", "event_id"),
        ("n", "number"),
        ("status", "status"),
        ("ms", "took_ms"),
        ("address", "address"),
        ("outcome", "outcome"),
        ("error", "error"),
    ];
    output::list(&attempts, list.operator.json, &columns);
    if let Some(next) = attempts["next"].as_str() {
        output::complain(&format!("There may be more: --after {next}"));
    }
    Ok(())
}
