//! `gatepost handover`: receiving credentials from a company we call.

use std::path::{Path, PathBuf};

use admin::{Bundle, Letter};
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use credential::{KEY_BYTES, open_with, public_half};
use model::Random as _;
use zeroize::Zeroizing;

use super::{say, unread, wrong_usage};
use crate::clock::SystemRandom;
use crate::files::{private_directory, write_private};

/// The private half's file, in the directory of secrets.
const KEY_FILE: &str = "handover.key";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print our hand-over key, made at the first call; the company we call seals a letter to it
    Key {
        /// The directory of secrets
        #[arg(long, default_value = "secrets")]
        dir: PathBuf,
    },
    /// Open a letter and put what is in it into files that the configuration names
    Accept {
        /// The letter
        letter: PathBuf,
        /// What we call the company that wrote it; files begin with this
        #[arg(long = "as")]
        name: String,
        /// The directory of secrets
        #[arg(long, default_value = "secrets")]
        dir: PathBuf,
    },
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Key { dir } => {
            let public = public_half(&*private(&dir)?)?;
            say(&format!("gph_{}", URL_SAFE_NO_PAD.encode(public)));
            Ok(())
        }
        Command::Accept { letter, name, dir } => accept(&letter, &name, &dir),
    }
}

fn private(dir: &Path) -> anyhow::Result<Zeroizing<[u8; KEY_BYTES]>> {
    let path = dir.join(KEY_FILE);
    if !path.exists() {
        private_directory(dir)?;
        let mut fresh = Zeroizing::new([0; KEY_BYTES]);
        SystemRandom.fill(&mut *fresh);
        write_private(&path, &*fresh)?;
    }
    let bytes =
        std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let bytes = Zeroizing::new(bytes);
    let Ok(bytes) = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()) else {
        bail!("{} must hold exactly {KEY_BYTES} bytes", path.display());
    };
    Ok(Zeroizing::new(bytes))
}

fn accept(letter: &Path, name: &str, dir: &Path) -> anyhow::Result<()> {
    if model::Name::new(name).is_err() {
        return Err(wrong_usage(format!("--as is `{name}`; write a plain name like `tires`")));
    }
    let text = std::fs::read_to_string(letter).map_err(|error| unread(letter.display(), error))?;
    let letter: Letter = serde_json::from_str(&text)
        .map_err(|error| wrong_usage(format!("this is no hand-over letter: {error}")))?;
    if letter.version != 1 {
        return Err(wrong_usage(format!(
            "the letter is of version {}; this program reads version 1",
            letter.version
        )));
    }
    let sealed = URL_SAFE_NO_PAD.decode(&letter.sealed);
    let sealed = sealed.map_err(|error| wrong_usage(format!("the letter is damaged: {error}")))?;
    let plain = open_with(&private(dir)?, &sealed)?;
    let bundle: Bundle =
        serde_json::from_slice(&plain).map_err(|error| unread("the letter", error))?;
    let mut files = Vec::new();
    for client in &bundle.clients {
        let path = file(dir, name, bundle.clients.len(), (&client.client_id, "client-secret"));
        write_private(&path, client.client_secret.as_bytes())?;
        files.push((format!("client secret of {} ({})", client.client_id, client.scope), path));
    }
    for key in &bundle.api_keys {
        let path = file(dir, name, bundle.api_keys.len(), (&key.name, "api-key"));
        write_private(&path, key.value.as_bytes())?;
        let plan = key.plan.as_deref().map(|plan| format!(", plan {plan}")).unwrap_or_default();
        files.push((format!("API key {}{plan}", key.name), path));
    }
    say(&format!("{} offers {name}:", bundle.from));
    for api in &bundle.apis {
        say(&format!("  {} at {}: {}", api.title, api.base_url, api.routes.join(", ")));
    }
    say(&format!("  tokens from {}", bundle.token_url));
    for (what, path) in files {
        say(&format!("  {what} → {}", path.display()));
    }
    Ok(())
}

/// One credential of a kind is `<name>.<kind>`; several are told apart by their own names.
fn file(dir: &Path, name: &str, count: usize, (own, kind): (&str, &str)) -> PathBuf {
    // The other company chose its names: only plain ones become part of a path.
    let own: String =
        own.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    if count == 1 {
        dir.join(format!("{name}.{kind}"))
    } else {
        dir.join(format!("{name}.{own}.{kind}"))
    }
}
