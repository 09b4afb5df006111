//! `gatepost client`.

use clap::Subcommand;

use super::operator::OperatorArguments;
use super::{client_secrets, output};

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
    }
    Ok(())
}
