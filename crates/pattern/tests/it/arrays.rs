//! Arrays of an event: any element may match, and two fields may not match in different ones.

use std::fmt::Write as _;

use crate::check;

#[test]
fn any_element_of_an_array_may_match() {
    check(r#"{"a": ["x"]}"#, r#"{"a": ["w", "x"]}"#, true);
    check(r#"{"a": ["x"]}"#, r#"{"a": ["w", "y"]}"#, false);
    check(r#"{"a": [1]}"#, r#"{"a": ["x", 1.0, null]}"#, true);
    check(r#"{"a": {"b": ["x"]}}"#, r#"{"a": [{"b": "w"}, {"b": "x"}]}"#, true);
    check(r#"{"a": {"b": ["x"]}}"#, r#"{"a": [{"b": "w"}, {"c": "x"}]}"#, false);
}

#[test]
fn arrays_of_arrays_are_flattened() {
    check(r#"{"a": ["x"]}"#, r#"{"a": [["w"], [["x"]]]}"#, true);
    check(r#"{"a": ["x"]}"#, r#"{"a": [["w"], [["y"]]]}"#, false);
    check(r#"{"a": {"b": ["x"]}}"#, r#"{"a": [[{"b": "x"}]]}"#, true);
}

#[test]
fn an_empty_array_is_an_absent_field() {
    check(r#"{"a": [{"exists": false}]}"#, r#"{"a": []}"#, true);
    check(r#"{"a": [{"exists": false}]}"#, r#"{"a": [[], []]}"#, true);
    check(r#"{"a": [{"exists": true}]}"#, r#"{"a": []}"#, false);
    check(r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": []}"#, false);
}

#[test]
fn two_fields_may_not_match_in_different_elements() {
    let pattern = r#"{"teams": {"name": ["red"], "rank": [1]}}"#;
    check(pattern, r#"{"teams": [{"name": "red", "rank": 1}, {"name": "blue", "rank": 2}]}"#, true);
    check(
        pattern,
        r#"{"teams": [{"name": "red", "rank": 2}, {"name": "blue", "rank": 1}]}"#,
        false,
    );
    check(pattern, r#"{"teams": [{"name": "red"}, {"rank": 1}]}"#, false);
    check(pattern, r#"{"teams": {"name": "red", "rank": 1}}"#, true);
    check(pattern, r#"{"teams": [[{"name": "red"}, {"rank": 1}]]}"#, false);
    check(pattern, r#"{"teams": [[{"name": "red"}], [{"rank": 1}]]}"#, false);
    check(pattern, r#"{"teams": [[{"name": "red"}], [{"name": "red", "rank": 1}]]}"#, true);
}

#[test]
fn different_arrays_are_independent() {
    let pattern = r#"{"a": {"x": [1]}, "b": {"y": [2]}}"#;
    check(pattern, r#"{"a": [{"x": 0}, {"x": 1}], "b": [{"y": 2}, {"y": 3}]}"#, true);
    check(pattern, r#"{"a": [{"x": 0}, {"x": 1}], "b": [{"y": 3}]}"#, false);
    // Two arrays of one element are independent of each other, but not of the element.
    let pattern = r#"{"l": {"a": {"x": [1]}, "b": {"y": [2]}}}"#;
    check(pattern, r#"{"l": [{"a": [{"x": 0}, {"x": 1}], "b": [{"y": 2}]}]}"#, true);
    check(pattern, r#"{"l": [{"a": [{"x": 1}]}, {"b": [{"y": 2}]}]}"#, false);
}

#[test]
fn plain_values_of_an_array_are_not_tied_to_its_objects() {
    let pattern = r#"{"a": ["x"], "a.b": [1]}"#;
    check(pattern, r#"{"a": ["x", {"b": 1}]}"#, true);
    check(pattern, r#"{"a": ["w", {"b": 1}]}"#, false);
}

#[test]
fn consistency_holds_on_every_level() {
    let pattern = r#"{"a": {"n": [1], "b": {"x": [1], "y": [2]}}}"#;
    check(pattern, r#"{"a": [{"n": 1, "b": [{"x": 0}, {"x": 1, "y": 2}]}]}"#, true);
    check(pattern, r#"{"a": [{"n": 1, "b": [{"x": 1}, {"y": 2}]}]}"#, false);
    check(pattern, r#"{"a": [{"n": 1, "b": []}, {"n": 2, "b": [{"x": 1, "y": 2}]}]}"#, false);
}

#[test]
fn a_field_found_in_several_arrays_may_be_taken_from_either() {
    let pattern = r#"{"a": {"x": [1], "y": [2]}}"#;
    check(pattern, r#"{"a": [{"x": 1}], "a": [{"y": 2}]}"#, true);
    check(pattern, r#"{"a": [{"x": 1}, {"y": 2}], "a": [{"x": 1}]}"#, true);
    check(pattern, r#"{"a": [{"x": 1}, {"y": 2}], "a": [{"x": 2}]}"#, false);
    check(pattern, r#"{"a": [{"x": 1}, {"y": 2}], "a.y": 2}"#, true);
}

#[test]
fn absence_is_asked_of_the_elements_that_fields_before_it_chose() {
    let pattern = r#"{"a": {"x": [1], "y": [{"exists": false}]}}"#;
    check(pattern, r#"{"a": [{"x": 1}, {"x": 2}]}"#, true);
    check(pattern, r#"{"a": [{"x": 1}, {"y": 2}]}"#, true);
    check(pattern, r#"{"a": [{"x": 1, "y": 3}, {"y": 2}]}"#, false);
    check(pattern, r#"{"a": [{"x": 1, "y": 3}, {"x": 1}]}"#, true);
    check(pattern, r#"{"a": [{"x": 1}], "a.y": 2}"#, false);
    // In the order of paths: `a.b` comes before `a.x`, when no element has been chosen yet.
    let pattern = r#"{"a": {"b": [{"exists": false}], "x": [1]}}"#;
    check(pattern, r#"{"a": [{"x": 1}, {"b": 2}]}"#, false);
    check(pattern, r#"{"a": [{"x": 1}, {"x": 2}]}"#, true);
    // In one list with other entries, either is enough.
    let pattern = r#"{"a": {"x": [1], "y": [{"exists": false}, "q"]}}"#;
    check(pattern, r#"{"a": [{"x": 1, "y": "z"}, {"y": "q"}]}"#, false);
    check(pattern, r#"{"a": [{"x": 1}, {"y": "z"}]}"#, true);
    check(pattern, r#"{"a": [{"x": 1, "y": "q"}, {"y": "z"}]}"#, true);
}

#[test]
fn absence_among_thousands_of_elements_is_found_in_bounded_time() {
    let pattern = r#"{"a": {"x": [1], "y": [{"exists": false}], "z": [1]}}"#;
    let element = r#"{"x": 1, "y": 1},"#.repeat(3_000);
    check(pattern, &format!(r#"{{"a": [{element} {{"x": 1, "z": 1}}]}}"#), true);
    check(pattern, &format!(r#"{{"a": [{element} {{"x": 1, "y": 1, "z": 1}}]}}"#), false);
}

#[test]
fn thousands_of_elements_in_a_few_fields_are_matched_in_linear_time() {
    // Two arrays with two fields each: every element satisfies one of the two, none satisfies both.
    // Keeping pairs of elements would take a hundred million steps.
    let elements = |array: &str| {
        let mut text = String::new();
        for index in 0..10_000 {
            let (one, two) = (index % 2, 1 - index % 2);
            write!(text, r#"{{"{array}x": {one}, "{array}y": {two}}},"#)
                .expect("a String takes all");
        }
        text
    };
    let pattern = r#"{"a": {"ax": [1], "ay": [1]}, "b": {"bx": [1], "by": [1]}}"#;
    let (a, b) = (elements("a"), elements("b"));
    let last = r#"{"ax": 1, "ay": 1, "bx": 1, "by": 1}"#;
    check(pattern, &format!(r#"{{"a": [{a} {last}], "b": [{b} {last}]}}"#), true);
    check(pattern, &format!(r#"{{"a": [{a} {last}], "b": [{b} {{}}]}}"#), false);
}
