//! `gatepost events transform`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use transform::{Context, Definition, DefinitionError, Input, Transformer};

use super::super::{output, say};
use super::lines::{self, LineError};

/// What `--jsonl` does.
const JSONL: &str = r#"Read lines {"event": …} with at most one of "input", "input_path" and
"input_transformer" ({"paths", "template"}) from standard input and answer each with
{"output": …}, a string that holds the text sent, or {"error": {"code", "message"}}"#;

/// What is asked.
#[derive(clap::Args)]
pub(in super::super) struct Arguments {
    /// A file with an event
    #[arg(long, value_name = "FILE", required_unless_present = "jsonl")]
    event: Option<PathBuf>,
    /// Send this JSON text whatever the event (`Input`)
    #[arg(long, value_name = "JSON", group = "how", allow_hyphen_values = true)]
    input: Option<String>,
    /// Send what stands at this path, `$.detail` (`InputPath`)
    #[arg(long, value_name = "PATH", group = "how")]
    input_path: Option<String>,
    /// A file with a template (`InputTransformer`)
    #[arg(long, value_name = "FILE", group = "how")]
    template: Option<PathBuf>,
    /// A variable of the template and its path, `id=$.detail.id`; may be repeated
    #[arg(long = "path", value_name = "NAME=PATH", requires = "template")]
    paths: Vec<String>,
    /// Answer a question on each line of standard input
    #[arg(long, help = JSONL, conflicts_with_all = ["event", "how", "paths"])]
    jsonl: bool,
}

pub(in super::super) fn run(arguments: &Arguments) -> ExitCode {
    let done = match &arguments.event {
        Some(event) => one(event, arguments),
        None => lines::answer(answer),
    };
    done.unwrap_or_else(|error| {
        output::complain(&format!("gatepost: {error:#}"));
        ExitCode::from(2)
    })
}

fn one(event: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let template = arguments.template.as_deref().map(lines::file).transpose()?;
    let paths = arguments.paths.iter().map(|path| {
        path.split_once('=').with_context(|| format!("--path {path}: write NAME=PATH"))
    });
    let paths: Vec<(&str, &str)> = paths.collect::<anyhow::Result<_>>()?;
    let definition = Definition {
        input: arguments.input.as_deref(),
        input_path: arguments.input_path.as_deref(),
        input_transformer: template
            .as_deref()
            .map(|template| Transformer { paths, template: template.trim_end() }),
    };
    let text = lines::file(event)?;
    let checked = pattern::Event::parse(text.trim());
    checked.with_context(|| event.display().to_string())?;
    match rendered(&definition, text.trim()) {
        Ok(text) => say(&text),
        Err(error) => return Err(anyhow!("{}: {}", error.code, error.message)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A line of `--jsonl`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question<'a> {
    #[serde(borrow, default, deserialize_with = "lines::given")]
    event: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "lines::given")]
    input: Option<&'a RawValue>,
    input_path: Option<String>,
    input_transformer: Option<Transform>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transform {
    #[serde(default)]
    paths: BTreeMap<String, String>,
    template: String,
}

fn answer(line: &str) -> Result<Value, LineError> {
    let question: Question<'_> =
        lines::question(line, r#"{"event": {…}, "input_path": "$.detail"}"#)?;
    let event = lines::text(question.event, "event")?;
    let input = question.input.map(|input| lines::text(Some(input), "input")).transpose()?;
    let transform = question.input_transformer.as_ref();
    let definition = Definition {
        input: input.as_deref(),
        input_path: question.input_path.as_deref(),
        input_transformer: transform.map(|asked| Transformer {
            paths: asked.paths.iter().map(|(name, path)| (name.as_str(), path.as_str())).collect(),
            template: &asked.template,
        }),
    };
    rendered(&definition, &event).map(|text| json!({ "output": text }))
}

/// The text a target receives.
fn rendered(definition: &Definition<'_>, event: &str) -> Result<String, LineError> {
    pattern::Event::parse(event).map_err(|error| {
        LineError::question(format!("Parameter Event is not valid. Reason: {error}"))
    })?;
    let input = Input::defined(definition)
        .map_err(|error| LineError { code: DefinitionError::CODE, message: error.message(None) })?;
    input
        .render(event, &context(event))
        .map_err(|error| LineError { code: error.code(), message: error.to_string() })
}

/// What the reserved variables say here, where no rule and no bus is at hand.
fn context(event: &str) -> Context {
    let time = transform::JsonPath::parse("$.time").ok();
    let time = time.and_then(|path| path.find(event).and_then(transform::value_text));
    Context {
        rule_name: "test".to_owned(),
        rule_arn: "arn:aws:events:local:000000000000:rule/test".to_owned(),
        ingestion_time: time.unwrap_or_default(),
    }
}
