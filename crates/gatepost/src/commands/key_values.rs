//! `gatepost key value`.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client_secrets::{Overlap, Terms};
use super::clients::shown_once;
use super::operator::{OperatorArguments, segment};
use super::{output, say};

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
                bail!("name the key, or what to do: add, list, rotate, revoke");
            };
            mint(&format!("keys/{}/values", segment(&key)), &json!({}), &operator).await
        }
        Some(Command::Add { key, terms, operator }) => {
            mint(&format!("keys/{}/values", segment(&key)), &terms.body(), &operator).await
        }
        Some(Command::Rotate { key, overlap, operator }) => {
            let path = format!("keys/{}/values/rotate", segment(&key));
            mint(&path, &overlap.body(), &operator).await
        }
        Some(Command::List { key, operator }) => list(key.as_deref(), &operator).await,
        Some(Command::Revoke { id, operator }) => revoke(&id, &operator).await,
    }
}

async fn mint(path: &str, ask: &Value, operator: &OperatorArguments) -> anyhow::Result<()> {
    let minted = operator.operator()?.post(path, ask).await?;
    shown_once(&minted, "api_key", operator.json);
    Ok(())
}

async fn list(key: Option<&str>, operator: &OperatorArguments) -> anyhow::Result<()> {
    let keys = operator.operator()?.get("keys").await?;
    let none = Vec::new();
    let known = keys["items"].as_array().unwrap_or(&none);
    if let Some(key) = key
        && !known.iter().any(|item| item["name"] == key)
    {
        bail!("There is no API key `{key}`.");
    }
    let of = known.iter().filter(|item| key.is_none_or(|key| item["name"] == key));
    let rows = output::credentials(of, ("key", "name"), "values");
    let columns = [
        ("key", "key"),
        ("value", "id"),
        ("ends in", "last_four"),
        ("state", "state"),
        ("made at", "created_at"),
        ("opens from", "not_before"),
        ("until", "expires_at"),
        ("last used", "last_used"),
    ];
    output::list(&rows, operator.json, &columns);
    Ok(())
}

pub(super) async fn revoke(id: &str, operator: &OperatorArguments) -> anyhow::Result<()> {
    operator.operator()?.delete(&format!("key-values/{}", segment(id))).await?;
    say(&format!("Revoked: the gateway refuses it from now on. ({id})"));
    Ok(())
}
