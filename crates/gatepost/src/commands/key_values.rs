//! `gatepost key value`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::credentials::{Kind, Overlap, Terms};
use super::operator::{OperatorArguments, segment};
use super::{say, wrong_usage};

const VALUES: Kind = Kind {
    owners: "keys",
    owner: "key",
    owner_in_words: "API key",
    name: "name",
    credentials: "values",
    credential: "value",
    text: "api_key",
};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The key's name: mints a value, as `add` does
    key: Option<String>,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Subcommand)]
enum Command {
    /// Mint a value beside those there are; it is shown this once
    Add {
        /// The key's name
        key: String,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// List values (never the values themselves), of one key or of all
    List {
        /// The key's name
        key: Option<String>,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Mint a value; those before it end after an overlap
    Rotate {
        /// The key's name
        key: String,
        #[command(flatten)]
        overlap: Overlap,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Revoke a value by its id
    Revoke {
        /// The value's id, as `list` shows it
        id: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { command, key, operator } = arguments;
    match command {
        None => {
            let Some(key) = key else {
                return Err(wrong_usage("name the key, or what to do: add, list, rotate, revoke"));
            };
            VALUES.add(&key, &json!({}), &operator).await
        }
        Some(Command::Add { key, terms, operator }) => {
            VALUES.add(&key, &terms.body(), &operator).await
        }
        Some(Command::Rotate { key, overlap, operator }) => {
            VALUES.rotate(&key, &overlap, &operator).await
        }
        Some(Command::List { key, operator }) => VALUES.list(key.as_deref(), &operator).await,
        Some(Command::Revoke { id, operator }) => revoke(&id, &operator).await,
    }
}

pub(super) async fn revoke(id: &str, operator: &OperatorArguments) -> anyhow::Result<()> {
    operator.operator()?.delete(&format!("key-values/{}", segment(id))).await?;
    say(&format!("Revoked: the gateway refuses it from now on. ({id})"));
    Ok(())
}
