//! Many patterns at once.

use pattern::{Event, Matcher, Pattern};

fn check(patterns: &[&str], event: &str, expected: &[usize]) {
    let mut matcher = Matcher::new();
    for (key, pattern) in patterns.iter().enumerate() {
        matcher.add(key, Pattern::parse(pattern).expect("the pattern of the row is valid"));
    }
    let event = Event::parse(event).expect("the event of the row is valid");
    let keys: Vec<usize> = matcher.matches(&event).into_iter().copied().collect();
    assert_eq!(keys, expected);
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
}

#[test]
fn a_list_that_is_not_all_strings_is_not_sorted_away() {
    check(&[r#"{"source": ["x", {"exists": false}]}"#], "{}", &[0]);
    check(&[r#"{"a": ["x", 1]}"#], r#"{"a": 1}"#, &[0]);
}

#[test]
fn no_pattern_matches_nothing() {
    let matcher: Matcher<&str> = Matcher::default();
    assert!(matcher.matches(&Event::parse("{}").expect("an object")).is_empty());
}
