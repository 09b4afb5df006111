//! `contains-all`, `compare` and `date`: operators of ours, taken only by who asks for them.

use pattern::{Event, Extensions, Matcher, Pattern, Scratch};

/// An operand of each extension that is right.
const RIGHT: [(&str, &str); 3] = [
    ("contains-all", r#"["x", "y"]"#),
    ("compare", r#"["<", "b"]"#),
    ("date", r#"[">", "2026-01-31T12:00:00Z"]"#),
];

/// The pattern that asks an operator of the field `a`.
fn of(operator: &str, operand: &str) -> String {
    format!(r#"{{"a": [{{"{operator}": {operand}}}]}}"#)
}

fn all() -> Extensions {
    Extensions::named(Extensions::NAMES).expect("these are the names there are")
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse_with(text, all()).expect("the pattern of the row is valid")
}

/// Asserts whether `text`, which may use all extensions, matches `event`.
#[track_caller]
fn check(text: &str, event: &str, expected: bool) {
    let event_read = Event::parse(event).expect("the event of the row is valid");
    assert_eq!(pattern(text).matches(&event_read), expected, "{text} on {event}");
}

/// Asserts that `text` is refused for this reason with all extensions.
#[track_caller]
fn refused(text: &str, message: &str) {
    let error = Pattern::parse_with(text, all()).expect_err("the pattern of the row is not valid");
    assert_eq!(error.message, message, "{text}");
}

#[test]
fn each_is_refused_unless_it_is_asked_for() {
    for (name, operand) in RIGHT {
        let text = of(name, operand);
        let others = Extensions::NAMES.into_iter().filter(|other| *other != name);
        let others = Extensions::named(others).expect("these are names there are");
        for extensions in [Extensions::NONE, others] {
            let error = Pattern::parse_with(&text, extensions).expect_err("it is not asked for");
            assert_eq!(error.message, format!("Unrecognized match type {name}"));
        }
        let error = Pattern::parse(&text).expect_err("nothing is asked for");
        assert_eq!(error.message, format!("Unrecognized match type {name}"));
        let only = Extensions::named([name]).expect("this is a name there is");
        assert!(Pattern::parse_with(&text, only).is_ok(), "{name}");
    }
}

#[test]
fn the_place_is_that_of_an_unknown_operator() {
    let error = Pattern::parse(r#"{"a": [{"date": ["<"]}]}"#).expect_err("it is not asked for");
    assert_eq!((error.line, error.column), (1, 18));
}

#[test]
fn one_inside_another_has_to_be_asked_for_as_well() {
    let text = r#"{"a": [{"contains-all": [{"date": [">", "2026-01-31T12:00:00Z"]}]}]}"#;
    let contains_all = Extensions::named(["contains-all"]).expect("this is a name there is");
    let error = Pattern::parse_with(text, contains_all).expect_err("date is not asked for");
    assert_eq!(error.message, "Unrecognized match type date");
    check(text, r#"{"a": ["x", "2026-02-01T00:00:00Z"]}"#, true);
    check(text, r#"{"a": ["x", "2026-01-01T00:00:00Z"]}"#, false);
}

#[test]
fn they_have_names() {
    let names = |extensions: Extensions| extensions.names().collect::<Vec<_>>();
    assert_eq!(names(Extensions::NONE), [""; 0]);
    assert_eq!(Extensions::NONE, Extensions::default());
    assert_eq!(names(all()), Extensions::NAMES);
    let two = Extensions::named(["date", "contains-all", "date"]);
    assert_eq!(two.map(names), Ok(vec!["contains-all", "date"]));
    for wrong in ["", "Date", "containsAll", "exists"] {
        let error = Extensions::named(["date", wrong]).expect_err("there is no such name");
        let expected = format!(
            "there is no pattern extension \"{wrong}\"; there are \"contains-all\", \"compare\" \
             and \"date\""
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn their_names_are_free_for_fields() {
    let text = r#"{"$or": [{"compare": ["x"]}, {"date": {"contains-all": ["y"]}}]}"#;
    check(text, r#"{"compare": "x"}"#, true);
    check(text, r#"{"date": {"contains-all": "y"}}"#, true);
    check(text, r#"{"compare": "y"}"#, false);
}

#[test]
fn none_stands_inside_anything_but() {
    for (name, operand) in RIGHT {
        refused(
            &of("anything-but", &format!(r#"{{"{name}": {operand}}}"#)),
            &format!("Unsupported anything-but pattern: {name}"),
        );
    }
}

#[test]
fn each_is_one_entry_of_a_list_among_others() {
    for (name, operand) in RIGHT {
        let text = format!(r#"{{"a": ["q", {{"{name}": {operand}}}, {{"exists": false}}]}}"#);
        check(&text, r#"{"a": "q"}"#, true);
        check(&text, r#"{"b": 1}"#, true);
        check(&text, r#"{"a": "r"}"#, false);
        check(&text, r#"{"a": ["y", "2026-02-01T00:00:00Z", "x"], "b": "z"}"#, true);
    }
}

#[test]
fn each_is_the_only_key_of_its_object() {
    for (name, operand) in RIGHT {
        refused(
            &format!(r#"{{"a": [{{"{name}": {operand}, "prefix": "x"}}]}}"#),
            "Only one key allowed in match expression",
        );
    }
}

#[test]
fn contains_all_asks_each_entry_of_some_value() {
    let text = of("contains-all", r#"["x", "y"]"#);
    check(&text, r#"{"a": ["x", "y"]}"#, true);
    check(&text, r#"{"a": ["z", "y", "x", "y"]}"#, true);
    check(&text, r#"{"a": ["x", "x"]}"#, false);
    check(&text, r#"{"a": "x"}"#, false);
    check(&text, r#"{"a": []}"#, false);
    check(&text, r#"{"b": ["x", "y"]}"#, false);
    check(&text, r#"{"a": {"b": ["x", "y"]}}"#, false);
    check(&of("contains-all", r#"["x"]"#), r#"{"a": "x"}"#, true);
}

#[test]
fn contains_all_takes_the_entries_of_a_list() {
    let rows = [
        (r#"["x", 1, true, null]"#, r#"[null, true, 1.0, "x"]"#, r#"[null, true, "1", "x"]"#),
        (r#"[{"prefix": "x"}, {"suffix": "y"}]"#, r#""xy""#, r#"["xa", "xb"]"#),
        (r#"[{"prefix": "x"}, {"suffix": "y"}]"#, r#"["ay", "xa"]"#, r#"["ax", "ya"]"#),
        (r#"[{"anything-but": "x"}, "x"]"#, r#"["x", 1]"#, r#"["x", "x"]"#),
        (r#"[{"numeric": [">", 5]}, {"numeric": ["<", 1]}]"#, "[0, 3, 6]", "[1, 3, 6]"),
        (r#"[{"exists": true}]"#, "null", "[]"),
        (r#"[{"cidr": "10.0.0.0/8"}, "::1"]"#, r#"["0::1", "10.1.2.3"]"#, r#"["::1", "11.0.0.0"]"#),
        (r#"["x", {"exactly": "x"}, {"equals-ignore-case": "X"}]"#, r#""x""#, r#""X""#),
        (r#"[{"wildcard": "a*"}, {"wildcard": "*c"}]"#, r#""abc""#, r#"["ab"]"#),
    ];
    for (operand, matching, other) in rows {
        let text = of("contains-all", operand);
        check(&text, &format!(r#"{{"a": {matching}}}"#), true);
        check(&text, &format!(r#"{{"a": {other}}}"#), false);
    }
}

#[test]
fn contains_all_is_asked_of_one_array() {
    let text = of("contains-all", r#"["x", "y"]"#);
    check(&text, r#"{"a": [["x", "y"]]}"#, true);
    check(&text, r#"{"a": [["x"], ["w", "y", "x"]]}"#, true);
    check(&text, r#"{"a": [["x"], ["y"]]}"#, false);
    check(&text, r#"{"a": ["x", ["y"]]}"#, false);
    // A name that is repeated in one object is no array.
    check(&text, r#"{"a": "x", "a": ["y"]}"#, true);
}

#[test]
fn contains_all_is_asked_of_one_element_of_an_array_of_objects() {
    let text = r#"{"l": {"t": [{"contains-all": ["x", "y"]}]}}"#;
    check(text, r#"{"l": [{"t": ["w"]}, {"t": ["x", "y"]}]}"#, true);
    check(text, r#"{"l": [{"t": ["x"]}, {"t": ["y"]}]}"#, false);
    check(text, r#"{"l": {"t": ["x", "y"]}}"#, true);
    // The element has to be the one that satisfies the other fields.
    let text = r#"{"l": {"n": [1], "t": [{"contains-all": ["x", "y"]}]}}"#;
    check(text, r#"{"l": [{"n": 1, "t": ["x", "y"]}]}"#, true);
    check(text, r#"{"l": [{"n": 2, "t": ["x", "y"]}, {"n": 1, "t": ["x"]}]}"#, false);
    check(text, r#"{"l": [{"n": 2, "t": ["x", "y"]}, {"n": 1, "t": ["y", "x"]}]}"#, true);
    check(text, r#"{"l": [{"n": 1, "t": ["x"]}, {"n": 1, "t": ["y"]}]}"#, false);
}

#[test]
fn bad_operands_of_contains_all_are_refused() {
    let inside = "Inside contains-all, exists false, compare and contains-all are not supported.";
    let rows = [
        (r#""x""#, "Value of contains-all must be an array."),
        (r#"{"prefix": "x"}"#, "Value of contains-all must be an array."),
        ("[]", "Empty arrays are not allowed"),
        (r#"[["x"]]"#, "Match value must be String, number, true, false, or null"),
        (r#"[{"exists": false}]"#, inside),
        (r#"["x", {"compare": ["<", "b"]}]"#, inside),
        (r#"["x", {"contains-all": ["y"]}, "z"]"#, inside),
        (r#"[{"like": "x"}]"#, "Unrecognized match type like"),
        (r#"[{"wildcard": "**"}]"#, "Consecutive wildcard characters at pos 1"),
        (
            r#"[{"wildcard": "*:*:*:*:*:event-bus/*"}]"#,
            "Rule is too complex - try using fewer wildcard characters or fewer repeating \
             character sequences after a wildcard character",
        ),
    ];
    for (operand, message) in rows {
        refused(&of("contains-all", operand), message);
    }
}

#[test]
fn compare_has_six_signs() {
    let rows = [
        ("=", false, true, false),
        ("!=", true, false, true),
        ("<", true, false, false),
        ("<=", true, true, false),
        (">", false, false, true),
        (">=", false, true, true),
    ];
    for (sign, below, same, above) in rows {
        let text = of("compare", &format!(r#"["{sign}", "b"]"#));
        for (a, expected) in [("1.5", below), ("2.0", same), ("2.5", above)] {
            check(&text, &format!(r#"{{"a": {a}, "b": 2}}"#), expected);
        }
        for (a, expected) in [("B", below), ("b", same), ("bb", above)] {
            check(&text, &format!(r#"{{"a": "{a}", "b": "b"}}"#), expected);
        }
    }
}

#[test]
fn values_of_two_kinds_do_not_compare() {
    let events = [
        r#"{"a": 1, "b": "1"}"#,
        r#"{"a": "1", "b": 1}"#,
        r#"{"a": null, "b": null}"#,
        r#"{"a": true, "b": true}"#,
        r#"{"a": true, "b": false}"#,
        r#"{"a": "x", "b": null}"#,
        r#"{"a": "x"}"#,
        r#"{"b": "x"}"#,
        r#"{"a": "x", "b": {"c": "x"}}"#,
        r#"{"a": "x", "b": []}"#,
        // No double stands for these, so nothing is known of their order.
        r#"{"a": 9007199254740993, "b": 9007199254740993}"#,
        r#"{"a": 1e400, "b": 1}"#,
        r#"{"a": 1, "b": 1e400}"#,
    ];
    for event in events {
        for sign in ["=", "!=", "<", "<=", ">", ">="] {
            check(&of("compare", &format!(r#"["{sign}", "b"]"#)), event, false);
        }
    }
}

#[test]
fn strings_are_compared_by_their_characters() {
    let text = of("compare", r#"["<", "b"]"#);
    check(&text, r#"{"a": "10", "b": "9"}"#, true);
    check(&text, r#"{"a": "Z", "b": "a"}"#, true);
    check(&text, r#"{"a": "z", "b": "é"}"#, true);
    // In the order of characters, not in that of their halves.
    check(&text, r#"{"a": "\uff5e", "b": "🚗"}"#, true);
    let text = of("compare", r#"["=", "b"]"#);
    check(&text, r#"{"a": "x", "b": "\u0078"}"#, true);
    check(&text, r#"{"a": "10.0.0.1", "b": "010.0.0.1"}"#, false);
}

#[test]
fn of_several_values_one_pair_is_enough() {
    let text = of("compare", r#"["<", "b"]"#);
    check(&text, r#"{"a": [5, 1], "b": [0, 2]}"#, true);
    check(&text, r#"{"a": [5, 1], "b": [0, 1]}"#, false);
    check(&text, r#"{"a": ["x", null, 1], "b": [null, 2]}"#, true);
    check(&of("compare", r#"["<", "a"]"#), r#"{"a": [1, 2]}"#, true);
    check(&of("compare", r#"["<", "a"]"#), r#"{"a": [2, 2]}"#, false);
}

#[test]
fn compare_looks_for_its_pair_in_one_element() {
    let text = r#"{"l": {"a": [{"compare": [">", "l.b"]}]}}"#;
    check(text, r#"{"l": [{"a": 1, "b": 2}, {"a": 3, "b": 2}]}"#, true);
    check(text, r#"{"l": [{"a": 3, "b": 4}, {"a": 1, "b": 2}]}"#, false);
    check(text, r#"{"l": [{"a": 3}, {"b": 2}]}"#, false);
    check(text, r#"{"l": {"a": 3, "b": 2}}"#, true);
    // Inside of the element there may be more arrays.
    check(text, r#"{"l": [{"a": 3, "b": [4, 2]}]}"#, true);
    let text = r#"{"l": {"m": {"a": [{"compare": [">", "l.b"]}]}}}"#;
    check(text, r#"{"l": [{"m": [{"a": 1}, {"a": 3}], "b": 2}]}"#, true);
    check(text, r#"{"l": [{"m": [{"a": 3}]}, {"b": 2}]}"#, false);
}

#[test]
fn compare_with_a_value_outside_is_tied_to_its_own_element_only() {
    let text = r#"{"l": {"a": [{"compare": [">", "limit"]}], "n": [1]}}"#;
    check(text, r#"{"l": [{"a": 1, "n": 2}, {"a": 3, "n": 1}], "limit": 2}"#, true);
    check(text, r#"{"l": [{"a": 3, "n": 2}, {"a": 1, "n": 1}], "limit": 2}"#, false);
    let text = r#"{"l": {"n": [1]}, "t": [{"compare": ["=", "l.m"]}]}"#;
    check(text, r#"{"l": [{"n": 1}, {"m": 2}], "t": 2}"#, true);
    check(text, r#"{"l": [{"n": 1}, {"m": 3}], "t": 2}"#, false);
}

#[test]
fn compare_looks_at_a_thousand_values_of_each_field() {
    let event = |zeros: usize| format!(r#"{{"a": [{}2], "b": 1}}"#, "0,".repeat(zeros));
    let text = of("compare", r#"[">", "b"]"#);
    check(&text, &event(999), true);
    check(&text, &event(1_000), false);
    let event = |nines: usize| format!(r#"{{"a": 2, "b": [{}1]}}"#, "9,".repeat(nines));
    check(&text, &event(999), true);
    check(&text, &event(1_000), false);
}

#[test]
fn bad_operands_of_compare_are_refused() {
    let shape =
        r#"Value of compare must be an array of a sign and a path, as in ["<", "detail.limit"]"#;
    let path = r#"The path of compare is the names joined by dots, as in "detail.limit""#;
    let rows = [
        (r#""b""#, shape),
        (r#"{"<": "b"}"#, shape),
        ("[]", shape),
        (r#"["<"]"#, shape),
        (r#"[1, "b"]"#, shape),
        (r#"["<", 1]"#, shape),
        (r#"["<", ["b"]]"#, shape),
        (r#"["<", "b", "c"]"#, shape),
        (r#"["==", "b"]"#, "Unrecognized compare operator: ==; use = != < <= > or >="),
        (r#"["", 1]"#, "Unrecognized compare operator: ; use = != < <= > or >="),
        (r#"["<", ""]"#, path),
        (r#"["<", "$.b"]"#, path),
    ];
    for (operand, message) in rows {
        refused(&of("compare", operand), message);
    }
}

#[test]
fn a_date_has_a_lower_bound_an_upper_one_or_both() {
    let before = "2026-01-31T11:59:59Z";
    let at = "2026-01-31T12:00:00Z";
    let after = "2026-01-31T12:00:01Z";
    let rows = [
        ("<", [true, false, false]),
        ("<=", [true, true, false]),
        (">", [false, false, true]),
        (">=", [false, true, true]),
    ];
    for (sign, expected) in rows {
        let text = of("date", &format!(r#"["{sign}", "{at}"]"#));
        for (date, expected) in [before, at, after].into_iter().zip(expected) {
            check(&text, &format!(r#"{{"a": "{date}"}}"#), expected);
        }
    }
    for (lower, upper, expected) in
        [(">", "<", [false, false]), (">", "<=", [false, true]), (">=", "<", [true, false])]
    {
        let text = of("date", &format!(r#"["{lower}", "{before}", "{upper}", "{after}"]"#));
        check(&text, &format!(r#"{{"a": "{at}"}}"#), true);
        for (date, expected) in [before, after].into_iter().zip(expected) {
            check(&text, &format!(r#"{{"a": "{date}"}}"#), expected);
        }
    }
}

#[test]
fn a_date_is_an_instant_in_any_spelling() {
    let text = of("date", r#"[">=", "2026-01-31T13:00:00+01:00"]"#);
    for date in [
        "2026-01-31T12:00:00Z",
        "2026-01-31t12:00:00z",
        "2026-01-31T12:00:00.0Z",
        "2026-01-31T12:00:00.000000001Z",
        "2026-01-31T14:00:00+02:00",
        "2026-01-31T07:30:00-04:30",
        "2026-02-01T01:00:00+13:00",
        "9999-12-30T00:00:00Z",
        // Many write this for "never".
        "9999-12-31T23:59:59Z",
    ] {
        check(&text, &format!(r#"{{"a": "{date}"}}"#), true);
    }
    for date in [
        "2026-01-31T11:59:59.999999999Z",
        "2026-01-31T12:00:00+00:01",
        "2026-02-01T00:59:59+13:00",
        "0000-01-01T00:00:00Z",
        // Shorter, as ISO 8601 allows and RFC 3339 does not.
        "2026-01-31T12:00Z",
        "2026-01-31T12Z",
        "20260131T120000Z",
        "2026-01-31T12:00:00Z[UTC]",
    ] {
        check(&text, &format!(r#"{{"a": "{date}"}}"#), false);
    }
}

#[test]
fn what_is_no_instant_is_in_no_period() {
    let texts = [
        of("date", r#"[">", "0001-01-01T00:00:00Z"]"#),
        of("date", r#"["<", "9000-01-01T00:00:00Z"]"#),
    ];
    for value in [
        r#""2026-01-31""#,
        r#""2026-01-31T12:00:00""#,
        r#""12:00:00Z""#,
        r#""2026-02-29T12:00:00Z""#,
        r#""2026-01-31T25:00:00Z""#,
        r#"" 2026-01-31T12:00:00Z""#,
        r#""2026-01-31T12:00:00Z x""#,
        r#""Sat, 31 Jan 2026 12:00:00 GMT""#,
        r#""now""#,
        r#""""#,
        "1800000000",
        "null",
        "true",
        "[]",
        r#"{"b": "2026-01-31T12:00:00Z"}"#,
    ] {
        for text in &texts {
            check(text, &format!(r#"{{"a": {value}}}"#), false);
        }
    }
}

#[test]
fn one_date_of_an_array_is_enough() {
    let text = of("date", r#"[">", "2026-01-31T12:00:00Z"]"#);
    check(&text, r#"{"a": ["x", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"]}"#, true);
    check(&text, r#"{"a": ["x", "2026-01-01T00:00:00Z"]}"#, false);
    // It is tied to its element like any other condition.
    let text = r#"{"l": {"n": [1], "t": [{"date": [">", "2026-01-31T12:00:00Z"]}]}}"#;
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let event = |one: &str, two: &str| {
        format!(r#"{{"l": [{{"n": 1, "t": "{one}"}}, {{"n": 2, "t": "{two}"}}]}}"#)
    };
    check(text, &event(late, early), true);
    check(text, &event(early, late), false);
}

#[test]
fn bad_operands_of_date_are_refused() {
    let member = r#"Invalid member in date match; write [">=", date]"#;
    let at = r#""2026-01-31T12:00:00Z""#;
    let no_date =
        |text: &str| format!("Not a date of RFC 3339, as 2026-01-31T12:00:00Z is: {text}");
    let rows = [
        (at.to_owned(), "Value of date must be an array.".to_owned()),
        ("[]".to_owned(), "Empty arrays are not allowed".to_owned()),
        ("[1]".to_owned(), member.to_owned()),
        (format!(r#"[">", {at}, null]"#), member.to_owned()),
        (r#"["<"]"#.to_owned(), "Value of < must be a date".to_owned()),
        (r#"[">=", 1800000000]"#.to_owned(), "Value of >= must be a date".to_owned()),
        (r#"[">=", "2026-01-31"]"#.to_owned(), no_date("2026-01-31")),
        (r#"[">=", "now"]"#.to_owned(), no_date("now")),
        (format!(r#"["=", {at}]"#), "Unrecognized date operator: =".to_owned()),
        (format!(r#"["<", {at}, ">", {at}]"#), "Too many terms in date expression".to_owned()),
        (format!(r#"["<", {at}, "<", {at}]"#), "Too many terms in date expression".to_owned()),
        (format!(r#"[">", {at}, ">=", {at}]"#), "Too many terms in date expression".to_owned()),
        (format!(r#"[">=", {at}, "<=", {at}]"#), "Bottom must be less than top".to_owned()),
        (
            format!(r#"[">", {at}, "<", "2026-01-31T12:00:00+01:00"]"#),
            "Bottom must be less than top".to_owned(),
        ),
    ];
    for (operand, message) in rows {
        refused(&of("date", &operand), &message);
    }
}

#[test]
fn many_patterns_share_one_matcher() {
    let texts = [
        of("compare", r#"["<", "b"]"#),
        of("compare", r#"["<", "c"]"#),
        of("compare", r#"["=", "b"]"#),
        of("contains-all", r#"[1, {"numeric": ["<", 5]}]"#),
        of("contains-all", "[1, 2]"),
        r#"{"b": [2]}"#.to_owned(),
    ];
    let mut matcher = Matcher::new();
    let ids: Vec<_> =
        texts.iter().enumerate().map(|(key, text)| matcher.add(key, &pattern(text))).collect();
    let keys = |matcher: &Matcher<usize>| {
        let event = Event::parse(r#"{"a": 1, "b": 2, "c": 0}"#).expect("the event is valid");
        let mut scratch = Scratch::default();
        matcher.matches(&event, &mut scratch).into_iter().copied().collect::<Vec<_>>()
    };
    assert_eq!(keys(&matcher), [0, 3, 5]);
    // What others compare with is still found when the pattern that asked for it is gone.
    matcher.remove(ids[5]);
    matcher.remove(ids[2]);
    assert_eq!(keys(&matcher), [0, 3]);
    matcher.remove(ids[0]);
    assert_eq!(keys(&matcher), [3]);
}
