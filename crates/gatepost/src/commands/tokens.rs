//! `gatepost token`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::operator::{Missing, Operator, OperatorArguments, Refused};
use super::token_audit::{self, Audit};
use super::token_explain::{self, ExplainArguments};
use super::token_given::{Given, tokens};
use super::{WrongUsage, output, say, wrong_usage};
use crate::config::nearest;

/// Where tokens are revoked.
const REVOKE: &str = "tokens/revoke";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Who got which token, and who was refused one, newest first; what operators changed is in
    /// `gatepost audit`
    Audit(Box<Audit>),
    /// Say in words what is wrong with an access token; exit 1 if anything is
    Explain(Box<ExplainArguments>),
    /// Print the public keys that tokens are verified with
    Jwks(OperatorArguments),
    /// End tokens before their time: one, all of a client, or all that a credential was used for
    Revoke {
        #[command(flatten)]
        which: Which,
        /// With `--jti`: the other issuer whose token it is, by its name in the file or its `iss`
        #[arg(long, value_name = "NAME", conflicts_with_all = ["client", "credential", "file"], requires = "jti")]
        issuer: Option<String>,
        /// With `--credential`: it is declared no more, and its name is meant as it is written
        #[arg(long, requires = "credential", conflicts_with_all = ["jti", "client", "file"])]
        removed: bool,
        /// Taken so that it can be refused without being shown
        #[arg(hide = true)]
        misplaced: Vec<String>,
        #[command(flatten)]
        operator: OperatorArguments,
    },
    /// Show what a token says, if it is good now
    Introspect {
        /// The file with the token; standard input where none is given
        #[arg(long)]
        file: Option<PathBuf>,
        /// Taken so that it can be refused without being shown
        #[arg(hide = true)]
        misplaced: Vec<String>,
        #[command(flatten)]
        operator: OperatorArguments,
    },
}

