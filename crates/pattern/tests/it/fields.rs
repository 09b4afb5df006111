//! Fields: nesting, dots, AND between fields, OR within a list, the same path twice.

use crate::{check, refused};

#[test]
fn nesting_is_a_path() {
    check(r#"{"a": {"b": ["x"]}}"#, r#"{"a": {"b": "x"}}"#, true);
    check(r#"{"a": {"b": ["x"]}}"#, r#"{"b": "x"}"#, false);
    check(r#"{"a": {"b": ["x"]}}"#, r#"{"a": {"c": {"b": "x"}}}"#, false);
    check(r#"{"a": ["x"]}"#, r#"{"a": {"b": "x"}}"#, false);
}

#[test]
fn a_dot_in_a_name_is_nesting_on_both_sides() {
    check(r#"{"a.b": ["x"]}"#, r#"{"a": {"b": "x"}}"#, true);
    check(r#"{"a": {"b": ["x"]}}"#, r#"{"a.b": "x"}"#, true);
    check(r#"{"a.b": {"c": ["x"]}}"#, r#"{"a": {"b.c": "x"}}"#, true);
    check(r#"{"a.b": ["x"]}"#, r#"{"ab": "x"}"#, false);
    check(r#"{"a..b": ["x"]}"#, r#"{"a": {"": {"b": "x"}}}"#, true);
    check(r#"{"": {"b": ["x"]}}"#, r#"{"b": "x"}"#, false);
}

#[test]
fn names_and_operators_are_case_sensitive() {
    check(r#"{"Source": ["x"]}"#, r#"{"source": "x"}"#, false);
    check(r#"{"source": ["x"]}"#, r#"{"source": "x"}"#, true);
    refused(r#"{"a": [{"Prefix": "x"}]}"#, "Unrecognized match type Prefix");
}

#[test]
fn all_fields_have_to_match() {
    check(r#"{"a": ["x"], "b": ["y"]}"#, r#"{"a": "x", "b": "y"}"#, true);
    check(r#"{"a": ["x"], "b": ["y"]}"#, r#"{"a": "x", "b": "z"}"#, false);
    check(r#"{"a": ["x"], "b": ["y"]}"#, r#"{"a": "x"}"#, false);
}

#[test]
fn one_entry_of_a_list_is_enough() {
    check(r#"{"a": ["x", "y"]}"#, r#"{"a": "y"}"#, true);
    check(r#"{"a": ["x", 1, null, {"prefix": "z"}]}"#, r#"{"a": "zoo"}"#, true);
    check(r#"{"a": ["x", 1, null, {"prefix": "z"}]}"#, r#"{"a": 1}"#, true);
    check(r#"{"a": ["x", 1, null, {"prefix": "z"}]}"#, r#"{"a": "y"}"#, false);
}

#[test]
fn of_the_same_path_twice_the_last_wins() {
    check(r#"{"a": ["x"], "a": ["y"]}"#, r#"{"a": "y"}"#, true);
    check(r#"{"a": ["x"], "a": ["y"]}"#, r#"{"a": "x"}"#, false);
    check(r#"{"a": {"b": ["x"]}, "a.b": ["y"]}"#, r#"{"a": {"b": "y"}}"#, true);
    check(r#"{"a": {"b": ["x"]}, "a.b": ["y"]}"#, r#"{"a": {"b": "x"}}"#, false);
    // Other paths below a repeated name stay.
    check(r#"{"a": {"b": ["x"]}, "a": {"c": ["y"]}}"#, r#"{"a": {"b": "x", "c": "y"}}"#, true);
    check(r#"{"a": {"b": ["x"]}, "a": {"c": ["y"]}}"#, r#"{"a": {"c": "y"}}"#, false);
}

#[test]
fn a_pattern_is_an_object_whose_leaves_are_lists_that_are_not_empty() {
    refused("[]", "Filter is not an object");
    refused(r#""x""#, "Filter is not an object");
    refused("{}", "Empty objects are not allowed");
    refused(r#"{"a": {}}"#, "Empty objects are not allowed");
    refused(r#"{"a": []}"#, "Empty arrays are not allowed");
    refused(r#"{"a": "x"}"#, r#""a" must be an object or an array"#);
    refused(r#"{"a": {"b": 1}}"#, r#""b" must be an object or an array"#);
    refused(r#"{"a": [["x"]]}"#, "Match value must be String, number, true, false, or null");
    refused(r#"{"a": [{}]}"#, "Match expression name not found");
    refused(r#"{"a": [{"like": "x"}]}"#, "Unrecognized match type like");
}
