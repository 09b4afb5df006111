//! Patterns and events made to hurt. No test measures time: each has to end, and the comment says
//! what would make it run for minutes. Sizes are such that an unoptimised build takes a second.

use std::fmt::Write as _;

use pattern::{Event, EventError, Extensions, Matcher, Pattern, Scratch};

use crate::{check, refused};

/// Asserts which of `patterns` an event matches when all are in one matcher.
#[track_caller]
fn check_all<T: AsRef<str>>(patterns: &[T], event: &str, expected: &[usize]) {
    let mut matcher = Matcher::new();
    for (key, text) in patterns.iter().enumerate() {
        matcher.add(key, &pattern(text.as_ref()));
    }
    let tested = Event::parse(event).expect("the event of the row is valid");
    let mut scratch = Scratch::default();
    for event in [tested, Event::of_valid(event)] {
        let keys: Vec<usize> = matcher.matches(&event, &mut scratch).into_iter().copied().collect();
        assert_eq!(keys, expected);
    }
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("the pattern of the row is valid")
}

/// The texts that `write` makes of 0, 1, 2 …, with commas between them.
fn list(count: usize, write: impl Fn(&mut String, usize)) -> String {
    let mut list = String::new();
    for index in 0..count {
        if index > 0 {
            list.push(',');
        }
        write(&mut list, index);
    }
    list
}

