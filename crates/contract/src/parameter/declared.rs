//! Parameters as the document declares them, and what of that is not understood.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shape::Shape;
use super::{Form, Parameter, Style, Styled};
use crate::body::is_json;
use crate::fault::{ECHO_CHARS_MAX, Location, short};
use crate::pointer;
use crate::reading::Reading;

/// Header fields that other parts of a document are about (OpenAPI 3.1 §4.8.12.2): a parameter of
/// that name is ignored.
const OTHERS: [&str; 3] = ["accept", "content-type", "authorization"];

/// The parameter declared by `value` at `at`; none if it is not understood, which is noted, or not
/// one of ours.
pub(crate) fn declared<'d>(
    reading: &mut Reading<'d>,
    value: &'d Value,
    at: &str,
) -> Option<Parameter> {
    let (value, at) = reading.resolve(value, at)?;
    let Some(name) = value.get("name").and_then(Value::as_str) else {
        reading.refuse(&at, "the parameter has no name", "add `name`");
        return None;
    };
    let location = value.get("in").and_then(Value::as_str).and_then(Location::parse);
    let Some(location) = location else {
        let what = format!("the parameter {} is in no part of a request", echo(name));
        reading.refuse(&at, what, "add `in: path`, `query`, `header` or `cookie`");
        return None;
    };
    if location == Location::Header && OTHERS.iter().any(|one| one.eq_ignore_ascii_case(name)) {
        return None;
    }
    let says = |keyword: &str| value.get(keyword) == Some(&Value::Bool(true));
    Some(Parameter {
        location,
        name: name.to_owned(),
        // Without its parameters a path is another path.
        is_required: says("required") || location == Location::Path,
        may_be_empty: says("allowEmptyValue") && location == Location::Query,
        form: form(reading, value, &Place { at: &at, location })?,
    })
}

/// Where a declaration stands, and what part of a request it is about.
struct Place<'a> {
    at: &'a str,
    location: Location,
}

fn form<'d>(reading: &mut Reading<'d>, value: &'d Value, place: &Place<'_>) -> Option<Form> {
    if let Some(content) = value.get("content").and_then(Value::as_object) {
        // It has exactly one; of others nobody could tell which was meant.
        let Some((media, inside)) = content.iter().next() else { return Some(Form::Any) };
        if content.len() > 1 || !is_json(media) || inside.get("schema").is_none() {
            return Some(Form::Any);
        }
        let at = pointer::child(&pointer::child(place.at, "content"), media);
        let schema = reading.schema(&pointer::child(&at, "schema"));
        return Some(Form::Json(schema));
    }
    let Some(schema) = value.get("schema") else { return Some(Form::Any) };
    let (style, default) = style(reading, value, place)?;
    let explode = value.get("explode").and_then(Value::as_bool).unwrap_or(default);
    let shape = match (style, Shape::of(&reading.document(), schema)) {
        // An object, whatever else its schema says.
        (Style::Deep, Shape::Scalar(_) | Shape::List(_)) => Shape::Object(BTreeMap::new()),
        (_, shape) => shape,
    };
    // In a cookie there is no way to tell a second value from another cookie.
    let explode = explode && place.location != Location::Cookie;
    let schema = reading.schema(&pointer::child(place.at, "schema"));
    Some(Form::Styled(Styled { style, explode, shape, schema }))
}

/// The style, and whether it is exploded if nothing is said about that.
fn style(reading: &mut Reading<'_>, value: &Value, place: &Place<'_>) -> Option<(Style, bool)> {
    let named = value.get("style").and_then(Value::as_str);
    match (place.location, named) {
        (Location::Query | Location::Cookie, None | Some("form")) => Some((Style::Comma, true)),
        (Location::Path | Location::Header, None | Some("simple")) => Some((Style::Comma, false)),
        (Location::Query, Some("spaceDelimited")) => Some((Style::Space, false)),
        (Location::Query, Some("pipeDelimited")) => Some((Style::Pipe, false)),
        (Location::Query, Some("deepObject")) => Some((Style::Deep, true)),
        (location, named) => {
            let named = echo(named.unwrap_or_default());
            let what = format!("the style {named} is not understood in a {location} parameter");
            let remedy = "use `simple` in paths and headers; `form`, `spaceDelimited`, \
                          `pipeDelimited` or `deepObject` in queries; `form` in cookies";
            reading.refuse(&pointer::child(place.at, "style"), what, remedy);
            None
        }
    }
}

fn echo(text: &str) -> String {
    short(text, ECHO_CHARS_MAX)
}
