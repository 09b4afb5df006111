//! The input transformer: variables read from the event, put into a template.
//!
//! A template that begins with `{` is JSON, and what it gives is always JSON. Any other is quoted
//! strings, one per line; their values are inserted unescaped, as EventBridge does, so what it
//! gives is checked for every event.

mod scan;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Context, JsonPath, PathError, RenderError};
use scan::{Place, Token};

/// The longest template, in characters (EventBridge API, `TransformerInput`).
const TEMPLATE_CHARS_MAX: usize = 8_192;
/// The most paths (EventBridge API, `TransformerPaths`).
const PATHS_MAX: usize = 100;
/// The longest name of a path, in characters (EventBridge API, `InputTransformerPathKey`).
const KEY_CHARS_MAX: usize = 256;

/// An input transformer, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    form: Form,
    /// One line when the form is JSON.
    lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Strings,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// Its number in the template, from 1.
    number: usize,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A variable where JSON has a value.
    Value(Variable),
    /// A variable within quotes.
    Quoted(Variable),
}

/// What a placeholder stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Variable {
    Path(JsonPath),
    RuleName,
    RuleArn,
    IngestionTime,
    Event,
    EventJson,
}

type Paths<'a> = BTreeMap<&'a str, JsonPath>;

impl Template {
    /// Reads a template and the paths its variables stand for, as pairs of name and path.
    pub fn parse<'a>(
        paths: impl IntoIterator<Item = (&'a str, &'a str)>,
        template: &str,
    ) -> Result<Self, TemplateError> {
        let paths = parse_paths(paths)?;
        let chars = template.chars().count();
        if chars > TEMPLATE_CHARS_MAX {
            return Err(TemplateError::TooLong { chars });
        }
        let beginning = template.trim_start();
        if beginning.is_empty() {
            return Err(TemplateError::Empty);
        }
        if beginning.starts_with('{') {
            Self::parse_json(&paths, template)
        } else {
            Self::parse_strings(&paths, template)
        }
    }

    fn parse_json(paths: &Paths<'_>, template: &str) -> Result<Self, TemplateError> {
        let scan = scan::scan(template);
        let pieces = pieces(scan.tokens, paths, Form::Json)?;
        serde_json::from_str::<Value>(&scan.probe).map_err(|source| TemplateError::Json {
            line: source.line(),
            column: source.column(),
            source,
        })?;
        Ok(Self { form: Form::Json, lines: vec![Line { number: 1, pieces }] })
    }

    fn parse_strings(paths: &Paths<'_>, template: &str) -> Result<Self, TemplateError> {
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(template.lines()) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let scan = scan::scan(line);
            let pieces = pieces(scan.tokens, paths, Form::Strings)?;
            serde_json::from_str::<String>(&scan.probe)
                .map_err(|source| TemplateError::Line { line: number, source })?;
            lines.push(Line { number, pieces });
        }
        Ok(Self { form: Form::Strings, lines })
    }

    /// The template filled from `event`. Fails only for a string template whose line is not a JSON
    /// string once the values are in it.
    ///
    /// A path that finds nothing stands for the empty string, and `null` for itself.
    pub fn render(&self, event: &Value, context: &Context) -> Result<String, RenderError> {
        let lines = self.lines.iter().map(|line| {
            let rendered = self.render_line(line, event, context);
            if self.form == Form::Strings && serde_json::from_str::<Value>(&rendered).is_err() {
                return Err(RenderError::InvalidJson { line: line.number });
            }
            Ok(rendered)
        });
        let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
        Ok(lines.join("\n"))
    }

    fn render_line(&self, line: &Line, event: &Value, context: &Context) -> String {
        let mut rendered = String::new();
        for piece in &line.pieces {
            match piece {
                Piece::Text(text) => rendered.push_str(text),
                Piece::Value(variable) => {
                    rendered.push_str(&variable.value(event, context).to_string());
                }
                Piece::Quoted(variable) => {
                    let value = variable.value(event, context);
                    match self.form {
                        Form::Json => rendered.push_str(&escaped(&text(&value))),
                        Form::Strings => rendered.push_str(&stripped(&value)),
                    }
                }
            }
        }
        rendered
    }
}

impl Variable {
    /// The variable called `name`: reserved (EventBridge, predefined variables) or a path.
    fn named(name: &str, paths: &Paths<'_>) -> Option<Self> {
        match name {
            "aws.events.rule-name" => Some(Self::RuleName),
            "aws.events.rule-arn" => Some(Self::RuleArn),
            "aws.events.event.ingestion-time" => Some(Self::IngestionTime),
            "aws.events.event" => Some(Self::Event),
            "aws.events.event.json" => Some(Self::EventJson),
            _ => paths.get(name).cloned().map(Self::Path),
        }
    }

