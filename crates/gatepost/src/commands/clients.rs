//! `gatepost client`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::operator::{OperatorArguments, segment};
use super::{output, say};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List clients and their secrets (never the secrets themselves)
    List(OperatorArguments),
    /// Mint a secret; it is shown this once
    Secret {
        /// The client id
        client: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Revoke a secret by its id
    Revoke {
        /// The secret's id, as `client list` shows it
        id: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => {
            let mut clients = arguments.operator()?.get("clients").await?;
            if !arguments.json {
                output::live_ids(&mut clients, "secrets");
            }
            let columns = [
                ("client", "id"),
                ("partner", "partner"),
                ("status", "status"),
                ("scopes", "scopes"),
                ("live secrets", "secrets"),
            ];
            output::list(&clients, arguments.json, &columns);
        }
        Command::Secret { client, operator } => {
            let path = format!("clients/{}/secrets", segment(&client));
            let minted = operator.operator()?.post(&path, &json!({})).await?;
            shown_once(&minted, "client_secret", operator.json);
        }
        Command::Revoke { id, operator } => {
            operator.operator()?.delete(&format!("client-secrets/{}", segment(&id))).await?;
            say(&format!("Revoked. No new tokens for it; those it got end by themselves. ({id})"));
        }
    }
    Ok(())
}

/// Shows what was just minted: the value on standard output, the talk beside it.
pub(super) fn shown_once(minted: &Value, member: &str, json: bool) {
    if json {
        say(&minted.to_string());
        return;
    }
    say(minted[member].as_str().unwrap_or_default());
    let id = output::cell(&minted["id"]);
    output::complain(&format!("This is the only time it is shown. Its id is {id}."));
}
