//! Properties: no text makes the parsers panic, the matcher agrees with each pattern alone, and
//! array consistency agrees with a naive twin.

use pattern::{Event, Matcher, Pattern};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Pieces that are likely to make something near a pattern.
const PIECES: [&str; 36] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\"",
    "\"a.b\"",
    "\"$or\"",
    "\"prefix\"",
    "\"suffix\"",
    "\"numeric\"",
    "\"exists\"",
    "\"cidr\"",
    "\"wildcard\"",
    "\"anything-but\"",
    "\"equals-ignore-case\"",
    "\"exactly\"",
    "\"<\"",
    "\">\"",
    "\"=\"",
    "\"*a\"",
    "\"**\"",
    "\"\\\\\"",
    "\"10.0.0.0/8\"",
    "\"::1\"",
    "1",
    "-0.5e3",
    "true",
    "false",
    "null",
    " ",
    "\n",
    "\"\\ud800\"",
    "é",
];

/// Conditions that hold for some of the values of [`events`].
const ENTRIES: [&str; 14] = [
    "1",
    "2",
    "\"x\"",
    "null",
    "{\"exists\": true}",
    "{\"prefix\": \"x\"}",
    "{\"suffix\": \"y\"}",
    "{\"wildcard\": \"*x*\"}",
    "{\"numeric\": [\">\", 1]}",
    "{\"anything-but\": [\"x\"]}",
    "{\"anything-but\": 1}",
    "{\"equals-ignore-case\": \"XY\"}",
    "{\"exactly\": \"xy\"}",
    "{\"exists\": false}",
];

/// How many of [`ENTRIES`], from the first, say something about a value and not about its absence.
const POSITIVE: usize = 13;

const PATHS: [&str; 7] = ["a", "b", "source", "a.a", "a.b", "b.a", "a.b.a"];

fn fields(entries: usize) -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let field =
        (0..PATHS.len(), 0..entries).prop_map(|(path, entry)| (PATHS[path], ENTRIES[entry]));
    prop::collection::vec(field, 1..4)
}

fn object(fields: &[(&str, &str)]) -> String {
    let members: Vec<String> =
        fields.iter().map(|(path, entry)| format!(r#""{path}": [{entry}]"#)).collect();
    format!("{{{}}}", members.join(", "))
}

fn patterns() -> impl Strategy<Value = String> {
    let plain = fields(ENTRIES.len()).prop_map(|fields| object(&fields));
    let either = (fields(ENTRIES.len()), fields(ENTRIES.len()))
        .prop_map(|(one, other)| format!(r#"{{"$or": [{}, {}]}}"#, object(&one), object(&other)));
    prop_oneof![plain, either]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(Value::from(1)),
        Just(Value::from(2)),
        Just(Value::from("x")),
        Just(Value::from("xy")),
    ];
    leaf.prop_recursive(3, 14, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            members(inner).prop_map(Value::Object),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let name = prop::sample::select(vec!["a", "b", "a.b", "source"]);
    prop::collection::vec((name, value), 0..4).prop_map(|members| {
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    })
}

fn events() -> impl Strategy<Value = Value> {
    members(values()).prop_map(Value::Object)
}

fn event(value: &Value) -> Event {
    Event::parse(&value.to_string()).expect("a JSON object is an event")
}

/// Every way to keep at most one element that is an object or an array of each array, and all its
/// plain elements.
fn projections(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(elements) => {
            let is_plain = |element: &&Value| !element.is_object() && !element.is_array();
            let plain: Vec<Value> = elements.iter().filter(is_plain).cloned().collect();
            let mut all = vec![Value::Array(plain.clone())];
            for element in elements.iter().filter(|element| !is_plain(element)) {
                for kept in projections(element) {
                    let mut elements = plain.clone();
                    elements.push(kept);
                    all.push(Value::Array(elements));
                }
            }
            all
        }
        Value::Object(members) => {
            let mut all = vec![Map::new()];
            for (name, value) in members {
                let mut longer = Vec::new();
                for kept in projections(value) {
                    for shorter in &all {
                        let mut members = shorter.clone();
                        members.insert(name.clone(), kept.clone());
                        longer.push(members);
                    }
                }
                all = longer;
            }
            all.into_iter().map(Value::Object).collect()
        }
        plain => vec![plain.clone()],
    }
}

/// Whether some projection of the event satisfies every field on its own.
fn naive(fields: &[(&str, &str)], value: &Value) -> bool {
    // Of the same path twice the last wins.
    let last = |index: usize| !fields[index + 1..].iter().any(|(path, _)| *path == fields[index].0);
    let alone: Vec<Pattern> = (0..fields.len())
        .filter(|index| last(*index))
        .map(|index| Pattern::parse(&object(&fields[index..=index])).expect("a field is a pattern"))
        .collect();
    projections(value).iter().any(|projection| {
        let event = event(projection);
        alone.iter().all(|pattern| pattern.matches(&event))
    })
}

proptest! {
    #[test]
    fn parse_never_panics_on_arbitrary_text(text in any::<String>()) {
        drop(Pattern::parse(&text).map_err(|error| error.to_string()));
        drop(Event::parse(&text).map_err(|error| error.to_string()));
    }

    #[test]
    fn parse_never_panics_on_what_looks_like_a_pattern(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40),
    ) {
        let text = pieces.concat();
        drop(Pattern::parse(&text).map_err(|error| error.to_string()));
        drop(Event::parse(&text).map_err(|error| error.to_string()));
    }

    #[test]
    fn the_matcher_answers_what_each_pattern_answers_alone(
        sources in prop::collection::vec(patterns(), 1..8),
        value in events(),
    ) {
        let event = event(&value);
        let mut matcher = Matcher::new();
        let mut alone = Vec::new();
        for (key, source) in sources.iter().enumerate() {
            let pattern = Pattern::parse(source).expect("the strategy makes valid patterns");
            if pattern.matches(&event) {
                alone.push(key);
            }
            matcher.add(key, pattern);
        }
        let together: Vec<usize> = matcher.matches(&event).into_iter().copied().collect();
        prop_assert_eq!(together, alone);
    }

    #[test]
    fn array_consistency_is_what_a_choice_of_elements_allows(
        fields in fields(POSITIVE),
        value in events(),
    ) {
        let pattern = Pattern::parse(&object(&fields)).expect("the strategy makes valid patterns");
        prop_assert_eq!(pattern.matches(&event(&value)), naive(&fields, &value));
    }
}
