//! `equals-ignore-case`

use crate::{check, refused};

#[test]
fn case_is_ignored_character_by_character() {
    check(r#"{"a": [{"equals-ignore-case": "Tires"}]}"#, r#"{"a": "tIRES"}"#, true);
    check(r#"{"a": [{"equals-ignore-case": "Tires"}]}"#, r#"{"a": "tire"}"#, false);
    check(r#"{"a": [{"equals-ignore-case": "Tires"}]}"#, r#"{"a": "tiress"}"#, false);
    check(r#"{"a": [{"equals-ignore-case": ""}]}"#, r#"{"a": ""}"#, true);
    check(r#"{"a": [{"equals-ignore-case": "null"}]}"#, r#"{"a": null}"#, false);
}

#[test]
fn case_is_that_of_unicode() {
    check(r#"{"a": [{"equals-ignore-case": "ÜBER"}]}"#, r#"{"a": "über"}"#, true);
    check(r#"{"a": [{"equals-ignore-case": "привет"}]}"#, r#"{"a": "ПРИВЕТ"}"#, true);
    check(r#"{"a": [{"equals-ignore-case": "straße"}]}"#, r#"{"a": "STRASSE"}"#, true);
    check(r#"{"a": [{"equals-ignore-case": "uber"}]}"#, r#"{"a": "ÜBER"}"#, false);
    check(r#"{"a": [{"equals-ignore-case": "strasse"}]}"#, r#"{"a": "straße"}"#, false);
}

#[test]
fn equals_ignore_case_takes_one_string() {
    let message = "equals-ignore-case match pattern must be a string";
    refused(r#"{"a": [{"equals-ignore-case": ["x", "y"]}]}"#, message);
    refused(r#"{"a": [{"equals-ignore-case": 1}]}"#, message);
    refused(r#"{"a": [{"prefix": {"equals-ignore-case": ["x"]}}]}"#, message);
    refused(r#"{"a": [{"prefix": {}}]}"#, "Prefix expression name not found");
    refused(r#"{"a": [{"suffix": {}}]}"#, "Suffix expression name not found");
    refused(r#"{"a": [{"suffix": {"prefix": "x"}}]}"#, "Unsupported suffix pattern: prefix");
}
