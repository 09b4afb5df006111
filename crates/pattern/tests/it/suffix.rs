//! `suffix`

use crate::{check, refused};

#[test]
fn suffix_matches_the_end_of_a_string_only() {
    check(r#"{"a": [{"suffix": ".png"}]}"#, r#"{"a": "tire.png"}"#, true);
    check(r#"{"a": [{"suffix": ".png"}]}"#, r#"{"a": "tire.png.jpg"}"#, false);
    check(r#"{"a": [{"suffix": ".png"}]}"#, r#"{"a": "tire.PNG"}"#, false);
    check(r#"{"a": [{"suffix": "1"}]}"#, r#"{"a": 71}"#, false);
}

#[test]
fn the_empty_suffix_says_that_it_is_a_string() {
    check(r#"{"a": [{"suffix": ""}]}"#, r#"{"a": "x"}"#, true);
    check(r#"{"a": [{"suffix": ""}]}"#, r#"{"a": false}"#, false);
}

#[test]
fn suffix_can_ignore_case() {
    check(r#"{"a": [{"suffix": {"equals-ignore-case": ".png"}}]}"#, r#"{"a": "tire.PnG"}"#, true);
    check(r#"{"a": [{"suffix": {"equals-ignore-case": ".png"}}]}"#, r#"{"a": "png"}"#, false);
    check(r#"{"a": [{"suffix": {"equals-ignore-case": "É"}}]}"#, r#"{"a": "aé"}"#, true);
}

#[test]
fn suffix_takes_one_string() {
    refused(r#"{"a": [{"suffix": ["x"]}]}"#, "suffix match pattern must be a string");
    refused(r#"{"a": [{"suffix": null}]}"#, "suffix match pattern must be a string");
    refused(r#"{"a": [{"suffix": {"suffix": "x"}}]}"#, "Unsupported suffix pattern: suffix");
}
