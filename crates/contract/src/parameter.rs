//! Parameters of the path, the query, the headers and the cookies: found, decoded, judged.

mod declared;
mod shape;
mod texts;

use std::borrow::Cow;

use crate::fault::{Fault, Location, REQUIRED};
use crate::json;
use crate::schema::{SchemaId, Schemas};

use shape::{Sense, Shape, Texts};

pub(crate) use declared::declared;

/// A parameter as the document declares it.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    location: Location,
    /// As declared; names of header fields are compared without regard to case.
    name: String,
    is_required: bool,
    /// `allowEmptyValue`: a query parameter may be there without a value.
    may_be_empty: bool,
    form: Form,
}

/// How a parameter is written.
#[derive(Debug, Clone)]
enum Form {
    /// In a way that is not looked into.
    Any,
    /// As a JSON text (`content`).
    Json(SchemaId),
    /// As `style` says.
    Styled(Styled),
}

/// A parameter written by a style (OpenAPI 3.1 §4.8.12.3).
#[derive(Debug, Clone)]
struct Styled {
    style: Style,
    explode: bool,
    shape: Shape,
    schema: SchemaId,
}

/// What stands between the parts of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// A comma: `simple` in paths and headers, `form` in queries and cookies.
    Comma,
    Space,
    Pipe,
    /// Each part is a parameter of its own, `name[part]`.
    Deep,
}

/// What was sent, as far as parameters are looked for in it.
pub(crate) struct Received<'r, 'h> {
    /// Names and encoded values.
    pub(crate) path: Vec<(&'r str, &'r str)>,
    /// Decoded names and encoded values; what has a name that cannot be decoded is nobody's.
    pub(crate) query: Vec<(String, &'r str)>,
    /// The value of a header field, if it is there.
    pub(crate) header: &'r dyn Fn(&str) -> Option<Cow<'h, str>>,
}

impl Parameter {
    pub(crate) fn location(&self) -> Location {
        self.location
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the other one stands for the same parameter (OpenAPI 3.1 §4.8.12).
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_same_name = match self.location {
            Location::Header => self.name.eq_ignore_ascii_case(&other.name),
            _ => self.name == other.name,
        };
        self.location == other.location && is_same_name
    }

    /// What is wrong with it in a request.
    pub(crate) fn check(&self, received: &Received<'_, '_>, schemas: &Schemas) -> Vec<Fault> {
        let texts = match self.texts(received) {
            Ok(Some(texts)) => texts,
            Ok(None) if self.is_required => return vec![self.fault(REQUIRED)],
            Ok(None) => return Vec::new(),
            Err(reason) => return vec![self.fault(reason)],
        };
        let is_empty = matches!(&texts, Texts::One(text) if text.is_empty());
        if is_empty && self.may_be_empty {
            return Vec::new();
        }
        match &self.form {
            Form::Any => Vec::new(),
            Form::Json(schema) => self.check_json(&texts, schema, schemas),
            Form::Styled(styled) => {
                let value = styled.shape.value(&texts, Sense::Typed);
                let misfits = schemas.misfits(&styled.schema, value);
                if misfits.is_empty() {
                    return Vec::new();
                }
                // A number may have been meant as a text: `007` never is one, but `7` is both.
                let value =
                    styled.shape.is_mixed().then(|| styled.shape.value(&texts, Sense::Text));
                if value.is_some_and(|value| schemas.misfits(&styled.schema, value).is_empty()) {
                    return Vec::new();
                }
                misfits.iter().map(|misfit| self.told(&misfit.pointer, &misfit.reason)).collect()
            }
        }
    }

    fn check_json(&self, texts: &Texts, schema: &SchemaId, schemas: &Schemas) -> Vec<Fault> {
        let Texts::One(text) = texts else { return Vec::new() };
        match json::read(text.as_bytes()) {
            Err(reason) => vec![self.fault(reason)],
            Ok(value) => {
                let misfits = schemas.misfits(schema, value);
                misfits.iter().map(|misfit| self.told(&misfit.pointer, &misfit.reason)).collect()
            }
        }
    }

    fn told(&self, pointer: &str, reason: &str) -> Fault {
        match pointer {
            "" => self.fault(reason),
            inside => self.fault(format!("has a fault at {}: it {reason}", echo(inside))),
        }
    }

    fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault::new(self.location, &self.name, reason)
    }
}

fn echo(text: &str) -> String {
    crate::fault::short(text, crate::fault::ECHO_CHARS_MAX)
}
