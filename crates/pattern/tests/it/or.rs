//! `$or`

use pattern::Pattern;

use crate::{check, refused};

#[test]
fn one_branch_is_enough_and_the_fields_beside_it_have_to_match_too() {
    let pattern = r#"{"s": ["x"], "$or": [{"a": [1]}, {"b": [2], "c": [3]}]}"#;
    check(pattern, r#"{"s": "x", "a": 1}"#, true);
    check(pattern, r#"{"s": "x", "b": 2, "c": 3}"#, true);
    check(pattern, r#"{"s": "x", "b": 2}"#, false);
    check(pattern, r#"{"s": "y", "a": 1}"#, false);
}

#[test]
fn it_can_stand_inside_an_object_and_inside_a_branch() {
    let pattern = r#"{"d": {"$or": [{"a": [1]}, {"$or": [{"b": [2]}, {"c": {"x": [3]}}]}]}}"#;
    check(pattern, r#"{"d": {"a": 1}}"#, true);
    check(pattern, r#"{"d": {"b": 2}}"#, true);
    check(pattern, r#"{"d": {"c": {"x": 3}}}"#, true);
    check(pattern, r#"{"a": 1}"#, false);
}

#[test]
fn between_a_leaf_and_a_branch_the_last_wins() {
    let pattern = r#"{"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}"#;
    check(pattern, r#"{"a": 2}"#, true);
    check(pattern, r#"{"a": 1, "b": 3}"#, true);
    check(pattern, r#"{"a": 1}"#, false);
    check(pattern, r#"{"a": 2, "b": 4}"#, true);
    let pattern = r#"{"$or": [{"a": [2]}, {"b": [3]}], "a": [1]}"#;
    check(pattern, r#"{"a": 1}"#, true);
    check(pattern, r#"{"a": 2}"#, false);
}

#[test]
fn otherwise_it_is_a_field_of_that_name() {
    check(r#"{"$or": ["x", "y"]}"#, r#"{"$or": "x"}"#, true);
    check(r#"{"$or": [{"prefix": "x"}]}"#, r#"{"$or": "xy"}"#, true);
    check(r#"{"$or": [{"prefix": "x"}, {"prefix": "y"}]}"#, r#"{"$or": "yx"}"#, true);
    check(r#"{"$or": [{"prefix": "x"}, {"prefix": "y"}]}"#, r#"{"$or": "z"}"#, false);
    check(r#"{"$or": {"a": ["x"]}}"#, r#"{"$or": {"a": "x"}}"#, true);
}

#[test]
fn a_pattern_that_is_wrong_both_ways_is_refused_as_a_choice() {
    let message = "There must have at least 2 Objects in $or relationship.";
    refused(r#"{"$or": [{"a": ["x"]}]}"#, message);
    refused(r#"{"$or": []}"#, message);
    let message = "Only JSON object is allowed in array of $or relationship.";
    refused(r#"{"$or": [{"a": ["x"]}, "y"]}"#, message);
    refused(r#"{"$or": "x"}"#, "It must be an Array followed with $or.");
}

#[test]
fn it_means_the_same_in_all_of_a_pattern() {
    let fields = r#"{"x": {"$or": ["p"]}, "$or": [{"prefix": "a"}, {"prefix": "b"}]}"#;
    check(fields, r#"{"x": {"$or": "p"}, "$or": "bc"}"#, true);
    refused(
        r#"{"x": {"$or": ["p"]}, "$or": [{"a": [1]}, {"b": [1]}]}"#,
        "Only JSON object is allowed in array of $or relationship.",
    );
}

#[test]
fn a_branch_is_a_pattern() {
    refused(r#"{"$or": [{"a": ["x"]}, {}]}"#, "Empty objects are not allowed");
    refused(r#"{"$or": [{"a": ["x"]}, {"b": "y"}]}"#, r#""b" must be an object or an array"#);
    refused(r#"{"$or": [{"a": {"prefix": ["x"]}}, {"b": ["y"]}]}"#, "prefix is Ruler reserved");
    check(r#"{"a": {"prefix": ["x"]}}"#, r#"{"a": {"prefix": "x"}}"#, true);
}

#[test]
fn there_are_at_most_a_thousand_combinations() {
    let list = |name: &str, count: usize| {
        let branches: Vec<String> =
            (0..count).map(|index| format!(r#"{{"{name}":[{index}]}}"#)).collect();
        format!(r#""$or":[{}]"#, branches.join(","))
    };
    let pattern = |counts: [usize; 3]| {
        let [a, b, c] = counts;
        format!("{{{},{},{}}}", list("a", a), list("b", b), list("c", c))
    };
    check(&pattern([10, 10, 10]), r#"{"a": 9, "b": 0, "c": 5}"#, true);
    check(&pattern([10, 10, 10]), r#"{"a": 9, "b": 0, "c": 10}"#, false);
    refused(&pattern([10, 10, 11]), "more than 1000 rule combinations");
    // A product too large for any integer is refused as well, and at once.
    let pairs = vec![r#""$or":[{"a":[1]},{"b":[2]}]"#; 120].join(",");
    refused(&format!("{{{pairs}}}"), "more than 1000 rule combinations");
}

#[test]
fn long_paths_times_many_combinations_stay_small() {
    let name = "n".repeat(2_000);
    let pairs = [r#""$or":[{"a":[1]},{"b":[2]}]"#; 9].join(",");
    let fields: Vec<String> = (0..100).map(|index| format!(r#""{index}":[1]"#)).collect();
    let pattern = format!(r#"{{"{name}":{{{}}},{pairs}}}"#, fields.join(","));
    assert!(Pattern::parse(&pattern).is_ok());
}
