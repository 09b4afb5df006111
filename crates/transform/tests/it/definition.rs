//! A target's definition in EventBridge's words, and how a refusal reads there.

use transform::{Definition, DefinitionError, Input, JsonPath, Transformer};

fn transformer<'a>(paths: &[(&'a str, &'a str)], template: &'a str) -> Definition<'a> {
    let transformer = Transformer { paths: paths.to_vec(), template };
    Definition { input_transformer: Some(transformer), ..Definition::default() }
}

fn input(text: &str) -> Definition<'_> {
    Definition { input: Some(text), ..Definition::default() }
}

fn input_path(path: &str) -> Definition<'_> {
    Definition { input_path: Some(path), ..Definition::default() }
}

fn refused(asked: &Definition<'_>, message: &str) {
    let error = Input::defined(asked).expect_err(message);
    assert_eq!(error.message(Some("t1")), message);
    assert_eq!(error.message(None), message.replacen(" for target t1", "", 1));
}

#[test]
fn a_definition_asks_for_one_of_four() {
    assert_eq!(Input::defined(&Definition::default()).ok(), Some(Input::Whole));
    let constant = Input::Constant("1.10".to_owned());
    assert_eq!(Input::defined(&input("1.10")).ok(), Some(constant));
    let path = JsonPath::parse("$.detail").expect("a path");
    assert_eq!(Input::defined(&input_path("$.detail")).ok(), Some(Input::Path(path)));
    let template = Input::defined(&transformer(&[("id", "$.id")], r#"{"id": <id>}"#));
    assert!(matches!(template, Ok(Input::Template(_))), "{template:?}");
}

// LocalStack's tests against AWS have this sentence.
#[test]
fn a_definition_asks_for_one_only() {
    let message =
        "Only one of Input, InputPath, or InputTransformer must be provided for target t1.";
    refused(&Definition { input: Some("1"), ..input_path("$") }, message);
    refused(&Definition { input: Some("1"), ..transformer(&[], "\"a\"") }, message);
    refused(&Definition { input_path: Some("$"), ..transformer(&[], "\"a\"") }, message);
}

// The first sentence is in LocalStack's tests against AWS; the others begin as people report the
// answers of `PutTargets`.
#[test]
fn a_refusal_reads_as_put_targets_answers() {
    refused(
        &transformer(&[], "\"<other>\""),
        "InputTemplate for target t1 contains invalid placeholder other.",
    );
    refused(
        &transformer(&[], "[<aws.events.event.json>]"),
        "InputTemplate for target t1 contains placeholder aws.events.event.json valid only for \
         JSON template.",
    );
    refused(
        &input("env:dev"),
        "JSON syntax error in input for target t1: expected value at line 1 column 1",
    );
    refused(
        &input_path("detail"),
        "InputPath for target t1 is invalid: a path has `$` at character 1; write for example \
         `$.detail.id`",
    );
    refused(
        &transformer(&[("id", "$.")], "\"<id>\""),
        "InputPath for target t1 is invalid: id: no name at character 3; write one after each dot, \
         as in `$.detail.id`",
    );
    refused(
        &transformer(&[], "{\"a\": 1"),
        "Invalid InputTemplate for target t1: InputTemplate is not valid JSON at line 1, column 7; \
         a placeholder stands for a whole value, or within the quotes of one",
    );
    refused(
        &transformer(&[], "hello"),
        "Invalid InputTemplate for target t1: line 1 of InputTemplate is not one quoted string; \
         write it as \"…\", or begin the template with `{` for JSON",
    );
}

#[test]
fn other_refusals_name_the_member() {
    refused(
        &transformer(&[], ""),
        "InputTemplate is empty; write a JSON object, or one quoted string per line",
    );
    refused(
        &transformer(&[("a.b", "$")], "\"a\""),
        "`a.b` cannot name a path; use 1 to 256 of A-Z, a-z, 0-9, `_` and `-`",
    );
    refused(
        &transformer(&[("a", "$")], "{\"<a>\": 1}"),
        "placeholder a is an object key; use it as a value or within a quoted value",
    );
    let long = format!("\"{}\"", "x".repeat(8_191));
    refused(&input(&long), "the input has 8193 characters; shorten it to at most 8192");
    assert_eq!(DefinitionError::CODE, "ValidationException");
}
