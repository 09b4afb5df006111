//! Why an event matches a pattern, or does not, in words.

use std::fmt::Write as _;

use pattern::{Event, Explanation, Extensions, FieldExplanation, Pattern};

/// What is said of an event by a pattern that may use all extensions.
#[track_caller]
fn explanation(pattern: &str, event: &str) -> Explanation {
    let extensions = Extensions::named(Extensions::NAMES).expect("these are the names there are");
    let parsed = Pattern::parse_with(pattern, extensions).expect("the pattern of the row is valid");
    let event_read = Event::parse(event).expect("the event of the row is valid");
    let explanation = parsed.explain(&event_read);
    assert_eq!(explanation.matches, parsed.matches(&event_read), "{pattern} on {event}");
    explanation
}

/// Asserts the whole text.
#[track_caller]
fn says(pattern: &str, event: &str, expected: &str) {
    assert_eq!(explanation(pattern, event).to_string(), expected, "{pattern} on {event}");
}

/// What is said of the field that comes first.
#[track_caller]
fn first_field(pattern: &str, event: &str) -> FieldExplanation {
    let ways = explanation(pattern, event).ways;
    let mut fields = ways.into_iter().flat_map(|way| way.fields);
    fields.next().expect("a pattern has a field")
}

/// Asserts whether an event satisfies the field that comes first, and why.
#[track_caller]
fn because(pattern: &str, event: &str, satisfied: bool, reason: &str) {
    let field = first_field(pattern, event);
    assert_eq!((&*field.reason, field.matches), (reason, satisfied), "{pattern} on {event}");
}

