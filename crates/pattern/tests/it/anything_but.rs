//! `anything-but`

use crate::{check, refused};

#[test]
fn a_string_excludes_only_itself() {
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": "y"}"#, true);
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": "xx"}"#, true);
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": "x"}"#, false);
    check(r#"{"a": [{"anything-but": ""}]}"#, r#"{"a": ""}"#, false);
    check(r#"{"a": [{"anything-but": ""}]}"#, r#"{"a": "x"}"#, true);
}

#[test]
fn a_number_excludes_every_spelling_of_itself() {
    check(r#"{"a": [{"anything-but": 300}]}"#, r#"{"a": 301}"#, true);
    check(r#"{"a": [{"anything-but": 300}]}"#, r#"{"a": 3.0e2}"#, false);
    check(r#"{"a": [{"anything-but": 300}]}"#, r#"{"a": "300"}"#, true);
}

#[test]
fn a_list_excludes_each_of_its_values() {
    check(r#"{"a": [{"anything-but": ["x", "y"]}]}"#, r#"{"a": "z"}"#, true);
    check(r#"{"a": [{"anything-but": ["x", "y"]}]}"#, r#"{"a": "y"}"#, false);
    check(r#"{"a": [{"anything-but": [1, 2]}]}"#, r#"{"a": 3}"#, true);
    check(r#"{"a": [{"anything-but": [1, 2]}]}"#, r#"{"a": 2.0}"#, false);
}

#[test]
fn prefix_suffix_case_and_wildcard_can_be_excluded() {
    let rows = [
        (r#"{"prefix": "x"}"#, "yx", "xy"),
        (r#"{"prefix": ["x", "y"]}"#, "z", "yz"),
        (r#"{"suffix": "x"}"#, "xy", "yx"),
        (r#"{"suffix": ["x", "y"]}"#, "z", "zy"),
        (r#"{"equals-ignore-case": "abc"}"#, "ab", "ABC"),
        (r#"{"equals-ignore-case": ["abc", "d"]}"#, "e", "D"),
        (r#"{"wildcard": "*/lib/*"}"#, "a/b/c", "a/lib/c"),
        (r#"{"wildcard": ["*/lib/*", "*.jar"]}"#, "a/b/c", "c.jar"),
    ];
    for (excluded, other, same) in rows {
        let pattern = format!(r#"{{"a": [{{"anything-but": {excluded}}}]}}"#);
        check(&pattern, &format!(r#"{{"a": "{other}"}}"#), true);
        check(&pattern, &format!(r#"{{"a": "{same}"}}"#), false);
        check(&pattern, r#"{"a": 1}"#, true);
        check(&pattern, r#"{"b": "x"}"#, false);
    }
}

#[test]
fn null_and_other_types_are_anything_but_an_absent_field_is_not() {
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": null}"#, true);
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": 1}"#, true);
    check(r#"{"a": [{"anything-but": 1}]}"#, r#"{"a": true}"#, true);
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"b": "y"}"#, false);
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": {"b": "y"}}"#, false);
}

#[test]
fn one_other_element_of_an_array_is_enough() {
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": ["x", "y"]}"#, true);
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": ["x", "x"]}"#, false);
}

#[test]
fn it_takes_strings_or_numbers_but_no_mixture_null_boolean_or_empty_affix() {
    let refused_operand = |operand: &str, message_part: &str| {
        refused(&format!(r#"{{"a": [{{"anything-but": {operand}}}]}}"#), message_part);
    };
    refused_operand("null", "must be an array or single string/number value");
    refused_operand("true", "must be an array or single string/number value");
    refused_operand("[null]", "start|null|boolean is not supported");
    refused_operand(r#"["x", true]"#, "start|null|boolean is not supported");
    refused_operand(r#"[["x"]]"#, "start|null|boolean is not supported");
    refused_operand(r#"["x", 1]"#, "mixed type is not supported");
    refused_operand("[]", "either all values are number or string");
    refused_operand("{}", "Anything-But expression name not found");
    refused_operand(r#"{"numeric": ["=", 1]}"#, "Unsupported anything-but pattern: numeric");
    refused_operand(r#"{"anything-but": "x"}"#, "Unsupported anything-but pattern: anything-but");
    refused_operand(r#"{"prefix": ""}"#, "Null prefix/suffix not allowed");
    refused_operand(r#"{"suffix": ["x", ""]}"#, "Null prefix/suffix not allowed");
    refused_operand(r#"{"prefix": 1}"#, "prefix/suffix match pattern must be a string");
    refused_operand(r#"{"prefix": []}"#, "Empty arrays are not allowed");
    refused_operand(r#"{"prefix": {"equals-ignore-case": "x"}}"#, "must be an array or single");
    refused_operand("1e400", "Cannot compare number : 1e400");
    refused_operand("[1, 1e400]", "Cannot compare number : 1e400");
    refused_operand(r#"{"equals-ignore-case": [1]}"#, "number|start|null|boolean");
    refused_operand(r#"{"wildcard": "a**"}"#, "Consecutive wildcard characters at pos 2");
    refused_operand(r#"{"prefix": "x", "suffix": "y"}"#, "Too many elements");
    refused(r#"{"a": [{"anything-but": "x", "prefix": "y"}]}"#, "Too many elements");
}
