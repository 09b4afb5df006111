//! What a refusal says and where it points; the bounds on size and depth.

use pattern::{Event, EventError, Pattern, PatternError};

use crate::{check, refused};

fn error(pattern: &str) -> PatternError {
    Pattern::parse(pattern).expect_err("the pattern of the row is not valid")
}

#[test]
fn the_text_is_that_of_aws() {
    assert_eq!(
        error(r#"{"source":"x"}"#).to_string(),
        "Event pattern is not valid. Reason: \"source\" must be an object or an array\n at \
         [Source: (String)\"{\"source\":\"x\"}\"; line: 1, column: 12]"
    );
}

#[test]
fn the_place_is_just_behind_the_wrong_part() {
    let place = |pattern: &str| {
        let error = error(pattern);
        (error.line, error.column)
    };
    assert_eq!(place(r#"{"source":[]}"#), (1, 13));
    assert_eq!(place("{}"), (1, 3));
    assert_eq!(place("{\n  \"a\": [\"x\"],\n  \"b\": 1\n}"), (3, 9));
    // Characters, not bytes.
    assert_eq!(place(r#"{"é":[]}"#), (1, 8));
    assert_eq!(place(""), (1, 1));
}

#[test]
fn what_is_not_json_is_refused() {
    refused("", "Unexpected end-of-input");
    refused("{", "Unexpected end-of-input");
    refused("{'a': [1]}", "was expecting a field name in double quotes");
    refused(r#"{"a" [1]}"#, "was expecting a colon");
    refused(r#"{"a": [1,]}"#, "was expecting a JSON value");
    refused(r#"{"a": [1]} x"#, "was expecting the end of the text");
    refused(r#"{"a": [01]}"#, "was expecting a comma or a closing bracket");
    refused(r#"{"a": [1.]}"#, "was expecting a digit");
    refused(r#"{"a": [nul]}"#, "was expecting a JSON value");
    refused(r#"{"a": ["\x"]}"#, "was expecting a JSON escape");
    refused(r#"{"a": ["\u12g4"]}"#, "was expecting a hexadecimal digit");
    refused(r#"{"a": ["\ud83d"]}"#, "surrogate");
    refused("{\"a\": [\"\n\"]}", "was expecting the rest of a string");
    refused(r#"{"a": ["x"#, "Unexpected end-of-input");
}

#[test]
fn a_pattern_has_at_most_4096_characters() {
    let pattern = |characters: usize| format!(r#"{{"a":["{}"]}}"#, "é".repeat(characters - 10));
    assert!(Pattern::parse(&pattern(4_096)).is_ok());
    refused(&pattern(4_097), "longer than 4096 characters");
    assert_eq!(error(&pattern(1_000_000)).pattern.chars().count(), 4_096);
}

#[test]
fn a_pattern_nests_at_most_64_deep() {
    let pattern =
        |depth: usize| format!("{}[1]{}", r#"{"a":"#.repeat(depth - 1), "}".repeat(depth - 1));
    assert!(Pattern::parse(&pattern(64)).is_ok());
    refused(&pattern(65), "more than 64 deep");
}

#[test]
fn an_event_nests_at_most_128_deep() {
    let event = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(Event::parse(&event(128)).is_ok());
    assert_eq!(Event::parse(&event(129)).err(), Some(EventError::TooDeep));
    let arrays = format!(r#"{{"a":{}"#, "[".repeat(1_000_000));
    assert_eq!(Event::parse(&arrays).err(), Some(EventError::TooDeep));
}

#[test]
fn an_event_is_a_json_object() {
    assert_eq!(Event::parse("[]").err(), Some(EventError::NotAnObject));
    assert!(matches!(Event::parse("{\n]"), Err(EventError::Syntax { line: 2, column: 1, .. })));
}

#[test]
fn every_json_escape_is_read() {
    check(
        r#"{"a": ["\"\\\/\b\f\n\r\t"]}"#,
        r#"{"a": "\u0022\u005C\u002f\u0008\u000c\u000a\u000d\u0009"}"#,
        true,
    );
}

#[test]
fn a_pattern_keeps_its_text() {
    let source = "{ \"a\" : [ 1 ] }";
    assert_eq!(
        Pattern::parse(source).map(|pattern| pattern.source().to_owned()),
        Ok(source.to_owned())
    );
}
