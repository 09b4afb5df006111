//! `gatepost dead-letters`.

use std::io::{IsTerminal as _, Write as _};

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::operator::{OperatorArguments, segment};
use super::{output, say};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List dead letters
    List {
        #[command(flatten)]
        filter: Filter,
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
    /// Only those given up at or after this time (RFC 3339)
    #[arg(long)]
    from: Option<String>,
    /// Only those given up before this time (RFC 3339)
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
    fn members(self) -> Map<String, Value> {
        let members = [("queue", self.queue), ("from", self.from), ("until", self.until)];
        let given = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        given.map(|(name, value)| (name.to_owned(), value.into())).collect()
    }
}

impl Which {
    fn body(self) -> anyhow::Result<Value> {
        let mut members = self.filter.members();
        if let Some(id) = self.id {
            members.insert("id".to_owned(), id.into());
        }
        if members.is_empty() && !self.all {
            bail!("say which: an id, --queue, --from, --until, or --all");
        }
        Ok(Value::Object(members))
    }
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { filter, limit, operator } => {
            let mut path = format!("dead-letters?limit={limit}");
            for (name, value) in filter.members() {
                for part in ["&", &name, "=", &segment(&output::cell(&value))] {
                    path.push_str(part);
                }
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
        }
        Command::Show { id, operator } => {
            let letter =
                operator.operator()?.get(&format!("dead-letters/{}", segment(&id))).await?;
            say(&if operator.json { letter.to_string() } else { format!("{letter:#}") });
        }
        Command::Redrive { which, operator } => {
            let done = operator.operator()?.post("dead-letters/redrive", &which.body()?).await?;
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
            let done = operator.operator()?.post("dead-letters/purge", &body).await?;
            told(&done, "purged", operator.json);
        }
    }
    Ok(())
}

fn told(done: &Value, what: &str, json: bool) {
    say(&if json { done.to_string() } else { format!("{} {what}", done[what]) });
}

fn confirmed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("purging cannot be undone; say --yes");
    }
    write!(std::io::stderr(), "Purging cannot be undone. Continue? [y/N] ")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
