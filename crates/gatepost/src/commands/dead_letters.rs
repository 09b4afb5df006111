//! `gatepost dead-letters`.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use limit::Rate;
use serde_json::{Map, Value};

use super::moment::moment;
use super::operator::{Operator, OperatorArguments, add_parameter, segment};
use super::progress::Progress;
use super::{output, say, wrong_usage};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List dead letters
    List {
        #[command(flatten)]
        filter: Filter,
        /// Go on behind this letter: the `next` of the listing before
        #[arg(long)]
        after: Option<String>,
        /// How many
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Show one with its event and every attempt
    Show {
        /// The delivery's id, `dlv_…`
        id: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Try again, as if published now
    Redrive {
        #[command(flatten)]
        which: Which,
        /// At most so fast, `50/s`; as long as this command runs
        #[arg(long)]
        rate: Option<String>,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Forget for ever
    Purge {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

#[derive(Args)]
pub(super) struct Filter {
    /// Only of this queue
    #[arg(long)]
    queue: Option<String>,
    /// Only those with this error code, `HTTP_404`, `TOO_OLD` …
    #[arg(long)]
    code: Option<String>,
    /// Only of this rule, `BUS/RULE`
    #[arg(long)]
    rule: Option<String>,
    /// Only for this destination
    #[arg(long)]
    destination: Option<String>,
    /// Only those whose events match this pattern, JSON or @FILE: `{"detail":{"id":["A-7"]}}`
    #[arg(long = "where", value_name = "PATTERN")]
    pattern: Option<String>,
    /// Only those given up at or after: RFC 3339, or how long ago (`2h`)
    #[arg(long)]
    from: Option<String>,
    /// Only those given up before
    #[arg(long)]
    until: Option<String>,
}

#[derive(Args)]
pub(super) struct Which {
    /// One delivery, `dlv_…`
    id: Option<String>,
    /// All of them
    #[arg(long, conflicts_with = "id")]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

impl Filter {
    fn members(self) -> anyhow::Result<Map<String, Value>> {
        let members = [
            ("queue", self.queue),
            ("code", self.code),
            ("rule", self.rule),
            ("destination", self.destination),
            ("where", self.pattern.as_deref().map(super::events::text).transpose()?),
            ("from", self.from.as_deref().map(moment).transpose()?),
            ("until", self.until.as_deref().map(moment).transpose()?),
        ];
        let given = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Ok(given.map(|(name, value)| (name.to_owned(), value.into())).collect())
    }
}

impl Which {
    fn body(self) -> anyhow::Result<Value> {
        let mut members = self.filter.members()?;
        if let Some(id) = self.id {
            members.insert("id".to_owned(), id.into());
        }
        if members.is_empty() && !self.all {
            return Err(wrong_usage(
                "say which: an id, --queue, --code, --rule, --destination, --where, --from, --until, or --all",
            ));
        }
        Ok(Value::Object(members))
    }
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { filter, after, limit, operator } => {
            let mut path = format!("dead-letters?limit={limit}");
            for (name, value) in filter.members()? {
                add_parameter(&mut path, &name, &output::cell(&value));
            }
            if let Some(after) = after {
                add_parameter(&mut path, "after", &after);
            }
            let letters = operator.operator()?.get(&path).await?;
            let columns = [
                ("delivery", "id"),
                ("queue", "queue"),
                ("given up at", "at"),
                ("attempts", "attempts"),
                ("code", "error_code"),
                ("exhausted", "exhausted"),
            ];
            output::list(&letters, operator.json, &columns);
            if let Some(next) = letters["next"].as_str() {
                output::complain(&format!("There may be more: --after {next}"));
            }
        }
        Command::Show { id, operator } => {
            let letter =
                operator.operator()?.get(&format!("dead-letters/{}", segment(&id))).await?;
            say(&if operator.json { letter.to_string() } else { format!("{letter:#}") });
        }
        Command::Redrive { which, rate, operator } => {
            let (body, rate) = (which.body()?, rate.as_deref());
            let done = in_pieces(&operator.operator()?, "redrive", body, rate).await?;
            told(&done, "redriven", operator.json);
            if done["without_a_rule"].as_u64().is_some_and(|count| count > 0) {
                output::complain(&format!(
                    "{} stay: their rule or target is no longer defined; bring its name back, or \
                     purge them",
                    done["without_a_rule"]
                ));
            }
        }
        Command::Purge { which, yes, operator } => {
            let body = which.body()?;
            if !yes && !confirmed()? {
                bail!("nothing was purged");
            }
            let done = in_pieces(&operator.operator()?, "purge", body, None).await?;
            told(&done, "purged", operator.json);
        }
    }
    Ok(())
}

/// Has letters moved in pieces until there are no more, at a rate if one is given. Ended before, the
/// rest stay dead letters.
async fn in_pieces(
    operator: &Operator,
    verb: &str,
    body: Value,
    rate: Option<&str>,
) -> anyhow::Result<Value> {
    let rate = rate.map(Rate::parse).transpose();
    let pace = rate.map_err(|error| wrong_usage(format!("--rate: {error}")))?.map(pace);
    let what = if verb == "purge" { "purged" } else { "redriven" };
    let progress = Progress::count(what);
    let (mut body, mut moved) = (body, 0);
    if let Some((at_once, _)) = pace {
        body["limit"] = at_once.into();
    }
    loop {
        let mut done = operator.post(&format!("dead-letters/{verb}"), &body).await?;
        moved += done[what].as_u64().unwrap_or(0);
        progress.at(moved, "");
        if done["more"] != true {
            done[what] = moved.into();
            return Ok(done);
        }
        // Those that die again meanwhile are not taken a second time, and those that were looked at
        // are not looked at again.
        for (member, value) in [("until", &done["until"]), ("after", &done["next"])] {
            if !value.is_null() {
                body[member] = value.clone();
            }
        }
        if let Some((_, pause)) = pace {
            tokio::time::sleep(pause).await;
        }
    }
}

/// How many at once and how long between: a tenth of a second, or one by one below ten a second.
fn pace(rate: Rate) -> (u64, Duration) {
    let each_s = rate.permits_per_hour() / 3600;
    if each_s >= 10 {
        (each_s / 10, Duration::from_millis(100))
    } else {
        (1, Duration::from_millis(3_600_000 / rate.permits_per_hour().max(1)))
    }
}

fn told(done: &Value, what: &str, json: bool) {
    say(&if json { done.to_string() } else { format!("{} {what}", done[what]) });
}

fn confirmed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(wrong_usage("purging cannot be undone; say --yes"));
    }
    write!(std::io::stderr(), "Purging cannot be undone. Continue? [y/N] ")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
