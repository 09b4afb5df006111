//! `gatepost token explain` and `jwks`: what is wrong with a token, and what verifies it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use jwt::{ExplainWith, Explanation, Finding, KeySet, SET_BYTES_MAX, Verdict, bare, explain};
use model::Clock as _;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::operator::OperatorArguments;
use super::token_given::of_stdin;
use super::{say, unread, wrong_usage};
use crate::clock::SystemClock;

#[derive(Args)]
pub(super) struct ExplainArguments {
    /// The token; standard input where none is given, which no shell keeps
    token: Option<String>,
    /// A JWK Set to verify it with, in place of the running server's; needs no server
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    #[command(flatten)]
    operator: OperatorArguments,
}

/// What the token is held against.
struct Known {
    issuer: Option<String>,
    audiences: Vec<String>,
    keys: KeySet,
}

/// Prints the keys that tokens are verified with.
pub(super) async fn jwks(operator: OperatorArguments) -> anyhow::Result<()> {
    let service = operator.operator()?.get("token-service").await?;
    let jwks = &service["jwks"];
    say(&if operator.json { jwks.to_string() } else { format!("{jwks:#}") });
    Ok(())
}

pub(super) async fn explain_token(arguments: ExplainArguments) -> anyhow::Result<ExitCode> {
    let ExplainArguments { token, jwks, operator } = arguments;
    let token = match token {
        Some(token) => Zeroizing::new(token),
        None => of_stdin()?,
    };
    let is_served = jwks.is_none();
    let known = match jwks {
        Some(path) => of_file(&path)?,
        None => of_server(&operator).await?,
    };
    let with = ExplainWith {
        issuer: known.issuer.as_deref(),
        audiences: &known.audiences,
        keys: Some(&known.keys),
        now_s: SystemClock::new().now().seconds(),
    };
    let mut explanation = explain(&token, &with);
    if is_served && explanation.is_good() {
        let id = explanation.claims.as_ref().and_then(|claims| claims.get("jti")?.as_str());
        let standing = standing(bare(&token).token, id.unwrap_or("ID"), &operator).await?;
        explanation.findings.push(standing);
    }
    if operator.json {
        say(&to_json(&explanation).to_string());
    } else {
        show(&explanation);
    }
    Ok(if explanation.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn of_file(path: &Path) -> anyhow::Result<Known> {
    // None of these is 1, which says that something is wrong with the token.
    let wrong = |what: String| wrong_usage(format!("{} {what}", path.display()));
    let unread = |error: std::io::Error| unread(path.display(), error);
    if std::fs::metadata(path).map_err(unread)?.len() > SET_BYTES_MAX as u64 {
        return Err(wrong("is longer than 256 KiB".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(unread)?;
    let keys = KeySet::parse(&bytes);
    let keys = keys.map_err(|error| wrong(format!("is no JWK Set: {error}")))?;
    Ok(Known { issuer: None, audiences: Vec::new(), keys })
}

async fn of_server(operator: &OperatorArguments) -> anyhow::Result<Known> {
    let service = operator.operator()?.get("token-service").await?;
    let keys = KeySet::parse(service["jwks"].to_string().as_bytes());
    let audiences = service["audiences"].as_array().into_iter().flatten();
    Ok(Known {
        issuer: service["issuer"].as_str().map(str::to_owned),
        audiences: audiences.filter_map(Value::as_str).map(str::to_owned).collect(),
        keys: keys.context("the server's keys cannot be read")?,
    })
}

/// What the server says of a token in which nothing is wrong: whether it has been ended since.
async fn standing(token: &str, id: &str, operator: &OperatorArguments) -> anyhow::Result<Finding> {
    let shown = operator.operator()?.post("tokens/introspect", &json!({ "token": token })).await?;
    let (verdict, text) = if shown["active"] == true {
        (Verdict::Good, "It is not revoked, and its client and partner are active.".to_owned())
    } else {
        let text = format!(
            "It is revoked, or its client or partner is suspended or its time over. Whether its client \
             revoked it: `gatepost token audit --jti {id}`; whether an operator did: `gatepost audit`; \
             for the others see `gatepost client list`."
        );
        (Verdict::Bad, text)
    };
    Ok(Finding { verdict, about: "active", text })
}

fn to_json(explanation: &Explanation) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "verdict": finding.verdict.as_str(),
            "about": finding.about,
            "text": finding.text,
        })
    };
    json!({
        "good": explanation.is_good(),
        "findings": explanation.findings.iter().map(finding).collect::<Vec<_>>(),
        "header": explanation.header,
        "claims": explanation.claims,
    })
}

fn show(explanation: &Explanation) {
    for finding in &explanation.findings {
        say(&format!("{:5}  {:9}  {}", finding.verdict.as_str(), finding.about, finding.text));
    }
    if let Some(claims) = &explanation.claims {
        say(&format!("claims (as it says, not verified by that): {}", json!(claims)));
    }
}
