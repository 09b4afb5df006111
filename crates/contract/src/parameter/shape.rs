//! What a parameter is to become: text has no types, so its schema says how it is read.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::Document;

/// How far a type is looked for through `allOf`, `anyOf` and `oneOf`.
const PARTS_MAX: usize = 4;

/// The types that a schema lets in, as far as it says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(2);
    pub(crate) const INTEGER: Self = Self(4);
    pub(crate) const NUMBER: Self = Self(8);
    pub(crate) const STRING: Self = Self(16);
    pub(crate) const ARRAY: Self = Self(32);
    pub(crate) const OBJECT: Self = Self(64);

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a text may be meant as itself or as something else.
    fn is_mixed(self) -> bool {
        self.has(Self::STRING) && self.has(Self::BOOLEAN.with(Self::INTEGER).with(Self::NUMBER))
    }

    fn of_word(word: &str) -> Self {
        match word {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::default(),
        }
    }

    fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    /// The types that a schema names, or those of its parts or of the values it lists.
    pub(crate) fn of<'d>(document: &Document<'d>, schema: &'d Value) -> Self {
        Self::of_parts(document, schema, 0)
    }

    fn of_parts<'d>(document: &Document<'d>, schema: &'d Value, parts: usize) -> Self {
        if parts > PARTS_MAX {
            return Self::default();
        }
        let schema = document.follow(schema);
        let mut kinds = match schema.get("type") {
            Some(Value::String(word)) => Self::of_word(word),
            Some(Value::Array(words)) => words
                .iter()
                .filter_map(Value::as_str)
                .fold(Self::default(), |kinds, word| kinds.with(Self::of_word(word))),
            _ => Self::default(),
        };
        if kinds.is_empty() {
            let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
            for value in listed.chain(schema.get("const")) {
                kinds = kinds.with(Self::of_value(value));
            }
        }
        for part in parts_of(schema) {
            if !kinds.is_empty() {
                break;
            }
            kinds = match part {
                Part::All(part) => Self::of_parts(document, part, parts + 1),
                Part::Any(some) => some.iter().fold(Self::default(), |kinds, part| {
                    kinds.with(Self::of_parts(document, part, parts + 1))
                }),
            };
        }
        if schema.get("nullable") == Some(&Value::Bool(true)) {
            kinds = kinds.with(Self::NULL);
        }
        kinds
    }
}

/// A part of a schema that judges the same value.
enum Part<'d> {
    All(&'d Value),
    Any(&'d [Value]),
}

fn parts_of(schema: &Value) -> impl Iterator<Item = Part<'_>> {
    let list = |keyword: &str| {
        schema.get(keyword).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    };
    let any = [list("anyOf"), list("oneOf")].into_iter().filter(|some| !some.is_empty());
    list("allOf").iter().map(Part::All).chain(any.map(Part::Any))
}

/// The first value of `keyword` in a schema or its parts.
fn keyword<'d>(
    document: &Document<'d>,
    schema: &'d Value,
    name: &str,
    parts: usize,
) -> Option<&'d Value> {
    if parts > PARTS_MAX {
        return None;
    }
    let schema = document.follow(schema);
    if let Some(value) = schema.get(name) {
        return Some(value);
    }
    parts_of(schema).find_map(|part| match part {
        Part::All(part) => keyword(document, part, name, parts + 1),
        Part::Any(some) => some.iter().find_map(|part| keyword(document, part, name, parts + 1)),
    })
}

/// The form of a parameter's value, with the types inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Scalar(Kinds),
    List(Kinds),
    Object(BTreeMap<String, Kinds>),
}

/// The texts that a parameter consists of, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Texts {
    One(String),
    List(Vec<String>),
    Members(Vec<(String, String)>),
}

/// How a text is read that may be a string or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sense {
    /// As a number or boolean, if it looks like one that is allowed.
    Typed,
    /// As a string.
    Text,
}

impl Shape {
    /// The form that a schema asks for.
    pub(crate) fn of<'d>(document: &Document<'d>, schema: &'d Value) -> Self {
        let kinds = Kinds::of(document, schema);
        if kinds.has(Kinds::ARRAY) {
            let items = keyword(document, schema, "items", 0);
            return Self::List(items.map(|items| Kinds::of(document, items)).unwrap_or_default());
        }
        if kinds.has(Kinds::OBJECT) {
            let properties = keyword(document, schema, "properties", 0).and_then(Value::as_object);
            let properties = properties.into_iter().flatten();
            let known = properties.map(|(name, one)| (name.clone(), Kinds::of(document, one)));
            return Self::Object(known.collect());
        }
        Self::Scalar(kinds)
    }

    /// Whether the texts could be read in another way, too.
    pub(crate) fn is_mixed(&self) -> bool {
        match self {
            Self::Scalar(kinds) | Self::List(kinds) => kinds.is_mixed(),
            Self::Object(known) => known.values().any(|kinds| kinds.is_mixed()),
        }
    }

    /// The value that the texts stand for.
    pub(crate) fn value(&self, texts: &Texts, sense: Sense) -> Value {
        match texts {
            Texts::One(text) => read(text, self.kinds(""), sense),
            Texts::List(texts) => {
                let kinds = self.kinds("");
                texts.iter().map(|text| read(text, kinds, sense)).collect()
            }
            Texts::Members(members) => {
                let mut object = Map::new();
                for (name, text) in members {
                    object.insert(name.clone(), read(text, self.kinds(name), sense));
                }
                Value::Object(object)
            }
        }
    }

    fn kinds(&self, name: &str) -> Kinds {
        match self {
            Self::Scalar(kinds) | Self::List(kinds) => *kinds,
            Self::Object(known) => known.get(name).copied().unwrap_or_default(),
        }
    }
}

