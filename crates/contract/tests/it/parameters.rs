//! Parameters: should pass, should be refused and where.

use contract::Contract;
use serde_json::{Value, json};

use crate::{contract, parameters, places};

/// A document with one operation, `GET /things/{id}`, that has these parameters and an `id`.
fn of(list: &Value) -> Contract {
    contract(&json!({
        "openapi": "3.1.0",
        "paths": {"/things/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
            "get": {"parameters": list},
        }},
        "components": {"schemas": {"Count": {"type": "integer", "minimum": 1, "maximum": 100}}},
    }))
}

fn check_query(parameter: &Value, rows: &[(&str, bool)]) {
    let contract = of(&json!([parameter]));
    for (query, fits) in rows {
        let faults = parameters(&contract, &format!("GET /things/a?{query}"), &[]);
        assert_eq!(faults.is_empty(), *fits, "{parameter} {query}: {faults:?}");
        if !*fits {
            let name = parameter["name"].as_str().expect("a name");
            assert_eq!(places(&faults), [format!("query {name}")], "{parameter} {query}");
        }
    }
}

#[test]
fn a_number_is_read_and_bounded() {
    check_query(
        &json!({"name": "count", "in": "query", "schema": {"$ref": "#/components/schemas/Count"}}),
        &[
            ("", true),
            ("count=1", true),
            ("count=100&other=x", true),
            ("c%6Funt=7", true),
            ("count=%37", true),
            ("count=0", false),
            ("count=101", false),
            ("count=1.5", false),
            ("count=07", false),
            ("count=+7", false),
            ("count=", false),
            ("count", false),
            ("count=x", false),
            ("count=%", false),
            ("count=%FF", false),
            ("count=1&count=2", false),
        ],
    );
}

#[test]
fn a_parameter_may_be_required() {
    let schema = json!({"type": "boolean"});
    check_query(
        &json!({"name": "a", "in": "query", "required": true, "schema": schema}),
        &[("a=true", true), ("a=false", true), ("", false), ("A=true", false), ("a=yes", false)],
    );
    check_query(
        &json!({"name": "a", "in": "query", "allowEmptyValue": true, "schema": schema}),
        &[("a=", true), ("a", true), ("a=true", true), ("a=x", false)],
    );
}

#[test]
fn a_string_is_decoded_once() {
    check_query(
        &json!({"name": "q", "in": "query", "schema": {"enum": ["a b", "a+b", "%41", "ä", "a,b"]}}),
        &[
            ("q=a+b", true),
            ("q=a%20b", true),
            ("q=a%2Bb", true),
            ("q=%2541", true),
            ("q=%C3%A4", true),
            ("q=a,b", true),
            ("q=a%2520b", false),
        ],
    );
}

