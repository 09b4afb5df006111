//! Many patterns at once: which keys come, in what order, and what is left when rules go.

use pattern::{Event, Matcher, Pattern, RuleId, Scratch};

/// A matcher of these patterns, each under its index, and their ids.
fn matcher(patterns: &[&str]) -> (Matcher<usize>, Vec<RuleId>) {
    let mut matcher = Matcher::new();
    let ids = patterns.iter().enumerate().map(|(key, text)| matcher.add(key, &pattern(text)));
    let ids = ids.collect();
    (matcher, ids)
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("the pattern of the row is valid")
}

/// Asserts which keys an event finds.
#[track_caller]
fn finds(matcher: &Matcher<usize>, event: &str, expected: &[usize]) {
    let mut scratch = Scratch::default();
    let read = Event::parse(event).expect("the event of the row is valid");
    for read in [read, Event::of_valid(event)] {
        let keys: Vec<usize> = matcher.matches(&read, &mut scratch).into_iter().copied().collect();
        assert_eq!(keys, expected, "{event}");
    }
}

#[track_caller]
fn check(patterns: &[&str], event: &str, expected: &[usize]) {
    finds(&matcher(patterns).0, event, expected);
}

#[test]
fn keys_come_in_the_order_they_were_added() {
    let patterns = [
        r#"{"n": [{"numeric": [">", 0]}]}"#,
        r#"{"source": ["cars"]}"#,
        r#"{"source": ["tires"]}"#,
        r#"{"detail-type": ["order"], "source": [{"prefix": "ca"}]}"#,
        r#"{"source": ["cars", "tires"]}"#,
        r#"{"$or": [{"source": ["cars"]}, {"n": [5]}]}"#,
        r#"{"$or": [{"source": ["cars"]}, {"source": ["tires"]}]}"#,
    ];
    check(&patterns, r#"{"source": "cars", "detail-type": "order", "n": 1}"#, &[0, 1, 3, 4, 5, 6]);
    check(&patterns, r#"{"source": "tires", "detail-type": "order", "n": 5}"#, &[0, 2, 4, 5, 6]);
    check(&patterns, r#"{"source": ["tires", "cars"]}"#, &[1, 2, 4, 5, 6]);
    check(&patterns, "{}", &[]);
}

#[test]
fn an_address_is_found_in_any_spelling() {
    check(&[r#"{"source": ["::1"]}"#], r#"{"source": "0:0:0:0:0:0:0:1"}"#, &[0]);
    check(
        &[r#"{"source": [{"exactly": "::1"}]}"#, r#"{"source": ["::1"]}"#],
        r#"{"source": "0:0:0:0:0:0:0:1"}"#,
        &[1],
    );
}

#[test]
fn a_list_that_is_not_all_strings_is_not_sorted_away() {
    check(&[r#"{"source": ["x", {"exists": false}]}"#], "{}", &[0]);
    check(&[r#"{"a": ["x", 1]}"#], r#"{"a": 1}"#, &[0]);
}

#[test]
fn no_pattern_matches_nothing() {
    let matcher: Matcher<usize> = Matcher::default();
    assert!(matcher.is_empty());
    finds(&matcher, "{}", &[]);
    finds(&matcher, r#"{"a": {"b": ["x", null]}}"#, &[]);
}

#[test]
fn a_rule_is_found_once_however_often_it_matches() {
    let patterns = [
        r#"{"a": ["x", {"prefix": "x"}, {"suffix": "x"}, {"wildcard": "*"}, {"exists": true}]}"#,
        r#"{"$or": [{"a": ["x"]}, {"a": [{"prefix": "x"}]}, {"a": ["y"]}]}"#,
        r#"{"$or": [{"a": ["x"]}, {"b": [{"exists": false}]}, {"c": [{"exists": false}]}]}"#,
    ];
    check(&patterns, r#"{"a": ["x", "x", "xx", "y"]}"#, &[0, 1, 2]);
}

#[test]
fn fields_that_rules_share_do_not_join_them() {
    let patterns = [
        r#"{"a": ["x"], "b": ["y"]}"#,
        r#"{"a": ["x"], "b": ["z"]}"#,
        r#"{"a": ["x"]}"#,
        r#"{"b": ["y"], "c": [{"exists": true}]}"#,
        r#"{"a": [{"anything-but": "x"}], "b": ["y"]}"#,
        r#"{"a": {"b": ["y"]}}"#,
        r#"{"a.b": ["y"], "a": ["x"]}"#,
    ];
    check(&patterns, r#"{"a": "x", "b": "y"}"#, &[0, 2]);
    check(&patterns, r#"{"a": "x", "b": "z", "c": null}"#, &[1, 2]);
    check(&patterns, r#"{"a": "w", "b": "y", "c": 1}"#, &[3, 4]);
    check(&patterns, r#"{"b": "y"}"#, &[]);
    check(&patterns, r#"{"a": ["x", {"b": "y"}]}"#, &[2, 5, 6]);
    check(&patterns, r#"{"a": ["x", "w"], "b": ["y", "z"]}"#, &[0, 1, 2, 4]);
}

#[test]
fn each_rule_has_its_own_consistency() {
    let patterns = [
        r#"{"l": {"x": [1], "y": [1]}}"#,
        r#"{"l": {"x": [1], "y": [2]}}"#,
        r#"{"l": {"x": [2], "y": [2]}}"#,
        r#"{"l": {"x": [1]}}"#,
        r#"{"l": {"x": [{"exists": true}], "y": [{"anything-but": 1}]}}"#,
    ];
    check(&patterns, r#"{"l": [{"x": 1, "y": 2}, {"x": 2, "y": 1}]}"#, &[1, 3, 4]);
    check(&patterns, r#"{"l": [{"x": 1}, {"y": 1}, {"x": 2, "y": 2}]}"#, &[2, 3, 4]);
    check(&patterns, r#"{"l": {"x": [1, 2], "y": [1, 2]}}"#, &[0, 1, 2, 3, 4]);
}

#[test]
fn rules_all_of_whose_fields_may_be_absent_are_found() {
    let patterns = [
        r#"{"a": [{"exists": false}]}"#,
        r#"{"a": [{"exists": false}], "b": [{"exists": false}]}"#,
        r#"{"$or": [{"a": [{"exists": false}]}, {"b": ["x"]}]}"#,
        r#"{"a": ["x", {"exists": false}], "b": [1, {"exists": false}]}"#,
        r#"{"a": [{"exists": false}], "b": ["x"]}"#,
        r#"{"a": {"b": [{"exists": false}]}}"#,
    ];
    check(&patterns, "{}", &[0, 1, 2, 3, 5]);
    check(&patterns, r#"{"c": 1}"#, &[0, 1, 2, 3, 5]);
    check(&patterns, r#"{"a": 1}"#, &[5]);
    check(&patterns, r#"{"a": "x"}"#, &[3, 5]);
    check(&patterns, r#"{"b": "x"}"#, &[0, 2, 4, 5]);
    check(&patterns, r#"{"a": 1, "b": "x"}"#, &[2, 5]);
    check(&patterns, r#"{"a": [], "b": {}}"#, &[0, 1, 2, 3, 5]);
    check(&patterns, r#"{"a": {"b": 1}}"#, &[0, 1, 2, 3]);
}

#[test]
fn of_two_equal_patterns_one_can_go() {
    let text = r#"{"a": ["x"], "b": [{"prefix": "y"}, {"exists": false}]}"#;
    let (mut matcher, ids) = matcher(&[text, text, r#"{"a": ["x"]}"#]);
    assert!(ids[0] != ids[1], "two rules have one id");
    finds(&matcher, r#"{"a": "x"}"#, &[0, 1, 2]);
    assert_eq!(matcher.remove(ids[0]), Some(0));
    assert_eq!(matcher.len(), 2);
    finds(&matcher, r#"{"a": "x"}"#, &[1, 2]);
    finds(&matcher, r#"{"a": "x", "b": "yes"}"#, &[1, 2]);
    assert_eq!(matcher.remove(ids[1]), Some(1));
    finds(&matcher, r#"{"a": "x"}"#, &[2]);
    assert_eq!(matcher.remove(ids[2]), Some(2));
    assert!(matcher.is_empty());
    finds(&matcher, r#"{"a": "x"}"#, &[]);
}

#[test]
fn one_pattern_may_stand_under_two_keys_and_one_key_twice() {
    let mut matcher = Matcher::new();
    let cars = pattern(r#"{"source": ["cars"]}"#);
    for key in [7, 3, 7] {
        matcher.add(key, &cars);
    }
    finds(&matcher, r#"{"source": "cars"}"#, &[7, 3, 7]);
}

#[test]
fn the_id_of_a_rule_that_went_is_nobodys() {
    let (mut matcher, ids) = matcher(&[r#"{"a": ["x"]}"#]);
    assert_eq!(matcher.remove(ids[0]), Some(0));
    assert_eq!(matcher.remove(ids[0]), None);
    let id = matcher.add(1, &pattern(r#"{"a": ["x"]}"#));
    assert!(id != ids[0], "an id was given twice");
    assert_eq!(matcher.remove(ids[0]), None);
    finds(&matcher, r#"{"a": "x"}"#, &[1]);
    assert_eq!(matcher.remove(id), Some(1));
}

#[test]
fn a_rule_added_again_comes_last() {
    let text = r#"{"a": ["x"]}"#;
    let (mut matcher, ids) = matcher(&[text, text]);
    assert_eq!(matcher.remove(ids[0]), Some(0));
    matcher.add(0, &pattern(text));
    finds(&matcher, r#"{"a": "x"}"#, &[1, 0]);
}

#[test]
fn a_clone_and_its_original_go_their_own_ways() {
    let (mut original, ids) = matcher(&[r#"{"a": ["x"]}"#, r#"{"a": [{"prefix": "x"}]}"#]);
    let mut clone = original.clone();
    assert_eq!(original.remove(ids[0]), Some(0));
    original.add(2, &pattern(r#"{"a": [{"suffix": "x"}]}"#));
    finds(&original, r#"{"a": "x"}"#, &[1, 2]);
    finds(&clone, r#"{"a": "x"}"#, &[0, 1]);
    clone.add(3, &pattern(r#"{"a": [{"wildcard": "*x*"}]}"#));
    assert_eq!(clone.remove(ids[1]), Some(1));
    finds(&original, r#"{"a": "x"}"#, &[1, 2]);
    finds(&clone, r#"{"a": "x"}"#, &[0, 3]);
    drop(original);
    finds(&clone, r#"{"a": "x"}"#, &[0, 3]);
}

/// What an event about the rules of [`many`] says.
struct Probe {
    kind: &'static str,
    number: u32,
    /// The second and the last part of an address that begins with ten.
    address: (u32, u32),
}

const PROBES: [Probe; 7] = [
    Probe { kind: "k7", number: 7, address: (7, 1) },
    Probe { kind: "k4999", number: 499, address: (255, 9) },
    Probe { kind: "K12", number: 12, address: (12, 1) },
    Probe { kind: "k1", number: 1, address: (0, 0) },
    Probe { kind: "k123", number: 999, address: (9, 1) },
    Probe { kind: "none", number: 5_000, address: (1, 200) },
    Probe { kind: "", number: 0, address: (0, 1) },
];

impl Probe {
    fn event(&self) -> String {
        let Self { kind, number, address: (second, last) } = self;
        let address = format!("10.{second}.0.{last}");
        format!(r#"{{"source": "cars", "kind": "{kind}", "n": {number}, "ip": "{address}"}}"#)
    }
}

/// A pattern, and which probes it matches.
struct Row {
    pattern: String,
    holds: Box<dyn Fn(&Probe) -> bool>,
}

fn row(pattern: String, holds: impl Fn(&Probe) -> bool + 'static) -> Row {
    Row { pattern, holds: Box::new(holds) }
}

/// Thousands of rules of all kinds about few fields: more than any small form of an index holds.
fn many() -> Vec<Row> {
    let mut rows = Vec::new();
    for index in 0..5_000 {
        let kind = format!("k{index}");
        let pattern = format!(r#"{{"source": ["cars"], "kind": ["{kind}"]}}"#);
        rows.push(row(pattern, move |probe| probe.kind == kind));
    }
    for index in 0..500 {
        let top = 2 * index + 1;
        let range = format!(r#"{{"n": [{{"numeric": [">", {index}, "<=", {top}]}}]}}"#);
        rows.push(row(range, move |probe| index < probe.number && probe.number <= top));
        rows.push(row(format!(r#"{{"n": [{index}.0]}}"#), move |probe| probe.number == index));
    }
    for index in 0..256 {
        let range = format!(r#"{{"ip": [{{"cidr": "10.{index}.7.7/16"}}]}}"#);
        rows.push(row(range, move |probe| probe.address.0 == index));
        let address = format!(r#"{{"ip": ["::ffff:a{index:02x}:1"]}}"#);
        rows.push(row(address, move |probe| probe.address == (index, 1)));
    }
    for index in 0..150 {
        rows.extend(about_parts(index));
        rows.extend(about_case_and_exclusion(index));
        rows.extend(about_two_fields(index));
    }
    rows
}

/// Rules for strings with a number at some place.
fn about_parts(index: u32) -> [Row; 4] {
    let digits = index.to_string();
    let start = format!("k{index}");
    let (end, part) = (digits.clone(), digits);
    [
        row(format!(r#"{{"kind": [{{"prefix": "{start}"}}]}}"#), move |probe| {
            probe.kind.starts_with(&start)
        }),
        row(format!(r#"{{"kind": [{{"suffix": "{index}"}}]}}"#), move |probe| ends(probe, index)),
        row(format!(r#"{{"kind": [{{"wildcard": "k*{index}"}}]}}"#), move |probe| {
            probe.kind.strip_prefix('k').is_some_and(|rest| rest.ends_with(&end))
        }),
        row(format!(r#"{{"kind": [{{"wildcard": "*{index}*"}}]}}"#), move |probe| {
            probe.kind.contains(&part)
        }),
    ]
}

fn ends(probe: &Probe, index: u32) -> bool {
    probe.kind.ends_with(&index.to_string())
}

fn about_case_and_exclusion(index: u32) -> [Row; 4] {
    let lower = format!("k{index}");
    let (start, excluded) = (lower.clone(), lower.clone());
    let ignoring_case = format!(r#"{{"equals-ignore-case": "K{index}"}}"#);
    [
        row(format!(r#"{{"kind": [{ignoring_case}]}}"#), move |probe| {
            probe.kind.to_lowercase() == lower
        }),
        row(format!(r#"{{"kind": [{{"prefix": {ignoring_case}}}]}}"#), move |probe| {
            probe.kind.to_lowercase().starts_with(&start)
        }),
        row(format!(r#"{{"kind": [{{"anything-but": ["k{index}", "k1"]}}]}}"#), move |probe| {
            probe.kind != excluded && probe.kind != "k1"
        }),
        row(
            format!(r#"{{"kind": [{{"anything-but": {{"suffix": "{index}"}}}}]}}"#),
            move |probe| !ends(probe, index),
        ),
    ]
}

fn about_two_fields(index: u32) -> [Row; 2] {
    let kind = format!(r#""kind": [{{"suffix": "{index}"}}]"#);
    let number = format!(r#""n": [{index}]"#);
    [
        row(format!("{{{kind}, {number}}}"), move |probe| {
            ends(probe, index) && probe.number == index
        }),
        row(format!(r#"{{"$or": [{{{kind}}}, {{{number}}}]}}"#), move |probe| {
            ends(probe, index) || probe.number == index
        }),
    ]
}

/// Asserts that every probe finds what it should among the rows with such keys.
fn check_many(matcher: &Matcher<usize>, rows: &[Row], is_there: fn(usize) -> bool) {
    for probe in &PROBES {
        let there = rows.iter().enumerate().filter(|(key, _)| is_there(*key));
        let holding = there.filter(|(_, row)| (row.holds)(probe));
        let expected: Vec<usize> = holding.map(|(key, _)| key).collect();
        finds(matcher, &probe.event(), &expected);
    }
}

#[test]
fn among_thousands_of_rules_the_right_ones_are_found() {
    let rows = many();
    let texts: Vec<&str> = rows.iter().map(|row| row.pattern.as_str()).collect();
    let (mut matcher, ids) = matcher(&texts);
    check_many(&matcher, &rows, |_| true);
    // Most of the rules for which large forms were built go again.
    let whole = matcher.clone();
    for (key, id) in ids.iter().enumerate().filter(|(key, _)| key % 8 != 0) {
        assert_eq!(matcher.remove(*id), Some(key));
    }
    check_many(&matcher, &rows, |key| key % 8 == 0);
    check_many(&whole, &rows, |_| true);
}

#[test]
fn fields_by_the_thousand_do_not_disturb_each_other() {
    let texts: Vec<String> =
        (0..2_000).map(|index| format!(r#"{{"f{index}": {{"x": [1]}}, "y": [2]}}"#)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (mut matcher, ids) = matcher(&texts);
    finds(&matcher, r#"{"y": 2, "f7": {"x": 1}, "f1999.x": 1, "f8": 1}"#, &[7, 1_999]);
    for id in &ids[1..] {
        assert!(matcher.remove(*id).is_some(), "a rule is missing");
    }
    finds(&matcher, r#"{"y": 2, "f7": {"x": 1}, "f0": [{"x": 0}, {"x": 1}]}"#, &[0]);
}
