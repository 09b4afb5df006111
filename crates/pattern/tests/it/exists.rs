//! `exists`

use crate::{check, refused};

#[test]
fn true_asks_for_a_value() {
    check(r#"{"a": [{"exists": true}]}"#, r#"{"a": "x"}"#, true);
    check(r#"{"a": [{"exists": true}]}"#, r#"{"a": null}"#, true);
    check(r#"{"a": [{"exists": true}]}"#, r#"{"a": ["x"]}"#, true);
    check(r#"{"a": [{"exists": true}]}"#, r#"{"b": "x"}"#, false);
    check(r#"{"a": [{"exists": true}]}"#, r#"{"a": []}"#, false);
}

#[test]
fn false_asks_for_none() {
    check(r#"{"a": [{"exists": false}]}"#, r#"{"b": "x"}"#, true);
    check(r#"{"a": [{"exists": false}]}"#, "{}", true);
    check(r#"{"a": [{"exists": false}]}"#, r#"{"a": "x"}"#, false);
    check(r#"{"a": [{"exists": false}]}"#, r#"{"a": null}"#, false);
}

#[test]
fn only_leaves_exist() {
    check(r#"{"a": [{"exists": true}]}"#, r#"{"a": {"b": "x"}}"#, false);
    check(r#"{"a": [{"exists": false}]}"#, r#"{"a": {"b": "x"}}"#, true);
    check(r#"{"a": {"b": [{"exists": true}]}}"#, r#"{"a": {"b": "x"}}"#, true);
}

#[test]
fn absence_can_be_one_entry_among_others() {
    check(r#"{"a": ["x", {"exists": false}]}"#, r#"{"b": 1}"#, true);
    check(r#"{"a": ["x", {"exists": false}]}"#, r#"{"a": "x"}"#, true);
    check(r#"{"a": ["x", {"exists": false}]}"#, r#"{"a": "y"}"#, false);
}

#[test]
fn it_takes_a_boolean() {
    refused(r#"{"a": [{"exists": "true"}]}"#, "exists match pattern must be either true or false.");
    refused(r#"{"a": [{"exists": true, "prefix": "x"}]}"#, "Only one key allowed");
}
