//! JSON bodies, read so that nobody reads them otherwise.
//!
//! JSON leaves open what a member means that is there twice (RFC 8259 §4), and servers differ: the
//! first would be checked here and the second used there. Such a body is refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::fault::{ECHO_CHARS_MAX, short};

/// How deep a body may nest. Schemas are asked recursively, and no interface nests as deep.
const DEPTH_MAX: usize = 64;

/// Reads a text as JSON, or says why not, as the rest of a sentence that begins with its name.
pub(crate) fn read(text: &[u8]) -> Result<Value, String> {
    let Strict(value) = serde_json::from_slice(text).map_err(|error| {
        let message = error.to_string();
        // The place stands behind the message, and is told in our words.
        let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
        let what = short(what, 2 * ECHO_CHARS_MAX);
        format!("is not valid JSON at line {}, column {}: {what}", error.line(), error.column())
    })?;
    if is_deeper(&value, DEPTH_MAX) {
        return Err(format!("nests deeper than {DEPTH_MAX} levels"));
    }
    Ok(value)
}

/// Whether objects and lists nest in more than `levels`; what is read here nests in 128 at most.
fn is_deeper(value: &Value, levels: usize) -> bool {
    match (value, levels.checked_sub(1)) {
        (Value::Array(_) | Value::Object(_), None) => true,
        (Value::Array(items), Some(left)) => items.iter().any(|item| is_deeper(item, left)),
        (Value::Object(members), Some(left)) => {
            members.values().any(|member| is_deeper(member, left))
        }
        _ => false,
    }
}

/// A value without a member that is there twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if members.contains_key(&name) {
                let name = short(&name, ECHO_CHARS_MAX);
                return Err(A::Error::custom(format!("the member {name:?} is there twice")));
            }
            let Strict(member) = access.next_value()?;
            members.insert(name, member);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_every_reader_reads_it() {
        for text in [
            r#"{"a": [1, -2, 2.5, 1e3, "x", true, null, {}], "b": {"a": 1}}"#,
            "7",
            " null ",
            "18446744073709551615",
        ] {
            let plain: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read(text.as_bytes()), Ok(plain), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for (text, line, column) in
            [("", 1, 0), ("{", 1, 1), ("{\n \"a\": x}", 2, 7), ("{} {}", 1, 4), ("1e999", 1, 5)]
        {
            let reason = read(text.as_bytes()).unwrap_err();
            let place = format!("is not valid JSON at line {line}, column {column}: ");
            assert!(reason.starts_with(&place), "{text}: {reason}");
            assert!(!reason.contains(" at line 1 column"), "{reason}");
        }
        assert!(read(b"\"\xFF\"").is_err());
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused() {
        for text in [r#"{"a": 1, "a": 1}"#, r#"[{"b": {"a": 1, "c": 2, "\u0061": 3}}]"#] {
            let reason = read(text.as_bytes()).unwrap_err();
            assert!(reason.contains(r#"the member "a" is there twice"#), "{text}: {reason}");
        }
    }

    #[test]
    fn nesting_ends() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(read(nested(DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(read(nested(100_000).as_bytes()).is_err());
    }
}
