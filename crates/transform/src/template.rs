//! The input transformer: variables read from the event, put into a template.
//!
//! A template that begins with `{` is JSON, and what it gives is always JSON. Any other is quoted
//! strings, one per line; their values are inserted unescaped, as EventBridge does, so what it
//! gives is checked for every event. A line may also be one variable alone, which gives its JSON
//! value, as the templates of EventBridge Pipes do.

mod scan;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::json::{self, Key};
use crate::places::Places;
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
    /// What the variables read of an event.
    places: Places,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    /// The value at a place, by its number in the template's [`Places`].
    Place(usize),
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
        let mut places = Places::default();
        let scan = scan::scan(template);
        let pieces = pieces(scan.tokens, Form::Json, |name| variable(name, paths, &mut places))?;
        json::check(&scan.probe).map_err(|source| TemplateError::Json {
            line: source.line(),
            column: source.column(),
            source,
        })?;
        Ok(Self { form: Form::Json, lines: vec![Line { number: 1, pieces }], places })
    }

    fn parse_strings(paths: &Paths<'_>, template: &str) -> Result<Self, TemplateError> {
        let mut places = Places::default();
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(template.lines()) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let scan = scan::scan(line);
            let known = |name: &str| variable(name, paths, &mut places);
            let pieces = pieces(scan.tokens, Form::Strings, known)?;
            serde_json::from_str::<String>(&scan.probe)
                .map_err(|source| TemplateError::Line { line: number, source })?;
            lines.push(Line { number, pieces });
        }
        Ok(Self { form: Form::Strings, lines, places })
    }

    /// The template filled from `event`, the JSON text of one event. Fails only for a string
    /// template whose line is not JSON once the values are in it, and for what is no event.
    ///
    /// A path that finds nothing stands for the empty string, and `null` for itself.
    pub fn render(&self, event: &str, context: &Context) -> Result<String, RenderError> {
        let event = json::read(event)?;
        let values = Values { event, found: self.places.find(event), context };
        let mut rendered = String::new();
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                rendered.push('\n');
            }
            let start = rendered.len();
            for piece in &line.pieces {
                self.push(&mut rendered, piece, &values);
            }
            if self.form == Form::Strings && !json::is_json(&rendered[start..]) {
                return Err(RenderError::InvalidJson { line: line.number });
            }
        }
        Ok(rendered)
    }

    fn push(&self, rendered: &mut String, piece: &Piece, values: &Values<'_>) {
        match piece {
            Piece::Text(text) => rendered.push_str(text),
            Piece::Value(variable) => json::push_compact(rendered, &values.json(*variable)),
            Piece::Quoted(variable) => {
                let value = values.json(*variable);
                match self.form {
                    // A string is escaped as it stands in the event, and keeps its spelling.
                    Form::Json => match json::contents(&value) {
                        Some(contents) => rendered.push_str(contents),
                        None => json::push_escaped(rendered, &value),
                    },
                    Form::Strings => match json::text(&value) {
                        Some(text) => rendered.push_str(&text),
                        None => json::push_stripped(rendered, &value),
                    },
                }
            }
        }
    }
}

/// What the variables of a template stand for in one delivery.
struct Values<'e> {
    event: &'e RawValue,
    /// The values at the template's places.
    found: Vec<Option<&'e RawValue>>,
    context: &'e Context,
}

impl<'e> Values<'e> {
    /// The JSON text of a variable; the empty string for a place that the event does not have.
    fn json(&self, variable: Variable) -> Cow<'e, str> {
        match variable {
            Variable::Place(number) => {
                Cow::Borrowed(self.found[number].map_or("\"\"", RawValue::get))
            }
            Variable::RuleName => Cow::Owned(json::string(&self.context.rule_name)),
            Variable::RuleArn => Cow::Owned(json::string(&self.context.rule_arn)),
            Variable::IngestionTime => Cow::Owned(json::string(&self.context.ingestion_time)),
            Variable::Event => Cow::Owned(without_detail(self.event)),
            Variable::EventJson => Cow::Borrowed(self.event.get()),
        }
    }
}

/// `aws.events.event`: the event without its detail, its type called `detailType`.
fn without_detail(event: &RawValue) -> String {
    if !event.get().starts_with('{') {
        return event.get().to_owned();
    }
    let mut kept = String::from("{");
    json::walk(event, |key, value| {
        let Key::Name(name) = key else { return };
        let name = match json::text(name).as_deref() {
            Some("detail") => return,
            Some("detail-type") => "\"detailType\"",
            _ => name,
        };
        if kept.len() > 1 {
            kept.push(',');
        }
        kept.push_str(name);
        kept.push(':');
        kept.push_str(value.get());
    });
    kept.push('}');
    kept
}

/// The variable called `name`: reserved (EventBridge, predefined variables) or a path, which
/// becomes one of `places`.
fn variable(name: &str, paths: &Paths<'_>, places: &mut Places) -> Option<Variable> {
    Some(match name {
        "aws.events.rule-name" => Variable::RuleName,
        "aws.events.rule-arn" => Variable::RuleArn,
        "aws.events.event.ingestion-time" => Variable::IngestionTime,
        "aws.events.event" => Variable::Event,
        "aws.events.event.json" => Variable::EventJson,
        _ => Variable::Place(places.add(paths.get(name)?)),
    })
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

/// The tokens of a template with each placeholder's variable, if it is `known`.
fn pieces(
    tokens: Vec<Token<'_>>,
    form: Form,
    mut known: impl FnMut(&str) -> Option<Variable>,
) -> Result<Vec<Piece>, TemplateError> {
    let piece = |token: Token<'_>| {
        let (name, place) = match token {
            Token::Text(text) => return Ok(Piece::Text(text)),
            Token::Placeholder { name, place } => (name, place),
        };
        let Some(variable) = known(name) else {
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
