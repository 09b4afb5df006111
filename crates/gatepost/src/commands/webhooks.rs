//! `gatepost webhooks`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use model::Random as _;
use serde_json::{Value, json};
use signature::{MINTED_BYTES, mint_secret};
use zeroize::Zeroizing;

use super::operator::OperatorArguments;
use super::{done, output, say};
use crate::clock::SystemRandom;
use crate::files::write_private;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a secret to share with a receiver; it is shown this once, and kept by nobody
    Secret {
        /// Write it into this file, for its owner only, and show nothing
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// List the program's own keys that sign
    Keys(OperatorArguments),
    /// Make a new key of the program's own; those before it sign on for a while
    Rotate {
        /// How long: up to 7d, or 0s for keys that somebody else may know
        #[arg(long, default_value = "24h", value_parser = overlap_s)]
        overlap: u32,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Secret { out } => secret(out.as_deref()).map(|()| ExitCode::SUCCESS),
        Command::Keys(operator) => done(keys(operator)),
        Command::Rotate { overlap, operator } => done(rotate(overlap, operator)),
    }
}

/// Seconds of a duration that the configuration takes too.
fn overlap_s(text: &str) -> Result<u32, String> {
    crate::config::duration_s(text, 7 * 86_400)
}

fn secret(out: Option<&Path>) -> anyhow::Result<()> {
    let mut random = Zeroizing::new([0; MINTED_BYTES]);
    SystemRandom.fill(&mut *random);
    let secret = mint_secret(&random);
    match out {
        None => say(&secret),
        Some(path) if path.exists() => {
            bail!("{} is there already; calls may be signed with it", path.display())
        }
        Some(path) => write_private(path, secret.as_bytes())?,
    }
    Ok(())
}

async fn keys(operator: OperatorArguments) -> anyhow::Result<()> {
    let keys = operator.operator()?.get("webhook-keys").await?;
    let columns = [
        ("key", "id"),
        ("public key", "public_key"),
        ("made at", "created_at"),
        ("signs", "signs"),
        ("until", "signs_until"),
        ("published", "published"),
    ];
    output::list(&keys, operator.json, &columns);
    Ok(())
}

async fn rotate(overlap_s: u32, operator: OperatorArguments) -> anyhow::Result<()> {
    let ask = json!({ "overlap_s": overlap_s });
    let key: Value = operator.operator()?.post("webhook-keys", &ask).await?;
    if operator.json {
        say(&key.to_string());
    } else {
        say(&format!("{} signs from now on.", output::cell(&key["id"])));
    }
    Ok(())
}