#[test]
fn a_match_names_the_value_and_what_it_satisfies() {
    says(
        r#"{"source": ["cars"], "detail": {"price": [{"numeric": ["<", 500]}]}}"#,
        r#"{"source": "cars", "detail": {"price": 450}}"#,
        "The event matches.\n  \
           + detail.price: 450 is a number < 500\n  \
           + source: \"cars\" is \"cars\"",
    );
    because(
        r#"{"a": ["x", {"prefix": "y"}]}"#,
        r#"{"a": "yes"}"#,
        true,
        r#""yes" begins with "y""#,
    );
    because(r#"{"a": ["x", "y"]}"#, r#"{"a": ["w", "y", "x"]}"#, true, r#""y" is "y""#);
    because(r#"{"a": [300]}"#, r#"{"a": 3.0e2}"#, true, "3.0e2 equals 300");
    because(r#"{"a": [{"exists": true}]}"#, r#"{"a": null}"#, true, "null is there");
}

#[test]
fn a_wrong_value_is_told_with_what_is_wanted() {
    says(
        r#"{"source": ["cars"], "detail": {"kind": ["winter", {"prefix": "all-"}]}}"#,
        r#"{"source": "cars", "detail": {"kind": "summer"}}"#,
        "The event does not match.\n  \
           - detail.kind: is \"summer\"; wanted is a value that is \"winter\", \
             or one that begins with \"all-\"\n  \
           + source: \"cars\" is \"cars\"",
    );
    because(r#"{"a": [1]}"#, r#"{"a": "1"}"#, false, r#"is "1"; wanted is a value that equals 1"#);
    because(r#"{"a": [true]}"#, r#"{"a": null}"#, false, "is null; wanted is a value that is true");
    because(
        r#"{"a": ["x"]}"#,
        r#"{"a": ["y", 1, null]}"#,
        false,
        r#"has 3 values, of which the first is "y"; wanted is one that is "x""#,
    );
    because(
        r#"{"a": [{"anything-but": "x"}]}"#,
        r#"{"a": "x"}"#,
        false,
        r#"is "x"; wanted is a value that is anything but "x""#,
    );
}

#[test]
fn every_condition_has_words() {
    let rows = [
        ("null", "is null"),
        ("false", "is false"),
        ("300.0", "equals 300"),
        ("-0.5", "equals -0.5"),
        ("9007199254740993", "is spelled 9007199254740993"),
        (r#""x\"y""#, r#"is "x\"y""#),
        (r#""010.0.0.1""#, "is the address 10.0.0.1"),
        (r#"{"exactly": "::1"}"#, r#"is "::1""#),
        (r#"{"prefix": "x"}"#, r#"begins with "x""#),
        (r#"{"prefix": {"equals-ignore-case": "x"}}"#, r#"begins with "x" in any case"#),
        (r#"{"suffix": "x"}"#, r#"ends with "x""#),
        (r#"{"suffix": {"equals-ignore-case": "x"}}"#, r#"ends with "x" in any case"#),
        (r#"{"equals-ignore-case": "Tires"}"#, r#"is "Tires" in any case"#),
        (r#"{"wildcard": "a*c\\*"}"#, r#"fits the wildcard "a*c\\*""#),
        (r#"{"numeric": ["=", 5]}"#, "is a number = 5"),
        (r#"{"numeric": [">", 0, "<=", 1.5]}"#, "is a number > 0 and <= 1.5"),
        (r#"{"cidr": "10.0.0.77/24"}"#, "is an address in 10.0.0.0/24"),
        (r#"{"exists": true}"#, "is there"),
        (r#"{"exists": false}"#, "is absent"),
    ];
    for (entry, words) in rows {
        let field = first_field(&format!(r#"{{"a": [{entry}]}}"#), "{}");
        assert_eq!(field.asks, [words], "{entry}");
    }
}

#[test]
fn what_is_excluded_has_words() {
    let rows = [
        (r#""x""#, r#""x""#),
        // In order, each once.
        (r#"["y", "x", "y"]"#, r#""x" or "y""#),
        (r#"["x", "y", "z"]"#, r#""x", "y" or "z""#),
        ("[2, 1.0]", "1 or 2"),
        (r#"{"prefix": "x"}"#, r#"what begins with "x""#),
        (r#"{"suffix": ["x", "y"]}"#, r#"what ends with "x" or "y""#),
        (r#"{"equals-ignore-case": ["x", "y"]}"#, r#""x" or "y" in any case"#),
        (r#"{"wildcard": "x*"}"#, r#"what fits "x*""#),
    ];
    for (operand, words) in rows {
        let field = first_field(&format!(r#"{{"a": [{{"anything-but": {operand}}}]}}"#), "{}");
        assert_eq!(field.asks, [format!("is anything but {words}")], "{operand}");
    }
}

#[test]
fn extensions_have_words() {
    let rows = [
        (r#"{"compare": ["!=", "b.c"]}"#, "is != the value of b.c"),
        (
            r#"{"contains-all": ["x", {"prefix": "y"}]}"#,
            r#"stands with one that is "x" and one that begins with "y""#,
        ),
        (r#"{"date": [">=", "2026-01-31T13:00:00+01:00"]}"#, "is at or after 2026-01-31T12:00:00Z"),
        (r#"{"date": ["<", "2026-01-31T12:00:00.5Z"]}"#, "is before 2026-01-31T12:00:00.5Z"),
        (
            r#"{"date": [">", "2026-01-01T00:00:00Z", "<=", "2026-02-01T00:00:00Z"]}"#,
            "is after 2026-01-01T00:00:00Z and at or before 2026-02-01T00:00:00Z",
        ),
    ];
    for (entry, words) in rows {
        let field = first_field(&format!(r#"{{"a": [{entry}]}}"#), "{}");
        assert_eq!(field.asks, [words], "{entry}");
    }
}

#[test]
fn extensions_are_explained_like_others() {
    let compare = r#"{"a": [{"compare": ["<", "b"]}]}"#;
    because(compare, r#"{"a": 1, "b": 2}"#, true, "is < the value of b");
    because(
        compare,
        r#"{"a": 3, "b": 2}"#,
        false,
        "is 3; wanted is a value that is < the value of b; b is 2",
    );
    because(
        compare,
        r#"{"a": 3}"#,
        false,
        "is 3; wanted is a value that is < the value of b; b has no value",
    );
    because(compare, r#"{"b": 2}"#, false, "is not in the event");
    let all = r#"{"a": [{"contains-all": ["x", "y"]}]}"#;
    let words = r#"stands with one that is "x" and one that is "y""#;
    because(all, r#"{"a": ["x", "y"]}"#, true, words);
    let reason = format!(
        r#"has 2 values, of which the first is "x"; wanted is one that {words}; none of them is "y""#
    );
    because(all, r#"{"a": ["x", "z"]}"#, false, &reason);
    because(
        r#"{"a": [{"date": ["<", "2026-01-31T12:00:00Z"]}]}"#,
        r#"{"a": "2026-01-01"}"#,
        false,
        "is \"2026-01-01\"; wanted is a value that is before 2026-01-31T12:00:00Z; \"2026-01-01\" is \
         no date of RFC 3339",
    );
    because(
        r#"{"a": [{"date": ["<", "2026-01-31T12:00:00Z"]}]}"#,
        r#"{"a": "2026-01-01T00:00:00Z"}"#,
        true,
        r#""2026-01-01T00:00:00Z" is before 2026-01-31T12:00:00Z"#,
    );
}

#[test]
fn of_an_absent_field_it_says_how_far_the_path_leads() {
    let pattern = r#"{"detail": {"order": {"kind": ["x"]}}}"#;
    because(pattern, r#"{"source": "x"}"#, false, "is not in the event");
    because(
        pattern,
        r#"{"detail": {"kind": "x"}}"#,
        false,
        "is not in the event, though detail is",
    );
    because(
        pattern,
        r#"{"detail": {"order": [{"id": 1}, {"id": 2}]}}"#,
        false,
        "is not in the event, though detail.order is",
    );
    // Not just any name that the path begins with.
    because(pattern, r#"{"det": {"order": 1}}"#, false, "is not in the event");
}

#[test]
fn of_an_absent_field_it_says_what_is_spelled_nearly_so() {
    let alike = |name: &str| format!("is not in the event, which has {name}: check the spelling");
    for (wanted, found) in [
        ("detail-type", "detailType"),
        ("detail-type", "detail_type"),
        ("detailType", "detail-type"),
        ("source", "Source"),
        ("Source", "SOURCE"),
        ("order id", "orderId"),
    ] {
        let pattern = format!(r#"{{"{wanted}": ["x"]}}"#);
        because(&pattern, &format!(r#"{{"{found}": "x"}}"#), false, &alike(found));
    }
    let pattern = r#"{"detail": {"orderId": ["x"]}}"#;
    because(pattern, r#"{"detail": {"order-id": "x"}}"#, false, &alike("detail.order-id"));
    because(pattern, r#"{"Detail": {"orderId": "x"}}"#, false, &alike("Detail.orderId"));
    because(
        pattern,
        r#"{"detail": {"sub": {"orderId": "x"}}}"#,
        false,
        "is not in the event, though detail is",
    );
}

#[test]
fn of_an_object_and_of_an_empty_array_it_says_that_they_are_no_value() {
    let object = "is an object, which has no value of its own";
    because(r#"{"a": ["x"]}"#, r#"{"a": {"b": "x"}}"#, false, object);
    because(r#"{"a": ["x"]}"#, r#"{"a": [{"b": "x"}]}"#, false, object);
    because(r#"{"a": {"b": ["x"]}}"#, r#"{"a.b": {}}"#, false, object);
    let empty = "is an empty array, which is like absent";
    because(r#"{"a": ["x"]}"#, r#"{"a": []}"#, false, empty);
    because(r#"{"a": ["x"]}"#, r#"{"a": [[], []]}"#, false, empty);
    because(r#"{"a": [{"exists": true}]}"#, r#"{"a": []}"#, false, empty);
}

#[test]
fn of_a_field_that_has_to_be_absent_it_says_whether_it_is() {
    let pattern = r#"{"a": [{"exists": false}]}"#;
    because(pattern, r#"{"b": 1}"#, true, "is absent, as wanted");
    because(pattern, r#"{"a": {"b": 1}}"#, true, "is absent, as wanted");
    because(pattern, r#"{"a": null}"#, false, "is there: null");
    let pattern = r#"{"a": [{"exists": false}, "x"]}"#;
    because(pattern, "{}", true, "is absent, as wanted");
    because(pattern, r#"{"a": "x"}"#, true, r#""x" is "x""#);
    because(
        pattern,
        r#"{"a": "y"}"#,
        false,
        r#"is "y"; wanted is no value, or a value that is "x""#,
    );
}

#[test]
fn a_field_may_be_absent_beside_array_elements() {
    says(
        r#"{"a": {"x": [1], "y": [{"exists": false}]}}"#,
        r#"{"a": [{"x": 1}, {"y": 2}]}"#,
        "The event matches.\n  \
           + a.x: 1 equals 1\n  \
           + a.y: is in some array elements; it has to be absent from those the fields before it chose",
    );
    assert!(!explanation(r#"{"a": {"y": [{"exists": false}]}}"#, r#"{"a": [{"y": 2}]}"#).matches);
}

#[test]
fn fields_that_are_satisfied_in_different_elements_are_torn() {
    let pattern = r#"{"teams": {"name": ["red"], "rank": [1]}}"#;
    says(
        pattern,
        r#"{"teams": [{"name": "red"}, {"rank": 1}]}"#,
        "The event does not match.\n  \
           + teams.name: \"red\" is \"red\"\n  \
           + teams.rank: 1 equals 1\n  \
         Each field alone is satisfied, but no element of the array satisfies all together.",
    );
    let torn = |event: &str| explanation(pattern, event).ways.iter().any(|way| way.torn);
    assert!(torn(r#"{"teams": [{"name": "red", "rank": 2}, {"name": "blue", "rank": 1}]}"#));
    assert!(!torn(r#"{"teams": [{"name": "red", "rank": 1}, {"rank": 2}]}"#));
    // Nothing is torn where a field fails alone.
    assert!(!torn(r#"{"teams": [{"name": "red"}, {"rank": 2}]}"#));
}

#[test]
fn of_a_choice_every_way_that_fails_is_told() {
    says(
        r#"{"source": ["cars"], "$or": [{"a": [1]}, {"b": [2], "c": [3]}]}"#,
        r#"{"source": "cars", "b": 2}"#,
        "The event does not match.\n\
         \n\
         Way 1 of 2:\n  \
           - a: is not in the event\n  \
           + source: \"cars\" is \"cars\"\n\
         \n\
         Way 2 of 2:\n  \
           + b: 2 equals 2\n  \
           - c: is not in the event\n  \
           + source: \"cars\" is \"cars\"",
    );
}

#[test]
fn of_a_choice_only_the_ways_that_match_are_told() {
    let pattern = r#"{"source": ["cars"], "$or": [{"a": [1]}, {"b": [2]}]}"#;
    let event = r#"{"source": "cars", "b": 2}"#;
    says(
        pattern,
        event,
        "The event matches.\n\
         \n\
         Way 2 of 2:\n  \
           + b: 2 equals 2\n  \
           + source: \"cars\" is \"cars\"",
    );
    let matches: Vec<bool> =
        explanation(pattern, event).ways.iter().map(|way| way.matches).collect();
    assert_eq!(matches, [false, true]);
}

#[test]
fn of_many_ways_five_are_told() {
    let branches: Vec<String> = (0..7).map(|index| format!(r#"{{"a": [{index}]}}"#)).collect();
    let pattern = format!(r#"{{"$or": [{}]}}"#, branches.join(","));
    let mut expected = "The event does not match.".to_owned();
    for index in 0..5 {
        let way = index + 1;
        write!(expected, "\n\nWay {way} of 7:\n  - a: is 9; wanted is a value that equals {index}")
            .expect("a String takes all");
    }
    expected.push_str("\n\n… and 2 more ways.");
    says(&pattern, r#"{"a": 9}"#, &expected);
    assert_eq!(explanation(&pattern, r#"{"a": 9}"#).ways.len(), 7);
}

#[test]
fn a_long_value_is_cut() {
    let event = |length: usize| format!(r#"{{"a": "{}"}}"#, "é".repeat(length));
    let shown = |length: usize| {
        let field = first_field(r#"{"a": ["y"]}"#, &event(length));
        field.values.into_iter().next().expect("there is a value").value
    };
    assert_eq!(shown(100), format!("\"{}\"", "é".repeat(100)));
    assert_eq!(shown(101), format!("\"{}\"…", "é".repeat(100)));
    assert_eq!(shown(100_000), format!("\"{}\"…", "é".repeat(100)));
    let reason = format!("is \"{}\"…; wanted is a value that is \"y\"", "é".repeat(100));
    because(r#"{"a": ["y"]}"#, &event(150), false, &reason);
    let number = "1".repeat(150);
    let field = first_field(r#"{"a": ["y"]}"#, &format!(r#"{{"a": {number}}}"#));
    assert_eq!(field.values[0].value, format!("{}…", &number[..100]));
}

#[test]
fn values_are_shown_as_json() {
    let values = |event: &str| -> Vec<String> {
        let field = first_field(r#"{"a": ["nothing"]}"#, event);
        field.values.into_iter().map(|found| found.value).collect()
    };
    assert_eq!(
        values(r#"{"a": [null, true, -1.50e1, "x", [false, ["y"]]]}"#),
        ["null", "true", "-1.50e1", "\"x\"", "false", "\"y\""]
    );
    assert_eq!(values(r#"{"a": "\"\\\/\u0041\n\r\t\u0001é"}"#), [r#""\"\\/A\n\r\t\u0001é""#]);
}

#[test]
fn ten_values_are_shown_and_all_are_counted() {
    let numbers: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    let event = format!(r#"{{"a": [{}]}}"#, numbers.join(","));
    let field = first_field(r#"{"a": [{"prefix": "x"}, 11, 3]}"#, &event);
    let values: Vec<&str> = field.values.iter().map(|found| &*found.value).collect();
    assert_eq!(values, &numbers[..10]);
    assert_eq!(field.values_count, 12);
    // Which condition each satisfies, counted from 0.
    let satisfies: Vec<Option<usize>> = field.values.iter().map(|found| found.satisfies).collect();
    let mut expected = vec![None; 10];
    expected[3] = Some(2);
    assert_eq!(satisfies, expected);
    // One that is not shown satisfies the field all the same.
    because(r#"{"a": [11]}"#, &event, true, "11 equals 11");
    let field = first_field(r#"{"a": [11]}"#, &event);
    assert!(field.values.iter().all(|found| found.satisfies.is_none()));
}

#[test]
fn a_field_says_its_path_and_what_it_asks() {
    let field = first_field(r#"{"a": {"b.c": ["x", 1]}}"#, r#"{"a.b": {"c": 1}}"#);
    assert_eq!(field.path, "a.b.c");
    assert_eq!(field.asks, [r#"is "x""#, "equals 1"]);
    assert_eq!(field.values_count, 1);
    // A field that another one of its path took the place of is not asked.
    let explanation = explanation(r#"{"a": ["x"], "b": [1], "a": ["y"]}"#, r#"{"a": "y"}"#);
    let fields: Vec<(&str, &[String])> =
        explanation.ways[0].fields.iter().map(|field| (&*field.path, &*field.asks)).collect();
    assert_eq!(fields, [("a", &[r#"is "y""#.to_owned()][..]), ("b", &["equals 1".to_owned()][..])]);
}
