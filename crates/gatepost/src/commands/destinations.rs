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
    if !arguments.json {
        add_ages(&mut destinations);
        for item in destinations["items"].as_array_mut().into_iter().flatten() {
            item["state"] = state(item).into();
        }
    }
    let columns = [
        ("destination", "name"),
        ("request", "request"),
        ("connection", "connection"),
        ("rate", "rate"),
        ("waiting", "waiting"),
        ("oldest", "oldest"),
        ("state", "state"),
    ];
    output::list(&destinations, arguments.json, &columns);
    Ok(())
}

/// In every item, says how old the oldest delivery is that waits.
pub(super) fn add_ages(listing: &mut Value) {
    for item in listing["items"].as_array_mut().into_iter().flatten() {
        item["oldest"] = item["oldest_age_s"].as_u64().map(age).into();
    }
}

/// What most matters of how a destination is.
fn state(item: &Value) -> String {
    let text = |member: &str| item[member].as_str();
    if item["state"] == "disabled" {
        let (since, reason) = (text("since").unwrap_or("-"), text("reason").unwrap_or("-"));
        return format!("disabled since {since}: {reason}");
    }
    if let Some(until) = text("paused_until") {
        return format!("paused until {until}");
    }
    if item["breaker"] == "open" {
        return "breaker open".to_owned();
    }
    match text("failing_since") {
        Some(since) => format!("failing since {since}"),
        None => "enabled".to_owned(),
    }
}

/// Seconds in the largest unit that fits: `45s`, `12m`, `3h`, `2d`.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_what_most_matters() {
        for (item, expected) in [
            (json!({ "state": "enabled", "breaker": "closed" }), "enabled"),
            (
                json!({ "state": "enabled", "breaker": "closed", "failing_since": "T" }),
                "failing since T",
            ),
            (
                json!({ "state": "enabled", "breaker": "open", "failing_since": "T" }),
                "breaker open",
            ),
            (
                json!({ "state": "enabled", "breaker": "open", "paused_until": "T" }),
                "paused until T",
            ),
            (
                json!({ "state": "disabled", "since": "T", "reason": "gone", "breaker": "open" }),
                "disabled since T: gone",
            ),
        ] {
            assert_eq!(state(&item), expected);
        }
    }

    #[test]
    fn ages_are_short() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (3_599, "59m"), (7_200, "2h"), (200_000, "2d")]
        {
            assert_eq!(age(seconds), text);
        }
    }
}
