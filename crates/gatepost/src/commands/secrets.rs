//! `gatepost secret`.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use model::Secret;
use serde_json::json;
use zeroize::Zeroizing;

use super::operator::{OperatorArguments, segment};
use super::{output, say, unread, wrong_usage};
use crate::files::read_secret_file;

/// The longest value; the admin door takes no more.
const VALUE_BYTES_MAX: u64 = 32 * 1024;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the secrets that Gatepost keeps, and those the configuration waits for (never values)
    List(OperatorArguments),
    /// Keep a secret for `{ kept: NAME }`, in place of the one there is; it is never shown again
    Set {
        /// What the configuration calls it
        name: String,
        /// The file with the value; standard input where none is given
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Forget a secret; what needs it is no longer sent
    Remove {
        /// What the configuration calls it
        name: String,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => {
            let secrets = arguments.operator()?.get("secrets").await?;
            let columns = [("secret", "name"), ("set at", "set_at"), ("used by", "used_by")];
            output::list(&secrets, arguments.json, &columns);
        }
        Command::Set { name, file, operator } => {
            let value = match file {
                Some(path) => of_file(&path)?,
                None => of_stdin()?,
            };
            if value.expose().is_empty() {
                return Err(wrong_usage("the value is empty; nothing was changed"));
            }
            let ask = json!({ "value": value.expose() });
            operator.operator()?.put(&format!("secrets/{}", segment(&name)), &ask).await?;
            done(&name, "set", operator.json);
        }
        Command::Remove { name, operator } => {
            operator.operator()?.delete(&format!("secrets/{}", segment(&name))).await?;
            done(&name, "removed", operator.json);
        }
    }
    Ok(())
}

fn done(name: &str, what: &str, as_json: bool) {
    if as_json {
        say(&json!({ "name": name, "done": what }).to_string());
    } else {
        say(&format!("{name} is {what}."));
    }
}

pub(super) fn of_file(path: &Path) -> anyhow::Result<Secret> {
    read_secret_file(path).map_err(|error| unread(path.display(), error))
}

/// The value on standard input; a trailing line break does not belong to it.
pub(super) fn of_stdin() -> anyhow::Result<Secret> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        output::complain("Paste the value, then press Enter and Ctrl-D. It shows while you do.");
    }
    let mut text = Zeroizing::new(String::new());
    let read = stdin.lock().take(VALUE_BYTES_MAX + 1).read_to_string(&mut text);
    let length = read.map_err(|error| unread("standard input", error))?;
    if length as u64 > VALUE_BYTES_MAX {
        return Err(wrong_usage("the value is longer than 32 KiB; nothing was changed"));
    }
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}
