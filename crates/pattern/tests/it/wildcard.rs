//! `wildcard`

use crate::{check, refused};

#[test]
fn a_star_stands_for_any_characters_or_none() {
    check(r#"{"a": [{"wildcard": "a*c"}]}"#, r#"{"a": "abbc"}"#, true);
    check(r#"{"a": [{"wildcard": "a*c"}]}"#, r#"{"a": "ac"}"#, true);
    check(r#"{"a": [{"wildcard": "a*c"}]}"#, r#"{"a": "abcd"}"#, false);
    check(r#"{"a": [{"wildcard": "a*c"}]}"#, r#"{"a": "xac"}"#, false);
    check(r#"{"a": [{"wildcard": "*b*"}]}"#, r#"{"a": "abc"}"#, true);
    check(r#"{"a": [{"wildcard": "*b*"}]}"#, r#"{"a": "ac"}"#, false);
    check(r#"{"a": [{"wildcard": "*"}]}"#, r#"{"a": ""}"#, true);
    check(r#"{"a": [{"wildcard": "*"}]}"#, r#"{"a": 1}"#, false);
    check(r#"{"a": [{"wildcard": "é*🚗"}]}"#, r#"{"a": "éé🚗"}"#, true);
}

#[test]
fn the_start_and_the_end_do_not_overlap() {
    check(r#"{"a": [{"wildcard": "aba*ba"}]}"#, r#"{"a": "aba"}"#, false);
    check(r#"{"a": [{"wildcard": "aba*ba"}]}"#, r#"{"a": "ababa"}"#, true);
    check(r#"{"a": [{"wildcard": "a*a*a"}]}"#, r#"{"a": "aa"}"#, false);
    check(r#"{"a": [{"wildcard": "*ab*b"}]}"#, r#"{"a": "ab"}"#, false);
    check(r#"{"a": [{"wildcard": "*ab*b"}]}"#, r#"{"a": "abb"}"#, true);
}

#[test]
fn without_a_star_it_is_the_whole_string() {
    check(r#"{"a": [{"wildcard": "abc"}]}"#, r#"{"a": "abc"}"#, true);
    check(r#"{"a": [{"wildcard": "abc"}]}"#, r#"{"a": "abcd"}"#, false);
    check(r#"{"a": [{"wildcard": ""}]}"#, r#"{"a": ""}"#, true);
    check(r#"{"a": [{"wildcard": ""}]}"#, r#"{"a": "x"}"#, false);
}

#[test]
fn a_star_and_a_backslash_can_be_escaped() {
    check(r#"{"a": [{"wildcard": "a\\*c"}]}"#, r#"{"a": "a*c"}"#, true);
    check(r#"{"a": [{"wildcard": "a\\*c"}]}"#, r#"{"a": "abc"}"#, false);
    check(r#"{"a": [{"wildcard": "a\\\\*"}]}"#, r#"{"a": "a\\b"}"#, true);
    check(r#"{"a": [{"wildcard": "a\\\\*"}]}"#, r#"{"a": "ab"}"#, false);
    check(r#"{"a": [{"wildcard": "*\\**"}]}"#, r#"{"a": "a*b"}"#, true);
}

#[test]
fn malformed_wildcards_are_refused_with_the_position() {
    refused(r#"{"a": [{"wildcard": "**"}]}"#, "Consecutive wildcard characters at pos 1");
    refused(r#"{"a": [{"wildcard": "ab**c"}]}"#, "Consecutive wildcard characters at pos 3");
    refused(r#"{"a": [{"wildcard": "a\\bc"}]}"#, "Invalid escape character at pos 2");
    refused(r#"{"a": [{"wildcard": "abc\\"}]}"#, "Invalid escape character at pos 4");
    refused(r#"{"a": [{"wildcard": "é\\n"}]}"#, "Invalid escape character at pos 3");
    refused(r#"{"a": [{"wildcard": ["a*"]}]}"#, "wildcard match pattern must be a string");
}

#[test]
fn complex_wildcards_are_refused() {
    refused(r#"{"a": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}"#, "Rule is too complex");
    check(r#"{"a": [{"wildcard": "*a*a*a*a*a"}]}"#, r#"{"a": "aaaaa"}"#, true);
    check(r#"{"a": [{"wildcard": "*a*a*a*a*a"}]}"#, r#"{"a": "aaaa"}"#, false);
    let list = |operator: &str, count: usize| {
        let entries: Vec<String> =
            (0..count).map(|index| format!(r#"{{"{operator}": "*{index}x"}}"#)).collect();
        format!(r#"{{"a": [{}]}}"#, entries.join(","))
    };
    check(&list("wildcard", 3), r#"{"a": "12x"}"#, true);
    refused(&list("wildcard", 20), "Rule is too complex");
    // The wildcards of one anything-but share their beginnings.
    let endings: Vec<String> = (0..20).map(|index| format!(r#""*.{index}x""#)).collect();
    let pattern =
        format!(r#"{{"a": [{{"anything-but": {{"wildcard": [{}]}}}}]}}"#, endings.join(","));
    refused(&pattern, "Rule is too complex");
    let pattern = r#"{"a": [{"anything-but": {"wildcard": ["*.a", "*.b", "*.c", "*.d", "*.e"]}}]}"#;
    check(pattern, r#"{"a": "x.f"}"#, true);
}

#[test]
fn many_stars_over_a_long_text_are_matched_in_linear_time() {
    let text = "a".repeat(200_000);
    let event = format!(r#"{{"a": "{text}"}}"#);
    check(r#"{"a": [{"wildcard": "*a*a*a*a*b"}]}"#, &event, false);
    check(r#"{"a": [{"wildcard": "a*a*a*a*a"}]}"#, &event, true);
}
