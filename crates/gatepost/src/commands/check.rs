//! `gatepost check`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jwt::AssertionKey;
use model::{
    Auth, ClientProof, Clock as _, Connection, Definitions, SecretReader as _, SecretSource,
    Timestamp,
};
use outbound::TlsError;
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
/// this is no mistake. Those that Gatepost keeps are looked for when it serves.
fn missing_secrets(definitions: &Definitions) -> Vec<String> {
    let mut warnings = Vec::new();
    for connection in definitions.connections.values() {
        let outside = |source: &&SecretSource| !matches!(source, SecretSource::Kept(_));
        let place = format!("connections.{}", connection.name);
        for source in connection.secrets().into_iter().filter(outside) {
            if let Err(error) = SystemSecrets.read(source) {
                warnings.push(format!("{place}: {error}"));
            }
        }
        warnings.extend(unfit_key(connection).map(|unfit| format!("{place}.oauth: {unfit}")));
        warnings.extend(unfit_tls(connection).map(|unfit| format!("{place}.tls: {unfit}")));
    }
    warnings
}

/// Why a private key that is there cannot sign.
fn unfit_key(connection: &Connection) -> Option<String> {
    let Auth::OAuth(client) = &connection.auth else { return None };
    let ClientProof::PrivateKey(proof) = &client.proof else { return None };
    let text = SystemSecrets.read(&proof.key).ok()?;
    let reason = AssertionKey::parse(text.expose()).err()?;
    Some(format!("the key in {} cannot sign: {reason}", proof.key))
}

/// Why TLS cannot be spoken with certificate, key and authorities that are there.
fn unfit_tls(connection: &Connection) -> Option<String> {
    let (secrets, clock) = (Arc::new(SystemSecrets), Arc::new(SystemClock::new()));
    match courier::unfit_tls(&connection.tls, secrets, clock)? {
        // Told before as what is missing, but for the file of authorities.
        TlsError::Gone(reason) | TlsError::Unreadable(reason) => {
            let authorities = connection.tls.authorities.clone().map(SecretSource::File)?;
            SystemSecrets.read(&authorities).is_err().then_some(reason)
        }
        unfit => Some(unfit.to_string()),
    }
}

/// Secrets that destinations sign with and that are not there now, or cannot sign.
fn unfit_secrets(definitions: &Definitions) -> Vec<String> {
    let mut warnings = Vec::new();
    for destination in definitions.destinations.values() {
        let name = &destination.name;
        let sources = destination.signing.secrets.iter().map(|secret| &secret.source);
        for source in sources.filter(|source| !matches!(source, SecretSource::Kept(_))) {
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

/// What is right or wrong by the time: former secrets that sign no more, or for too long; credentials
/// of clients that count no more.
pub(super) fn by_the_clock(definitions: &Definitions, now: Timestamp) -> Vec<String> {
    let mut warnings = credentials_that_are_over(definitions, now);
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

fn credentials_that_are_over(definitions: &Definitions, now: Timestamp) -> Vec<String> {
    let mut warnings = Vec::new();
    for client in definitions.clients.values() {
        for credential in client.credentials.iter().filter(|credential| credential.is_over(now)) {
            let end = credential.expires_at.map(Timestamp::to_seconds_text).unwrap_or_default();
            warnings.push(format!(
                "partners.{}.clients.{}.credentials.{} has not counted since {end}: remove it",
                client.partner,
                client.id,
                credential.name()
            ));
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

    #[test]
    fn a_credential_that_is_over_is_told_of() {
        let text = "version: 1\ncompany: A\npartners:\n  cars:\n    clients:\n      orders:\n        \
                    credentials:\n          old: { auth: private_key_jwt, jwks_uri: \
                    \"https://a.example/k\", expires: 2026-12-08 }\n          new: { auth: \
                    private_key_jwt, jwks_uri: \"https://b.example/k\", not_before: 2026-12-01 }\n";
        let loaded = crate::config::load_text("a.yaml", text, Path::new("."), &|_: &str| None);
        let definitions = loaded.unwrap().definitions;
        let told = |now: &str| by_the_clock(&definitions, Timestamp::parse(now).unwrap());
        assert!(told("2026-12-07T23:59:59Z").is_empty());
        let warnings = told("2026-12-08T00:00:00Z");
        let place = "partners.cars.clients.orders.credentials.old has not counted since \
                     2026-12-08T00:00:00Z";
        assert!(warnings.len() == 1 && warnings[0].starts_with(place), "{warnings:?}");
    }
}
