//! `gatepost client`.

use clap::Subcommand;
use serde_json::Value;

use super::operator::OperatorArguments;
use super::{client_secrets, output, wrong_usage};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List clients and their credentials of every kind (never a secret itself)
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
                in_words(&mut clients);
            }
            let columns = [
                ("client", "id"),
                ("partner", "partner"),
                ("status", "status"),
                ("scopes", "scopes"),
                ("credentials", "credentials"),
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

/// In every client, replaces the list of its credentials by what is told of each.
fn in_words(clients: &mut Value) {
    for client in clients["items"].as_array_mut().into_iter().flatten() {
        let all = client["credentials"].as_array().cloned().unwrap_or_default();
        client["credentials"] = all.iter().filter_map(told).map(Value::from).collect();
    }
}

/// What is told of a credential: of secrets those that are live, for `client secret list` has the
/// others; of those that are declared all, for they stand in the file.
fn told(credential: &Value) -> Option<String> {
    let day = |name: &str| output::cell(&credential[name]).chars().take(10).collect::<String>();
    let is_secret = credential["kind"] == "client_secret";
    let mut text = match credential["state"].as_str() {
        Some("live") if is_secret => return Some(output::minted(credential)),
        _ if is_secret => return None,
        Some("not yet") => format!(", from {}", day("not_before")),
        Some("expired") => format!(", ended {}", day("expires_at")),
        _ if credential["expires_at"].is_string() => format!(", until {}", day("expires_at")),
        _ => String::new(),
    };
    if credential["last_used"].is_string() {
        text.push_str(", used ");
        text.push_str(&day("last_used"));
    }
    let (id, kind) = (output::cell(&credential["id"]), output::cell(&credential["kind"]));
    Some(format!("{id} ({kind}{text})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_of_every_kind_are_told_of() {
        let declared = |state: &str, from: Value, until: Value, used: Value| {
            json!({
                "id": "orders/k1", "kind": "private_key_jwt", "state": state, "not_before": from,
                "expires_at": until, "last_used": used,
            })
        };
        let (none, from) = (Value::Null, json!("2027-01-01T00:00:00.000Z"));
        let until = json!("2027-01-31T00:00:00.000Z");
        let used = json!("2027-01-05");
        let secret = |state: &str| {
            json!({
                "id": "s1", "kind": "client_secret", "state": state, "last_four": "abcd",
                "created_at": "2026-12-01T00:00:00.000Z", "imported": false,
            })
        };
        for (credential, expected) in [
            (
                declared("live", none.clone(), none.clone(), none.clone()),
                Some("orders/k1 (private_key_jwt)"),
            ),
            (
                declared("live", none.clone(), until.clone(), used.clone()),
                Some("orders/k1 (private_key_jwt, until 2027-01-31, used 2027-01-05)"),
            ),
            (
                declared("not yet", from, until.clone(), none.clone()),
                Some("orders/k1 (private_key_jwt, from 2027-01-01)"),
            ),
            (
                declared("expired", none, until, used),
                Some("orders/k1 (private_key_jwt, ended 2027-01-31, used 2027-01-05)"),
            ),
            (secret("live"), Some("s1 (ends in abcd, since 2026-12-01)")),
            (secret("revoked"), None),
            (secret("not taken"), None),
        ] {
            assert_eq!(told(&credential).as_deref(), expected, "{credential}");
        }
    }
}
