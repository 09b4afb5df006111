//! Exact values: strings, IP addresses, numbers, `true`, `false`, `null`, and `exactly`.

use crate::{check, refused};

#[test]
fn strings_are_equal_byte_by_byte_after_unescaping() {
    check(r#"{"a": ["tires"]}"#, r#"{"a": "tires"}"#, true);
    check(r#"{"a": ["tires"]}"#, r#"{"a": "\u0074ires"}"#, true);
    check(r#"{"a": ["\u0074ires"]}"#, r#"{"a": "tires"}"#, true);
    check(r#"{"a": ["\ud83d\ude97"]}"#, r#"{"a": "🚗"}"#, true);
    check(r#"{"a": ["a/b"]}"#, r#"{"a": "a\/b"}"#, true);
    check(r#"{"a": ["tires"]}"#, r#"{"a": "Tires"}"#, false);
    check(r#"{"a": ["tires"]}"#, r#"{"a": "tires "}"#, false);
    // The same letter composed and decomposed is not the same bytes.
    check(r#"{"a": ["é"]}"#, r#"{"a": "e\u0301"}"#, false);
}

#[test]
fn true_false_and_null_match_only_those_literals() {
    check(r#"{"a": [true]}"#, r#"{"a": true}"#, true);
    check(r#"{"a": [true]}"#, r#"{"a": "true"}"#, false);
    check(r#"{"a": [true]}"#, r#"{"a": false}"#, false);
    check(r#"{"a": [false]}"#, r#"{"a": false}"#, true);
    check(r#"{"a": [false]}"#, r#"{"a": 0}"#, false);
    check(r#"{"a": [null]}"#, r#"{"a": null}"#, true);
    check(r#"{"a": [null]}"#, r#"{"a": "null"}"#, false);
    check(r#"{"a": ["null"]}"#, r#"{"a": null}"#, false);
}

#[test]
fn null_matches_neither_absence_nor_an_empty_array() {
    check(r#"{"a": [null]}"#, r#"{"b": 1}"#, false);
    check(r#"{"a": [null]}"#, r#"{"a": []}"#, false);
    check(r#"{"a": [null]}"#, r#"{"a": {}}"#, false);
    check(r#"{"a": [null]}"#, r#"{"a": [null]}"#, true);
}

#[test]
fn the_empty_string_matches_only_itself() {
    check(r#"{"a": [""]}"#, r#"{"a": ""}"#, true);
    check(r#"{"a": [""]}"#, r#"{"a": " "}"#, false);
    check(r#"{"a": [""]}"#, r#"{"a": null}"#, false);
    check(r#"{"a": [""]}"#, r#"{"a": []}"#, false);
}

#[test]
fn numbers_compare_as_numbers() {
    check(r#"{"a": [300]}"#, r#"{"a": 300}"#, true);
    check(r#"{"a": [300]}"#, r#"{"a": 300.0}"#, true);
    check(r#"{"a": [300]}"#, r#"{"a": 3.0e2}"#, true);
    check(r#"{"a": [3.0e2]}"#, r#"{"a": 300}"#, true);
    check(r#"{"a": [0]}"#, r#"{"a": -0.0}"#, true);
    check(r#"{"a": [0.1]}"#, r#"{"a": 1E-1}"#, true);
    check(r#"{"a": [300]}"#, r#"{"a": 300.0000001}"#, false);
    check(r#"{"a": [300]}"#, r#"{"a": "300"}"#, false);
    check(r#"{"a": ["300"]}"#, r#"{"a": 300}"#, false);
}

#[test]
fn a_string_that_is_an_address_matches_any_spelling_of_it() {
    check(r#"{"a": ["10.0.0.1"]}"#, r#"{"a": "10.0.0.1"}"#, true);
    check(r#"{"a": ["10.0.0.1"]}"#, r#"{"a": "10.0.0.2"}"#, false);
    check(r#"{"a": ["::1"]}"#, r#"{"a": "0:0:0:0:0:0:0:1"}"#, true);
    check(r#"{"a": ["2001:DB8::A"]}"#, r#"{"a": "2001:db8:0::a"}"#, true);
    check(r#"{"a": ["2001:db8::a"]}"#, r#"{"a": "2001:db8::b"}"#, false);
    check(r#"{"a": ["::ffff:a00:1"]}"#, r#"{"a": "10.0.0.1"}"#, true);
    check(r#"{"a": ["10.0.0.1"]}"#, r#"{"a": "::FFFF:0A00:0001"}"#, true);
    // Zeros in front make neither an octal number nor too long a group.
    check(r#"{"a": ["010.0.0.1"]}"#, r#"{"a": "10.0.0.1"}"#, true);
    check(r#"{"a": ["10.0.0.1"]}"#, r#"{"a": "10.0.000.01"}"#, true);
    check(r#"{"a": ["1::"]}"#, r#"{"a": "00001::"}"#, true);
}

#[test]
fn a_string_that_only_looks_like_an_address_is_a_string() {
    let rows = [
        ("256.0.0.1", "256.0.0.01"),
        ("10.1", "10.0.0.1"),
        ("10.0.0.1 ", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("[::1]", "::1"),
        ("::1%0", "::1"),
        ("08:23", "8:23"),
        ("1.2.3.00000000004", "1.2.3.4"),
    ];
    for (text, address) in rows {
        let pattern = format!(r#"{{"a": ["{text}"]}}"#);
        check(&pattern, &format!(r#"{{"a": "{text}"}}"#), true);
        check(&pattern, &format!(r#"{{"a": "{address}"}}"#), false);
    }
}

#[test]
fn exactly_is_a_string_and_nothing_else() {
    check(r#"{"a": [{"exactly": "tires"}]}"#, r#"{"a": "tires"}"#, true);
    check(r#"{"a": [{"exactly": "tires"}]}"#, r#"{"a": "tires!"}"#, false);
    // Not the address, but the text.
    check(r#"{"a": [{"exactly": "::1"}]}"#, r#"{"a": "0:0:0:0:0:0:0:1"}"#, false);
    refused(r#"{"a": [{"exactly": 1}]}"#, "exact match pattern must be a string");
    refused(r#"{"a": [{"exactly": "x", "prefix": "x"}]}"#, "Only one key allowed");
}

#[test]
fn a_number_that_no_double_stands_for_equals_its_own_spelling() {
    check(r#"{"a": [1e400]}"#, r#"{"a": 1e400}"#, true);
    check(r#"{"a": [1e400]}"#, r#"{"a": 2e400}"#, false);
    check(r#"{"a": [1]}"#, r#"{"a": 1e400}"#, false);
    check(r#"{"a": [9007199254740993]}"#, r#"{"a": 9007199254740993}"#, true);
    check(r#"{"a": [9007199254740993]}"#, r#"{"a": 9007199254740992}"#, false);
    check(r#"{"a": [9007199254740992]}"#, r#"{"a": 9007199254740993}"#, false);
    check(r#"{"a": [9007199254740993]}"#, r#"{"a": 9007199254740993.0}"#, false);
    check(r#"{"a": [123456789012]}"#, r#"{"a": 123456789012.0}"#, true);
}
