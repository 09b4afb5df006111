//! `events test-pattern` and `events transform`: a question in files, or one on each line.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::program::PROGRAM;

/// What the program answered.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs a command of `gatepost events` in a directory.
fn run(directory: &Path, arguments: &[&str], input: Stdio) -> Said {
    let mut command = Command::new(PROGRAM);
    command.arg("events").args(arguments).current_dir(directory).env("NO_COLOR", "1");
    let output = command.stdin(input).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs a command beside these files.
fn beside(files: &[(&str, &str)], arguments: &[&str]) -> Said {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    run(directory.path(), arguments, Stdio::null())
}

/// Runs a command with `--jsonl` on these bytes; gives what it printed.
fn lines(arguments: &[&str], input: impl AsRef<[u8]>) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines");
    std::fs::write(&path, input).unwrap();
    let file = File::open(path).unwrap();
    let said = run(directory.path(), &[arguments, &["--jsonl"]].concat(), file.into());
    // A question can fail; the command does not.
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    said.out
}

/// `test-pattern` with both in files.
fn tried(pattern: &str, event: &str, options: &[&str]) -> Said {
    let command = ["test-pattern", "--pattern", "pattern.json", "--event", "event.json"];
    let files = [("pattern.json", pattern), ("event.json", event)];
    beside(&files, &[command.as_slice(), options].concat())
}

/// `transform` with the event in a file, and perhaps a template.
fn transformed(event: &str, template: &str, options: &[&str]) -> Said {
    let files = [("event.json", event), ("template", template)];
    beside(&files, &[["transform", "--event", "event.json"].as_slice(), options].concat())
}

/// Asserts that the command prints nothing but this and ends with this status.
#[track_caller]
fn says(said: &Said, code: i32, out: &str) {
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(code), out, ""));
}

/// Asserts that the command complains of this, and prints nothing.
#[track_caller]
fn complains(said: &Said, of: &str) {
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
    assert!(said.err.contains(of), "{of:?} is missing in:\n{}", said.err);
}

/// Asserts that each of these lines is answered, in its place, by an error with this code and a
/// message with this part.
#[track_caller]
fn refuses(command: &str, rows: &[(&[u8], &str, &str)]) {
    let input: Vec<u8> = rows.iter().map(|(line, ..)| *line).collect::<Vec<_>>().join(&b'\n');
    let answers = lines(&[command], input);
    assert_eq!(answers.lines().count(), rows.len(), "{answers}");
    for (answer, (line, code, part)) in answers.lines().zip(rows) {
        let line = String::from_utf8_lossy(line);
        let answer: Value = serde_json::from_str(answer).unwrap();
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(answer, json!({ "error": { "code": code, "message": message } }), "{line}");
        assert!(message.contains(part), "{part:?} is missing in {message:?} for {line}");
    }
}

