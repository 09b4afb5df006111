//! The table as JSON Schema (2020-12), for completion and underlining in editors.

use serde_json::{Map, Value, json};

use super::{Field, Kind, ListOf, MapOf, OFF, Object, ROOT};

/// Where an environment variable stands, the form shows only once it is replaced.
const VARIABLE: &str = "\\$\\{";

/// The schema of the whole file.
pub(crate) fn json_schema() -> Value {
    let mut schema = object(&ROOT);
    if let Value::Object(members) = &mut schema {
        members.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        members.insert("title".to_owned(), "Gatepost configuration".into());
    }
    schema
}

fn object(object: &Object) -> Value {
    let properties: Map<String, Value> =
        object.fields.iter().map(|row| (row.name.to_owned(), field(row))).collect();
    let required: Vec<&str> =
        object.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    // An object all of whose keys may be left out may be left empty.
    let types = if required.is_empty() { json!(["object", "null"]) } else { json!("object") };
    json!({
        "type": types,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn field(field: &Field) -> Value {
    let mut schema = kind(field.kind);
    if let Value::Object(members) = &mut schema {
        members.insert("description".to_owned(), field.doc.into());
        if let Some(default) = field.default {
            members.insert("default".to_owned(), default_value(field.kind, default));
        }
    }
    schema
}

fn default_value(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::Bool | Kind::Integer { .. } => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
        }
        _ => Value::from(text),
    }
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Version => json!({ "const": 1 }),
        Kind::Text | Kind::HeaderText | Kind::ParameterText => {
            json!({ "type": ["string", "number", "boolean"] })
        }
        Kind::Bool => or_variable(&json!({ "type": "boolean" })),
        Kind::Integer { min, max } => {
            or_variable(&json!({ "type": "integer", "minimum": min, "maximum": max }))
        }
        Kind::Duration { .. } => pattern("^[0-9]+(ms|s|m|h|d)$"),
        Kind::Rate { .. } => pattern("^[0-9]+ ?/ ?(s|sec|second|m|min|minute|h|hour)$"),
        Kind::Reference(_) => json!({ "type": "string" }),
        Kind::Form(form) if form.pattern.is_empty() => json!({ "type": "string" }),
        Kind::Form(form) => pattern(form.pattern),
        Kind::Enum(words) => or_variable(&json!({ "enum": words })),
        Kind::Secret => secret(),
        Kind::HeaderValue | Kind::ParameterValue => {
            json!({ "anyOf": [{ "type": ["string", "number", "boolean"] }, secret()] })
        }
        Kind::Any(_) => json!({}),
        Kind::Object(inner) => object(inner),
        Kind::OffOr(inner) => word_or(&[OFF], inner),
        Kind::WordOr(words, inner) => word_or(words, inner),
        Kind::FormOr(form, inner) => {
            let mut schema = object(inner);
            schema["type"] = json!(["object", "string"]);
            schema["pattern"] = format!("{}|{VARIABLE}", form.pattern).into();
            schema
        }
        Kind::Map(inner) => map(inner),
        Kind::List(inner) => list(inner),
    }
}

/// Of all these keywords `pattern` alone judges texts, and the others objects.
fn word_or(words: &[&str], inner: &Object) -> Value {
    let mut schema = object(inner);
    schema["type"] = json!(["object", "string", "null"]);
    schema["pattern"] = format!("^({})$|{VARIABLE}", words.join("|")).into();
    schema
}

fn map(map: &MapOf) -> Value {
    let names = match map.key.pattern {
        "" => json!({}),
        pattern => json!({ "pattern": pattern }),
    };
    json!({
        "type": ["object", "null"],
        "propertyNames": names,
        "additionalProperties": kind(map.value),
    })
}

fn list(list: &ListOf) -> Value {
    json!({
        "type": "array",
        "items": kind(list.item),
        "minItems": list.min,
        "maxItems": list.max,
    })
}

fn secret() -> Value {
    let one = |key: &str| {
        json!({
            "type": "object",
            "properties": { key: { "type": "string" } },
            "required": [key],
            "additionalProperties": false,
        })
    };
    json!({ "oneOf": [one("env"), one("file"), one("credential"), one("kept")] })
}

fn pattern(form: &str) -> Value {
    // Some forms are numbers when they stand alone, as a size in bytes does.
    json!({ "type": ["string", "number"], "pattern": format!("{form}|{VARIABLE}") })
}

fn or_variable(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "string", "pattern": VARIABLE }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_the_schema() {
        let schema = json_schema();
        for key in super::super::keys() {
            let mut at = &schema;
            for part in key.split('.') {
                at = &descend(at)["properties"][part];
                assert!(at.is_object(), "{key}");
            }
            assert!(at["description"].is_string(), "{key}");
        }
    }

    /// Through maps and lists to the object inside.
    fn descend(schema: &Value) -> &Value {
        if schema["properties"].is_object() {
            return schema;
        }
        let inner = if schema["items"].is_object() { "items" } else { "additionalProperties" };
        descend(&schema[inner])
    }
}
