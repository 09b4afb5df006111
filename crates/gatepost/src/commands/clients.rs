//! `gatepost client`.

use clap::Subcommand;

use super::operator::OperatorArguments;
use super::{client_secrets, output, wrong_usage};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List clients and their secrets (never the secrets themselves)
    List(OperatorArguments),
    /// Secrets: add (also `secret CLIENT`), list, rotate, revoke, import
    Secret(Box<client_secrets::Arguments>),
    /// Revoke a secret by its id
    Revoke {
        /// The secret's id, as `client list` shows it
        id: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// What secrets have, by mistake
    #[command(hide = true)]
    Rotate {
        /// Whatever follows
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
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
        Command::Secret(arguments) => client_secrets::run(*arguments).await?,
        Command::Revoke { id, operator } => client_secrets::revoke(&id, &operator).await?,
        Command::Rotate { words } => {
            let client = words.first().filter(|word| !word.starts_with('-'));
            return Err(wrong_usage(format!(
                "A new secret of a client, with an end for those before it: \
                 gatepost client secret rotate {}",
                client.map_or("CLIENT", String::as_str)
            )));
        }
    }
    Ok(())
}
