//! Documents: which are read, and where the others are refused.

use serde_json::{Value, json};

use crate::refused;

fn check(document: &Value, expected: &[&str]) {
    assert_eq!(refused(document), expected, "{document}");
}

/// A document whose operation `POST /a` takes a body of this schema.
fn with_schema(version: &str, schema: &Value) -> Value {
    json!({
        "openapi": version,
        "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": {
            "$ref": "#/components/schemas/A",
        }}}}}}},
        "components": {"schemas": {"A": schema}},
    })
}

fn check_schema(schema: &Value, expected: &[&str]) {
    let expected: Vec<_> =
        expected.iter().map(|place| format!("/components/schemas/A{place}")).collect();
    assert_eq!(refused(&with_schema("3.1.0", schema)), expected, "{schema}");
}

#[test]
fn the_frame_must_be_there() {
    check(&json!({"openapi": "3.1.0", "paths": {}}), &[]);
    check(&json!({"openapi": "3.1.0"}), &[]);
    check(&json!({"openapi": "3.0.0"}), &["/paths"]);
    check(&json!({"openapi": "3.1.0", "paths": []}), &["/paths"]);
    check(&json!({"swagger": "2.0", "paths": {}}), &[""]);
    check(&json!({"openapi": "4.0.0"}), &["/openapi"]);
    check(&json!(null), &[""]);
    check(&json!([1]), &[""]);
    check(
        &json!({"openapi": "3.1.0", "jsonSchemaDialect": "http://json-schema.org/draft-04/schema#"}),
        &["/jsonSchemaDialect"],
    );
}

#[test]
fn paths_must_be_well_formed() {
    let of = |paths: Value| json!({"openapi": "3.1.0", "paths": paths});
    check(&of(json!({"/a": {"get": {}, "summary": "A"}, "x-a": 7})), &[]);
    check(&of(json!({"a": {}})), &["/paths/a"]);
    check(&of(json!({"/{a": {}})), &["/paths/~1{a"]);
    check(&of(json!({"/a": []})), &["/paths/~1a"]);
    check(&of(json!({"/a/{b}": {"get": {}}, "/a/{c}": {"put": {}}})), &[]);
    check(&of(json!({"/a/{b}": {"get": {}}, "/a/{c}": {"get": {}}})), &["/paths/~1a~1{c}/get"]);
    check(&of(json!({"/a": {"$ref": "#/paths/~1b"}, "/b": {"get": {}}})), &[]);
    check(&of(json!({"/a": {"$ref": "other.yaml"}})), &["/paths/~1a/$ref"]);
    check(&of(json!({"/a": {"$ref": "#/paths/~1a"}})), &["/paths/~1a"]);
}

#[test]
fn parameters_must_be_understood() {
    let of = |list: Value| {
        refused(&json!({"openapi": "3.1.0", "paths": {"/a/{b}": {"get": {"parameters": list}}}}))
    };
    let at = |rest: &str| vec![format!("/paths/~1a~1{{b}}/get{rest}")];
    assert!(of(json!([])).is_empty());
    assert!(of(json!([{"name": "b", "in": "path", "required": true}])).is_empty());
    assert_eq!(of(json!({})), at("/parameters"));
    assert_eq!(of(json!([{"in": "query"}])), at("/parameters/0"));
    assert_eq!(of(json!([{"name": "a", "in": "body"}])), at("/parameters/0"));
    assert_eq!(of(json!([{"name": "c", "in": "path"}])), at(""));
    let twice = json!([{"name": "a", "in": "query"}, {"name": "a", "in": "query"}]);
    assert_eq!(of(twice), at("/parameters/1"));
    let matrix = json!([{"name": "b", "in": "path", "style": "matrix", "schema": {}}]);
    assert_eq!(of(matrix), at("/parameters/0/style"));
    assert_eq!(of(json!([{"$ref": "#/nothing"}])), at("/parameters/0/$ref"));
}

#[test]
fn schemas_must_be_schemas() {
    check_schema(&json!({"type": "object", "properties": {"a": {"type": "string"}}}), &[]);
    check_schema(&json!(true), &[]);
    check_schema(&json!({"type": "text"}), &["/type"]);
    check_schema(&json!({"properties": {"a": {"minLength": "1"}}}), &["/properties/a/minLength"]);
    check_schema(&json!({"required": true}), &["/required"]);
    check_schema(&json!({"minimum": 1, "exclusiveMinimum": true}), &["/exclusiveMinimum"]);
    check_schema(&json!({"$id": "https://a.example/a"}), &["/$id"]);
    check_schema(&json!({"properties": {"a": {"$ref": "b.json"}}}), &["/properties/a/$ref"]);
    check_schema(&json!({"$ref": "#/components/schemas/B"}), &["/$ref"]);
    // What does not judge is not read.
    check_schema(&json!({"example": {"$ref": "b.json"}, "xml": 7, "title": 7}), &[]);
}

#[test]
fn a_pattern_must_be_matched_in_linear_time() {
    check_schema(&json!({"pattern": "^[a-z]+$"}), &[]);
    assert_eq!(refused(&with_schema("3.1.0", &json!({"pattern": "("}))).len(), 1);
    assert_eq!(refused(&with_schema("3.1.0", &json!({"pattern": "(a)\\1"}))).len(), 1);
}

#[test]
fn circles_are_no_matter_unless_nothing_is_in_them() {
    check_schema(&json!({"properties": {"a": {"$ref": "#/components/schemas/A"}}}), &[]);
    check_schema(&json!({"allOf": [{"$ref": "#/components/schemas/A"}]}), &[]);
    assert!(!refused(&with_schema("3.1.0", &json!({"$ref": "#/components/schemas/A"}))).is_empty());
}

#[test]
fn all_problems_are_told_at_once() {
    let document = json!({
        "openapi": "3.1.0",
        "paths": {
            "a": {},
            "/b": {"post": {
                "parameters": [{"in": "query"}],
                "requestBody": {"content": {}},
            }},
            "/c": {"post": {"requestBody": {"content": {"application/json": {"schema": {
                "properties": {"a": {"$ref": "b.json"}, "b": {"type": 7}},
            }}}}}},
        },
    });
    let schema = "/paths/~1c/post/requestBody/content/application~1json/schema/properties";
    let mut found = refused(&document);
    found.dedup();
    assert_eq!(
        found,
        [
            "/paths/a".to_owned(),
            "/paths/~1b/post/parameters/0".to_owned(),
            "/paths/~1b/post/requestBody/content".to_owned(),
            format!("{schema}/a/$ref"),
            format!("{schema}/b/type"),
        ]
    );
}

#[test]
fn a_mistake_that_no_request_meets_is_none_of_ours() {
    check(
        &json!({
            "openapi": "3.1.0",
            "paths": {"/a": {"get": {"responses": {"200": {"$ref": "other.yaml"}}}}},
            "components": {"schemas": {"Unused": {"type": 7}}},
        }),
        &[],
    );
}