/// A text as the value of a type that is allowed; as a string if it is none, which the schema
/// refuses then in its own words.
fn read(text: &str, kinds: Kinds, sense: Sense) -> Value {
    let may_be =
        |kind: Kinds| kinds.has(kind) && (sense == Sense::Typed || !kinds.has(Kinds::STRING));
    if may_be(Kinds::NUMBER) || may_be(Kinds::INTEGER) {
        let signs = if kinds.has(Kinds::NUMBER) { "+-.eE" } else { "-" };
        if let Some(number) = number(text, signs) {
            return number;
        }
    }
    match text {
        "true" if may_be(Kinds::BOOLEAN) => Value::Bool(true),
        "false" if may_be(Kinds::BOOLEAN) => Value::Bool(false),
        "" | "null" if kinds.has(Kinds::NULL) && !kinds.has(Kinds::STRING) => Value::Null,
        text => Value::from(text),
    }
}

/// A number as JSON spells it, of digits and `signs`.
fn number(text: &str, signs: &str) -> Option<Value> {
    let is_plain = text.chars().all(|next| next.is_ascii_digit() || signs.contains(next));
    let number = is_plain.then(|| serde_json::from_str::<Value>(text).ok()).flatten();
    number.filter(Value::is_number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Problems;

    fn shape(schema: &Value) -> Shape {
        let root = json!({
            "openapi": "3.1.0",
            "s": schema,
            "n": {"type": "integer"},
            "loop": {"allOf": [{"$ref": "#/loop"}, {"$ref": "#/loop"}]},
        });
        let document = Document::open(&root, &mut Problems::default()).unwrap();
        Shape::of(&document, document.at("/s").unwrap())
    }

    #[test]
    fn the_shape_is_found_through_references_and_parts() {
        let integer = Kinds::INTEGER;
        for (schema, expected) in [
            (json!({"type": "integer"}), Shape::Scalar(integer)),
            (json!({"$ref": "#/n"}), Shape::Scalar(integer)),
            (json!({"allOf": [{"minimum": 1}, {"$ref": "#/n"}]}), Shape::Scalar(integer)),
            (
                json!({"oneOf": [{"$ref": "#/n"}, {"type": "string"}]}),
                Shape::Scalar(integer.with(Kinds::STRING)),
            ),
            (json!({"enum": ["a", 1]}), Shape::Scalar(Kinds::STRING.with(Kinds::NUMBER))),
            (json!({"type": ["array", "null"], "items": {"$ref": "#/n"}}), Shape::List(integer)),
            (
                json!({"type": "object", "properties": {"a": {"$ref": "#/n"}}}),
                Shape::Object(BTreeMap::from([("a".to_owned(), integer)])),
            ),
            (json!({}), Shape::Scalar(Kinds::default())),
            (json!(true), Shape::Scalar(Kinds::default())),
            (json!({"$ref": "#/loop"}), Shape::Scalar(Kinds::default())),
        ] {
            assert_eq!(shape(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn a_text_becomes_what_its_schema_lets_in() {
        let integer = Kinds::INTEGER;
        let mixed = Kinds::INTEGER.with(Kinds::STRING);
        for (text, kinds, value) in [
            ("7", integer, json!(7)),
            ("-7", integer, json!(-7)),
            ("18446744073709551615", integer, json!(18_446_744_073_709_551_615_u64)),
            ("+7", integer, json!("+7")),
            ("07", integer, json!("07")),
            ("1e3", integer, json!("1e3")),
            ("7.0", integer, json!("7.0")),
            (" 7", integer, json!(" 7")),
            ("", integer, json!("")),
            ("1e3", Kinds::NUMBER, json!(1000.0)),
            ("2.50", Kinds::NUMBER, json!(2.5)),
            ("1e999", Kinds::NUMBER, json!("1e999")),
            ("NaN", Kinds::NUMBER, json!("NaN")),
            ("true", Kinds::BOOLEAN, json!(true)),
            ("True", Kinds::BOOLEAN, json!("True")),
            ("1", Kinds::BOOLEAN, json!("1")),
            ("true", Kinds::STRING, json!("true")),
            ("7", Kinds::default(), json!("7")),
            ("null", integer.with(Kinds::NULL), json!(null)),
            ("null", Kinds::STRING.with(Kinds::NULL), json!("null")),
            ("7", mixed, json!(7)),
        ] {
            assert_eq!(read(text, kinds, Sense::Typed), value, "{text:?}");
        }
        assert_eq!(read("7", mixed, Sense::Text), json!("7"));
        assert_eq!(read("7", integer, Sense::Text), json!(7));
    }
}
