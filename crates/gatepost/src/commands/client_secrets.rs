//! `gatepost client secret`.

use std::fmt::Display;
use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use model::Secret;
use serde_json::json;
use zeroize::Zeroizing;

use super::credentials::{Kind, Overlap, Terms};
use super::operator::{OperatorArguments, segment};
use super::{output, say, unread, wrong_usage};

/// The longest import: some ten thousand clients with a secret each.
const IMPORT_BYTES_MAX: u64 = 2 * 1024 * 1024;

const SECRETS: Kind = Kind {
    owners: "clients",
    owner: "client",
    owner_in_words: "client",
    name: "id",
    credentials: "secrets",
    credential: "secret",
    text: "client_secret",
};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The client id: mints a secret, as `add` does
    client: Option<String>,
    #[command(flatten)]
    operator: OperatorArguments,
}

#[derive(Subcommand)]
enum Command {
    /// Mint a secret beside those there are; it is shown this once
    Add {
        /// The client id
        client: String,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// List secrets (never the secrets themselves), of one client or of all
    List {
        /// The client id
        client: Option<String>,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Mint a secret; those before it end after an overlap
    Rotate {
        /// The client id
        client: String,
        #[command(flatten)]
        overlap: Overlap,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Revoke a secret by its id
    Revoke {
        /// The secret's id, as `list` shows it
        id: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Take secrets over from another server: one of a client, or lines of a client id and a secret
    Import {
        /// The client id; without it each line has one
        client: Option<String>,
        /// The file with the secrets; standard input where none is given
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { command, client, operator } = arguments;
    match command {
        None => {
            let Some(client) = client else {
                let verbs = "add, list, rotate, revoke, import";
                return Err(wrong_usage(format!("name the client, or what to do: {verbs}")));
            };
            SECRETS.add(&client, &json!({}), &operator).await
        }
        Some(Command::Add { client, terms, operator }) => {
            SECRETS.add(&client, &terms.body(), &operator).await
        }
        Some(Command::Rotate { client, overlap, operator }) => {
            SECRETS.rotate(&client, &overlap, &operator).await
        }
        Some(Command::List { client, operator }) => {
            SECRETS.list(client.as_deref(), &operator).await
        }
        Some(Command::Revoke { id, operator }) => revoke(&id, &operator).await,
        Some(Command::Import { client, file, operator }) => import(client, file, &operator).await,
    }
}

pub(super) async fn revoke(id: &str, operator: &OperatorArguments) -> anyhow::Result<()> {
    operator.operator()?.delete(&format!("client-secrets/{}", segment(id))).await?;
    say(&format!("Revoked. No new tokens for it; those it got end by themselves. ({id})"));
    Ok(())
}

async fn import(
    client: Option<String>,
    file: Option<PathBuf>,
    operator: &OperatorArguments,
) -> anyhow::Result<()> {
    let text = if let Some(path) = &file {
        let opened = std::fs::File::open(path).map_err(|error| unread(path.display(), error))?;
        read(opened, path.display())?
    } else {
        let stdin = std::io::stdin();
        if stdin.is_terminal() {
            output::complain("Paste, then press Enter and Ctrl-D. It shows while you do.");
        }
        read(stdin.lock(), "standard input")?
    };
    let pairs = pairs(&text, client.as_deref())?;
    let door = operator.operator()?;
    let all = pairs.len();
    for (at, (client, secret)) in pairs.into_iter().enumerate() {
        let path = format!("clients/{}/secrets/import", segment(&client));
        let imported = door.post(&path, &json!({ "secret": secret.expose() })).await;
        let imported = imported
            .with_context(|| format!("{at} of {all} are imported; not that of {client}"))?;
        if operator.json {
            say(&imported.to_string());
        } else {
            let id = output::cell(&imported["id"]);
            say(&format!("{client}: imported as {id}. Rotate it when its owner can change it."));
        }
    }
    Ok(())
}

fn read(source: impl std::io::Read, name: impl Display) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    match source.take(IMPORT_BYTES_MAX + 1).read_to_string(&mut text) {
        Ok(length) if length as u64 > IMPORT_BYTES_MAX => {
            Err(unread(name, "it is longer than 2 MiB"))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(unread(name, error)),
    }
}

/// The secrets with their clients; what is wrong with a line is told without showing it.
fn pairs(text: &str, client: Option<&str>) -> anyhow::Result<Vec<(String, Secret)>> {
    if let Some(client) = client {
        let secret = text.trim();
        if secret.is_empty() || secret.contains(char::is_whitespace) {
            return Err(wrong_usage(
                "with a client, the input is its secret and nothing else; nothing was changed",
            ));
        }
        return Ok(vec![(client.to_owned(), Secret::new(secret.to_owned()))]);
    }
    let mut pairs = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut parts = line.split([' ', '\t', ',']).filter(|part| !part.is_empty());
        match (parts.next(), parts.next(), parts.next()) {
            (Some(client), Some(secret), None) => {
                pairs.push((client.to_owned(), Secret::new(secret.to_owned())));
            }
            _ => {
                return Err(wrong_usage(format!(
                    "line {} is not a client id and its secret, parted by a space or a comma; \
                     nothing was changed",
                    at + 1
                )));
            }
        }
    }
    if pairs.is_empty() {
        return Err(wrong_usage("there is nothing to import"));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, client: Option<&str>, expected: Option<&[(&str, &str)]>) {
        let read = pairs(text, client).ok();
        let read = read.as_ref().map(|pairs| {
            pairs.iter().map(|(client, secret)| (client.as_str(), secret.expose())).collect()
        });
        let read: Option<Vec<(&str, &str)>> = read;
        assert_eq!(read.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn imports_are_one_secret_or_lines_of_both() {
        check("s3cret\n", Some("a"), Some(&[("a", "s3cret")]));
        check("a s1\n# a note\n\n  +b,\ts2 \r\n", None, Some(&[("a", "s1"), ("+b", "s2")]));
        for (text, client) in
            [("", Some("a")), ("a b", Some("a")), ("", None), ("a", None), ("a b c", None)]
        {
            check(text, client, None);
        }
        let error = pairs("a s1\nhunter2\n", None).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("hunter2"), "{error}");
    }
}
