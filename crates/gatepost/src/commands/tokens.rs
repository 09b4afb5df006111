//! `gatepost token`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use model::Secret;
use serde_json::{Value, json};

use super::operator::OperatorArguments;
use super::secrets::{of_file, of_stdin};
use super::token_audit::{self, Audit};
use super::token_explain::{self, ExplainArguments};
use super::{output, say, wrong_usage};

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
    /// The file with the token itself
    #[arg(long)]
    file: Option<PathBuf>,
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Audit(audit) => token_audit::run(&audit).await?,
        Command::Explain(arguments) => return token_explain::explain_token(*arguments).await,
        Command::Jwks(operator) => token_explain::jwks(operator).await?,
        Command::Revoke { which, issuer, misplaced, operator } => {
            refuse(&misplaced)?;
            let ask = match which {
                Which { jti: Some(jti), .. } => json!({ "jti": jti, "issuer": issuer }),
                Which { client: Some(client), .. } => json!({ "client": client }),
                Which { credential: Some(id), .. } => json!({ "credential": id }),
                Which { file, .. } => json!({ "token": token(file)?.expose() }),
            };
            let revoked = operator.operator()?.post("tokens/revoke", &ask).await?;
            if operator.json {
                say(&revoked.to_string());
            } else {
                say(&sentence(&revoked));
            }
        }
        Command::Introspect { file, misplaced, operator } => {
            refuse(&misplaced)?;
            let ask = json!({ "token": token(file)?.expose() });
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

/// A token is never an argument: those are seen by everybody on the machine.
fn token(file: Option<PathBuf>) -> anyhow::Result<Secret> {
    file.map_or_else(of_stdin, |path| of_file(&path))
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