/// Which tokens; where nothing is said, the one on standard input.
#[derive(Args)]
#[group(multiple = false)]
pub(super) struct Which {
    /// The token's id (`jti`), as the log has it
    #[arg(long)]
    jti: Option<String>,
    /// The client id: all tokens it has got until now
    #[arg(long)]
    client: Option<String>,
    /// The id of a secret, key or certificate, as `client list` shows it: all tokens it was used for
    /// until now
    #[arg(long)]
    credential: Option<String>,
    /// The file with the token itself, or with several, one a line
    #[arg(long)]
    file: Option<PathBuf>,
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Audit(audit) => token_audit::run(&audit).await?,
        Command::Explain(arguments) => return token_explain::explain_token(*arguments).await,
        Command::Jwks(operator) => token_explain::jwks(operator).await?,
        Command::Revoke { which, issuer, removed, misplaced, operator } => {
            refuse(&misplaced)?;
            let revoked = match which {
                Which { jti: Some(jti), .. } => {
                    let ask = json!({ "jti": jti, "issuer": issuer });
                    operator.operator()?.post(REVOKE, &ask).await?
                }
                Which { client: Some(client), .. } => {
                    operator.operator()?.post(REVOKE, &json!({ "client": client })).await?
                }
                Which { credential: Some(id), .. } => {
                    of_credential(&operator.operator()?, &id, removed).await?
                }
                Which { file, .. } => return given(&operator, file.as_deref()).await,
            };
            tell(&revoked, operator.json);
        }
        Command::Introspect { file, misplaced, operator } => {
            refuse(&misplaced)?;
            let given = tokens(file.as_deref())?;
            let [Given { token, .. }] = given.as_slice() else {
                let text = format!("there are {} tokens; one is looked at at a time", given.len());
                return Err(wrong_usage(text));
            };
            let ask = json!({ "token": token.expose() });
            let shown = operator.operator()?.post("tokens/introspect", &ask).await?;
            let text = if operator.json { shown.to_string() } else { format!("{shown:#}") };
            say(&text);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What stands where no argument may is most likely a token, and a message must not repeat it.
fn refuse(misplaced: &[String]) -> anyhow::Result<()> {
    if misplaced.is_empty() {
        return Ok(());
    }
    Err(wrong_usage(
        "a token is given on standard input or by --file, and not as an argument: those are seen by \
         everybody on the machine, and kept by shells",
    ))
}

/// Revokes the tokens that are given themselves. Of several, each has a line of what came of it, and
/// one that is no good token keeps no other from being revoked.
async fn given(operator: &OperatorArguments, file: Option<&Path>) -> anyhow::Result<ExitCode> {
    // A token is never an argument: those are seen by everybody on the machine.
    let given = tokens(file)?;
    let admin = operator.operator()?;
    let ask = async |one: &Given| admin.post(REVOKE, &json!({ "token": one.token.expose() })).await;
    if let [one] = given.as_slice() {
        tell(&ask(one).await?, operator.json);
        return Ok(ExitCode::SUCCESS);
    }
    let mut failed = 0_usize;
    for one in &given {
        let line = one.line;
        let text = match ask(one).await {
            Ok(mut revoked) if operator.json => {
                revoked["line"] = line.into();
                revoked.to_string()
            }
            Ok(revoked) => format!("line {line}: {}", sentence(&revoked)),
            Err(error) if error.is::<Refused>() || error.is::<WrongUsage>() => {
                failed += 1;
                if operator.json {
                    json!({ "line": line, "revoked": null, "error": error.to_string() }).to_string()
                } else {
                    format!("line {line}: Not revoked: {error}")
                }
            }
            Err(error) => {
                let what =
                    format!("the token of line {line} is not revoked, nor are those after it");
                return Err(error.context(what));
            }
        };
        say(&text);
    }
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    output::complain(&format!("{failed} of {} tokens were not revoked.", given.len()));
    Ok(ExitCode::FAILURE)
}

/// Revokes what a credential was used for; says which one may be meant where there is none of the id.
async fn of_credential(operator: &Operator, id: &str, removed: bool) -> anyhow::Result<Value> {
    let ask = json!({ "credential": id, "removed": removed });
    let error = match operator.post(REVOKE, &ask).await {
        Err(error) if error.is::<Missing>() => error,
        answered => return answered,
    };
    let clients = operator.get("clients").await?;
    let clients = clients["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let credentials = clients.iter().filter_map(|client| client["credentials"].as_array());
    let ids = credentials.flatten().filter_map(|credential| credential["id"].as_str());
    let near = nearest(id, ids).map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default();
    let owner = id.split_once('/').map(|(client, _)| client);
    let owned = owner.is_some_and(|owner| clients.iter().any(|one| one["id"] == owner));
    let remedy = if owned && !removed {
        " If it was removed from the file: --removed ends its tokens all the same."
    } else {
        ""
    };
    Err(anyhow::anyhow!("{error}{near}{remedy}"))
}

fn tell(revoked: &Value, as_json: bool) {
    say(&if as_json { revoked.to_string() } else { sentence(revoked) });
}

fn sentence(revoked: &Value) -> String {
    let cell = |name: &str| output::cell(&revoked[name]);
    match revoked["revoked"].as_str() {
        Some("client") => format!(
            "Revoked: all tokens that {} has got until {}. It can get new ones.",
            cell("client"),
            cell("issued_until")
        ),
        Some("credential") if revoked["declared"].is_boolean() => {
            let remedy = if revoked["declared"] == true {
                "To keep it from getting new ones, remove it from the client in the file, and reload."
            } else {
                "No credential of this name is declared now."
            };
            format!(
                "Revoked: all tokens that the credential {} of {} was used for until {}. {remedy}",
                cell("id"),
                cell("client"),
                cell("issued_until")
            )
        }
        Some("credential") => format!(
            "Revoked: all tokens that the secret {} of {} was used for until {}. To keep it from \
             getting new ones: gatepost client revoke {}",
            cell("id"),
            cell("client"),
            cell("issued_until"),
            cell("id")
        ),
        _ if revoked["issuer"].is_string() => format!(
            "Revoked: the token {} of the issuer {} is refused from now on until {}.",
            cell("id"),
            cell("issuer"),
            cell("until")
        ),
        // Nobody has asked whether there is one: a token of another process may be known by its id
        // alone.
        _ => format!(
            "Revoked: the token {id} is refused from now on. Whether there is one of that id: gatepost \
             token audit --jti {id}",
            id = cell("id")
        ),
    }
}