/// `inside` between so many `open` and as many `close`.
fn nested(depth: usize, open: &str, inside: &str, close: &str) -> String {
    format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn nesting_is_read_to_the_limit_and_refused_beyond() {
    let fields = |depth: usize, inside: &str| nested(depth, r#"{"a":"#, inside, "}");
    // A list is a level of a pattern, too.
    check(&fields(63, "[1]"), &fields(63, "1"), true);
    check(&fields(63, "[1]"), &fields(62, "1"), false);
    check(&fields(63, "[1]"), &fields(63, &nested(65, "[", "1", "]")), true);
    refused(&fields(64, "[1]"), "more than 64 deep");
    let exists = fields(32, r#"[{"exists": false}]"#);
    check(&exists, &fields(128, "1"), true);
    check(&exists, &fields(32, &nested(96, "[", "1", "]")), false);

    let in_arrays = |depth: usize| nested(depth, r#"[{"a":"#, "1", "}]");
    for beyond in [fields(129, "1"), fields(2, &nested(127, "[", "", "]"))] {
        assert_eq!(Event::parse(&beyond).err(), Some(EventError::TooDeep));
    }
    check(&fields(63, "[1]"), &format!(r#"{{"a":{}}}"#, in_arrays(62)), true);
    let beyond = format!(r#"{{"a":{}}}"#, in_arrays(64));
    assert_eq!(Event::parse(&beyond).err(), Some(EventError::TooDeep));
}

#[test]
fn nesting_without_end_takes_no_stack() {
    // One call inside the other for each level would run out of stack, which no test survives.
    let open = [r#"{"a":"#, "[", r#"{"a":["#, r#"[{"a":"#, r#"{"b":"#, r#"{"a":1,"b":["#];
    let patterns = [r#"{"a": [1]}"#, r#"{"a": {"a": [{"exists": false}]}}"#];
    let mut matcher = Matcher::new();
    for (key, text) in patterns.iter().enumerate() {
        matcher.add(key, &pattern(text));
    }
    let mut scratch = Scratch::default();
    for open in open {
        for start in ["", r#"{"a":"#, r#"{"x":"#] {
            assert!(Pattern::parse(&format!("{start}{}", open.repeat(300))).is_err());
            let text = format!("{start}{}", open.repeat(100_000));
            assert_eq!(Event::parse(&text).err(), Some(EventError::TooDeep));
            drop(matcher.matches(&Event::of_valid(&text), &mut scratch));
        }
    }
    refused(&r#"{"a":"#.repeat(800), "more than 64 deep");
    // Whole, too deep for an event, and taken for one all the same.
    for text in [nested(100_000, r#"{"a":"#, "1", "}"), nested(100_000, r#"{"x":["#, "1", "]}")] {
        assert_eq!(Event::parse(&text).err(), Some(EventError::TooDeep));
        drop(matcher.matches(&Event::of_valid(&text), &mut scratch));
    }
}

#[test]
fn a_long_array_of_values_is_looked_at_once() {
    // Trying each value of one field with each of the other is nine million pairs for each rule.
    let event = format!(
        r#"{{"a": [{}], "b": [{}]}}"#,
        list(3_000, |list, index| write!(list, r#""s{index}""#).expect("a String takes all")),
        list(3_000, |list, index| write!(list, "{index}").expect("a String takes all")),
    );
    let patterns = [
        r#"{"a": ["s2999"], "b": [2999.0]}"#,
        r#"{"a": ["s3000"]}"#,
        r#"{"a": ["s0"], "b": [3000]}"#,
        r#"{"a": [{"suffix": "s2999"}], "b": [{"numeric": [">", 2998]}]}"#,
        r#"{"a": [{"wildcard": "s*9*8"}], "b": [{"anything-but": 0}]}"#,
        r#"{"a": [{"anything-but": {"prefix": "s"}}]}"#,
        r#"{"a": [{"exists": false}]}"#,
    ];
    check_all(&patterns, &event, &[0, 3, 4]);
}

/// Elements with the members `x` and `y`, of which one is 1 and the other 0, in turn.
fn halves(count: usize) -> String {
    list(count, |list, index| {
        let (x, y) = (index % 2, 1 - index % 2);
        write!(list, r#"{{"x":{x},"y":{y}}}"#).expect("a String takes all");
    })
}

#[test]
fn of_a_long_array_of_objects_only_the_last_is_consistent() {
    // Pairs of elements would be two million, and each of the rules has its own.
    let patterns = [
        r#"{"a": {"x": [1], "y": [1]}}"#,
        r#"{"a": {"x": [1, 2], "y": [1, 2]}}"#,
        r#"{"a": {"x": [0], "y": [0]}}"#,
        r#"{"a": {"x": [1], "y": [{"numeric": [">", 0]}], "z": [{"exists": false}]}}"#,
        r#"{"a": {"x": [1], "y": [0]}}"#,
    ];
    let halves = halves(3_000);
    check_all(&patterns, &format!(r#"{{"a":[{halves}]}}"#), &[4]);
    check_all(&patterns, &format!(r#"{{"a":[{halves},{{"x":1,"y":1}}]}}"#), &[0, 1, 3, 4]);
    check_all(&patterns, &format!(r#"{{"a":[{halves},{{"x":[0,2],"y":[0,2]}}]}}"#), &[1, 2, 4]);
}

#[test]
fn arrays_of_arrays_are_walked_once() {
    // Each of the inner arrays would be tried with each of the others: nine million pairs.
    let rows = list(60, |list, _| {
        write!(list, "[{}]", halves(50)).expect("a String takes all");
    });
    let pattern = r#"{"a": {"x": [1], "y": [1]}}"#;
    check(pattern, &format!(r#"{{"a":[{rows}]}}"#), false);
    check(pattern, &format!(r#"{{"a":[{rows},[],[[{{"x":1,"y":1}}]]]}}"#), true);
    check(pattern, &format!(r#"{{"a":[{rows},[{{"x":1}}],[{{"y":1}}]]}}"#), false);
}

#[test]
fn fields_in_different_long_arrays_do_not_multiply() {
    // All elements of one array with all of the other are nine million pairs, of which those that
    // satisfy four fields would be looked for in eighty million million.
    let (half, last) = (halves(3_000), r#"{"x":1,"y":1}"#);
    let pattern = r#"{"a": {"x": [1], "y": [1]}, "b": {"x": [1], "y": [1]}}"#;
    check(pattern, &format!(r#"{{"a":[{half},{last}],"b":[{half},{last}]}}"#), true);
    check(pattern, &format!(r#"{{"a":[{half},{last}],"b":[{half}]}}"#), false);
    check(pattern, &format!(r#"{{"a":[{half}],"b":[{half},{last}]}}"#), false);
    // The same inside an element that others precede.
    let pattern = format!(r#"{{"l": {pattern}}}"#);
    let none = format!(r#"{{"a":[{half},{last}],"b":[{half}]}}"#);
    let both = format!(r#"{{"a":[{half},{last}],"b":[{half},{last}]}}"#);
    check(&pattern, &format!(r#"{{"l":[{none},{both}]}}"#), true);
    check(&pattern, &format!(r#"{{"l":[{none},{none}]}}"#), false);
}

#[test]
fn a_name_repeated_does_not_multiply_either() {
    // Ten fields, each of which is found in all of nine arrays, but never two in one element:
    // 9^10 ways to share them out, and none of them works.
    let elements = list(10, |list, index| {
        write!(list, r#"{{"f{index}":1}}"#).expect("a String takes all");
    });
    let fields = list(10, |list, index| {
        write!(list, r#""f{index}":[1]"#).expect("a String takes all");
    });
    let arrays = list(9, |list, _| {
        write!(list, r#""a":[{elements}]"#).expect("a String takes all");
    });
    check(&format!(r#"{{"a":{{{fields}}}}}"#), &format!("{{{arrays}}}"), false);
    // Thousands of arrays, in each of which two fields are found.
    let arrays = list(3_000, |list, _| list.push_str(r#""a":[{"x":1,"y":0},{"x":0,"y":1}]"#));
    let pattern = r#"{"a": {"x": [1], "y": [1]}}"#;
    check(pattern, &format!("{{{arrays}}}"), true);
    check(r#"{"a": {"x": [1], "y": [2]}}"#, &format!("{{{arrays}}}"), false);
}

#[test]
fn stars_over_a_long_text_do_not_go_back() {
    // Going back to an earlier star is a million to the fourth.
    let text = "a".repeat(1_000_000);
    let patterns = [
        r#"{"a": [{"wildcard": "*a*a*a*a*a"}]}"#,
        r#"{"a": [{"wildcard": "*a*a*a*a*b"}]}"#,
        r#"{"a": [{"wildcard": "a*a*a*b*a"}]}"#,
        r#"{"a": [{"anything-but": {"wildcard": "*a*b*"}}]}"#,
        r#"{"a": [{"wildcard": "*aaaaaaab*"}]}"#,
    ];
    check_all(&patterns, &format!(r#"{{"a":"{text}"}}"#), &[0, 3]);
    check_all(&patterns, &format!(r#"{{"a":"{text}b"}}"#), &[1, 4]);
    check_all(&patterns, &format!(r#"{{"a":"{text}b-a"}}"#), &[0, 2, 4]);
}

/// Letters in no order, always the same.
fn letters(count: usize) -> String {
    let mut state = 1_u32;
    let letters = (0..count).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b"abcdefghijklmnopqrst"[(state >> 16) as usize % 20])
    });
    letters.collect()
}

#[test]
fn hundreds_of_wildcards_on_one_field_do_not_multiply() {
    // How far each of them has come is a state of its own: an automaton made of all sets of states
    // has 2^500 of them, and a text without order visits a new one with every character.
    let text = format!("{}z", letters(20_000));
    let all = "abcdefghijklmnopqrstuvwxyz";
    let pairs = all.chars().flat_map(|one| all.chars().map(move |other| (one, other)));
    let wildcards: Vec<(String, char)> = pairs
        .take(500)
        .enumerate()
        .map(|(index, (one, other))| (format!("{one}{other}"), ['x', 'y', 'z'][index % 3]))
        .collect();
    let patterns: Vec<String> = wildcards
        .iter()
        .map(|(part, end)| format!(r#"{{"a":[{{"wildcard":"*{part}*{end}"}}]}}"#))
        .collect();
    let holds = |(part, end): &(String, char)| {
        text.split_once(part).is_some_and(|(_, behind)| behind.ends_with(*end))
    };
    let expected: Vec<usize> =
        (0..wildcards.len()).filter(|index| holds(&wildcards[*index])).collect();
    assert!(!expected.is_empty(), "the test is none");
    check_all(&patterns, &format!(r#"{{"a":"{text}"}}"#), &expected);
}

#[test]
fn an_object_of_many_names_is_read_once() {
    // Comparing each name with those before it makes five thousand million comparisons.
    let members = list(100_000, |list, index| {
        write!(list, r#""name-{index}":{index}"#).expect("a String takes all");
    });
    let patterns = [
        r#"{"name-99999": [99999], "name-0": [0]}"#,
        r#"{"name-99999": ["99999"]}"#,
        r#"{"name-100000": [{"exists": false}], "name-5": [{"exists": true}]}"#,
        r#"{"name-7": {"x": [{"exists": true}]}}"#,
        r#"{"last": ["x"]}"#,
    ];
    check_all(&patterns, &format!(r#"{{{members},"last":"x"}}"#), &[0, 2, 4]);
    // The same name again and again: all of its values count.
    let members = list(100_000, |list, index| {
        write!(list, r#""a":{index}"#).expect("a String takes all");
    });
    let patterns = [r#"{"a": [99999]}"#, r#"{"a": [0]}"#, r#"{"a": [100000]}"#];
    check_all(&patterns, &format!("{{{members}}}"), &[0, 1]);
}

#[test]
fn a_name_of_many_dots_is_no_depth() {
    // A path of half a million names is neither walked by calls nor freed by them.
    let name = vec!["a"; 500_000].join(".");
    let patterns = [
        r#"{"a": [{"exists": false}]}"#,
        r#"{"a": {"a": {"a": [1]}}}"#,
        r#"{"b": [1]}"#,
        r#"{"a..a": [{"exists": true}]}"#,
    ];
    check_all(&patterns, &format!(r#"{{"{name}":1,"b":1}}"#), &[0, 2]);
    let dots = ".".repeat(1_000_000);
    check_all(&patterns, &format!(r#"{{"{dots}":1,"a..a":1}}"#), &[0, 3]);
    // A pattern may have some thousand names in a path, too.
    let path = vec!["a"; 2_000].join(".");
    check(&format!(r#"{{"{path}":[1]}}"#), &format!(r#"{{"{path}":1}}"#), true);
    check(&format!(r#"{{"{path}":[1]}}"#), &format!(r#"{{"{name}":1}}"#), false);
    let dots = ".".repeat(4_000);
    check(&format!(r#"{{"{dots}":[1]}}"#), &format!(r#"{{"{dots}":1}}"#), true);
}

#[test]
fn a_text_of_escapes_is_read_once() {
    // Building the text anew for each escape would copy fourteen thousand million bytes.
    let text = r"\u0061".repeat(170_000);
    let patterns = [
        r#"{"a": [{"prefix": "aaaaaaaaaaaaaaaaaaaa"}]}"#,
        r#"{"a": [{"suffix": "ab"}]}"#,
        r#"{"a": [{"wildcard": "*b"}]}"#,
        r#"{"a": [{"anything-but": {"equals-ignore-case": "AAAA"}}]}"#,
        r#"{"a": [{"prefix": {"equals-ignore-case": "AAAA"}}, "aaaa"]}"#,
        r#"{"a": [{"prefix": "\\u0061"}]}"#,
    ];
    check_all(&patterns, &format!(r#"{{"a":"{text}"}}"#), &[0, 3, 4]);
    check_all(&patterns, &format!(r#"{{"\u0061":"{text}\u0062"}}"#), &[0, 1, 2, 3, 4]);
    // As a name it leads nowhere, and what follows is found all the same.
    check_all(&patterns, &format!(r#"{{"{text}":"aab","a":"aab"}}"#), &[1, 2, 3]);
    let pairs = r"\ud83d\ude00".repeat(85_000);
    let patterns = [r#"{"a": [{"suffix": "😀😀"}]}"#, r#"{"a": [{"wildcard": "😀*😀x"}]}"#];
    check_all(&patterns, &format!(r#"{{"a":"{pairs}"}}"#), &[0]);
}

#[test]
fn a_thousand_alternatives_ask_each_field_once() {
    // A text of 4,096 characters cannot have a thousand branches in one list, but three of ten.
    // All ways to choose three elements, anew for each alternative, are twenty thousand million.
    let branches = |name: &str| {
        let branches = list(10, |list, index| {
            write!(list, r#"{{"{name}":[{index}]}}"#).expect("a String takes all");
        });
        format!(r#""$or":[{branches}]"#)
    };
    let pattern = format!(r#"{{"l":{{{},{},{}}}}}"#, branches("x"), branches("y"), branches("z"));
    let elements = list(300, |list, index| {
        let name = ["x", "y", "z"][index % 3];
        write!(list, r#"{{"{name}":{}}}"#, index / 3 % 10).expect("a String takes all");
    });
    check(&pattern, &format!(r#"{{"l":[{elements}]}}"#), false);
    check(&pattern, &format!(r#"{{"l":[{elements},{{"x":9,"y":9,"z":9}}]}}"#), true);
    // As many in one rule among others, found and not found.
    let patterns = [pattern, r#"{"l": {"x": [3]}}"#.to_owned(), r#"{"l": ["x"]}"#.to_owned()];
    check_all(&patterns, &format!(r#"{{"l":[{elements}]}}"#), &[1]);
}

#[test]
fn branches_in_branches_are_counted_before_they_are_built() {
    // Each level counts twice as many; 31 levels fit into the depth of a pattern.
    let nested_or = |levels: usize| nested(levels, r#"{"$or":[{"b":[1]},"#, r#"{"a":[1]}"#, "]}");
    check(&nested_or(9), r#"{"a": 1}"#, true);
    check(&nested_or(9), r#"{"a": 2}"#, false);
    refused(&nested_or(10), "more than 1000 rule combinations");
    refused(&nested_or(31), "more than 1000 rule combinations");
    assert!(Pattern::parse(&nested_or(100)).is_err());
}

/// What an unoptimised build adds in a second is a fifth of it.
const RULES: usize = if cfg!(debug_assertions) { 20_000 } else { 100_000 };

#[test]
fn rules_by_the_hundred_thousand_on_one_field_do_not_slow_each_other() {
    // Trying every rule on every event would be a hundred million matches, and a clone that copies
    // would copy all rules ten thousand times.
    const VALUES: usize = 1_000;
    let patterns: Vec<Pattern> =
        (0..VALUES).map(|value| pattern(&format!(r#"{{"a":["v{value}"]}}"#))).collect();
    let mut matcher = Matcher::new();
    let mut ids = Vec::new();
    for rule in 0..RULES {
        ids.push(matcher.add(rule, &patterns[rule % VALUES]));
    }
    assert_eq!(matcher.len(), RULES);
    let clones: Vec<Matcher<usize>> = (0..10_000).map(|_| matcher.clone()).collect();
    let mut scratch = Scratch::default();
    for (value, clone) in clones.iter().take(VALUES).enumerate() {
        let event = format!(r#"{{"a":"v{value}"}}"#);
        let found = clone.matches(&Event::of_valid(&event), &mut scratch);
        assert_eq!(found.len(), RULES / VALUES);
        assert!(found.iter().all(|rule| **rule % VALUES == value), "{event}");
    }
    for rule in (0..RULES).step_by(VALUES) {
        assert_eq!(matcher.remove(ids[rule]), Some(rule));
    }
    let event = Event::of_valid(r#"{"a":"v0"}"#);
    assert!(matcher.matches(&event, &mut scratch).is_empty());
    assert_eq!(clones[0].matches(&event, &mut scratch).len(), RULES / VALUES);
}

#[test]
fn a_long_list_of_values_is_no_long_search() {
    // Four hundred values in each of a hundred rules, looked for in thousands of elements.
    let values = list(400, |list, index| {
        write!(list, r#""v{index}""#).expect("a String takes all");
    });
    let excluded = format!(r#"{{"a":[{{"anything-but":[{values}]}}]}}"#);
    let wanted = format!(r#"{{"a":[{values}]}}"#);
    let patterns: Vec<String> = (0..100)
        .map(|rule| if rule % 2 == 0 { wanted.clone() } else { excluded.clone() })
        .collect();
    let even: Vec<usize> = (0..100).step_by(2).collect();
    let odd: Vec<usize> = (1..100).step_by(2).collect();
    let elements = list(3_000, |list, index| {
        write!(list, r#""v{}""#, index % 400).expect("a String takes all");
    });
    check_all(&patterns, &format!(r#"{{"a":[{elements}]}}"#), &even);
    let others = list(3_000, |list, index| {
        write!(list, r#""w{index}""#).expect("a String takes all");
    });
    check_all(&patterns, &format!(r#"{{"a":[{others}]}}"#), &odd);
}

#[test]
fn names_of_one_hash_are_told_apart() {
    // A pair that somebody searched for; more names than are looked through one by one make their
    // hashes matter.
    let (one, other) = ("nhomhlnakckhjank", "dpcedamcpanngode");
    let others: Vec<String> =
        (0..14).map(|index| format!(r#""n{index}": [{{"exists": false}}]"#)).collect();
    let others = others.join(", ");
    let both = format!(r#"{{{others}, "{one}": ["x"], "{other}": ["y"]}}"#);
    check(&both, &format!(r#"{{"{one}": "x", "{other}": "y"}}"#), true);
    check(&both, &format!(r#"{{"{one}": "y", "{other}": "x"}}"#), false);
    let either = format!(r#"{{{others}, "$or": [{{"{one}": ["never"]}}, {{"{other}": ["x"]}}]}}"#);
    check(&either, &format!(r#"{{"{one}": "x"}}"#), false);
    check(&either, &format!(r#"{{"{other}": "x"}}"#), true);
}

/// Three choices of ten that ask for the absence of a name no event has.
fn a_thousand_ways() -> String {
    let choice = |name: &str| {
        let branches: Vec<String> =
            (0..10).map(|index| format!(r#"{{"{name}{index}": [{{"exists": false}}]}}"#)).collect();
        format!(r#""$or": [{}]"#, branches.join(", "))
    };
    format!("{}, {}, {}", choice("p"), choice("q"), choice("r"))
}

#[test]
fn what_an_array_finds_a_thousand_times_is_kept_once() {
    // Every element finds every alternative: kept all, that would be ten million entries.
    let pattern = format!(r#"{{"a": ["x"], {}}}"#, a_thousand_ways());
    let elements = vec![r#""x""#; 10_000].join(", ");
    check(&pattern, &format!(r#"{{"a": [{elements}]}}"#), true);
    check(&pattern, &format!(r#"{{"a": [{}]}}"#, elements.replace('x', "y")), false);
}

#[test]
fn absence_in_a_thousand_ways_ends() {
    // A name written three times makes three arrays, whose elements can be combined freely: one
    // way alone has millions of combinations to try in vain, and the others have them as well.
    let pattern = format!(
        r#"{{"l": {{"a": [1], "b": [1], "c": [1], "d": [{{"exists": false}}]}}, {}}}"#,
        a_thousand_ways()
    );
    let elements = vec![r#"{"a": 1, "b": 1, "c": 1, "d": 1}"#; 100].join(", ");
    let event = format!(r#"{{"l": [{elements}], "l": [{elements}], "l": [{elements}]}}"#);
    // Out of steps the answer is no, whatever it would have been.
    let parsed = Pattern::parse(&pattern).expect("the pattern is valid");
    let _answer = parsed.matches(&Event::of_valid(&event));
}

#[test]
fn an_event_that_breaks_off_ends() {
    let pattern = r#"{"l": {"a": [1], "b": [1]}, "m": {"a": [1], "b": [1]}}"#;
    let parsed = Pattern::parse(pattern).expect("the pattern is valid");
    let whole = r#"{"l": [{"a": 1}, [{"b": 1}, {"a": 1}]], "m": [[{"b": 1}], {"a": 1, "b": [1]}]}"#;
    for end in 0..whole.len() {
        let _answer = parsed.matches(&Event::of_valid(&whole[..end]));
    }
}

#[test]
fn a_thousand_ways_are_explained_in_few_words() {
    let pattern = format!(r#"{{"a": ["x"], {}}}"#, a_thousand_ways());
    let parsed = Pattern::parse(&pattern).expect("the pattern is valid");
    let elements = vec![r#""y""#; 10_000].join(", ");
    let event = format!(r#"{{"a": [{elements}]}}"#);
    let explanation = parsed.explain(&Event::of_valid(&event));
    assert_eq!((explanation.ways_count, explanation.ways.len()), (1_000, 50));
    assert!(explanation.ways.iter().all(|way| way.fields.iter().all(|f| f.values.len() <= 10)));
}

#[test]
fn who_runs_out_of_steps_while_comparing_does_not_match() {
    // Every pair compares well and stands in two elements of one array; together the pairs need
    // more steps than a rule has, and being out of them is no agreement.
    let others = ["b", "c", "d", "e"];
    let asks: Vec<String> =
        others.iter().map(|other| format!(r#"{{"compare": ["<", "l.{other}"]}}"#)).collect();
    let text = format!(r#"{{"l": {{"a": [{}]}}}}"#, asks.join(", "));
    let all = Extensions::named(Extensions::NAMES).expect("these are the names there are");
    let rule = Pattern::parse_with(&text, all).expect("the pattern is valid");
    let mut elements = vec![r#"{"a": 1}"#.to_owned(); 1_000];
    for other in others {
        elements.extend(vec![format!(r#"{{"{other}": 2}}"#); 1_000]);
    }
    let apart = format!(r#"{{"l": [{}]}}"#, elements.join(", "));
    let mut matcher = Matcher::new();
    // Twice: what the first has found out must not mislead the second, which has steps of its own.
    matcher.add(1, &rule);
    matcher.add(2, &rule);
    let keys = matcher.matches(&Event::of_valid(&apart), &mut Scratch::default()).len();
    assert_eq!(keys, 0);
    let together = apart.replace(r#"{"a": 1}, {"b": 2}"#, r#"{"a": 1, "b": 2}"#);
    assert_eq!(matcher.matches(&Event::of_valid(&together), &mut Scratch::default()).len(), 2);
}
