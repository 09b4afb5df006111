//! Which paths there are, and what they find.

use serde_json::value::RawValue;
use transform::{JsonPath, PathError};

use crate::EVENT;

fn find<'e>(path: &str, event: &'e str) -> Option<&'e str> {
    JsonPath::parse(path).expect("a path of the table").find(event).map(RawValue::get)
}

fn finds(path: &str, expected: &str) {
    assert_eq!(find(path, EVENT), Some(expected), "{path}");
    let parsed = JsonPath::parse(path).expect("a path of the table");
    assert_eq!(parsed.as_str(), path);
    assert_eq!(parsed.to_string(), path);
}

fn finds_nothing(path: &str) {
    assert_eq!(find(path, EVENT), None, "{path}");
}

fn refused(path: &str, expected: &PathError, message: &str) {
    let error = JsonPath::parse(path).expect_err(path);
    assert_eq!(&error, expected, "{path}");
    assert!(error.to_string().contains(message), "{path}: {error}");
}

#[test]
fn a_path_finds_one_value() {
    finds("$", EVENT);
    finds("$.account", r#""123456789012""#);
    finds("$.detail-type", r#""EC2 Instance State-change Notification""#);
    finds("$['detail-type']", r#""EC2 Instance State-change Notification""#);
    finds("$[\"detail-type\"]", r#""EC2 Instance State-change Notification""#);
    finds("$.detail.instance-id", r#""i-0123456789""#);
    finds("$.detail.count", "3");
    finds("$.detail.note", "null");
    finds("$.detail.tags", r#"["a","b"]"#);
    finds("$.detail.tags[0]", r#""a""#);
    finds("$.detail['tags'][1]", r#""b""#);
    finds("$['detail'].owner.ids[1]", "2");
    finds("$.detail['a b']", r#""blank""#);
    finds("$.detail['a.b']", r#""dot""#);
}

#[test]
fn a_name_is_compared_by_its_text_and_the_last_of_several_counts() {
    let check = |event: &str, path: &str, expected: Option<&str>| {
        assert_eq!(find(path, event), expected, "{path} in {event}");
    };
    check(r#"{"\u0061": 1}"#, "$.a", Some("1"));
    check(r#"{"a\"b": 1}"#, "$['a\"b']", Some("1"));
    check(r#"{"é\n": 1, "é": 2}"#, "$.é", Some("2"));
    check(r#"{"😀": 1}"#, "$.😀", Some("1"));
    check(r#"{"\ud83d\ude00": 1}"#, "$.😀", Some("1"));
    check(r#"{"\ud83d": 1, "a": 2}"#, "$.a", Some("2"));
    check(r#"{"": 1}"#, "$['']", Some("1"));
    check(r#"{"a": 1, "a": 2}"#, "$.a", Some("2"));
    check(r#"{"a": 1, "\u0061": 2}"#, "$.a", Some("2"));
    check(r#"{"a": {"b": 1}, "a": {"b": 2}}"#, "$.a.b", Some("2"));
    check(r#"{"a": {"b": 1}, "a": {"c": 2}}"#, "$.a.b", None);
    check(r#"{"a": [1, 2], "a": [3]}"#, "$.a[1]", None);
    check(r#"{"a": {"b": 1}, "a": null}"#, "$.a", Some("null"));
}

#[test]
fn a_value_is_found_as_it_is_spelled() {
    let check = |event: &str, path: &str, expected: &str| {
        assert_eq!(find(path, event), Some(expected), "{path} in {event}");
    };
    check(" [ 1.10 , 1E2 ,-0.0 ] ", "$[0]", "1.10");
    check(" [ 1.10 , 1E2 ,-0.0 ] ", "$[1]", "1E2");
    check(" [ 1.10 , 1E2 ,-0.0 ] ", "$[2]", "-0.0");
    check(" [ 1.10 , 1E2 ,-0.0 ] ", "$", "[ 1.10 , 1E2 ,-0.0 ]");
    check(r#"{"a": {"b" : [ 1, 2 ] }}"#, "$.a", r#"{"b" : [ 1, 2 ] }"#);
    check(r#"{"a": "\u00e9\/"}"#, "$.a", r#""\u00e9\/""#);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(find("$.a", &deep).map(str::len), Some(20_000));
    assert_eq!(find("$.a[0][0]", &deep).map(str::len), Some(19_996));
}

#[test]
fn what_is_not_json_has_no_places() {
    for text in ["", "{", "{} {}", "{\"a\": 01}", "{\"a\": 1,}", "{a: 1}"] {
        assert_eq!(find("$.a", text), None, "{text}");
        assert_eq!(find("$", text), None, "{text}");
    }
}

#[test]
fn a_path_past_the_event_finds_nothing() {
    finds_nothing("$.nowhere");
    finds_nothing("$.nowhere.at.all");
    finds_nothing("$.Account");
    finds_nothing("$.account.id");
    finds_nothing("$.detail.note.more");
    finds_nothing("$.detail.tags[2]");
    finds_nothing("$.detail.tags.a");
    finds_nothing("$.detail.tags['0']");
    finds_nothing("$.detail.owner[0]");
    finds_nothing("$[0]");
    finds_nothing("$['']");
}

#[test]
fn a_refusal_says_where_and_what_to_write() {
    refused("", &PathError::Root, "`$.detail.id`");
    refused("detail.id", &PathError::Root, "character 1");
    refused(" $.detail", &PathError::Root, "character 1");
    refused("$.", &PathError::EmptyName { position: 3 }, "no name at character 3");
    refused("$..id", &PathError::EmptyName { position: 3 }, "no name at character 3");
    refused("$.a.", &PathError::EmptyName { position: 5 }, "no name at character 5");
    refused("$.*", &PathError::Wildcard { position: 3 }, "`*` at character 3");
    refused("$.a*", &PathError::Wildcard { position: 4 }, "name one field");
    refused("$.a[*]", &PathError::Wildcard { position: 5 }, "name one field");
    refused("$.a[]", &PathError::Index { position: 5 }, "`[0]`");
    refused("$.a[-1]", &PathError::Index { position: 5 }, "a number from 0");
    refused("$.a[b]", &PathError::Index { position: 5 }, "a quoted name");
    refused("$.a[?(@.b)]", &PathError::Index { position: 5 }, "`[0]`");
    refused("$.a[99999999999999999999]", &PathError::Index { position: 5 }, "`[0]`");
    refused("$.a[0", &PathError::Unclosed { position: 4 }, "character 4 is not closed");
    refused("$.a[0:2]", &PathError::Unclosed { position: 4 }, "`[0]`");
    refused("$['a", &PathError::Unclosed { position: 2 }, "character 2 is not closed");
    refused("$['a'", &PathError::Unclosed { position: 2 }, "character 2 is not closed");
    refused("$['a'b]", &PathError::Unclosed { position: 2 }, "character 2 is not closed");
    refused("$detail", &PathError::Unexpected { position: 2, found: 'd' }, "`.name`");
    refused("$.a b", &PathError::Unexpected { position: 4, found: ' ' }, "`['a b']`");
    refused("$.é b", &PathError::Unexpected { position: 4, found: ' ' }, "character 4");
    refused("$.a]", &PathError::Unexpected { position: 4, found: ']' }, "character 4");
}

#[test]
fn a_path_has_a_longest_length() {
    assert!(JsonPath::parse(&format!("$.{}", "é".repeat(254))).is_ok());
    let long = format!("$.{}", "é".repeat(255));
    refused(&long, &PathError::TooLong { chars: 257 }, "at most 256");
}
