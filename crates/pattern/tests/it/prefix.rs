//! `prefix`

use crate::{check, refused};

#[test]
fn prefix_matches_the_start_of_a_string_only() {
    check(r#"{"a": [{"prefix": "ti"}]}"#, r#"{"a": "tires"}"#, true);
    check(r#"{"a": [{"prefix": "ti"}]}"#, r#"{"a": "ti"}"#, true);
    check(r#"{"a": [{"prefix": "ti"}]}"#, r#"{"a": "cart i"}"#, false);
    check(r#"{"a": [{"prefix": "ti"}]}"#, r#"{"a": "Tires"}"#, false);
    check(r#"{"a": [{"prefix": "7"}]}"#, r#"{"a": 71}"#, false);
    check(r#"{"a": [{"prefix": "t"}]}"#, r#"{"a": true}"#, false);
}

#[test]
fn the_empty_prefix_says_that_it_is_a_string() {
    check(r#"{"a": [{"prefix": ""}]}"#, r#"{"a": ""}"#, true);
    check(r#"{"a": [{"prefix": ""}]}"#, r#"{"a": "x"}"#, true);
    check(r#"{"a": [{"prefix": ""}]}"#, r#"{"a": 1}"#, false);
    check(r#"{"a": [{"prefix": ""}]}"#, r#"{"a": null}"#, false);
    check(r#"{"a": [{"prefix": {"equals-ignore-case": ""}}]}"#, r#"{"a": "x"}"#, true);
}

#[test]
fn prefix_can_ignore_case() {
    check(r#"{"a": [{"prefix": {"equals-ignore-case": "tI"}}]}"#, r#"{"a": "TiRes"}"#, true);
    check(r#"{"a": [{"prefix": {"equals-ignore-case": "tI"}}]}"#, r#"{"a": "aTi"}"#, false);
    check(r#"{"a": [{"prefix": {"equals-ignore-case": "é"}}]}"#, r#"{"a": "Éa"}"#, true);
}

#[test]
fn prefix_takes_one_string() {
    refused(r#"{"a": [{"prefix": ["x", "y"]}]}"#, "prefix match pattern must be a string");
    refused(r#"{"a": [{"prefix": 1}]}"#, "prefix match pattern must be a string");
    refused(r#"{"a": [{"prefix": {"wildcard": "x"}}]}"#, "Unsupported prefix pattern: wildcard");
    refused(r#"{"a": [{"prefix": {}}]}"#, "name not found");
    refused(
        r#"{"a": [{"prefix": {"equals-ignore-case": 1}}]}"#,
        "equals-ignore-case match pattern must be a string",
    );
    refused(r#"{"a": [{"prefix": "x", "suffix": "y"}]}"#, "Only one key allowed");
    refused(
        r#"{"a": [{"prefix": {"equals-ignore-case": "x", "prefix": "y"}}]}"#,
        "Only one key allowed",
    );
}
