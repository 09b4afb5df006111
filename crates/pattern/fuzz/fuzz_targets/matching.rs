//! A pattern and an event, divided by a zero byte: the pattern answers the same alone and among
//! others, the others answer the same with it and without, and no text taken for an event panics.
//!
//! To run it for ten minutes, in `crates/pattern`, with `cargo install cargo-fuzz` and the stable
//! toolchain:
//!
//! ```text
//! cargo fuzz run matching --sanitizer none --target-dir ../../target/fuzz -- \
//!     -max_total_time=600 -max_len=8192 -dict=fuzz/patterns.dict
//! ```

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pattern::{Event, Matcher, Pattern, Scratch};

/// Patterns of every kind, about the fields that `patterns.dict` names.
const OTHERS: [&str; 22] = [
    r#"{"a": ["x"]}"#,
    r#"{"a": ["x", 3, null, true]}"#,
    r#"{"a": [{"prefix": "x"}, {"suffix": {"equals-ignore-case": "y"}}]}"#,
    r#"{"a": [{"suffix": "x"}], "b": [{"exists": true}]}"#,
    r#"{"a": [{"equals-ignore-case": "straße"}]}"#,
    r#"{"a": [{"prefix": {"equals-ignore-case": "İ"}}]}"#,
    r#"{"a": [{"wildcard": "*x*y*"}]}"#,
    r#"{"a": [{"wildcard": "x*\\**"}]}"#,
    r#"{"a": [{"anything-but": ["x", "y"]}]}"#,
    r#"{"a": [{"anything-but": [1, 3e0]}]}"#,
    r#"{"a": [{"anything-but": {"wildcard": ["x*", "*y"]}}]}"#,
    r#"{"a": [{"anything-but": {"prefix": ["x", "y"]}}]}"#,
    r#"{"a": [{"numeric": [">", 0, "<=", 3]}]}"#,
    r#"{"a": [{"numeric": ["=", -0.0]}], "a.b": [{"numeric": ["<", 1e300]}]}"#,
    r#"{"a": [{"cidr": "10.0.0.0/8"}, {"cidr": "2001:db8::/32"}, "::1"]}"#,
    r#"{"a": [{"exists": false}]}"#,
    r#"{"a": {"b": [{"exists": false}], "a": ["x"]}}"#,
    r#"{"a": {"a": ["x"], "b": ["y"]}}"#,
    r#"{"a": {"a": [1], "b": {"a": [2], "b": [{"anything-but": 3}]}}}"#,
    r#"{"$or": [{"a": ["x"]}, {"b": {"a": ["y"]}}], "source": [{"exists": false}]}"#,
    r#"{"source": ["x"], "detail-type": ["y"], "b": [{"anything-but": "x"}]}"#,
    r#"{"": [1], "a.": ["x"], "a..b": [{"exists": true}]}"#,
];

/// The key of the pattern under test.
const TESTED: usize = OTHERS.len();

static PARSED: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    OTHERS.iter().map(|text| Pattern::parse(text).expect("it is a pattern")).collect()
});

fuzz_target!(|data: &[u8]| {
    let Some(zero) = data.iter().position(|byte| *byte == 0) else {
        return;
    };
    let texts = (std::str::from_utf8(&data[..zero]), std::str::from_utf8(&data[zero + 1..]));
    if let (Ok(pattern), Ok(event)) = texts {
        check(pattern, event);
    }
});

fn check(pattern: &str, event: &str) {
    let mut scratch = Scratch::default();
    let (before, behind) = PARSED.split_at(TESTED / 2);
    let mut matcher = Matcher::new();
    add_all(&mut matcher, 0, before);
    let tested = Pattern::parse(pattern).ok();
    let id = tested.as_ref().map(|tested| matcher.add(TESTED, tested));
    add_all(&mut matcher, before.len(), behind);

    let trusting = found(&matcher, &Event::of_valid(event), &mut scratch);
    let Ok(read) = Event::parse(event) else {
        return;
    };
    let together = found(&matcher, &read, &mut scratch);
    assert_eq!(together, trusting, "the same event, tested and trusted");
    if let Some(tested) = &tested {
        assert_eq!(together.contains(&TESTED), tested.matches(&read), "alone and together");
    }
    for (key, other) in PARSED.iter().enumerate() {
        assert_eq!(together.contains(&key), other.matches(&read), "{}", OTHERS[key]);
    }
    if let Some(id) = id {
        assert_eq!(matcher.remove(id), Some(TESTED));
        let rest: Vec<usize> = together.into_iter().filter(|key| *key != TESTED).collect();
        assert_eq!(found(&matcher, &read, &mut scratch), rest, "without it");
    }
}

fn add_all(matcher: &mut Matcher<usize>, first: usize, patterns: &[Pattern]) {
    for (index, pattern) in patterns.iter().enumerate() {
        matcher.add(first + index, pattern);
    }
}

fn found(matcher: &Matcher<usize>, event: &Event<'_>, scratch: &mut Scratch) -> Vec<usize> {
    matcher.matches(event, scratch).into_iter().copied().collect()
}
