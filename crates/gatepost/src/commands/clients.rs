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
        let lacks_secret = client["takes_secrets"] == true && !all.iter().any(has_secret);
        let none = lacks_secret.then(|| "client_secret (none minted)".to_owned());
        client["credentials"] = all.iter().filter_map(told).chain(none).map(Value::from).collect();
    }
}

/// Whether a credential is a secret that counts, or will.
fn has_secret(credential: &Value) -> bool {
    let state = credential["state"].as_str();
    credential["kind"] == "client_secret" && matches!(state, Some("live" | "opens later"))
}

/// What is told of a credential: of secrets those that are live, for `client secret list` has the
/// others; of those that are declared all, for they stand in the file.
fn told(credential: &Value) -> Option<String> {
    let day = |name: &str| output::cell(&credential[name]).chars().take(10).collect::<String>();
    let is_secret = credential["kind"] == "client_secret";
    let mut text = match credential["state"].as_str() {
        Some("live") if is_secret => return Some(output::minted(credential)),
        _ if is_secret => return None,
        Some("opens later") => format!(", from {}", day("not_before")),
        Some("ended") => format!(", ended {}", day("expires_at")),
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
        let mut used_secret = secret("live");
        used_secret["last_used"] = used.clone();
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
                declared("opens later", from, until.clone(), none.clone()),
                Some("orders/k1 (private_key_jwt, from 2027-01-01)"),
            ),
            (
                declared("ended", none, until, used),
                Some("orders/k1 (private_key_jwt, ended 2027-01-31, used 2027-01-05)"),
            ),
            (secret("live"), Some("s1 (ends in abcd, since 2026-12-01)")),
            (used_secret, Some("s1 (ends in abcd, since 2026-12-01, used 2027-01-05)")),
            (secret("revoked"), None),
            (secret("not taken"), None),
        ] {
            assert_eq!(told(&credential).as_deref(), expected, "{credential}");
        }
    }

    #[test]
    fn a_client_that_takes_secrets_and_has_none_is_told_of() {
        let secret = |state: &str| {
            json!({
                "id": "s1", "kind": "client_secret", "state": state, "last_four": "abcd",
                "created_at": "2026-12-01T00:00:00.000Z",
            })
        };
        let key = || json!({ "id": "orders/k1", "kind": "private_key_jwt", "state": "live" });
        let (told_key, none) = ("orders/k1 (private_key_jwt)", "client_secret (none minted)");
        for (takes_secrets, credentials, expected) in [
            (true, json!([key()]), json!([told_key, none])),
            (true, json!([key(), secret("ended")]), json!([told_key, none])),
            (true, json!([secret("live")]), json!(["s1 (ends in abcd, since 2026-12-01)"])),
            // `client secret list` has it.
            (true, json!([secret("opens later")]), json!([])),
            (false, json!([key()]), json!([told_key])),
        ] {
            let client = json!({ "takes_secrets": takes_secrets, "credentials": credentials });
            let mut clients = json!({ "items": [client] });
            in_words(&mut clients);
            assert_eq!(clients["items"][0]["credentials"], expected, "{credentials}");
        }
    }
}
