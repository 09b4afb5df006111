//! JSON bodies and media types: should pass, should be refused and where.

use contract::{BodyRule, Contract};
use serde_json::{Value, json};

use crate::{body, contract, places};

/// An order as a supplier of tires takes it, in the words of a version.
#[expect(clippy::too_many_lines, reason = "one document")]
fn order(version: &str) -> Value {
    let note = if version == "3.0.3" {
        json!({"type": "string", "nullable": true, "maxLength": 10})
    } else {
        json!({"type": ["string", "null"], "maxLength": 10})
    };
    let price = if version == "3.0.3" {
        json!({"type": "number", "minimum": 0, "exclusiveMinimum": true})
    } else {
        json!({"type": "number", "exclusiveMinimum": 0})
    };
    json!({
        "openapi": version,
        "paths": {"/orders": {"post": {"requestBody": {"$ref": "#/components/requestBodies/Order"}}}},
        "components": {
            "requestBodies": {"Order": {
                "required": true,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
            }},
            "schemas": {
                "Order": {
                    "type": "object",
                    "required": ["id", "items"],
                    "properties": {
                        "id": {"type": "string", "format": "uuid", "readOnly": true},
                        "items": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"$ref": "#/components/schemas/Item"},
                        },
                        "note": note,
                        "address": {"$ref": "#/components/schemas/Address"},
                    },
                    "additionalProperties": false,
                },
                "Item": {
                    "type": "object",
                    "required": ["size", "quantity"],
                    "properties": {
                        "size": {"type": "string", "pattern": "^[0-9]{3}/[0-9]{2} R[0-9]{2}$"},
                        "quantity": {"type": "integer", "minimum": 1, "maximum": 1000},
                        "price": price,
                        "season": {"enum": ["summer", "winter"]},
                        "with": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
                    },
                },
                "Address": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/Street"},
                        {"$ref": "#/components/schemas/Box"},
                    ],
                },
                "Street": {
                    "type": "object",
                    "required": ["kind", "street"],
                    "properties": {"kind": {"enum": ["street"]}, "street": {"type": "string"}},
                },
                "Box": {
                    "type": "object",
                    "required": ["kind", "box"],
                    "properties": {"kind": {"enum": ["box"]}, "box": {"type": "integer"}},
                },
            },
        },
    })
}

fn check(text: &str, expected: &[&str]) {
    for version in ["3.0.3", "3.1.0"] {
        let faults = body(&contract(&order(version)), "POST /orders", text.as_bytes());
        let expected: Vec<_> = expected.iter().map(|place| format!("body {place}")).collect();
        assert_eq!(places(&faults), expected, "{version} {text}: {faults:?}");
    }
}

