//! Documents and bodies made to cost more than they weigh.

use serde_json::{Value, json};

use crate::{body, contract, refused};

/// A document whose operation `POST /a` takes a body of the schema `A` of these.
fn document(schemas: &Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": {
            "$ref": "#/components/schemas/A",
        }}}}}}},
        "components": {"schemas": schemas},
    })
}

/// Both forms look into `a`, so faults at depth d have 2^d tellings.
fn forking() -> Value {
    let form = |word: &str| {
        json!({
            "type": "object",
            "required": ["kind", "a"],
            "properties": {"kind": {"const": word}, "a": {"$ref": "#/components/schemas/A"}},
        })
    };
    json!({"A": {"anyOf": [form("and"), form("or"), {"type": "boolean"}]}})
}

fn nested(levels: usize, inside: &str) -> String {
    format!("{}{inside}{}", r#"{"kind": "and", "a": "#.repeat(levels), "}".repeat(levels))
}

#[test]
fn alternatives_in_alternatives_are_refused_soon() {
    let contract = contract(&document(&forking()));
    assert!(body(&contract, "POST /a", nested(60, "true").as_bytes()).is_empty());
    let faults = body(&contract, "POST /a", nested(60, "7").as_bytes());
    assert_eq!(faults.len(), 1, "{faults:?}");
    // Of few levels the place is told.
    let faults = body(&contract, "POST /a", nested(2, "7").as_bytes());
    assert_eq!(faults.first().map(|fault| fault.pointer.as_str()), Some("/a/a"), "{faults:?}");
}

#[test]
fn a_body_of_which_everything_is_wrong_is_refused_soon() {
    let contract =
        contract(&document(&json!({"A": {"type": "array", "items": {"type": "string"}}})));
    let many = format!("[{}]", vec!["7"; 200_000].join(","));
    let faults = body(&contract, "POST /a", many.as_bytes());
    assert!((1..=20).contains(&faults.len()));
    assert_eq!(faults.first().map(|fault| fault.pointer.as_str()), Some("/0"));
    let one = format!("[{},7]", vec!["\"a\""; 200_000].join(","));
    let faults = body(&contract, "POST /a", one.as_bytes());
    assert_eq!(faults.first().map(|fault| fault.pointer.as_str()), Some("/200000"));
}

#[test]
fn long_names_are_told_in_part() {
    let contract = contract(&document(&json!({"A": {"additionalProperties": false}})));
    let text = format!(r#"{{"{}": 1}}"#, "x".repeat(100_000));
    let faults = body(&contract, "POST /a", text.as_bytes());
    assert_eq!(faults.len(), 1);
    assert!(faults.iter().all(|fault| fault.pointer.chars().count() < 300));
}

#[test]
fn a_document_that_nests_too_deep_is_refused() {
    let mut schema = json!({});
    for _ in 0..1_000 {
        schema = json!({"items": schema});
    }
    let refused = refused(&document(&json!({"A": schema})));
    assert_eq!(refused.len(), 1, "{refused:?}");
}

#[test]
fn a_document_of_too_many_operations_is_refused() {
    let paths: serde_json::Map<_, _> =
        (0..2_001).map(|number| (format!("/a{number}"), json!({"get": {}}))).collect();
    assert_eq!(refused(&json!({"openapi": "3.1.0", "paths": paths})), ["/paths"]);
}

#[test]
fn a_long_chain_of_references_is_followed() {
    let mut schemas = serde_json::Map::new();
    for number in 0..100 {
        let next = format!("#/components/schemas/S{}", number + 1);
        schemas.insert(format!("S{number}"), json!({"$ref": next}));
    }
    schemas.insert("S100".to_owned(), json!({"type": "string"}));
    schemas.insert("A".to_owned(), json!({"$ref": "#/components/schemas/S0"}));
    let contract = contract(&document(&Value::Object(schemas)));
    assert!(body(&contract, "POST /a", br#""x""#).is_empty());
    assert_eq!(body(&contract, "POST /a", b"7").len(), 1);
}
