//! `gatepost key`.

use clap::Subcommand;
use serde_json::json;

use super::operator::OperatorArguments;
use super::{key_values, output, say, wrong_usage};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List API keys and their values (never the values themselves)
    List(OperatorArguments),
    /// Values of API keys: add (also `value KEY`), list, rotate, revoke
    Value(Box<key_values::Arguments>),
    /// Revoke a value by its id
    Revoke {
        /// The value's id, as `key list` shows it
        id: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// List the keys that sign tokens: next, active, retiring
    Signing(OperatorArguments),
    /// Have the next keys sign tokens, as soon as every verifier can know them
    Rotate {
        /// An API key, by mistake: its values are rotated elsewhere
        #[arg(hide = true)]
        key: Option<String>,
        /// At once: verifiers that keep a copy of the set may refuse new tokens for some minutes
        #[arg(long)]
        now: bool,
        /// Only that of this algorithm: ES256, RS256, PS256, `EdDSA`
        #[arg(long, value_name = "ALGORITHM")]
        alg: Option<String>,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => {
            let mut keys = arguments.operator()?.get("keys").await?;
            if !arguments.json {
                output::live_ids(&mut keys, "values");
            }
            let columns = [
                ("key", "name"),
                ("partner", "partner"),
                ("plan", "plan"),
                ("live values", "values"),
            ];
            output::list(&keys, arguments.json, &columns);
        }
        Command::Value(arguments) => key_values::run(*arguments).await?,
        Command::Revoke { id, operator } => key_values::revoke(&id, &operator).await?,
        Command::Signing(arguments) => {
            let keys = arguments.operator()?.get("signing-keys").await?;
            let columns = [
                ("key", "id"),
                ("algorithm", "algorithm"),
                ("stage", "stage"),
                ("published at", "published_at"),
                ("takes over", "turn_at"),
                ("signs from", "signs_from"),
                ("retired at", "retired_at"),
                ("gone at", "gone_at"),
            ];
            output::list(&keys, arguments.json, &columns);
        }
        Command::Rotate { key: Some(key), .. } => {
            return Err(wrong_usage(format!(
                "`key rotate` is for the keys that sign tokens. A new value of the API key `{key}`, \
                 with an end for those before it: gatepost key value rotate {key}"
            )));
        }
        Command::Rotate { key: None, now, alg, operator } => {
            rotate(now, alg.as_deref(), &operator).await?;
        }
    }
    Ok(())
}

async fn rotate(
    now: bool,
    algorithm: Option<&str>,
    operator: &OperatorArguments,
) -> anyhow::Result<()> {
    let ask = json!({ "algorithm": algorithm, "now": now });
    let rotated = operator.operator()?.post("signing-keys/rotate", &ask).await?;
    for item in rotated["items"].as_array().into_iter().flatten() {
        if operator.json {
            say(&item.to_string());
            continue;
        }
        let algorithm = output::cell(&item["algorithm"]);
        say(&if item["at_once"] == true {
            format!("{algorithm}: the next key signs from now on.")
        } else {
            let from = output::cell(&item["signs_from"]);
            format!(
                "{algorithm}: the next key signs from {from} on, when every verifier can know it."
            )
        });
    }
    Ok(())
}
