//! `gatepost check`.

use std::process::ExitCode;

use clap::Args;
use model::{
    Auth, Clock as _, Definitions, HeaderValue, SecretReader as _, SecretSource, Timestamp,
};
use serde_json::json;

use super::{ConfigArgument, output, say};
use crate::clock::SystemClock;
use crate::files::SystemSecrets;

/// The longest time in which a former secret should sign: who changes a secret because others know
/// it wants it to end. Whether this is kept cannot be seen from the file alone, which has no clock.
const OVERLAP_MAX_MS: i64 = 7 * 86_400_000;

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
            warnings.extend(unfit_secrets(&loaded.definitions));
            warnings.extend(by_the_clock(&loaded.definitions, SystemClock::new().now()));
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

/// Secrets that destinations sign with and that are not there now, or cannot sign.
fn unfit_secrets(definitions: &Definitions) -> Vec<String> {
    let mut warnings = Vec::new();
    for destination in definitions.destinations.values() {
        let name = &destination.name;
        for source in destination.signing.secrets.iter().map(|secret| &secret.source) {
            let unfit = match SystemSecrets.read(source) {
                Ok(secret) => signature::Secret::parse(secret.expose().trim())
                    .err()
                    .map(|reason| format!("the secret in {source} cannot sign: {reason}")),
                Err(error) => Some(error.to_string()),
            };
            warnings.extend(unfit.map(|unfit| format!("destinations.{name}.signing: {unfit}")));
        }
    }
    warnings
}

/// What is right or wrong by the time: former secrets that sign no more, or for too long.
pub(super) fn by_the_clock(definitions: &Definitions, now: Timestamp) -> Vec<String> {
    let mut warnings = Vec::new();
    for destination in definitions.destinations.values() {
        let place = format!("destinations.{}.signing.previous", destination.name);
        for until in destination.signing.secrets.iter().filter_map(|secret| secret.until) {
            let left_ms = until.since_ms(now);
            let until = until.to_seconds_text();
            if left_ms < 0 {
                warnings.push(format!("{place} has not signed since {until}: remove it"));
            } else if left_ms > OVERLAP_MAX_MS {
                warnings.push(format!(
                    "{place} signs until {until}: who has learnt the former secret can forge calls \
                     that long; end it within seven days"
                ));
            }
        }
    }
    warnings
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_former_secret_signs_for_seven_days_at_the_most() {
        let text = "version: 1\ncompany: A\ndestinations:\n  d:\n    request: GET http://x\n    \
                    signing: { secret: { env: B }, previous: { secret: { env: A }, until: \
                    2026-12-08T00:00:00Z } }\n";
        let loaded = crate::config::load_text("a.yaml", text, Path::new("."), &|_: &str| None);
        let definitions = loaded.unwrap().definitions;
        for (now, warning) in [
            ("2026-11-30T23:59:59Z", Some("signs until 2026-12-08T00:00:00Z")),
            ("2026-12-01T00:00:00Z", None),
            ("2026-12-08T00:00:00Z", None),
            ("2026-12-08T00:00:01Z", Some("has not signed since 2026-12-08T00:00:00Z")),
        ] {
            let warnings = by_the_clock(&definitions, Timestamp::parse(now).unwrap());
            assert_eq!(warnings.len(), usize::from(warning.is_some()), "{now}: {warnings:?}");
            let told = warning.is_none_or(|warning| warnings[0].contains(warning));
            assert!(told, "{now}: {warnings:?}");
        }
    }
}
