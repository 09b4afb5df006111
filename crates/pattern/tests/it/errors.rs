//! What a refusal says and where it points; the bounds on size and depth.

use pattern::{Event, EventError, Pattern, PatternError};

use crate::{check, refused};

fn error(pattern: &str) -> PatternError {
    Pattern::parse(pattern).expect_err("the pattern of the row is not valid")
}

/// Asserts what AWS says of `pattern`, and where.
#[track_caller]
fn says(pattern: &str, message: &str, column: usize) {
    let error = error(pattern);
    assert_eq!((&*error.message, error.line, error.column), (message, 1, column), "{pattern}");
    let place = format!("[Source: (String)\"{pattern}\"; line: 1, column: {column}]");
    assert_eq!(
        error.to_string(),
        format!("Event pattern is not valid. Reason: {message}\n at {place}")
    );
}

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

#[test]
fn the_text_is_that_of_aws() {
    // What AWS itself answers, as LocalStack's tests of events recorded it.
    says(r#"{"int": 42}"#, r#""int" must be an object or an array"#, 11);
    says(r#"{"string": "my-value"}"#, r#""string" must be an object or an array"#, 13);
    says(r#"{"resources": []}"#, "Empty arrays are not allowed", 17);
    says(r#"{"my_key": [{"EXISTS": true}]}"#, "Unrecognized match type EXISTS", 28);
    says(
        r#"{"detail": {"equal": [{"NUMERIC": ["=", 5]}]}}"#,
        "Unrecognized match type NUMERIC",
        36,
    );
    says(r#"{"time": [{"prefix": 123}]}"#, "prefix match pattern must be a string", 25);
    says(r#"{"FileName": [{"suffix": [".png"]}]}"#, "suffix match pattern must be a string", 27);
    says(
        r#"{"detail": {"sourceIPAddress": [{"cidr": ["bad-type"]}]}}"#,
        "prefix match pattern must be a string",
        43,
    );
    says(
        r#"{"detail-type": [{"equals-ignore-case": {"prefix": "ec2"}}]}"#,
        "equals-ignore-case match pattern must be a string",
        42,
    );
    says(r#"{"key": [{"wildcard": "abc**def"}]}"#, "Consecutive wildcard characters at pos 4", 33);
}

#[test]
fn the_text_is_that_of_aws_inside_anything_but_and_numeric() {
    says(
        r#"{"detail": {"c-count": [{"numeric": [">", 0, ">", 0]}]}}"#,
        "Bad numeric range operator: >",
        49,
    );
    says(
        r#"{"detail": {"c-count": [{"numeric": [">", 0, "<"]}]}}"#,
        "Value of < must be numeric",
        50,
    );
    says(
        r#"{"detail": {"state": [{"anything-but": {"equals-ignore-case": 123}}]}}"#,
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
        66,
    );
    says(
        r#"{"detail": {"state": [{"anything-but": {"prefix": 123}}]}}"#,
        "prefix/suffix match pattern must be a string",
        54,
    );
    says(
        r#"{"detail": {"FileName": [{"anything-but": {"prefix": {"equals-ignore-case": "file"}}}]}}"#,
        "Value of anything-but must be an array or single string/number value.",
        55,
    );
}

#[test]
fn of_a_refusal_in_a_list_of_anything_but_aws_says_the_place_twice() {
    let pattern = r#"{"detail": {"state": [{"anything-but": {"wildcard": [123, "*/dir/*"]}}]}}"#;
    let place = format!("\n at [Source: (String)\"{pattern}\"; line: 1, column: 57]");
    assert_eq!(
        error(pattern).to_string(),
        format!(
            "Event pattern is not valid. Reason: wildcard match pattern must be a string\
             {place}{place}"
        )
    );
    // First where JSON is wrong, then what was read.
    let pattern = r#"{"a": [{"anything-but": ["\x"]}]}"#;
    let place =
        |column| format!("\n at [Source: (String)\"{pattern}\"; line: 1, column: {column}]");
    assert_eq!(
        error(pattern).to_string(),
        format!(
            "Event pattern is not valid. Reason: Unrecognized character escape 'x' (code 120){}{}",
            place(28),
            place(29)
        )
    );
}

#[test]
fn of_a_range_and_of_complexity_aws_does_not_say_the_place() {
    let error_of_range = error(r#"{"a": [{"cidr": "bad-filter"}]}"#);
    assert_eq!(
        error_of_range.to_string(),
        "Event pattern is not valid. Reason: Malformed CIDR, one '/' required"
    );
    // It is known all the same.
    assert_eq!((error_of_range.line, error_of_range.column), (1, 29));
    assert_eq!(
        error(r#"{"a": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}"#).to_string(),
        "Event pattern is not valid. Reason: Rule is too complex - try using fewer wildcard \
         characters or fewer repeating character sequences after a wildcard character"
    );
}

#[test]
fn the_place_is_just_behind_the_wrong_part() {
    let place = |pattern: &str| {
        let error = error(pattern);
        (error.line, error.column)
    };
    assert_eq!(place(r#"{"source":[]}"#), (1, 13));
    assert_eq!(place("{}"), (1, 3));
    assert_eq!(place("{\n  \"a\": [\"x\"],\n  \"b\": 1\n}"), (3, 9));
    assert_eq!(place("{\r\n\"a\"\r:\n x}"), (4, 3));
    // UTF-16 units, not characters and not bytes.
    assert_eq!(place(r#"{"é":[]}"#), (1, 8));
    assert_eq!(place(r#"{"🚗":[]}"#), (1, 9));
    assert_eq!(place(""), (1, 1));
}

#[test]
fn a_long_text_is_cut_and_control_characters_are_spelled_out() {
    let pattern = format!(r#"{{"a":["{}"],"b":[]}}"#, "x".repeat(600));
    let text = error(&pattern).to_string();
    let shown = &pattern[..500];
    let end = format!("(String)\"{shown}\"[truncated 117 chars]; line: 1, column: 617]");
    assert!(text.ends_with(&end), "{text}");
    let text = error("{\"a\":\t[\r\n]}").to_string();
    assert!(text.ends_with("(String)\"{\"a\":\\u0009[\r\n]}\"; line: 2, column: 2]"), "{text}");
}

#[test]
fn what_is_no_object_is_refused() {
    says("", "Filter is not an object", 1);
    says(" ", "Filter is not an object", 2);
    says("null", "Filter is not an object", 5);
    says("12 ", "Filter is not an object", 4);
    says(r#""x""#, "Filter is not an object", 2);
    says(r#"["not", "a", "dict", "but valid json"]"#, "Filter is not an object", 2);
}

#[test]
fn a_text_that_ends_too_soon_is_refused_in_the_words_of_jackson() {
    says(
        "{",
        "Unexpected end-of-input: expected close marker for Object (start marker at [Source: \
         (String)\"{\"; line: 1, column: 1])",
        2,
    );
    says(r#"{"a""#, "Unexpected end-of-input within/between Object entries", 5);
    says(r#"{"a"#, "Unexpected end-of-input in field name", 4);
    says(r#"{"a":[1,"#, "Unexpected end-of-input within/between Array entries", 9);
    says(
        r#"{"a":["x"#,
        "Unexpected end-of-input: was expecting closing quote for a string value",
        9,
    );
    says(r#"{"a":["x\"#, "Unexpected end-of-input in character escape sequence", 10);
}

#[test]
fn what_is_not_json_is_refused_in_the_words_of_jackson() {
    let rows = [
        (
            "{'bad': 'quotation'}",
            "''' (code 39)): was expecting double-quote to start field name",
            2,
        ),
        (r#"{"a":[1],}"#, "'}' (code 125)): was expecting double-quote to start field name", 10),
        (
            r#"{"a" [1]}"#,
            "'[' (code 91)): was expecting a colon to separate field name and value",
            6,
        ),
        (
            r#"{"a":[1] "b":[2]}"#,
            "'\"' (code 34)): was expecting comma to separate Object entries",
            10,
        ),
        (r#"{"a":[1 2]}"#, "'2' (code 50)): was expecting comma to separate Array entries", 9),
        (r#"{"a":}"#, "'}' (code 125)): expected a value", 6),
        (
            r#"{"a":["\u12g4"]}"#,
            "'g' (code 103)): expected a hex-digit for character escape sequence",
            12,
        ),
    ];
    for (pattern, message, column) in rows {
        says(pattern, &format!("Unexpected character ({message}"), column);
    }
    for (pattern, found, column) in
        [(r#"{"a":[1,]}"#, "']' (code 93)", 9), (r#"{"a":[“x”]}"#, "'“' (code 8220 / 0x201c)", 7)]
    {
        let message = format!("Unexpected character ({found}): expected a valid value {VALUES}");
        says(pattern, &message, column);
    }
    for (pattern, found, column) in [
        ("this is valid json but not a dict", "this", 5),
        ("{\"not\": closed mark\"", "closed", 15),
        (r#"{"a":[nulll]}"#, "nulll", 12),
    ] {
        says(pattern, &format!("Unrecognized token '{found}': was expecting {VALUES}"), column);
    }
    says(
        r#"{"a":[1}"#,
        "Unexpected close marker '}': expected ']' (for Array starting at [Source: \
         (String)\"{\"a\":[1}\"; line: 1, column: 6])",
        8,
    );
    says("]", "Unexpected close marker ']': no open Array to close", 1);
    says(r#"{"a":["\x"]}"#, "Unrecognized character escape 'x' (code 120)", 9);
    refused(
        "{\"a\":[\"\n\"]}",
        "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to \
         be included in string value",
    );
    refused("{/* no */}", "maybe a (non-standard) comment?");
}

#[test]
fn numbers_are_those_of_json() {
    let point = "Decimal point not followed by a digit";
    let exponent = "Exponent indicator not followed by a digit";
    let minus = "expected digit (0-9) to follow minus sign, for valid numeric value";
    let rows = [
        (r#"{"a":[1.]}"#, "']' (code 93)", point, 8),
        (r#"{"a":[0.]}"#, "']' (code 93)", point, 9),
        (r#"{"a":[1ex]}"#, "'x' (code 120)", exponent, 8),
        (r#"{"a":[-x]}"#, "'x' (code 120)", minus, 8),
    ];
    for (pattern, found, why, column) in rows {
        let message = format!("Unexpected character ({found}) in numeric value: {why}");
        says(pattern, &message, column);
    }
    says(r#"{"a":[01]}"#, "Invalid numeric value: Leading zeroes not allowed", 8);
    refused(r#"{"a":[+1]}"#, "JSON spec does not allow numbers to have plus signs");
    refused(r#"{"a":[NaN]}"#, "Non-standard token 'NaN'");
}

#[test]
fn of_several_faults_the_first_in_the_text_is_reported() {
    refused(r#"{"a": [], "b": nul}"#, "Empty arrays are not allowed");
    refused(r#"{"a": [nul], "b": []}"#, "Unrecognized token 'nul'");
    refused(r#"{"a": [{"like": "x"}], "a""#, "Unrecognized match type like");
    refused(r#"{"a": [{"cidr": "x"}, nul]}"#, "Malformed CIDR");
    // How a value begins is read together with its name.
    refused(r#"{"a": [{"like": nul}]}"#, "Unrecognized token 'nul'");
    // Only a pattern without other faults can be too complex.
    refused(r#"{"a": [{"wildcard": "*:*:*:*:*:event-bus/*"}], "b": []}"#, "Empty arrays");
}

#[test]
fn what_stands_behind_the_pattern_does_not_matter() {
    check(r#"{"a": [1]} x"#, r#"{"a": 1}"#, true);
    check(r#"{"a": [1]}}"#, r#"{"a": 1}"#, true);
}

#[test]
fn half_a_surrogate_pair_is_taken() {
    assert!(Pattern::parse(r#"{"a": ["\ud83d"]}"#).is_ok());
}

#[test]
fn a_pattern_has_at_most_4096_characters() {
    let pattern = |characters: usize| format!(r#"{{"a":["{}"]}}"#, "é".repeat(characters - 10));
    assert!(Pattern::parse(&pattern(4_096)).is_ok());
    refused(&pattern(4_097), "longer than 4096 characters");
    assert_eq!(error(&pattern(1_000_000)).pattern.chars().count(), 4_096);
}

#[test]
fn a_pattern_nests_at_most_64_deep() {
    let pattern =
        |depth: usize| format!("{}[1]{}", r#"{"a":"#.repeat(depth - 1), "}".repeat(depth - 1));
    assert!(Pattern::parse(&pattern(64)).is_ok());
    refused(&pattern(65), "more than 64 deep");
}

#[test]
fn an_event_nests_at_most_128_deep() {
    let event = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(Event::parse(&event(128)).is_ok());
    assert_eq!(Event::parse(&event(129)).err(), Some(EventError::TooDeep));
    let arrays = format!(r#"{{"a":{}"#, "[".repeat(1_000_000));
    assert_eq!(Event::parse(&arrays).err(), Some(EventError::TooDeep));
}

#[test]
fn an_event_is_a_json_object() {
    assert_eq!(Event::parse("[]").err(), Some(EventError::NotAnObject));
    assert!(matches!(Event::parse("{\n]"), Err(EventError::Syntax { line: 2, column: 1, .. })));
}

#[test]
fn every_json_escape_is_read() {
    check(
        r#"{"a": ["\"\\\/\b\f\n\r\t"]}"#,
        r#"{"a": "\u0022\u005C\u002f\u0008\u000c\u000a\u000d\u0009"}"#,
        true,
    );
}

#[test]
fn a_pattern_keeps_its_text() {
    let source = "{ \"a\" : [ 1 ] }";
    assert_eq!(
        Pattern::parse(source).map(|pattern| pattern.source().to_owned()),
        Ok(source.to_owned())
    );
}