#[test]
fn formats_are_asked() {
    for (format, good, bad) in [
        ("date-time", "2026-11-26T18:55:46Z", "2026-11-26"),
        ("date", "2026-11-26", "2026-13-26"),
        ("uuid", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae"),
        ("email", "a@b.example", "a"),
        ("ipv4", "192.0.2.1", "192.0.2.256"),
        ("ipv6", "2001:db8::1", "2001:db8"),
        ("unheard-of", "a", ""),
    ] {
        let parameter =
            json!({"name": "v", "in": "query", "schema": {"type": "string", "format": format}});
        let (good, bad) = (format!("v={good}"), format!("v={bad}"));
        let is_unknown = format == "unheard-of";
        check_query(&parameter, &[(good.as_str(), true), (bad.as_str(), is_unknown)]);
    }
    check_query(
        &json!({"name": "v", "in": "query", "schema": {"type": "integer", "format": "int32"}}),
        &[("v=2147483647", true), ("v=2147483648", false), ("v=-2147483649", false)],
    );
}

#[test]
fn a_text_may_be_two_things() {
    let either = json!({"oneOf": [{"type": "integer", "minimum": 10}, {"enum": ["7", "all"]}]});
    check_query(
        &json!({"name": "v", "in": "query", "schema": either}),
        &[("v=10", true), ("v=all", true), ("v=7", true), ("v=8", false), ("v=none", false)],
    );
}

#[test]
fn lists_are_written_by_their_style() {
    let list = json!({"type": "array", "items": {"type": "integer"}, "maxItems": 3});
    let styled = |style: &str, explode: bool| json!({"name": "v", "in": "query", "style": style, "explode": explode, "schema": list});
    check_query(
        &json!({"name": "v", "in": "query", "schema": list}),
        &[("v=1&w=2&v=3", true), ("", true), ("v=1,2", false), ("v=1&v=x", false)],
    );
    check_query(
        &styled("form", false),
        &[("v=1,2,3", true), ("v=1", true), ("v=1,2,3,4", false), ("v=1%2C2", false)],
    );
    check_query(&styled("form", false), &[("v=1&v=2", false), ("v=1,,2", false)]);
    check_query(&styled("spaceDelimited", false), &[("v=1%202+3", true), ("v=1,2", false)]);
    check_query(&styled("pipeDelimited", false), &[("v=1%7C2|3", true), ("v=1,2", false)]);
    check_query(&styled("pipeDelimited", true), &[("v=1&v=2", true), ("v=1|2", false)]);
}

#[test]
fn objects_are_written_by_their_style() {
    let object = json!({
        "type": "object",
        "properties": {"min": {"type": "integer"}, "kind": {"type": "string"}},
        "required": ["min"],
        "additionalProperties": false,
    });
    let styled = |style: &str, explode: bool| json!({"name": "v", "in": "query", "style": style, "explode": explode, "schema": object});
    check_query(
        &styled("deepObject", true),
        &[
            ("v[min]=1&v[kind]=a", true),
            ("v%5Bmin%5D=1", true),
            ("w[min]=x", true),
            ("v[min]=x", false),
            ("v[kind]=a", false),
            ("v[min]=1&v[max]=2", false),
            ("v[min]=1&v[min]=2", false),
        ],
    );
    check_query(
        &styled("form", false),
        &[
            ("v=min,1,kind,a", true),
            ("v=kind,a", false),
            ("v=min", false),
            ("v=min,1,min,2", false),
        ],
    );
    check_query(
        &styled("form", true),
        &[("min=1&kind=a&page=2", true), ("page=2", true), ("kind=a", false), ("min=x", false)],
    );
}

#[test]
fn a_parameter_may_be_json() {
    let media = json!({"application/json": {"schema": {"type": "object", "required": ["a"]}}});
    check_query(
        &json!({"name": "filter", "in": "query", "content": media}),
        &[
            ("filter=%7B%22a%22%3A1%7D", true),
            ("filter={\"a\":1}", true),
            ("filter={}", false),
            ("filter={", false),
            ("filter={\"a\":1,\"a\":2}", false),
        ],
    );
}

#[test]
fn the_path_is_checked_as_it_was_sent() {
    let id = json!([{
        "name": "id", "in": "path", "required": true,
        "schema": {"type": "string", "pattern": "^[a-zä]+$", "maxLength": 3},
    }]);
    let contract = of(&id);
    for (path, fits) in
        [("abc", true), ("%C3%A4", true), ("abcd", false), ("7", false), ("%zz", false)]
    {
        let faults = parameters(&contract, &format!("GET /things/{path}"), &[]);
        let expected = if fits { vec![] } else { vec!["path id".to_owned()] };
        assert_eq!(places(&faults), expected, "{path}: {faults:?}");
    }
    let list = json!([{
        "name": "id", "in": "path", "required": true,
        "schema": {"type": "array", "items": {"type": "integer"}},
    }]);
    assert!(parameters(&of(&list), "GET /things/1,2", &[]).is_empty());
    assert!(!parameters(&of(&list), "GET /things/1,b", &[]).is_empty());
}

/// Headers, and the faults they have.
type Row<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn fields_and_cookies_are_checked() {
    let contract = of(&json!([
        {"name": "X-Count", "in": "header", "required": true, "schema": {"type": "integer"}},
        {"name": "x-tags", "in": "header", "schema": {"type": "array", "items": {"enum": ["a", "b"]}}},
        {"name": "Authorization", "in": "header", "required": true, "schema": {"type": "integer"}},
        {"name": "theme", "in": "cookie", "schema": {"enum": ["dark", "light"]}},
    ]));
    let rows: &[Row<'_>] = &[
        (&[("x-count", "7")], &[]),
        (&[("x-count", " 7 "), ("x-tags", "a, b")], &[]),
        (&[], &["header X-Count"]),
        (&[("x-count", "x"), ("x-tags", "a,c")], &["header X-Count", "header x-tags"]),
        (&[("x-count", "%37")], &["header X-Count"]),
        (&[("x-count", "7"), ("cookie", "a=b; theme=dark")], &[]),
        (&[("x-count", "7"), ("cookie", "theme=\"light\"")], &[]),
        (&[("x-count", "7"), ("cookie", "theme=pink")], &["cookie theme"]),
        (&[("x-count", "7"), ("cookie", "theme=dark; theme=light")], &["cookie theme"]),
    ];
    for (fields, expected) in rows {
        let faults = parameters(&contract, "GET /things/a", fields);
        assert_eq!(places(&faults), *expected, "{fields:?}: {faults:?}");
    }
}

#[test]
fn the_operation_wins_over_its_path() {
    let contract = contract(&json!({
        "openapi": "3.0.3",
        "paths": {"/a": {
            "parameters": [
                {"$ref": "#/components/parameters/Limit"},
                {"name": "q", "in": "query", "schema": {"type": "integer"}},
            ],
            "get": {"parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}]},
            "post": {},
        }},
        "components": {"parameters": {
            "Limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "nullable": true}},
        }},
    }));
    assert_eq!(contract.operations(), 2);
    assert!(parameters(&contract, "GET /a?q=x&limit=7", &[]).is_empty());
    assert!(parameters(&contract, "GET /a?limit=null", &[]).is_empty());
    let faults = parameters(&contract, "POST /a?q=x&limit=y", &[]);
    assert_eq!(places(&faults).len(), 2, "{faults:?}");
    assert_eq!(places(&parameters(&contract, "HEAD /a?limit=y", &[])), ["query limit"]);
    assert!(contract.operation("PUT", "/a").is_none());
    assert!(contract.operation("GET", "/b").is_none());
}

#[test]
fn a_reason_is_a_sentence_that_echoes_little() {
    let long = "x".repeat(10_000);
    let contract = of(&json!([
        {"name": "n", "in": "query", "schema": {"type": "integer"}},
        {"name": "l", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "integer"}}},
        {"name": "e", "in": "query", "schema": {"enum": ["a", "b"]}},
    ]));
    let request = format!("GET /things/a?n={long}&l=1,{long}&e={long}");
    let texts: Vec<_> =
        parameters(&contract, &request, &[]).iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "query n must be of type integer, and is of type string",
            "query l has a fault at /1: it must be of type integer, and is of type string",
            "query e must be one of \"a\", \"b\"",
        ]
    );
}
