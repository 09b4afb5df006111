//! The language of the file as data: every object, its keys, their form, default and meaning.
//!
//! One table ([`table`]) drives the refusal of unknown keys and wrong forms, the JSON Schema for
//! editors, `explain`, and the documentation. **To add a key:** give it a row in the table, then
//! read it in the file below `read/` that has its noun.

mod editor;
mod explain;
mod table;

use super::forms;
use super::problem::Wrong;

pub(crate) use editor::json_schema;
pub(crate) use explain::{explain, keys};
pub(crate) use table::ROOT;

/// What a value may be.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// The version of the language.
    Version,
    /// A text that is not empty.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer { min: u64, max: u64 },
    /// A length of time.
    Duration { min_ms: u64, max_ms: u64 },
    /// So many per second, minute or hour, at most so many per second.
    Rate { max_per_second: u32 },
    /// A text of a form.
    Form(&'static Form),
    /// One of these words.
    Enum(&'static [&'static str]),
    /// The name of something defined elsewhere in the file.
    Reference(Noun),
    /// A reference to a secret.
    Secret,
    /// The value of a header, in clear.
    HeaderText,
    /// The value of a header, in clear or as a reference to a secret.
    HeaderValue,
    /// The value of a query or body parameter, in clear.
    ParameterText,
    /// The value of a query or body parameter, in clear or as a reference to a secret.
    ParameterValue,
    /// Anything; these words say what.
    Any(&'static str),
    /// An object with known keys.
    Object(&'static Object),
    /// The word [`OFF`], or an object with known keys near which secrets belong.
    OffOr(&'static Object),
    /// One of these words, or an object with known keys.
    WordOr(&'static [&'static str], &'static Object),
    /// A text of a form, or an object with known keys.
    FormOr(&'static Form, &'static Object),
    /// An object whose keys are names.
    Map(&'static MapOf),
    /// A list.
    List(&'static ListOf),
}

/// The word that stands in place of an object that is not wanted.
pub(crate) const OFF: &str = "off";

/// What a reference may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noun {
    Client,
    Connection,
    Destination,
    Issuer,
    Partner,
    Plan,
    Scope,
}

/// A text of a form.
pub(crate) struct Form {
    /// What it is, with its article.
    pub(crate) name: &'static str,
    /// A regular expression for editors; empty where none is worth it.
    pub(crate) pattern: &'static str,
    pub(crate) check: fn(&str) -> Result<(), Wrong>,
}

/// An object with known keys.
pub(crate) struct Object {
    /// What it is, with its article.
    pub(crate) name: &'static str,
    /// Whether secrets belong near it, so that what is not understood in it is never shown.
    pub(crate) guarded: bool,
    pub(crate) fields: &'static [Field],
}

/// An object whose keys are names.
pub(crate) struct MapOf {
    /// What its keys are.
    pub(crate) key: &'static Form,
    /// What its values are.
    pub(crate) value: Kind,
    /// A value, for a message.
    pub(crate) example: &'static str,
}

/// A list.
pub(crate) struct ListOf {
    pub(crate) item: Kind,
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// An element, for a message.
    pub(crate) example: &'static str,
}

/// A key of an object.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What it means, in a line.
    pub(crate) doc: &'static str,
    /// A value as it would stand in the file.
    pub(crate) example: &'static str,
    pub(crate) required: bool,
    /// The value where none is given, as it would stand in the file.
    pub(crate) default: Option<&'static str>,
    /// What holds where none is given, in words, where that depends on other things.
    pub(crate) otherwise: Option<&'static str>,
}

impl Object {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Field {
    const fn new(name: &'static str, kind: Kind, doc: &'static str, example: &'static str) -> Self {
        Self { name, kind, doc, example, required: false, default: None, otherwise: None }
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn default_is(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    const fn otherwise(mut self, words: &'static str) -> Self {
        self.otherwise = Some(words);
        self
    }
}

impl Noun {
    /// What it is, with its article.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Client => "a client",
            Self::Connection => "a connection",
            Self::Destination => "a destination",
            Self::Issuer => "an issuer",
            Self::Partner => "a partner",
            Self::Plan => "a plan",
            Self::Scope => "a scope",
        }
    }

    /// The same word alone.
    pub(crate) fn word(self) -> &'static str {
        self.name().split_once(' ').map_or(self.name(), |(_, word)| word)
    }
}

impl Kind {
    /// Whether a scalar's text has this form. What is more than a text is not judged here.
    pub(crate) fn check_text(self, text: &str) -> Result<(), Wrong> {
        match self {
            Self::Version => forms::version(text),
            Self::Text => forms::text(text),
            Self::Bool => forms::bool(text),
            Self::Integer { min, max } => forms::integer(text, min, max).map(drop),
            Self::Duration { min_ms, max_ms } => {
                forms::duration_within(text, min_ms, max_ms).map(drop)
            }
            Self::Rate { max_per_second } => forms::rate(text, max_per_second).map(drop),
            Self::Form(form) => (form.check)(text),
            Self::Enum(words) => forms::one_of(text, words),
            Self::HeaderText | Self::HeaderValue => forms::header_value(text),
            Self::ParameterText | Self::ParameterValue => forms::parameter_value(text),
            Self::Reference(_)
            | Self::Secret
            | Self::Any(_)
            | Self::Object(_)
            | Self::OffOr(_)
            | Self::WordOr(..)
            | Self::FormOr(..)
            | Self::Map(_)
            | Self::List(_) => Ok(()),
        }
    }

    /// What it is in words, with its article.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Version => "the number 1".to_owned(),
            Self::Text | Self::HeaderText | Self::ParameterText => "a text".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Duration { min_ms, max_ms } => {
                let (min, max) = (forms::duration_text(min_ms), forms::duration_text(max_ms));
                format!("a duration from {min} to {max}")
            }
            Self::Rate { max_per_second } => {
                format!("a rate of at most {max_per_second}/s, such as `10/s` or `600/min`")
            }
            Self::Form(form) => form.name.to_owned(),
            Self::Enum(words) => quoted(words).join(" or "),
            Self::Reference(noun) => format!("the name of {}", noun.name()),
            Self::Secret => {
                "a secret: `{ env: NAME }`, `{ file: PATH }`, `{ credential: NAME }` or `{ kept: NAME }`"
                    .to_owned()
            }
            Self::HeaderValue | Self::ParameterValue => {
                "a text, or a secret such as `{ env: NAME }`".to_owned()
            }
            Self::Any(words) => words.to_owned(),
            Self::Object(object) => object.name.to_owned(),
            Self::OffOr(_) => format!("`{OFF}`, or a mapping of keys"),
            Self::WordOr(words, _) => format!("{}, or a mapping of keys", quoted(words).join(", ")),
            Self::FormOr(form, _) => format!("{}, or a mapping of keys", form.name),
            Self::Map(map) => match map.value {
                Self::Object(object) => format!("{} per name", object.name),
                _ => format!("a mapping, each key {}", map.key.name),
            },
            Self::List(list) => format!("a list, each {}", list.item.words()),
        }
    }

    /// The object whose keys come next in a path, and whether a name may stand between.
    fn object(self) -> Option<(&'static Object, bool)> {
        match self {
            Self::Object(object)
            | Self::OffOr(object)
            | Self::WordOr(_, object)
            | Self::FormOr(_, object) => Some((object, false)),
            Self::Map(map) => map.value.object().map(|(object, _)| (object, true)),
            Self::List(list) => list.item.object(),
            _ => None,
        }
    }
}

fn quoted(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| format!("`{word}`")).collect()
}
