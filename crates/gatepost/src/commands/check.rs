//! `gatepost check`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{ConfigArgument, output, say};

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
            let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
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

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
