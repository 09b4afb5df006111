//! What the commands for secrets of clients and values of keys share: minting, and the listing.

use clap::Args;
use serde_json::{Value, json};

use super::operator::{OperatorArguments, no_such, segment};
use super::{output, say};

/// How long a credential may open where an end is said, in seconds: ten years.
const LIFE_MAX_S: u32 = 3_650 * 86_400;
/// How long those before it may go on, in seconds: 90 days.
const OVERLAP_MAX_S: u32 = 90 * 86_400;

/// A kind of credentials, in the words of the admin API and of its tables.
pub(super) struct Kind {
    /// Whose they are: the listing of all, such as `clients`.
    pub(super) owners: &'static str,
    /// The column of these, such as `client`.
    pub(super) owner: &'static str,
    /// One of these in a sentence, such as "client".
    pub(super) owner_in_words: &'static str,
    /// The member with an owner's name, such as `id`.
    pub(super) name: &'static str,
    /// The member with an owner's credentials, such as `secrets`.
    pub(super) credentials: &'static str,
    /// The column of these, such as `secret`.
    pub(super) credential: &'static str,
    /// The member with a new one's text, such as `client_secret`.
    pub(super) text: &'static str,
}

/// From when on and how long a credential opens.
#[derive(Args)]
pub(super) struct Terms {
    /// From when on it opens, RFC 3339; at once where nothing is said
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// How long it opens, such as 180d; for ever where nothing is said
    #[arg(long, value_name = "DURATION", value_parser = life_s)]
    expires: Option<u32>,
}

/// What a rotation leaves of those before.
#[derive(Args)]
pub(super) struct Overlap {
    /// How long those before it go on: up to 90d, or 0s to end them at once
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = overlap_s)]
    overlap: u32,
    /// How long the new one opens, such as 180d; for ever where nothing is said
    #[arg(long, value_name = "DURATION", value_parser = life_s)]
    expires: Option<u32>,
}

impl Terms {
    pub(super) fn body(&self) -> Value {
        json!({ "not_before": self.not_before, "expires_in_s": self.expires })
    }
}

impl Overlap {
    fn body(&self) -> Value {
        json!({ "overlap_s": self.overlap, "expires_in_s": self.expires })
    }
}

/// Seconds of a duration that the configuration takes too.
fn life_s(text: &str) -> Result<u32, String> {
    crate::config::duration_s(text, LIFE_MAX_S)
}

fn overlap_s(text: &str) -> Result<u32, String> {
    crate::config::duration_s(text, OVERLAP_MAX_S)
}

impl Kind {
    /// Mints one beside those that the owner has.
    pub(super) async fn add(
        &self,
        owner: &str,
        ask: &Value,
        operator: &OperatorArguments,
    ) -> anyhow::Result<()> {
        self.mint(&self.path(owner), ask, operator).await
    }

    /// Mints one; those before it end after the overlap.
    pub(super) async fn rotate(
        &self,
        owner: &str,
        overlap: &Overlap,
        operator: &OperatorArguments,
    ) -> anyhow::Result<()> {
        let path = format!("{}/rotate", self.path(owner));
        self.mint(&path, &overlap.body(), operator).await
    }

    /// Lists those of one owner, or of all.
    pub(super) async fn list(
        &self,
        owner: Option<&str>,
        operator: &OperatorArguments,
    ) -> anyhow::Result<()> {
        let owners = operator.operator()?.get(self.owners).await?;
        let none = Vec::new();
        let known = owners["items"].as_array().unwrap_or(&none);
        if let Some(owner) = owner
            && !known.iter().any(|item| item[self.name] == owner)
        {
            let names = known.iter().filter_map(|item| item[self.name].as_str());
            return Err(no_such(self.owner_in_words, owner, names));
        }
        let of = known.iter().filter(|item| owner.is_none_or(|owner| item[self.name] == owner));
        let columns = [
            (self.owner, self.owner),
            (self.credential, "id"),
            ("ends in", "last_four"),
            ("state", "state"),
            ("made at", "created_at"),
            ("opens from", "not_before"),
            ("until", "expires_at"),
            ("last used", "last_used"),
        ];
        output::list(&self.rows(of), operator.json, &columns);
        Ok(())
    }

    fn path(&self, owner: &str) -> String {
        format!("{}/{}/{}", self.owners, segment(owner), self.credentials)
    }

    async fn mint(
        &self,
        path: &str,
        ask: &Value,
        operator: &OperatorArguments,
    ) -> anyhow::Result<()> {
        let minted = operator.operator()?.post(path, ask).await?;
        shown_once(&minted, self.text, operator.json);
        Ok(())
    }

    /// Credentials one by one, each with its owner and the word for its state: a listing.
    fn rows<'a>(&self, owners: impl Iterator<Item = &'a Value>) -> Value {
        let mut rows = Vec::new();
        for item in owners {
            for credential in item[self.credentials].as_array().into_iter().flatten() {
                let mut row = credential.clone();
                row[self.owner] = item[self.name].clone();
                row["state"] = state(credential).into();
                rows.push(row);
            }
        }
        json!({ "items": rows })
    }
}

/// Shows what was just minted: the value on standard output, the talk beside it.
fn shown_once(minted: &Value, member: &str, json: bool) {
    if json {
        say(&minted.to_string());
        return;
    }
    say(minted[member].as_str().unwrap_or_default());
    let id = output::cell(&minted["id"]);
    output::complain(&format!("This is the only time it is shown. Its id is {id}."));
    if let Some(end) = minted["others_end"].as_str() {
        output::complain(&format!("Those before it end at {end}."));
    }
}

fn state(credential: &Value) -> &'static str {
    let is_live = credential["live"] == true;
    match (is_live, credential["imported"] == true) {
        (true, true) => "live: imported, rotate it",
        (true, false) => "live",
        _ if !credential["revoked_at"].is_null() => "revoked",
        _ if credential["ended"] == true => "ended",
        _ => "opens later",
    }
}