    /// Its value; the empty string for a path that finds nothing.
    fn value<'event>(&self, event: &'event Value, context: &Context) -> Cow<'event, Value> {
        match self {
            Self::Path(path) => {
                path.find(event).map_or_else(|| Cow::Owned(Value::from("")), Cow::Borrowed)
            }
            Self::RuleName => Cow::Owned(Value::from(context.rule_name.as_str())),
            Self::RuleArn => Cow::Owned(Value::from(context.rule_arn.as_str())),
            Self::IngestionTime => Cow::Owned(Value::from(context.ingestion_time.as_str())),
            Self::Event => Cow::Owned(without_detail(event)),
            Self::EventJson => Cow::Borrowed(event),
        }
    }
}

/// `aws.events.event`: the event without its detail, its type called `detailType`.
fn without_detail(event: &Value) -> Value {
    let Value::Object(fields) = event else {
        return event.clone();
    };
    let kept = fields.iter().filter(|(name, _)| name.as_str() != "detail");
    let renamed = kept.map(|(name, value)| {
        let name = if name == "detail-type" { "detailType" } else { name.as_str() };
        (name.to_owned(), value.clone())
    });
    Value::Object(renamed.collect())
}

/// A string as it is, anything else as compact JSON.
fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        _ => Cow::Owned(value.to_string()),
    }
}

/// What stands between the quotes when JSON writes `text`.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The text of a value, a list or object without any quotes (EventBridge, string templates).
fn stripped(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => value.to_string().replace('"', ""),
        _ => text(value).into_owned(),
    }
}

fn parse_paths<'a>(
    paths: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Paths<'a>, TemplateError> {
    let mut parsed = Paths::new();
    for (key, path) in paths {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(1..=KEY_CHARS_MAX).contains(&key.len()) || !key.bytes().all(plain) {
            return Err(TemplateError::Key { key: key.to_owned() });
        }
        let path = JsonPath::parse(path)
            .map_err(|source| TemplateError::Path { key: key.to_owned(), source })?;
        parsed.insert(key, path);
    }
    if parsed.len() > PATHS_MAX {
        return Err(TemplateError::TooManyPaths { paths: parsed.len() });
    }
    Ok(parsed)
}

/// The tokens of a template with each placeholder's variable.
fn pieces(
    tokens: Vec<Token<'_>>,
    paths: &Paths<'_>,
    form: Form,
) -> Result<Vec<Piece>, TemplateError> {
    let piece = |token: Token<'_>| {
        let (name, place) = match token {
            Token::Text(text) => return Ok(Piece::Text(text)),
            Token::Placeholder { name, place } => (name, place),
        };
        let Some(variable) = Variable::named(name, paths) else {
            return Err(TemplateError::InvalidPlaceholder { name: name.to_owned() });
        };
        if form == Form::Strings && matches!(variable, Variable::Event | Variable::EventJson) {
            return Err(TemplateError::JsonOnly { name: name.to_owned() });
        }
        match place {
            Place::Value => Ok(Piece::Value(variable)),
            Place::Quoted => Ok(Piece::Quoted(variable)),
            Place::Key => Err(TemplateError::ObjectKey { name: name.to_owned() }),
        }
    };
    tokens.into_iter().map(piece).collect()
}

/// An input transformer that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// No template.
    #[error("InputTemplate is empty; write a JSON object, or one quoted string per line")]
    Empty,
    /// Longer than EventBridge takes.
    #[error(
        "InputTemplate has {chars} characters; shorten it to at most {max}",
        max = TEMPLATE_CHARS_MAX
    )]
    TooLong {
        /// How many characters it has.
        chars: usize,
    },
    /// More paths than EventBridge takes.
    #[error("InputPathsMap has {paths} paths; keep at most {max}", max = PATHS_MAX)]
    TooManyPaths {
        /// How many there are.
        paths: usize,
    },
    /// A name no variable can have. `AWS.` is among them: a name has no dot.
    #[error("`{key}` cannot name a path; use 1 to 256 of A-Z, a-z, 0-9, `_` and `-`")]
    Key {
        /// The name.
        key: String,
    },
    /// A path that is none.
    #[error("the path of `{key}` is not valid")]
    Path {
        /// The name of the path.
        key: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// A placeholder that is neither a path nor reserved (EventBridge: `InputTemplate for target
    /// ID contains invalid placeholder X.`).
    #[error("InputTemplate contains invalid placeholder {name}; add it to InputPathsMap")]
    InvalidPlaceholder {
        /// What stands between `<` and `>`.
        name: String,
    },
    /// A placeholder in a key of an object.
    #[error("placeholder {name} is an object key; use it as a value or within a quoted value")]
    ObjectKey {
        /// What stands between `<` and `>`.
        name: String,
    },
    /// The whole event in a string template.
    #[error("placeholder {name} is JSON; use it in a template that begins with `{{`")]
    JsonOnly {
        /// What stands between `<` and `>`.
        name: String,
    },
    /// A JSON template that is not JSON around its placeholders.
    #[error(
        "InputTemplate is not valid JSON at line {line}, column {column}; a placeholder stands \
         for a whole value, or within the quotes of one"
    )]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// A line of a string template that is not one quoted string.
    #[error(
        "line {line} of InputTemplate is not one quoted string; write it as \"…\", or begin the \
         template with `{{` for JSON"
    )]
    Line {
        /// The line, from 1.
        line: usize,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
}
