//! What the judge of schemas found, in words for the caller, each at its place.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::{Inside, Misfit};
use crate::fault::{ECHO_CHARS_MAX, FAULTS_MAX, REQUIRED, short};
use crate::pointer;

/// How many of the values that are allowed are named.
const NAMED_MAX: usize = 8;

/// The first misfits that `errors` stand for.
pub(super) fn misfits(errors: &[ValidationError<'_>], inside: &Inside<'_>) -> Vec<Misfit> {
    let mut teller = Teller { inside, told: Vec::new() };
    for error in errors {
        teller.tell(error);
    }
    teller.told
}

struct Teller<'i, 'v> {
    inside: &'i Inside<'v>,
    told: Vec<Misfit>,
}

impl Teller<'_, '_> {
    fn tell(&mut self, error: &ValidationError<'_>) {
        let named = error.instance_path().as_str();
        let at = named.get(self.inside.prefix..).unwrap_or_default();
        match error.kind() {
            Kind::Required { property } => {
                let at = pointer::child(at, property.as_str().unwrap_or_default());
                self.add(&at, REQUIRED.to_owned());
            }
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected } => {
                for name in unexpected.iter().take(FAULTS_MAX) {
                    self.add(&pointer::child(at, name), "is not in the contract".to_owned());
                }
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                self.tell_alternatives(at, context);
            }
            kind => {
                let reason = bound(kind).unwrap_or_else(|| {
                    let value = self.inside.named.pointer(named).unwrap_or(&Value::Null);
                    reason(kind, value)
                });
                self.add(at, reason);
            }
        }
    }

    /// Tells what is wrong with the one alternative that was meant, if it can be told which.
    fn tell_alternatives(&mut self, at: &str, context: &[Vec<ValidationError<'static>>]) {
        let named_at = at.len() + self.inside.prefix;
        let meant: Vec<_> = context
            .iter()
            .filter(|errors| !errors.iter().any(|one| is_other(one, named_at)))
            .collect();
        if let [errors] = meant.as_slice()
            && !errors.is_empty()
        {
            for error in *errors {
                self.tell(error);
            }
            return;
        }
        let reason = format!("fits none of the {} forms that are allowed", context.len());
        self.add(at, reason);
    }

    fn add(&mut self, at: &str, reason: String) {
        let misfit = Misfit { pointer: at.to_owned(), reason };
        // Schemas that are joined may demand the same.
        if self.told.len() < FAULTS_MAX && !self.told.contains(&misfit) {
            self.told.push(misfit);
        }
    }
}

/// Whether an error shows that a form was not meant: it wants another type than that of the value
/// (whose place has `length`), or another word in the value or right below it, as forms do that
/// tell themselves apart by a member.
fn is_other(error: &ValidationError<'_>, length: usize) -> bool {
    let below = error.instance_path().as_str().get(length..).unwrap_or_default();
    match error.kind() {
        Kind::Type { .. } => below.is_empty(),
        Kind::Constant { .. } | Kind::Enum { .. } => below.matches('/').count() < 2,
        _ => false,
    }
}

/// What is wrong with a value that is beyond a bound.
fn bound(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be greater than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("must have {} at least", counted(*limit, "character")),
        Kind::MaxLength { limit } => format!("must have {} at most", counted(*limit, "character")),
        Kind::MinItems { limit } => format!("must have {} at least", counted(*limit, "item")),
        Kind::MaxItems { limit } => format!("must have {} at most", counted(*limit, "item")),
        Kind::MinProperties { limit } => {
            format!("must have {} at least", counted(*limit, "member"))
        }
        Kind::MaxProperties { limit } => format!("must have {} at most", counted(*limit, "member")),
        _ => return None,
    })
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn reason(kind: &Kind, value: &Value) -> String {
    match kind {
        Kind::Type { kind } => {
            format!("must be of type {}, and is of type {}", wanted(kind), type_of(value))
        }
        Kind::Format { format } => format!("is not a valid {}", echo(format)),
        Kind::Pattern { pattern } => format!("does not match the pattern {}", echo(pattern)),
        Kind::Constant { expected_value } => {
            format!("must be {}", echo(&expected_value.to_string()))
        }
        Kind::Enum { options } => format!("must be one of {}", named(options)),
        Kind::UniqueItems => "has an item twice".to_owned(),
        Kind::Contains => "lacks an item that the contract demands".to_owned(),
        Kind::AdditionalItems { .. } | Kind::UnevaluatedItems { .. } => {
            "has more items than are allowed".to_owned()
        }
        Kind::PropertyNames { .. } => "has a member whose name is not allowed".to_owned(),
        Kind::OneOfMultipleValid { .. } => {
            "fits more than one form, of which exactly one is allowed".to_owned()
        }
        Kind::Not { .. } => "has a form that is not allowed".to_owned(),
        Kind::FalseSchema => "is not allowed".to_owned(),
        _ => "does not fit the contract".to_owned(),
    }
}

fn wanted(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(kind) => kind.as_str().to_owned(),
        TypeKind::Multiple(kinds) => {
            let kinds: Vec<_> = kinds.iter().map(JsonType::as_str).collect();
            kinds.join(" or ")
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn named(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<_> =
        options.iter().take(NAMED_MAX).map(|option| echo(&option.to_string())).collect();
    if options.len() > NAMED_MAX {
        names.push(format!("{} others", options.len() - NAMED_MAX));
    }
    names.join(", ")
}

fn echo(text: &str) -> String {
    short(text, ECHO_CHARS_MAX)
}
