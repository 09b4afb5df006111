//! What a target receives: the event or a part of it, a constant, or a template filled from it,
//! and the parts of an HTTP request that are read from the event.
//!
//! Pure: an event's JSON text and a context come in, text goes out. Values keep their spelling on
//! the way, so no number is rounded. What is fixed when a rule is written is checked then; only a
//! string template can still fail for an event ([`RenderError`]).

mod definition;
mod http;
mod json;
mod merge;
mod path;
mod places;
mod template;

use serde_json::value::RawValue;

pub use definition::{Definition, DefinitionError, Transformer};
pub use http::{FillError, Filled, UrlError, UrlTemplate, forbidden_header, value_text};
pub use merge::{merge_body, merge_query};
pub use path::{JsonPath, PathError};
pub use template::{Template, TemplateError};

/// The longest constant, in characters (EventBridge API, `TargetInput`).
const CONSTANT_CHARS_MAX: usize = 8_192;

/// How a target's input is made; a target has exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Input {
    /// The event as it is.
    #[default]
    Whole,
    /// The value at a path of the event (`InputPath`).
    Path(JsonPath),
    /// The same JSON text for every event (`Input`); [`Input::constant`] checks it.
    Constant(String),
    /// A template filled from the event (`InputTransformer`).
    Template(Template),
}

/// What the reserved variables of a template say about a delivery, apart from the event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// `aws.events.rule-name`.
    pub rule_name: String,
    /// `aws.events.rule-arn`.
    pub rule_arn: String,
    /// `aws.events.event.ingestion-time`: when the event was accepted, in RFC 3339.
    pub ingestion_time: String,
}

impl Input {
    /// A constant, once it is JSON of at most 8,192 characters.
    pub fn constant(text: &str) -> Result<Self, ConstantError> {
        let chars = text.chars().count();
        if chars > CONSTANT_CHARS_MAX {
            return Err(ConstantError::TooLong { chars });
        }
        json::check(text).map_err(|source| ConstantError::Json { source })?;
        Ok(Self::Constant(text.to_owned()))
    }

    /// The text a target receives for `event`, the JSON text of one event. What comes from the
    /// event is compact JSON, its members in their order and its numbers as they are spelled.
    ///
    /// A path that finds nothing gives `null`: a valid body that says so, where EventBridge does
    /// not say what it sends.
    pub fn render(&self, event: &str, context: &Context) -> Result<String, RenderError> {
        match self {
            Self::Whole => Ok(json::compact(json::read(event)?.get())),
            Self::Path(path) => {
                let found = path.find_in(json::read(event)?).unwrap_or(RawValue::NULL);
                Ok(json::compact(found.get()))
            }
            Self::Constant(text) => Ok(text.clone()),
            Self::Template(template) => template.render(event, context),
        }
    }
}

/// A constant that cannot be a target's input.
#[derive(Debug, thiserror::Error)]
pub enum ConstantError {
    /// Longer than EventBridge takes.
    #[error(
        "the input has {chars} characters; shorten it to at most {max}",
        max = CONSTANT_CHARS_MAX
    )]
    TooLong {
        /// How many characters it has.
        chars: usize,
    },
    /// Not JSON.
    #[error("the input is not valid JSON; put a plain text in double quotes")]
    Json {
        /// What the JSON parser says.
        source: serde_json::Error,
    },
}

/// An input that cannot be made for this event. Trying again gives the same, so the delivery goes
/// to the dead letters at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A string template, filled, is not JSON.
    #[error(
        "line {line} of the input template is not a JSON string for this event: a value holds a \
         quote, a backslash or a line end; use a template that begins with `{{`, where values are \
         escaped"
    )]
    InvalidJson {
        /// The line of the template, from 1.
        line: usize,
    },
    /// What should be an event is not JSON; an accepted event always is.
    #[error("the event is not JSON at line {line}, column {column}")]
    InvalidEvent {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
}

impl RenderError {
    /// The error code a dead letter carries (EventBridge, dead-letter queues).
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidJson { .. } | Self::InvalidEvent { .. } => "INVALID_JSON",
        }
    }
}