#[test]
fn the_exit_status_says_whether_a_pattern_matches() {
    let event = r#"{"source": "warehouse", "detail": {"n": 300.0}}"#;
    for (pattern, code, words, json) in [
        (r#"{"detail": {"n": [300]}}"#, 0, "matches\n", "{\"result\":true}\n"),
        (r#"{"detail": {"n": [301]}}"#, 1, "does not match\n", "{\"result\":false}\n"),
    ] {
        says(&tried(pattern, event, &[]), code, words);
        says(&tried(&format!("\n {pattern}\n\n"), &format!("{event}\r\n"), &[]), code, words);
        says(&tried(pattern, event, &["--json"]), code, json);
    }
}

#[test]
fn what_cannot_be_read_is_two_and_says_why() {
    let (pattern, event) = (r#"{"a": [1]}"#, r#"{"a": 1}"#);
    let refusal = tried("{\"source\":\"x\"}\n", event, &[]);
    complains(&refusal, "");
    expect![[r#"
        gatepost: Event pattern is not valid. Reason: "source" must be an object or an array
         at [Source: (String)"{"source":"x"}"; line: 1, column: 12]
    "#]]
    .assert_eq(&refusal.err);
    complains(&tried("{}", event, &["--explain"]), "Empty objects are not allowed");
    for (pattern, event, code) in
        [("{}", event, "InvalidEventPatternException"), (pattern, "[1]", "ValidationException")]
    {
        let refusal = tried(pattern, event, &["--json"]);
        let answer: Value = serde_json::from_str(&refusal.out).unwrap();
        assert_eq!((refusal.code, answer["error"]["code"].as_str()), (Some(2), Some(code)));
    }
    // The mark of byte order, which some editors write, is no part of the text.
    says(&tried(&format!("\u{feff}{pattern}"), &format!("\u{feff}{event}"), &[]), 0, "matches\n");
    complains(&tried(pattern, "[1]", &[]), "the event is not a JSON object");
    complains(&tried(pattern, "", &[]), "the event is not JSON");
    complains(&tried(pattern, r#"{"a": x}"#, &[]), "Unrecognized token 'x'");
    let files = [("pattern.json", pattern), ("event.json", event)];
    for (which, of) in [
        (["nowhere.json", "event.json"], "nowhere.json cannot be read: No such file"),
        (["pattern.json", "elsewhere.json"], "elsewhere.json cannot be read: No such file"),
        (["pattern.json", "."], ". cannot be read: "),
    ] {
        let arguments = ["test-pattern", "--pattern", which[0], "--event", which[1]];
        complains(&beside(&files, &arguments), of);
    }
}

#[test]
fn a_question_is_in_files_or_on_lines() {
    let files = [("p", r#"{"a": [1]}"#), ("e", r#"{"a": 1}"#), ("t", r#""x""#)];
    let wrong: &[&[&str]] = &[
        &["test-pattern"],
        &["test-pattern", "--pattern", "p"],
        &["test-pattern", "--event", "e"],
        &["test-pattern", "--jsonl", "--pattern", "p"],
        &["test-pattern", "--jsonl", "--event", "e"],
        &["test-pattern", "--jsonl", "--json"],
        &["transform"],
        &["transform", "--input", "1"],
        &["transform", "--event", "e", "--input", "1", "--input-path", "$"],
        &["transform", "--event", "e", "--input-path", "$", "--template", "t"],
        &["transform", "--event", "e", "--path", "a=$.a"],
        &["transform", "--jsonl", "--event", "e"],
        &["transform", "--jsonl", "--input", "1"],
        &["transform", "--jsonl", "--template", "t", "--path", "a=$.a"],
    ];
    for arguments in wrong {
        let said = beside(&files, arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(said.err.starts_with("error: "), "{arguments:?}: {}", said.err);
    }
}

/// Asserts how an answer is explained in words.
#[track_caller]
fn explained(pattern: &str, event: &str, code: i32, words: &Expect) {
    let said = tried(pattern, event, &["--explain"]);
    assert_eq!((said.code, said.err.as_str()), (Some(code), ""));
    words.assert_eq(&said.out);
}

#[test]
fn an_explanation_goes_field_by_field() {
    // These are the ones of `docs/guide/events.md`.
    let pattern = r#"{
        "source": ["warehouse"],
        "detail-type": ["OrderShipped"],
        "detail": {
            "Kind": ["winter"],
            "box": [{"numeric": [">", 0]}],
            "country": [{"anything-but": ["CH", "LI"]}]
        }
    }"#;
    let event = r#"{
        "source": "warehouse",
        "detail-type": "OrderShipped",
        "detail": {"id": "A-7", "box": "2", "kind": "winter"}
    }"#;
    explained(
        pattern,
        event,
        1,
        &expect![[r#"
            The event does not match.
              + detail-type: "OrderShipped" is "OrderShipped"
              - detail.Kind: is not in the event, which has detail.kind: check the spelling
              - detail.box: is "2"; wanted is a value that is a number > 0
              - detail.country: is not in the event, though detail is
              + source: "warehouse" is "warehouse"
        "#]],
    );
    explained(
        r#"{"detail": {"teams": {"name": ["red"], "rank": [1]}}}"#,
        r#"{"detail": {"teams": [{"name": "red"}, {"rank": 1}]}}"#,
        1,
        &expect![[r#"
            The event does not match.
              + detail.teams.name: "red" is "red"
              + detail.teams.rank: 1 equals 1
              Each field alone is satisfied, but no element of the array satisfies all together.
        "#]],
    );
}

#[test]
fn an_explanation_tells_the_ways_that_decide() {
    let pattern = r#"{"$or": [{"a": ["x"]}, {"b": [{"exists": false}]}]}"#;
    explained(
        pattern,
        r#"{"a": "y", "b": null}"#,
        1,
        &expect![[r#"
            The event does not match.

            Way 1 of 2:
              - a: is "y"; wanted is a value that is "x"

            Way 2 of 2:
              - b: is there: null
        "#]],
    );
    explained(
        pattern,
        r#"{"a": "y"}"#,
        0,
        &expect![[r"
            The event matches.

            Way 2 of 2:
              + b: is absent, as wanted
        "]],
    );
}

/// Why three values satisfy a field, or do not.
fn explanation_as_json() -> Value {
    json!({
        "matches": true,
        "ways": [{
            "number": 1,
            "matches": true,
            "torn": false,
            "fields": [{
                "path": "a",
                "matches": true,
                "asks": ["is \"x\"", "begins with \"y\""],
                "values": [
                    { "value": "\"z\"", "satisfies": null },
                    { "value": "\"yes\"", "satisfies": 1 },
                    { "value": "1.0", "satisfies": null },
                ],
                "values_count": 3,
                "reason": "\"yes\" begins with \"y\"",
            }],
        }],
        "ways_count": 1,
    })
}

#[test]
fn an_explanation_is_json_for_programs() {
    let (pattern, event) = (r#"{"a": ["x", {"prefix": "y"}]}"#, r#"{"a": ["z", "yes", 1.0]}"#);
    let expected = json!({ "result": true, "explanation": explanation_as_json() });
    says(&tried(pattern, event, &["--explain", "--json"]), 0, &format!("{expected}\n"));

    let question = format!(r#"{{"pattern": {pattern}, "event": {event}}}"#);
    let answers = lines(&["test-pattern", "--explain"], format!("{question}\n{{}}\n"));
    let (first, second) = answers.split_once('\n').unwrap();
    assert_eq!(first, expected.to_string());
    assert!(second.starts_with(r#"{"error":{"code":"ValidationException","#), "{second}");
}

#[test]
fn an_extension_is_taken_by_name_only() {
    let date = r#"{"at": [{"date": [">=", "2026-01-31T12:00:00Z"]}]}"#;
    let all = r#"{"tags": [{"contains-all": ["a", "b"]}]}"#;
    let compare = r#"{"n": [{"compare": ["<", "limit"]}]}"#;
    for (pattern, event, extension, code) in [
        (date, r#"{"at": "2026-01-31T13:00:00+01:00"}"#, "date", 0),
        (date, r#"{"at": "2026-01-31T12:00:00+01:00"}"#, "date", 1),
        (all, r#"{"tags": ["b", "c", "a"]}"#, "contains-all", 0),
        (all, r#"{"tags": ["b", "c"]}"#, "contains-all", 1),
        (compare, r#"{"n": 1, "limit": 1.5}"#, "compare", 0),
        (compare, r#"{"n": 2, "limit": 1.5}"#, "compare", 1),
    ] {
        let said = tried(pattern, event, &["--extension", extension]);
        assert_eq!(said.code, Some(code), "{pattern} on {event}: {}", said.err);
        let refusal = format!("Reason: Unrecognized match type {extension}\n at ");
        complains(&tried(pattern, event, &[]), &refusal);
        let names = ["date", "contains-all", "compare"].into_iter();
        let others = names.filter(|name| *name != extension);
        let options: Vec<&str> = others.flat_map(|name| ["--extension", name]).collect();
        complains(&tried(pattern, event, &options), &refusal);
        let question = format!(r#"{{"pattern": {pattern}, "event": {event}}}"#);
        let answer = lines(&["test-pattern", "--extension", extension], question);
        assert_eq!(answer, format!("{}\n", json!({ "result": code == 0 })));
    }
    let unknown = "gatepost: there is no pattern extension \"regex\"";
    let options = ["--extension", "date", "--extension", "regex"];
    complains(&tried(date, "{}", &options), unknown);
    complains(&beside(&[], &["test-pattern", "--jsonl", "--extension", "regex"]), unknown);
}

#[test]
fn each_line_with_a_pattern_is_answered_by_a_line() {
    let questions = r#"
{"pattern": {"a": [1]}, "event": {"a": 1.0}}
{"pattern": {"a": [1]}, "event": {"a": 2}}

{"event": "{\"a\": 2}", "pattern": "{\"a\": [1], \"a\": [2]}"}
{"event": "{\"a\": 1}", "pattern": "{\"a\": [1], \"a\": [2]}"}
{"pattern": {"a": [1], "b": [{"exists": false}]}, "event": "{\"a\": 1, \"a\": 2}"}
{"pattern": "{\"a\": [9007199254740993]}", "event": {"a": 9007199254740993}}
{"pattern": "{\"a\": [9007199254740993]}", "event": "{\"a\": 9007199254740992}"}
{"pattern": "{\"a\": [{\"numeric\": [\"=\", 3.0e2]}]}", "event": "{\"a\": 300}"}
{"pattern": {"source":"x"}, "event": {}}
{"pattern": {"a": ["é"]}, "event": "{\"a\": \"\\u00e9\"}"}"#;
    expect![[r#"
        {"result":true}
        {"result":false}
        {"result":true}
        {"result":false}
        {"result":true}
        {"result":true}
        {"result":false}
        {"result":true}
        {"error":{"code":"InvalidEventPatternException","message":"Event pattern is not valid. Reason: \"source\" must be an object or an array\n at [Source: (String)\"{\"source\":\"x\"}\"; line: 1, column: 12]"}}
        {"result":true}
    "#]]
    .assert_eq(&lines(&["test-pattern"], questions));
    assert_eq!(lines(&["test-pattern"], "\n \t\r\n\n"), "");
}

#[test]
fn a_line_that_cannot_be_answered_says_why() {
    let (pattern, other) = ("InvalidEventPatternException", "ValidationException");
    let event = "Parameter Event is not valid. Reason: ";
    refuses(
        "test-pattern",
        &[
            (br#"{"pattern": {}, "event": {}}"#, pattern, "Empty objects are not allowed"),
            (br#"{"pattern": "{", "event": {}}"#, pattern, "Unexpected end-of-input"),
            (br#"{"pattern": "", "event": {}}"#, pattern, "Filter is not an object"),
            (br#"{"pattern": {}, "event": 5}"#, pattern, "Empty objects are not allowed"),
            (br#"{"event": {}}"#, other, "The line has no `pattern`"),
            (br#"{"pattern": {"a": [1]}}"#, other, "The line has no `event`"),
            (br#"{"pattern": {"a": [1]}, "event": 5}"#, other, event),
            (br#"{"pattern": {"a": [1]}, "event": [1]}"#, other, "is not a JSON object"),
            (br#"{"pattern": {"a": [1]}, "event": "{\"a\": "}"#, other, "Unexpected end-of-input"),
            (br#"{"pattern": "\ud800", "event": {}}"#, other, "`pattern` is no text"),
            (b"nonsense", other, "The line is no JSON object"),
            (br#"{"pattern": {"a": [1]}, "event": {"a": 1}"#, other, "The line is no question"),
            (b"5", other, r#"write {"pattern": {"#),
            (b"{\"pattern\": {\"a\": [\"\xff\"]}, \"event\": {}}", other, "The line is not UTF-8"),
        ],
    );
}

#[test]
fn thousands_of_lines_are_answered_in_their_order() {
    const LINES: u32 = 5_000;
    let question = |number: u32| {
        let (asked, found) = (number % 7, number % 11 % 7);
        format!("{{\"pattern\": {{\"n\": [{asked}]}}, \"event\": {{\"n\": {found}}}}}\n")
    };
    let answer = |number: u32| format!("{{\"result\":{}}}\n", number % 7 == number % 11 % 7);
    let answers = lines(&["test-pattern"], (0..LINES).map(question).collect::<String>());
    assert!(answers == (0..LINES).map(answer).collect::<String>(), "{answers}");

    let question = |number: u32| {
        format!("{{\"event\": \"{{\\\"n\\\": {number}}}\", \"input_path\": \"$.n\"}}\n")
    };
    let answer = |number: u32| format!("{{\"output\":\"{number}\"}}\n");
    let answers = lines(&["transform"], (0..LINES).map(question).collect::<String>());
    assert!(answers == (0..LINES).map(answer).collect::<String>(), "{answers}");
}

#[test]
fn a_line_that_is_too_long_costs_no_other_line() {
    let question = |bytes: usize| {
        let text = "x".repeat(bytes);
        format!("{{\"pattern\": {{\"b\": [1]}}, \"event\": {{\"a\": \"{text}\", \"b\": 1}}}}\n")
    };
    // The longest line is one of 8 MiB.
    let questions = [question(1 << 20), question(9 << 20), question(17 << 20), question(1)];
    let answers = lines(&["test-pattern"], questions.concat());
    let too_long = r#"{"error":{"code":"ValidationException","message":"The line is longer than 8388608 bytes; shorten the event."}}"#;
    let matches = r#"{"result":true}"#;
    assert_eq!(answers.lines().collect::<Vec<_>>(), [matches, too_long, too_long, matches]);
}

const SHIPPED: &str = r#"{ "id": "e-1", "source": "warehouse", "time": "2026-01-31T12:00:00Z",
    "detail": { "id": "A-7", "price": 1.10, "account": 12345678901234567890, "by": "\"Al\" & Co" } }
"#;

#[test]
fn a_target_receives_the_event_a_part_of_it_a_constant_or_a_template() {
    let whole = concat!(
        r#"{"id":"e-1","source":"warehouse","time":"2026-01-31T12:00:00Z","#,
        r#""detail":{"id":"A-7","price":1.10,"account":12345678901234567890,"by":"\"Al\" & Co"}}"#,
        "\n"
    );
    let json = r#"{ "order": <id>, "price": <price>, "text": "<id> for <price>, <none>",
        "rule": <aws.events.rule-name>, "at": <aws.events.event.ingestion-time> }"#;
    let filled = concat!(
        r#"{"order":"A-7","price":1.10,"text":"A-7 for 1.10, ","#,
        r#""rule":"test","at":"2026-01-31T12:00:00Z"}"#,
        "\n"
    );
    let paths =
        ["--path", "id=$.detail.id", "--path", "price=$.detail.price", "--path", "none=$.no"];
    let template = [["--template", "template"].as_slice(), &paths].concat();
    let rows: &[(&str, &[&str], &str)] = &[
        ("", &[], whole),
        ("", &["--input", r#"{ "any": 1.10 }"#], "{ \"any\": 1.10 }\n"),
        ("", &["--input-path", "$.detail.account"], "12345678901234567890\n"),
        ("", &["--input-path", "$.detail.nothing"], "null\n"),
        ("", &["--input-path", "$"], whole),
        (json, &template, filled),
        ("\"order <id>\"\n\"costs <price>\"\n", &template, "\"order A-7\"\n\"costs 1.10\"\n"),
        ("\"nothing\"", &["--template", "template"], "\"nothing\"\n"),
    ];
    for (text, options, out) in rows {
        says(&transformed(SHIPPED, text, options), 0, out);
    }
}

#[test]
fn a_transform_that_is_refused_is_two_and_says_why() {
    let rows: &[(&str, &[&str], &str)] = &[
        ("", &["--input", "env:dev"], "gatepost: ValidationException: JSON syntax error in input"),
        (
            "",
            &["--input-path", "detail"],
            "ValidationException: InputPath is invalid: a path has `$`",
        ),
        (
            "\"<other>\"",
            &["--template", "template"],
            "ValidationException: InputTemplate contains invalid placeholder other.",
        ),
        (
            "plain",
            &["--template", "template"],
            "ValidationException: Invalid InputTemplate: line 1",
        ),
        ("", &["--template", "template"], "ValidationException: InputTemplate is empty"),
        ("\"<a>\"", &["--template", "template", "--path", "a"], "--path a: write NAME=PATH"),
        ("\"<a>\"", &["--template", "template", "--path", "a=b"], "InputPath is invalid: a: "),
        (
            "\"fine\"\n\"by <by>\"",
            &["--template", "template", "--path", "by=$.detail.by"],
            "gatepost: INVALID_JSON: line 2 of the input template is not a JSON string",
        ),
        ("", &["--template", "nowhere"], "nowhere cannot be read: No such file"),
    ];
    for (text, options, of) in rows {
        complains(&transformed(SHIPPED, text, options), of);
    }
    let event = "event.json: the event is not ";
    for text in ["", "[1]", "5", "{\"a\": }"] {
        complains(&transformed(text, "", &[]), event);
        complains(&transformed(text, "", &["--input", "1"]), event);
    }
}

#[test]
fn each_line_with_a_transform_is_answered_by_a_line() {
    let questions = r#"{"event": {"b": 1.10, "a" : [ 1E2 ], "b": -0}}
{"event": "{\"n\": 12345678901234567890}", "input_path": "$.n"}
{"event": {"n": {"m": [true, null]}}, "input_path": "$.n.m"}
{"event": {}, "input_path": "$.n"}
{"event": {}, "input": {"any": [1.10]}}

{"event": {}, "input": "{\"a\": 1, \"a\": 1.0}"}
{"event": {}, "input": "\"text\""}
{"event": {"id": "A-7", "price": 1.10}, "input_transformer": {"paths": {"id": "$.id", "p": "$.price"}, "template": "{\"order\": <id>, \"price\": <p>}"}}
{"event": {"id": "A-7", "price": 1.10}, "input_transformer": {"paths": {"id": "$.id", "p": "$.price"}, "template": "\"order <id>\"\n\"costs <p>\""}}
{"event": {"a": 1.0}, "input_transformer": {"template": "{\"all\": <aws.events.event.json>}"}}
"#;
    expect![[r#"
        {"output":"{\"b\":1.10,\"a\":[1E2],\"b\":-0}"}
        {"output":"12345678901234567890"}
        {"output":"[true,null]"}
        {"output":"null"}
        {"output":"{\"any\": [1.10]}"}
        {"output":"{\"a\": 1, \"a\": 1.0}"}
        {"output":"\"text\""}
        {"output":"{\"order\":\"A-7\",\"price\":1.10}"}
        {"output":"\"order A-7\"\n\"costs 1.10\""}
        {"output":"{\"all\":{\"a\":1.0}}"}
    "#]]
    .assert_eq(&lines(&["transform"], questions));
}

#[test]
fn a_line_that_cannot_be_transformed_says_why() {
    let other = "ValidationException";
    let unread = "The line is no question";
    refuses(
        "transform",
        &[
            (
                br#"{"event": {"by": "\"Al\""}, "input_transformer": {"paths": {"by": "$.by"}, "template": "\"by <by>\""}}"#,
                "INVALID_JSON",
                "line 1 of the input template is not a JSON string for this event",
            ),
            (
                br#"{"event": {}, "input": 1, "input_path": "$"}"#,
                other,
                "Only one of Input, InputPath, or InputTransformer must be provided.",
            ),
            (br#"{"event": {}, "input": "env:dev"}"#, other, "JSON syntax error in input: "),
            (br#"{"event": {}, "input_path": "$.a[*]"}"#, other, "InputPath is invalid: "),
            (
                br#"{"event": {}, "input_transformer": {"template": "\"<a>\""}}"#,
                other,
                "InputTemplate contains invalid placeholder a.",
            ),
            (
                br#"{"event": {}, "input_transformer": {"template": "{\"a\": 1"}}"#,
                other,
                "Invalid InputTemplate: InputTemplate is not valid JSON",
            ),
            (br#"{"input": 1}"#, other, "The line has no `event`"),
            (br#"{"event": [1]}"#, other, "Parameter Event is not valid. Reason: "),
            (br#"{"event": {}, "inputPath": "$"}"#, other, "unknown field `inputPath`"),
            (
                br#"{"event": {}, "input_transformer": {"template": "\"a\"", "path": {}}}"#,
                other,
                "unknown field `path`",
            ),
            (br#"{"event": {}, "input_transformer": {}}"#, other, "missing field `template`"),
            (br#"{"event": {}, "input_path": 5}"#, other, unread),
            (b"[", other, "The line is no JSON object"),
            (b"\xff", other, "The line is not UTF-8"),
        ],
    );
}
