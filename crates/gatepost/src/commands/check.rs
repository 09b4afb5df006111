//! `gatepost check`.

use std::process::ExitCode;

use clap::Args;
use model::{Auth, Definitions, HeaderValue, SecretReader as _, SecretSource};
use serde_json::json;

use super::{ConfigArgument, output, say};
use crate::files::SystemSecrets;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// One JSON object with all mistakes
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match crate::config::load(&arguments.config.config, &crate::files::environment) {
        Ok(loaded) => {
            let mut warnings: Vec<String> =
                loaded.warnings.iter().map(ToString::to_string).collect();
            warnings.extend(missing_secrets(&loaded.definitions));
            if arguments.json {
                say(&json!({ "valid": true, "warnings": warnings }).to_string());
            } else {
                for warning in &warnings {
                    output::complain(&format!("warning: {warning}"));
                }
                let d = &loaded.definitions;
                say(&format!(
                    "{} is good: {}, {}, {}, {}",
                    arguments.config.config.display(),
                    counted(d.apis.len(), "API"),
                    counted(d.partners.len(), "partner"),
                    counted(d.rules.len(), "rule"),
                    counted(d.destinations.len(), "destination")
                ));
            }
            ExitCode::SUCCESS
        }
        Err(report) => {
            if arguments.json {
                say(&report.to_json().to_string());
            } else {
                output::complain(&report.render(output::colour(), output::width()));
            }
            ExitCode::from(2)
        }
    }
}

/// Secrets that connections name and that are not there now. They may come later (a hand-over), so
/// this is no mistake.
fn missing_secrets(definitions: &Definitions) -> Vec<String> {
    let mut warnings = Vec::new();
    for connection in definitions.connections.values() {
        let mut sources: Vec<&SecretSource> = match &connection.auth {
            Auth::None => Vec::new(),
            Auth::ApiKey { value, .. } => vec![value],
            Auth::Basic { password, .. } => vec![password],
            Auth::OAuth(client) => vec![&client.client_secret],
        };
        sources.extend(connection.headers.iter().filter_map(|(_, value)| match value {
            HeaderValue::Secret(source) => Some(source),
            HeaderValue::Plain(_) => None,
        }));
        for source in sources {
            if let Err(error) = SystemSecrets.read(source) {
                warnings.push(format!("connections.{}: {error}", connection.name));
            }
        }
    }
    warnings
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