#[test]
fn an_order_that_fits_passes() {
    check(r#"{"items": [{"size": "205/55 R16", "quantity": 4}]}"#, &[]);
    check(
        r#"{"items": [{"size": "205/55 R16", "quantity": 4.0, "price": 0.5}], "note": null}"#,
        &[],
    );
    // What only answers have may be there.
    let id = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    check(&format!(r#"{{"id": "{id}", "items": [{{"size": "205/55 R16", "quantity": 1}}]}}"#), &[]);
    check(
        r#"{"items": [{"size": "205/55 R16", "quantity": 4, "with": [{"size": "195/65 R15", "quantity": 1}]}],
            "address": {"kind": "box", "box": 7}}"#,
        &[],
    );
}

#[test]
fn each_fault_is_told_at_its_place() {
    check(r#"{"items": [{"size": "205/55 R16", "quantity": 0}]}"#, &["/items/0/quantity"]);
    check(r#"{"items": [{"size": "205/55 R16", "quantity": "4"}]}"#, &["/items/0/quantity"]);
    check(r#"{"items": [{"size": "205/55 R16"}]}"#, &["/items/0/quantity"]);
    check(r#"{"items": [{"size": "205/55R16", "quantity": 4}]}"#, &["/items/0/size"]);
    check(r#"{"items": [{"size": "205/55 R16", "quantity": 4, "price": 0}]}"#, &["/items/0/price"]);
    check(
        r#"{"items": [{"size": "205/55 R16", "quantity": 4, "season": "fall"}]}"#,
        &["/items/0/season"],
    );
    check(r#"{"items": []}"#, &["/items"]);
    check("{}", &["/items"]);
    check("[]", &[""]);
    check("null", &[""]);
    check(
        r#"{"items": [{"size": "205/55 R16", "quantity": 4, "with": [{"size": "1", "quantity": 1}]}]}"#,
        &["/items/0/with/0/size"],
    );
}

#[test]
fn several_faults_are_told_at_once() {
    let text = r#"{"items": [{"quantity": 0}], "note": "a note too long", "a/b": 1}"#;
    let faults = body(&contract(&order("3.1.0")), "POST /orders", text.as_bytes());
    let mut places = places(&faults);
    places.sort();
    let expected = ["body /a~1b", "body /items/0/quantity", "body /items/0/size", "body /note"];
    assert_eq!(places, expected, "{faults:?}");
}

#[test]
fn of_several_forms_the_one_that_was_meant_is_told() {
    let with = |address: &str| {
        format!(r#"{{"items": [{{"size": "205/55 R16", "quantity": 4}}], "address": {address}}}"#)
    };
    check(&with(r#"{"kind": "box", "box": "x"}"#), &["/address/box"]);
    check(&with(r#"{"kind": "street"}"#), &["/address/street"]);
    check(&with(r#"{"kind": "tent"}"#), &["/address"]);
    check(&with("7"), &["/address"]);
}

#[test]
fn reasons_say_what_is_wanted() {
    let contract = contract(&order("3.1.0"));
    for (text, reason) in [
        (r#"{"items": [{"size": "205/55 R16", "quantity": 0}]}"#, "must be at least 1"),
        (r#"{"items": [{"size": "205/55 R16"}]}"#, "is required"),
        (r#"{"items": []}"#, "must have 1 item at least"),
        (r#"{"items": 7}"#, "must be of type array, and is of type number"),
        (
            r#"{"items": [{"size": "a", "quantity": 1}]}"#,
            "does not match the pattern ^[0-9]{3}/[0-9]{2} R[0-9]{2}$",
        ),
        (r#"{"items""#, "is not valid JSON at line 1, column 8: EOF while parsing an object"),
    ] {
        let faults = body(&contract, "POST /orders", text.as_bytes());
        let reasons: Vec<_> = faults.iter().map(|fault| fault.reason.as_str()).collect();
        assert_eq!(reasons, [reason], "{text}");
    }
}

#[test]
fn a_body_that_two_could_read_differently_is_refused() {
    check(r#"{"items": [{"size": "205/55 R16", "quantity": 4, "quantity": 4}]}"#, &[""]);
    check("", &[""]);
    check("{", &[""]);
    check("{}x", &[""]);
}

#[test]
fn twenty_faults_are_told() {
    let items = vec!["{}"; 100].join(",");
    let text = format!(r#"{{"items": [{items}]}}"#);
    let faults = body(&contract(&order("3.1.0")), "POST /orders", text.as_bytes());
    assert_eq!(faults.len(), 20);
}

fn media(required: bool) -> Contract {
    contract(&json!({
        "openapi": "3.1.0",
        "paths": {"/a": {
            "post": {"requestBody": {"required": required, "content": {
                "application/json": {"schema": {"type": "object"}},
                "application/vnd.a+json; version=1": {"schema": {"type": "array"}},
                "text/*": {"schema": {"type": "string"}},
                "application/problem+json": {},
            }}},
            "put": {"requestBody": {"content": {"*/*": {"schema": {"type": "object"}}}}},
            "patch": {"requestBody": {"content": {"text/csv": {}}}},
            "get": {},
        }},
    }))
}

#[test]
fn the_media_type_decides_what_is_checked() {
    let contract = media(true);
    for (method, content_type, expected) in [
        ("POST", Some("application/json"), "json"),
        ("POST", Some("Application/JSON; charset=utf-8"), "json"),
        ("POST", Some("application/vnd.a+json"), "json"),
        ("POST", None, "json"),
        ("POST", Some("text/plain"), "unchecked"),
        ("POST", Some("application/problem+json"), "unchecked"),
        ("POST", Some("application/xml"), "unsupported"),
        ("POST", Some(""), "unsupported"),
        ("PUT", Some("application/merge-patch+json"), "json"),
        ("PUT", Some("application/octet-stream"), "unchecked"),
        ("PATCH", Some("text/csv; header=present"), "unchecked"),
        ("PATCH", None, "unsupported"),
        ("GET", Some("text/plain"), "none"),
    ] {
        let operation = contract.operation(method, "/a").unwrap();
        let found = match operation.body(content_type) {
            BodyRule::Json(_) => "json",
            BodyRule::Unchecked { .. } => "unchecked",
            BodyRule::Unsupported { supported, .. } => {
                assert!(supported.iter().any(|one| one == "text/*" || one == "text/csv"));
                "unsupported"
            }
            BodyRule::NotDescribed => "none",
        };
        assert_eq!(found, expected, "{method} {content_type:?}");
    }
}

#[test]
fn a_body_may_be_required() {
    for (required, method, content_type, missing) in [
        (true, "POST", Some("application/json"), true),
        (true, "POST", Some("application/xml"), true),
        (true, "POST", Some("text/plain"), true),
        (false, "POST", Some("application/json"), false),
        (false, "POST", None, false),
        (true, "PATCH", None, false),
        (true, "GET", None, false),
    ] {
        let contract = media(required);
        let rule = contract.operation(method, "/a").unwrap().body(content_type);
        assert_eq!(rule.when_absent().is_some(), missing, "{method} {content_type:?}");
    }
}
