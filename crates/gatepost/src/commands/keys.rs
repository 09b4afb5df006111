//! `gatepost key`.

use clap::Subcommand;
use serde_json::json;

use super::clients::shown_once;
use super::operator::{OperatorArguments, segment};
use super::{output, say};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List API keys and their values (never the values themselves)
    List(OperatorArguments),
    /// Mint a value of an API key; it is shown this once
    Value {
        /// The key's name
        key: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Revoke a value by its id
    Revoke {
        /// The value's id, as `key list` shows it
        id: String,
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
        Command::Value { key, operator } => {
            let path = format!("keys/{}/values", segment(&key));
            let minted = operator.operator()?.post(&path, &json!({})).await?;
            shown_once(&minted, "api_key", operator.json);
        }
        Command::Revoke { id, operator } => {
            operator.operator()?.delete(&format!("key-values/{}", segment(&id))).await?;
            say(&format!("Revoked: the gateway refuses it from now on. ({id})"));
        }
    }
    Ok(())
}
