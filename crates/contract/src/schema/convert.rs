//! A schema of OpenAPI 3.0 or 3.1 in the words of draft 2020-12, as far as requests are judged by it.
//!
//! Only keywords that judge are kept. What is `readOnly` is for answers, so a request need not have
//! it, whatever `required` says (OpenAPI 3.0.3 §4.7.24.2).

use serde_json::{Map, Value, json};

use super::compile::Compiler;
use crate::document::Version;
use crate::error::Problems;
use crate::pointer;

/// How deep a schema may nest without a reference. The compiler of schemas is recursive.
const DEPTH_MAX: usize = 32;

/// How many schemas, inner ones too, a document may use: the largest known have a third of that.
const SCHEMAS_MAX: usize = 100_000;

/// How far `readOnly` is looked for through `allOf`.
const PARTS_MAX: usize = 4;

/// Keywords that are the same in all dialects, and whose values hold no schema.
const PLAIN: [&str; 20] = [
    "type",
    "enum",
    "const",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxContains",
    "minContains",
    "maxProperties",
    "minProperties",
    "dependentRequired",
    "format",
];

/// Where a schema stands.
#[derive(Debug, Clone)]
struct Place {
    pointer: String,
    depth: usize,
    /// Properties that a request need not have, as an outer schema of the same value says.
    unasked: Vec<String>,
}

impl Place {
    /// A schema inside, for the same value.
    fn part(&self, segment: &str) -> Self {
        Self {
            pointer: pointer::child(&self.pointer, segment),
            depth: self.depth + 1,
            unasked: self.unasked.clone(),
        }
    }

    /// A schema inside, for another value.
    fn inner(&self, segment: &str) -> Self {
        Self {
            pointer: pointer::child(&self.pointer, segment),
            depth: self.depth + 1,
            unasked: Vec::new(),
        }
    }
}

impl<'d> Compiler<'d> {
    /// The translation of `schema`, which stands at `pointer`.
    pub(super) fn translated(
        &mut self,
        schema: &'d Value,
        pointer: &str,
        problems: &mut Problems,
    ) -> Value {
        let place = Place { pointer: pointer.to_owned(), depth: 0, unasked: Vec::new() };
        self.schema(schema, &place, problems)
    }

    fn schema(&mut self, schema: &'d Value, place: &Place, problems: &mut Problems) -> Value {
        // `true` and `false` are schemas; anything else is left for the schema of schemas to refuse.
        let Value::Object(members) = schema else { return schema.clone() };
        if !self.admits(place, problems) {
            return Value::Bool(true);
        }
        let mut translated = Map::new();
        // OpenAPI 3.0.3 §4.7.23: what stands beside a reference is ignored.
        if self.is_3_0()
            && let Some(reference) = members.get("$ref")
        {
            let reference = self.referred(reference, place, problems);
            translated.extend(reference.map(|reference| ("$ref".to_owned(), reference)));
            return Value::Object(translated);
        }
        let mut place = place.clone();
        place.unasked.extend(self.read_only(members, 0));
        for (keyword, value) in members {
            if let Some(value) = self.keyword(keyword, value, &place, problems) {
                translated.insert(keyword.clone(), value);
            }
        }
        if self.is_3_0() {
            modernize(members, &mut translated);
        }
        bound_integers(&mut translated);
        Value::Object(translated)
    }

    fn is_3_0(&self) -> bool {
        self.document.version() == Version::V30
    }

    fn admits(&mut self, place: &Place, problems: &mut Problems) -> bool {
        self.count += 1;
        if self.count > SCHEMAS_MAX {
            let what = format!("the requests of the document use more than {SCHEMAS_MAX} schemas");
            problems.add("", what, "divide it into several APIs");
            return false;
        }
        // A keyword is a step, and a name or number below it another.
        if place.depth > 2 * DEPTH_MAX {
            let what = format!("the schema nests deeper than {DEPTH_MAX} levels");
            problems.add(
                &place.pointer,
                what,
                "put a part of it below `components` and refer to it",
            );
            return false;
        }
        true
    }

