//! JSON as text: walked, made compact and inserted without a tree, so that no number is read and
//! written again.
//!
//! An argument called `json` is one valid value already. Nothing here recurses, so nesting has no
//! bound.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::RenderError;

/// White space between JSON's own signs (RFC 8259 §2).
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The event as one value, its text still as it is spelled.
pub(crate) fn read(event: &str) -> Result<&RawValue, RenderError> {
    serde_json::from_str(event)
        .map_err(|error| RenderError::InvalidEvent { line: error.line(), column: error.column() })
}

/// Whether `text` is JSON by its grammar; numbers have no bounds there, and nesting neither.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Checks what a person wrote: JSON by its grammar, and every string of it a text.
pub(crate) fn check(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<IgnoredAny>(text)?;
    // The grammar takes half a surrogate pair, which no text can hold (RFC 8259 §8.2).
    let texts = parts(text).all(|part| match part {
        Part::Quoted(string) => serde_json::from_str::<String>(string).is_ok(),
        Part::Plain(_) => true,
    });
    if texts { Ok(()) } else { serde_json::from_str::<Value>(text).map(drop) }
}

/// Where a value stands in the list or object around it.
pub(crate) enum Key<'e> {
    /// The member's name as it is spelled, with its quotes.
    Name(&'e str),
    /// The element's index, from 0.
    Index(usize),
}

/// Calls `each` with the members of an object or the elements of a list, in their order; other
/// values have none.
pub(crate) fn walk<'e>(value: &'e RawValue, each: impl FnMut(Key<'e>, &'e RawValue)) {
    let json = &mut serde_json::Deserializer::from_str(value.get());
    let walked = match value.get().as_bytes().first() {
        Some(b'{') => json.deserialize_map(Walk(each)),
        Some(b'[') => json.deserialize_seq(Walk(each)),
        _ => Ok(()),
    };
    debug_assert!(walked.is_ok(), "a raw value was checked when it was made");
}

struct Walk<F>(F);

impl<'e, F: FnMut(Key<'e>, &'e RawValue)> Visitor<'e> for Walk<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'e>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some((name, value)) = members.next_entry::<&'e RawValue, &'e RawValue>()? {
            (self.0)(Key::Name(name.get()), value);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'e>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(value) = elements.next_element::<&'e RawValue>()? {
            (self.0)(Key::Index(index), value);
            index += 1;
        }
        Ok(())
    }
}

/// What stands between the quotes of a string, still escaped; `None` for any other value.
pub(crate) fn contents(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

/// The text of a string; `None` for any other value.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let contents = contents(json)?;
    if !contents.contains('\\') {
        return Some(Cow::Borrowed(contents));
    }
    // Half a surrogate pair has no text; such a string stays as it is spelled.
    let text = serde_json::from_str::<String>(json);
    Some(text.map_or(Cow::Borrowed(contents), Cow::Owned))
}

/// A text as a JSON string.
pub(crate) fn string(text: &str) -> String {
    Value::from(text).to_string()
}

/// The value without the white space between its parts.
pub(crate) fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    push_compact(&mut compact, json);
    compact
}

/// Adds the value without the white space between its parts.
pub(crate) fn push_compact(into: &mut String, json: &str) {
    for part in parts(json) {
        match part {
            Part::Quoted(string) => into.push_str(string),
            Part::Plain(signs) => into.extend(signs.split(SPACE)),
        }
    }
}

/// Adds the compact value as it stands within the quotes of a string. Outside its strings JSON has
/// nothing to escape, and within them only quotes and backslashes.
pub(crate) fn push_escaped(into: &mut String, json: &str) {
    for part in parts(json) {
        match part {
            Part::Quoted(string) => {
                for next in string.chars() {
                    if matches!(next, '"' | '\\') {
                        into.push('\\');
                    }
                    into.push(next);
                }
            }
            Part::Plain(signs) => into.extend(signs.split(SPACE)),
        }
    }
}

/// Adds the compact value without any quote; an escaped one goes with its backslash, which would
/// escape what follows.
pub(crate) fn push_stripped(into: &mut String, json: &str) {
    for part in parts(json) {
        match part {
            Part::Quoted(string) => push_unquoted(into, string),
            Part::Plain(signs) => into.extend(signs.split(SPACE)),
        }
    }
}

fn push_unquoted(into: &mut String, string: &str) {
    let mut rest = string.chars().peekable();
    while let Some(next) = rest.next() {
        match (next, rest.peek()) {
            ('"', _) | ('\\', Some('"')) => {}
            ('\\', _) => {
                into.push(next);
                into.extend(rest.next());
            }
            _ => into.push(next),
        }
    }
}

/// A part of a JSON text.
enum Part<'j> {
    /// One string, with its quotes.
    Quoted(&'j str),
    /// What stands between two strings.
    Plain(&'j str),
}

/// Cuts JSON before and after each of its strings.
fn parts(json: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = json;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let quoted = rest.starts_with('"');
        let end = if quoted { string_end(rest) } else { rest.find('"').unwrap_or(rest.len()) };
        let (part, behind) = rest.split_at(end);
        rest = behind;
        Some(if quoted { Part::Quoted(part) } else { Part::Plain(part) })
    })
}

/// Where the string ends that `text` begins with: just behind its second quote.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}
