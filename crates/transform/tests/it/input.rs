//! The four ways to make an input.

use transform::{ConstantError, Input, JsonPath, RenderError};

use crate::{EVENT, context, template};

fn check(input: &Input, expected: &str) {
    assert_eq!(input.render(EVENT, &context()).as_deref(), Ok(expected));
}

fn path(path: &str) -> Input {
    Input::Path(JsonPath::parse(path).expect("a path of the table"))
}

#[test]
fn the_whole_event_is_compact_json_in_its_own_order() {
    check(&Input::default(), EVENT);
    let event = "\n{ \"b\" : [1.10,\t2], \"a\": \" x \" }\r\n";
    let whole = Input::default().render(event, &context());
    assert_eq!(whole.as_deref(), Ok(r#"{"b":[1.10,2],"a":" x "}"#));
}

// LocalStack's tests against AWS show that a string keeps its quotes.
#[test]
fn a_path_gives_the_value_as_json() {
    check(&path("$.detail.state"), r#""RUNNING""#);
    check(&path("$.detail.spoken"), r#""say \"hi\"""#);
    check(&path("$.detail.count"), "3");
    check(&path("$.detail.spot"), "false");
    check(&path("$.detail.owner"), r#"{"name":"Ann","ids":[1,2]}"#);
    check(&path("$.detail.tags"), r#"["a","b"]"#);
    check(&path("$.detail.note"), "null");
    check(&path("$.detail.nowhere"), "null");
    check(&path("$"), EVENT);
}

#[test]
fn a_constant_is_given_verbatim() {
    for text in [r#"{ "a" : 1 }"#, r#""<state>""#, "[]", "null", " 1 ", "1.10", "1e400"] {
        check(&Input::constant(text).expect("JSON"), text);
    }
}

#[test]
fn a_constant_is_json_and_not_too_long() {
    for text in ["", "hello", "{", "{'a': 1}", "1 2", "01", r#"{"a": "\ud83d"}"#] {
        let refused = Input::constant(text);
        assert!(matches!(refused, Err(ConstantError::Json { .. })), "{text}");
    }
    let longest = format!("\"{}\"", "é".repeat(8_190));
    assert!(Input::constant(&longest).is_ok());
    let refused = Input::constant(&format!("{longest} "));
    assert!(matches!(refused, Err(ConstantError::TooLong { chars: 8_193 })));
}

#[test]
fn a_template_is_filled_or_fails_by_a_code() {
    let input = |text: &str| Input::Template(template(text).expect("a template of the table"));
    check(&input(r#"{"state": <state>}"#), r#"{"state":"RUNNING"}"#);
    let error = input(r#""<spoken>""#).render(EVENT, &context()).expect_err("bare quotes");
    assert_eq!(error, RenderError::InvalidJson { line: 1 });
    assert_eq!(error.code(), "INVALID_JSON");
    assert!(error.to_string().contains("begins with `{`"), "{error}");
}

#[test]
fn what_is_no_event_is_refused_by_the_same_code() {
    let error = path("$.a").render("{\"a\": 1", &context()).expect_err("no end");
    assert_eq!(error, RenderError::InvalidEvent { line: 1, column: 7 });
    assert_eq!(error.code(), "INVALID_JSON");
    let constant = Input::constant("1").expect("JSON");
    assert_eq!(constant.render("", &context()).as_deref(), Ok("1"));
}