    /// The value of a keyword, translated; none if requests are not judged by it.
    fn keyword(
        &mut self,
        keyword: &str,
        value: &'d Value,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<Value> {
        match keyword {
            "$ref" => self.referred(value, place, problems),
            "required" => Some(asked(value, &place.unasked)),
            "allOf" | "anyOf" | "oneOf" => Some(self.each(value, &place.part(keyword), problems)),
            "then" | "else" => Some(self.schema(value, &place.part(keyword), problems)),
            "not"
            | "if"
            | "items"
            | "contains"
            | "additionalProperties"
            | "propertyNames"
            | "unevaluatedItems"
            | "unevaluatedProperties" => Some(self.schema(value, &place.inner(keyword), problems)),
            "prefixItems" | "properties" | "patternProperties" | "dependentSchemas" => {
                Some(self.each(value, &place.inner(keyword), problems))
            }
            "$id" | "$dynamicRef" | "$recursiveRef" => {
                let remedy = "leave it out, and refer by `$ref: '#/components/…'`";
                let at = pointer::child(&place.pointer, keyword);
                problems.add(&at, format!("`{keyword}` is not read"), remedy);
                None
            }
            plain => PLAIN.contains(&plain).then(|| value.clone()),
        }
    }

    /// The schemas of a list or of an object's members.
    fn each(&mut self, schemas: &'d Value, place: &Place, problems: &mut Problems) -> Value {
        match schemas {
            Value::Array(items) => {
                let mut translated = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let place = place.part(&index.to_string());
                    translated.push(self.schema(item, &place, problems));
                }
                Value::Array(translated)
            }
            Value::Object(members) => {
                let mut translated = Map::new();
                for (name, member) in members {
                    let member = self.schema(member, &place.part(name), problems);
                    translated.insert(name.clone(), member);
                }
                Value::Object(translated)
            }
            other => other.clone(),
        }
    }

    fn referred(
        &mut self,
        reference: &Value,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<Value> {
        let at = pointer::child(&place.pointer, "$ref");
        let target = self.document.target(reference, &at, problems)?;
        Some(Value::from(self.reference(&target)))
    }

    /// The properties of an object, and of what it is made of, that only answers have.
    fn read_only(&self, members: &'d Map<String, Value>, parts: usize) -> Vec<String> {
        let mut names = Vec::new();
        if parts > PARTS_MAX {
            return names;
        }
        if let Some(Value::Object(properties)) = members.get("properties") {
            for (name, property) in properties {
                let says = |schema: &Value| schema.get("readOnly") == Some(&Value::Bool(true));
                if says(property) || says(self.document.follow(property)) {
                    names.push(name.clone());
                }
            }
        }
        if let Some(Value::Array(all)) = members.get("allOf") {
            for part in all {
                if let Value::Object(part) = self.document.follow(part) {
                    names.extend(self.read_only(part, parts + 1));
                }
            }
        }
        names
    }
}

/// `required` without the properties that a request need not have.
fn asked(required: &Value, unasked: &[String]) -> Value {
    let Value::Array(names) = required else { return required.clone() };
    let is_asked = |name: &&Value| !unasked.iter().any(|one| name.as_str() == Some(one.as_str()));
    Value::Array(names.iter().filter(is_asked).cloned().collect())
}

/// Says what OpenAPI 3.0 says in words of its own: `nullable`, and exclusive bounds as booleans
/// (OpenAPI 3.0.3 §4.7.24).
fn modernize(members: &Map<String, Value>, translated: &mut Map<String, Value>) {
    // Without a type nothing is excluded that `nullable` could let in.
    if members.get("nullable") == Some(&Value::Bool(true))
        && let Some(Value::String(kind)) = members.get("type")
    {
        translated.insert("type".to_owned(), json!([kind, "null"]));
    }
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        let Some(is_exclusive) = translated.get(exclusive).and_then(Value::as_bool) else {
            continue;
        };
        translated.remove(exclusive);
        if is_exclusive && let Some(limit) = translated.remove(bound) {
            translated.insert(exclusive.to_owned(), limit);
        }
    }
}

