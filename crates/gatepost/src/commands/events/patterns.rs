//! `gatepost events test-pattern`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use pattern::{Event, Explanation, Pattern};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::{output, say};
use super::lines::{self, LineError};

/// What EventBridge calls a pattern that is none.
const PATTERN_CODE: &str = "InvalidEventPatternException";

/// What is asked.
#[derive(clap::Args)]
pub(in super::super) struct Arguments {
    /// A file with an event pattern
    #[arg(long, value_name = "FILE", required_unless_present = "jsonl")]
    pattern: Option<PathBuf>,
    /// A file with an event
    #[arg(long, value_name = "FILE", required_unless_present = "jsonl")]
    event: Option<PathBuf>,
    /// Say field by field why
    #[arg(long)]
    explain: bool,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    /// Read lines {"pattern": …, "event": …} from standard input, either as JSON or as a string
    /// holding JSON, and answer each with {"result": true|false} or {"error": {"code", "message"}}
    #[arg(long, conflicts_with_all = ["pattern", "event", "json"])]
    jsonl: bool,
    /// Also take an operator EventBridge has not: contains-all, compare or date; may be
    /// repeated
    #[arg(long = "extension", value_name = "NAME")]
    extensions: Vec<String>,
}

pub(in super::super) fn run(arguments: &Arguments) -> ExitCode {
    let extensions = match pattern::Extensions::named(&arguments.extensions) {
        Ok(extensions) => extensions,
        Err(error) => return refused(&anyhow::Error::new(error)),
    };
    let asked = match (&arguments.pattern, &arguments.event) {
        (Some(pattern), Some(event)) => one(pattern, event, extensions, arguments),
        _ => lines::answer(|line| answer(line, extensions, arguments.explain)),
    };
    asked.unwrap_or_else(|error| {
        if arguments.json {
            say(&json!({ "error": wrong(&error) }).to_string());
        }
        refused(&error)
    })
}

/// An error for programs.
fn wrong(error: &anyhow::Error) -> Value {
    let code = match error.downcast_ref::<pattern::PatternError>() {
        Some(_) => PATTERN_CODE,
        None => "ValidationException",
    };
    json!({ "code": code, "message": format!("{error:#}") })
}

fn refused(error: &anyhow::Error) -> ExitCode {
    output::complain(&format!("gatepost: {error:#}"));
    ExitCode::from(2)
}

fn one(
    pattern: &Path,
    event: &Path,
    extensions: pattern::Extensions,
    arguments: &Arguments,
) -> anyhow::Result<ExitCode> {
    let (source, text) = (lines::file(pattern)?, lines::file(event)?);
    let pattern = Pattern::parse_with(source.trim_end(), extensions)?;
    let event = Event::parse(&text).with_context(|| event.display().to_string())?;
    let explanation = arguments.explain.then(|| pattern.explain(&event));
    let matches = explanation
        .as_ref()
        .map_or_else(|| pattern.matches(&event), |explanation| explanation.matches);
    if arguments.json {
        say(&result(matches, explanation.as_ref()).to_string());
    } else {
        match explanation {
            Some(explanation) => say(&explanation.to_string()),
            None if matches => say("matches"),
            None => say("does not match"),
        }
    }
    Ok(if matches { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A line of `--jsonl`.
#[derive(Deserialize)]
struct Question<'a> {
    #[serde(borrow, default, deserialize_with = "lines::given")]
    pattern: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "lines::given")]
    event: Option<&'a RawValue>,
}

fn answer(line: &str, extensions: pattern::Extensions, explain: bool) -> Result<Value, LineError> {
    let question: Question<'_> = lines::question(line, r#"{"pattern": {…}, "event": {…}}"#)?;
    let source = lines::text(question.pattern, "pattern")?;
    let event = lines::text(question.event, "event")?;
    let pattern = Pattern::parse_with(&source, extensions)
        .map_err(|error| LineError { code: PATTERN_CODE, message: error.to_string() })?;
    let event = Event::parse(&event).map_err(|error| {
        LineError::question(format!("Parameter Event is not valid. Reason: {error}"))
    })?;
    let explanation = explain.then(|| pattern.explain(&event));
    Ok(result(pattern.matches(&event), explanation.as_ref()))
}

fn result(matches: bool, explanation: Option<&Explanation>) -> Value {
    match explanation {
        None => json!({ "result": matches }),
        Some(explanation) => json!({ "result": matches, "explanation": explained(explanation) }),
    }
}

fn explained(explanation: &Explanation) -> Value {
    let field = |field: &pattern::FieldExplanation| {
        let values: Vec<Value> = field
            .values
            .iter()
            .map(|found| json!({ "value": found.value, "satisfies": found.satisfies }))
            .collect();
        json!({
            "path": field.path,
            "matches": field.matches,
            "asks": field.asks,
            "values": values,
            "values_count": field.values_count,
            "reason": field.reason,
        })
    };
    let way = |way: &pattern::Way| {
        let fields: Vec<Value> = way.fields.iter().map(field).collect();
        json!({
            "number": way.number,
            "matches": way.matches,
            "torn": way.torn,
            "fields": fields,
        })
    };
    let ways: Vec<Value> = explanation.ways.iter().map(way).collect();
    json!({
        "matches": explanation.matches,
        "ways": ways,
        "ways_count": explanation.ways_count,
    })
}
