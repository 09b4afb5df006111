//! `gatepost partner`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::operator::{OperatorArguments, segment};
use super::{output, say};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List partners
    List(OperatorArguments),
    /// Show one partner
    Show {
        /// The partner's name
        name: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Mint a partner's credentials into a letter that only the partner can open
    Handover {
        /// The partner's name
        name: String,
        /// The partner's hand-over key (it prints it with `gatepost handover key`)
        #[arg(long)]
        seal_to: String,
        /// Where to write the letter; standard output where none is given
        #[arg(long)]
        out: Option<PathBuf>,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => {
            let partners = arguments.operator()?.get("partners").await?;
            let columns = [
                ("name", "name"),
                ("title", "title"),
                ("status", "status"),
                ("plan", "plan"),
                ("clients", "clients"),
                ("api keys", "api_keys"),
                ("addresses", "allow_ips"),
            ];
            output::list(&partners, arguments.json, &columns);
        }
        Command::Show { name, operator } => {
            let partner = operator.operator()?.get(&format!("partners/{}", segment(&name))).await?;
            say(&if operator.json { partner.to_string() } else { format!("{partner:#}") });
        }
        Command::Handover { name, seal_to, out, operator } => {
            let path = format!("partners/{}/handover", segment(&name));
            let letter = operator.operator()?.post(&path, &json!({ "seal_to": seal_to })).await?;
            match out {
                None => say(&letter.to_string()),
                Some(path) => {
                    std::fs::write(&path, format!("{letter:#}\n"))?;
                    say(&format!(
                        "Letter for {name} in {}: send it by any channel; only {name} can open it.",
                        path.display()
                    ));
                }
            }
        }
    }
    Ok(())
}