/// Says what the formats of integers mean (OpenAPI 3.1 §4.4, data types).
fn bound_integers(translated: &mut Map<String, Value>) {
    let (low, high) = match translated.get("format").and_then(Value::as_str) {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("int64") => (i64::MIN, i64::MAX),
        _ => return,
    };
    let is_integer = match translated.get("type") {
        Some(Value::String(kind)) => kind == "integer",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "integer"),
        _ => false,
    };
    if !is_integer {
        return;
    }
    let bounds = json!({"minimum": low, "maximum": high});
    match translated.get_mut("allOf") {
        Some(Value::Array(all)) => all.push(bounds),
        // The schema of schemas refuses it.
        Some(_) => {}
        None => {
            translated.insert("allOf".to_owned(), Value::Array(vec![bounds]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    /// `schema` in a document of `version` becomes `expected`.
    fn check(version: &str, schema: &Value, expected: &Value) {
        let root = json!({
            "openapi": version,
            "s": schema,
            "components": {"schemas": {
                "Id": {"type": "string", "readOnly": true},
                "Base": {"type": "object", "properties": {"id": {"readOnly": true}}},
            }},
        });
        let mut problems = Problems::default();
        let document = Document::open(&root, &mut problems).unwrap();
        let mut compiler = Compiler::new(document);
        let schema = document.at("/s").unwrap();
        assert_eq!(&compiler.translated(schema, "/s", &mut problems), expected);
        assert!(problems.is_empty(), "{:?}", problems.into_list());
    }

    #[test]
    fn the_words_of_3_0_become_those_of_2020_12() {
        for (schema, expected) in [
            (json!({"type": "string", "nullable": true}), json!({"type": ["string", "null"]})),
            (json!({"type": "string", "nullable": false}), json!({"type": "string"})),
            (json!({"nullable": true}), json!({})),
            (
                json!({"minimum": 1, "exclusiveMinimum": true, "maximum": 2, "exclusiveMaximum": false}),
                json!({"exclusiveMinimum": 1, "maximum": 2}),
            ),
            (json!({"exclusiveMaximum": true}), json!({})),
            (json!({"example": 1, "xml": {}, "default": 2, "x-a": {"$ref": 1}}), json!({})),
            (json!({"enum": [{"$ref": "x"}]}), json!({"enum": [{"$ref": "x"}]})),
            (
                json!({"$ref": "#/components/schemas/Id", "minLength": 1}),
                json!({"$ref": "#/$defs/s0"}),
            ),
            (
                json!({"properties": {"nullable": {"items": {"nullable": true, "type": "string"}}}}),
                json!({"properties": {"nullable": {"items": {"type": ["string", "null"]}}}}),
            ),
        ] {
            check("3.0.3", &schema, &expected);
        }
    }

    #[test]
    fn a_schema_of_3_1_stays_but_for_what_does_not_judge() {
        for (schema, expected) in [
            (json!(true), json!(true)),
            (json!({"type": ["string", "null"]}), json!({"type": ["string", "null"]})),
            (json!({"nullable": true, "type": "string"}), json!({"type": "string"})),
            (
                json!({"$ref": "#/components/schemas/Id", "minLength": 1, "title": "A"}),
                json!({"$ref": "#/$defs/s0", "minLength": 1}),
            ),
            (
                json!({"if": {"const": 1}, "then": {"title": "x"}, "prefixItems": [{"$anchor": "a"}]}),
                json!({"if": {"const": 1}, "then": {}, "prefixItems": [{}]}),
            ),
            (
                json!({"type": "integer", "format": "int32"}),
                json!({
                    "type": "integer",
                    "format": "int32",
                    "allOf": [{"minimum": -2_147_483_648_i64, "maximum": 2_147_483_647}],
                }),
            ),
            (json!({"format": "int64"}), json!({"format": "int64"})),
        ] {
            check("3.1.0", &schema, &expected);
        }
    }

    #[test]
    fn what_only_answers_have_is_not_demanded() {
        for (schema, expected) in [
            (
                json!({"required": ["a", "id"], "properties": {"id": {"readOnly": true}}}),
                json!({"required": ["a"], "properties": {"id": {}}}),
            ),
            (
                json!({"required": ["id"], "properties": {"id": {"$ref": "#/components/schemas/Id"}}}),
                json!({"required": [], "properties": {"id": {"$ref": "#/$defs/s0"}}}),
            ),
            (
                json!({"allOf": [{"$ref": "#/components/schemas/Base"}, {"required": ["id", "b"]}]}),
                json!({"allOf": [{"$ref": "#/$defs/s0"}, {"required": ["b"]}]}),
            ),
            (
                json!({
                    "properties": {"id": {"readOnly": true}, "o": {"required": ["id"]}},
                    "anyOf": [{"required": ["id"]}],
                }),
                json!({
                    "properties": {"id": {}, "o": {"required": ["id"]}},
                    "anyOf": [{"required": []}],
                }),
            ),
        ] {
            check("3.1.0", &schema, &expected);
        }
    }
}
