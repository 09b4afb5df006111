//! What holds for every document, body and query.

use contract::{BodyRule, Contract};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{body, contract, parameters};

/// Words that make a value look like a document or a schema.
const NAMES: &[&str] = &[
    "openapi",
    "paths",
    "/a",
    "/{b}",
    "get",
    "post",
    "parameters",
    "name",
    "in",
    "schema",
    "$ref",
    "requestBody",
    "content",
    "application/json",
    "components",
    "type",
    "items",
    "properties",
    "required",
    "allOf",
    "anyOf",
    "enum",
    "pattern",
    "minimum",
    "nullable",
    "format",
    "style",
];

const TEXTS: &[&str] = &[
    "3.0.3",
    "3.1.0",
    "#/components",
    "#/paths/~1a",
    "#",
    "query",
    "path",
    "header",
    "b",
    "string",
    "integer",
    "array",
    "object",
    "null",
    "int32",
    "uuid",
    "deepObject",
    "(",
    "^a$",
    "",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let names = prop_oneof![
            9 => prop::sample::select(NAMES).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A document around any schema, and any parameter's.
fn around(schema: &Value, parameter: &Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "paths": {"/a": {"post": {
            "parameters": [
                {"name": "q", "in": "query", "schema": parameter},
                {"name": "d", "in": "query", "style": "deepObject", "schema": parameter},
            ],
            "requestBody": {"content": {"*/*": {"schema": schema}}},
        }}},
        "components": schema,
    })
}

/// An order that fits the schema of [`fixed`], with what is optional there or not.
fn any_order() -> impl Strategy<Value = Value> {
    let item = ("[A-Z]{2}[0-9]{4}", 1_u32..1000, prop::option::of(0.01_f64..1e6));
    let item = item.prop_map(|(part, quantity, price)| {
        let mut item = Map::new();
        item.insert("part".to_owned(), Value::from(part));
        item.insert("quantity".to_owned(), Value::from(quantity));
        item.extend(price.map(|price| ("price".to_owned(), Value::from(price))));
        Value::Object(item)
    });
    let note = prop::option::of("[ -~äöü]{0,20}");
    (prop::collection::vec(item, 1..8), note)
        .prop_map(|(items, note)| json!({"items": items, "note": note}))
}

fn fixed() -> Contract {
    contract(&json!({
        "openapi": "3.0.3",
        "paths": {"/orders": {"post": {
            "parameters": [
                {"name": "n", "in": "query", "schema": {"type": "integer", "format": "int64"}},
                {"name": "t", "in": "query", "schema": {"type": "string"}},
                {"name": "l", "in": "query", "explode": false, "schema": {
                    "type": "array", "items": {"type": "string", "minLength": 1},
                }},
            ],
            "requestBody": {"required": true, "content": {"application/json": {"schema": {
                "type": "object",
                "required": ["items"],
                "additionalProperties": false,
                "properties": {
                    "note": {"type": "string", "nullable": true, "maxLength": 20},
                    "items": {"type": "array", "minItems": 1, "items": {
                        "type": "object",
                        "required": ["part", "quantity"],
                        "properties": {
                            "part": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{4}$"},
                            "quantity": {"type": "integer", "minimum": 1, "maximum": 1000},
                            "price": {"type": "number", "minimum": 0, "exclusiveMinimum": true},
                        },
                    }},
                },
            }}}},
        }}},
    }))
}

/// A text with everything encoded that has a meaning in a query.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

proptest! {
    #[test]
    fn no_document_makes_it_panic(document in any_json()) {
        Contract::new(&document).ok();
    }

    #[test]
    fn no_schema_and_no_value_makes_it_panic(
        schema in any_json(),
        parameter in any_json(),
        value in any_json(),
        query in "[qd=&%+,\\[\\]0-9a-f]{0,40}",
    ) {
        if let Ok(contract) = Contract::new(&around(&schema, &parameter)) {
            let faults = parameters(&contract, &format!("POST /a?{query}"), &[]);
            prop_assert!(faults.len() <= 20);
            let operation = contract.operation("POST", "/a").expect("the only operation");
            if let BodyRule::Json(rule) = operation.body(None) {
                prop_assert!(rule.check(value.to_string().as_bytes()).len() <= 20);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        path in ".{0,20}",
    ) {
        let contract = fixed();
        body(&contract, "POST /orders", &bytes);
        contract.operation("POST", &path);
    }

    #[test]
    fn what_is_made_to_fit_passes(order in any_order()) {
        let faults = body(&fixed(), "POST /orders", order.to_string().as_bytes());
        prop_assert!(faults.is_empty(), "{:?}", faults);
    }

    #[test]
    fn what_is_encoded_passes(
        number in any::<i64>(),
        text in any::<String>(),
        list in prop::collection::vec(".{1,5}", 1..4),
    ) {
        let list: Vec<_> = list.iter().map(|one| encoded(one)).collect();
        let query = format!("n={number}&t={}&l={}", encoded(&text), list.join(","));
        let faults = parameters(&fixed(), &format!("POST /orders?{query}"), &[]);
        prop_assert!(faults.is_empty(), "{:?}", faults);
    }
}
