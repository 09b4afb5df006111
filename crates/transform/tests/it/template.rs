//! The input transformer: AWS's documented rules as rows, and what is refused.

use serde_json::Value;
use transform::{Context, RenderError, Template, TemplateError};

use crate::{EVENT, context, template};

fn check(text: &str, expected: &str) {
    let template = template(text).expect("a template of the table");
    assert_eq!(template.render(EVENT, &context()).as_deref(), Ok(expected), "{text}");
    for line in expected.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}

fn is_invalid(text: &str, line: usize) {
    let template = template(text).expect("a template of the table");
    let rendered = template.render(EVENT, &context());
    assert_eq!(rendered, Err(RenderError::InvalidJson { line }), "{text}");
}

fn refused(text: &str, message: &str) {
    let error = template(text).expect_err(text);
    assert!(error.to_string().contains(message), "{text}: {error}");
}

#[test]
fn a_bare_variable_is_the_json_value() {
    check(r#"{"state": <state>}"#, r#"{"state":"RUNNING"}"#);
    check(r#"{"a": <count>, "b": <ratio>}"#, r#"{"a":3,"b":0.5}"#);
    check(r#"{"a": <spot>, "b": <note>}"#, r#"{"a":false,"b":null}"#);
    check(r#"{"a": <owner>}"#, r#"{"a":{"name":"Ann","ids":[1,2]}}"#);
    check(r#"{"a": <tags>, "b": <first_tag>}"#, r#"{"a":["a","b"],"b":"a"}"#);
    check(r#"{"a": [<tags>, <count>]}"#, r#"{"a":[["a","b"],3]}"#);
    check(r#"{"a": {"b": [{"c": <state>}]}}"#, r#"{"a":{"b":[{"c":"RUNNING"}]}}"#);
    check(r#"{"a": <spoken>, "b": <folder>}"#, r#"{"a":"say \"hi\"","b":"C:\\x"}"#);
    check(r#"{"a": <detail-type>}"#, r#"{"a":"EC2 Instance State-change Notification"}"#);
}

#[test]
fn a_quoted_variable_is_escaped_text() {
    check(r#"{"a": "<state>"}"#, r#"{"a":"RUNNING"}"#);
    check(
        r#"{"a": "<instance> is in state \"<state>\""}"#,
        r#"{"a":"i-0123456789 is in state \"RUNNING\""}"#,
    );
    check(r#"{"a": "<count> <ratio> <spot> <note>"}"#, r#"{"a":"3 0.5 false null"}"#);
    check(r#"{"a": "<spoken>"}"#, r#"{"a":"say \"hi\""}"#);
    check(r#"{"a": "<folder>"}"#, r#"{"a":"C:\\x"}"#);
    check(r#"{"a": "<lines>"}"#, r#"{"a":"one\ntwo"}"#);
    check(r#"{"a": "<tags>"}"#, r#"{"a":"[\"a\",\"b\"]"}"#);
    check(r#"{"a": "<owner>"}"#, r#"{"a":"{\"name\":\"Ann\",\"ids\":[1,2]}"}"#);
    check(r#"{"a": "\\<state>"}"#, r#"{"a":"\\RUNNING"}"#);
}

#[test]
fn a_missing_path_is_the_empty_string() {
    check(r#"{"a": <missing>}"#, r#"{"a":""}"#);
    check(r#"{"a": [<missing>]}"#, r#"{"a":[""]}"#);
    check(r#"{"a": [<missing>, <count>, <missing>]}"#, r#"{"a":["",3,""]}"#);
    check(r#"{"a": {"b": <missing>}}"#, r#"{"a":{"b":""}}"#);
    check(r#"{"a": "<missing>"}"#, r#"{"a":""}"#);
    check(r#"{"a": ["<missing>"]}"#, r#"{"a":[""]}"#);
    check(r#"{"a": "b <missing> c"}"#, r#"{"a":"b  c"}"#);
    check(r#"{"a": "<missing><state><missing>"}"#, r#"{"a":"RUNNING"}"#);
    check(r#""<missing>""#, r#""""#);
    check(r#""detail <missing>""#, r#""detail ""#);
    check(r#""\"<missing>\"""#, r#""\"\"""#);
    check("<missing>", r#""""#);
    check("\"a\"\n<missing>", "\"a\"\n\"\"");
}

#[test]
fn a_json_template_loses_only_white_space_between_its_signs() {
    check(
        "\n  {\n  \"a b\" : [ 1 , <state> ] ,\r\n\t\"c\": \" d  e \"\n}\n",
        concat!(r#"{"a b":[1,"RUNNING"],"#, r#""c":" d  e "}"#),
    );
    check("{}", "{}");
    check(r#"{"a": "x < y", "b": "<>", "c": "5 > 4"}"#, r#"{"a":"x < y","b":"<>","c":"5 > 4"}"#);
    check(r#"{"a": "< state>"}"#, r#"{"a":"< state>"}"#);
    check(r#"{"a": "1 <<state>> 2"}"#, r#"{"a":"1 <RUNNING> 2"}"#);
}

#[test]
fn other_templates_are_quoted_strings_one_per_line() {
    check(r#""<instance> is in state <state>""#, r#""i-0123456789 is in state RUNNING""#);
    check(r#""in state \"<state>\"""#, r#""in state \"RUNNING\"""#);
    check(r#""{[/Check of <state>""#, r#""{[/Check of RUNNING""#);
    check(r#""""#, r#""""#);
    check(
        "  \"one <state>\"\r\n\n\t\"\"\n  \"three <count>\"\n",
        "\"one RUNNING\"\n\"\"\n\"three 3\"",
    );
    check(
        r#""<aws.events.rule-name> by <aws.events.rule-arn>""#,
        r#""example by arn:aws:events:us-east-2:123456789012:rule/example""#,
    );
}

#[test]
fn strings_take_lists_and_objects_without_their_quotes() {
    check(r#""tags <tags> of <owner>""#, r#""tags [a,b] of {name:Ann,ids:[1,2]}""#);
    check(r#""<count> <ratio> <spot> <note>""#, r#""3 0.5 false null""#);
}

#[test]
fn a_line_that_is_only_a_variable_is_its_json_value() {
    check("<owner>", r#"{"name":"Ann","ids":[1,2]}"#);
    check("<state>", r#""RUNNING""#);
    check("<missing>", r#""""#);
    check("<spoken>\n\"and <count>\"", "\"say \\\"hi\\\"\"\n\"and 3\"");
    check("  <count>  ", "3");
    check("<ratio>\n<spot>\n<note>\n<tags>", "0.5\nfalse\nnull\n[\"a\",\"b\"]");
}

#[test]
fn strings_do_not_escape_values_and_may_become_invalid() {
    is_invalid(r#""<spoken>""#, 1);
    is_invalid(r#""<folder>""#, 1);
    is_invalid(r#""<lines>""#, 1);
    is_invalid("\"fine\"\n\n\"<spoken>\"", 3);
}

#[test]
fn reserved_variables_stand_alone_on_a_line_too() {
    check("<aws.events.rule-name>", r#""example""#);
    check(
        "<aws.events.rule-arn>\n\"at <aws.events.event.ingestion-time>\"",
        "\"arn:aws:events:us-east-2:123456789012:rule/example\"\n\"at 2015-11-11T21:29:55Z\"",
    );
}

#[test]
fn reserved_variables_tell_of_rule_time_and_event() {
    check(
        r#"{"rule": <aws.events.rule-name>, "text": "<aws.events.rule-arn>"}"#,
        concat!(
            r#"{"rule":"example","#,
            r#""text":"arn:aws:events:us-east-2:123456789012:rule/example"}"#
        ),
    );
    check(r#"{"at": <aws.events.event.ingestion-time>}"#, r#"{"at":"2015-11-11T21:29:55Z"}"#);
    check(
        r#"{"event": <aws.events.event>}"#,
        concat!(
            r#"{"event":{"version":"0","id":"7bf73129-1428-4cd3-a780-95db273d1602","#,
            r#""detailType":"EC2 Instance State-change Notification","source":"aws.ec2","#,
            r#""account":"123456789012","time":"2015-11-11T21:29:54Z","region":"us-east-1","#,
            r#""resources":["arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789"]}}"#
        ),
    );
    check(r#"{"event": <aws.events.event.json>}"#, &format!(r#"{{"event":{EVENT}}}"#));
    let quoted = Value::from(EVENT);
    check(r#"{"event": "<aws.events.event.json>"}"#, &format!(r#"{{"event":{quoted}}}"#));
}

#[test]
fn the_event_without_its_detail_keeps_the_rest_as_it_is() {
    let whole = template(r#"{"event": <aws.events.event>}"#).expect("a template");
    let check = |event: &str, expected: &str| {
        let expected = format!(r#"{{"event":{expected}}}"#);
        let rendered = whole.render(event, &context());
        assert_eq!(rendered.as_deref(), Ok(expected.as_str()), "{event}");
    };
    check(r#"{"detail": {"detail": 1}}"#, "{}");
    check(r#"{"a": {"detail": 1.10}, "detail": 2}"#, r#"{"a":{"detail":1.10}}"#);
    check(r#"{"detail": 1, "b": " x ", "detail": 2}"#, r#"{"b":" x "}"#);
    check(r#"{"det\u0061il": 1, "detail\u002dtype": "t"}"#, r#"{"detailType":"t"}"#);
    check(r#"{"\u0062": 1, "detail-type": 2}"#, r#"{"\u0062":1,"detailType":2}"#);
    check("{}", "{}");
    check(" [1, 2] ", "[1,2]");
}

#[test]
fn a_reserved_value_is_escaped_where_json_needs_it() {
    let context = Context { rule_name: "a \"b\"\n\\".to_owned(), ..Context::default() };
    let json = template(r#"{"a": <aws.events.rule-name>, "b": "<aws.events.rule-name>"}"#);
    let rendered = json.expect("a template").render(EVENT, &context);
    assert_eq!(rendered.as_deref(), Ok(r#"{"a":"a \"b\"\n\\","b":"a \"b\"\n\\"}"#));
}

#[test]
fn an_undefined_placeholder_is_refused() {
    refused(r#"{"a": <other>}"#, "contains invalid placeholder other;");
    refused(r#"{"a": "<other>"}"#, "contains invalid placeholder other;");
    refused(r#""<other>""#, "contains invalid placeholder other;");
    refused(r#""<State>""#, "contains invalid placeholder State;");
    refused(r#""<b>bold</b>""#, "contains invalid placeholder b;");
    refused(r#""<aws.events.account>""#, "contains invalid placeholder aws.events.account;");
    refused(r#"{"a": "<$.detail.state>"}"#, "contains invalid placeholder $.detail.state;");
    refused("{<other>: 1}", "contains invalid placeholder other;");
}

#[test]
fn a_placeholder_is_no_key_and_the_event_is_no_string() {
    refused("{<state>: 1}", "placeholder state is an object key");
    refused(r#"{"<state>": 1}"#, "placeholder state is an object key");
    refused(r#"{"a": 1, "b <state>": 1}"#, "placeholder state is an object key");
    refused(r#"{"a": [{"b": {"<state>": 1}}]}"#, "placeholder state is an object key");
    check(r#"{"a": ["b", "<state>"]}"#, r#"{"a":["b","RUNNING"]}"#);
    check(r#"{"a": [{"b": 1}, "<state>"]}"#, r#"{"a":[{"b":1},"RUNNING"]}"#);
    refused(r#""<aws.events.event>""#, "placeholder aws.events.event is JSON");
    refused(r#""<aws.events.event.json>""#, "placeholder aws.events.event.json is JSON");
    refused("<aws.events.event.json>", "template that begins with `{`");
}

#[test]
fn what_is_around_the_placeholders_is_json() {
    refused(r#"{"a": <state>"#, "not valid JSON at line 1, column 13");
    refused("{\n  \"a\": <state> <count>\n}", "not valid JSON at line 2, column 16");
    refused(r#"{"a": 1<count>}"#, "not valid JSON");
    refused(r#"{"a": <count>1}"#, "not valid JSON");
    refused(r#"{"a": "b"<state>}"#, "not valid JSON");
    refused(r#"{"a": "\<state>"}"#, "not valid JSON");
    refused(r#"{"a": "\u00<count>41"}"#, "not valid JSON");
    refused(r#"{"a": "\ud83d<state>"}"#, "not valid JSON");
    refused(r#"{"a": nul l}"#, "not valid JSON");
    refused(r#"{"a": 01}"#, "not valid JSON");
    refused(r#"{"a": -<count>}"#, "not valid JSON");
    refused(r#"{"a": 1 2}"#, "not valid JSON");
    refused(r#"{"a": 1} {"b": 2}"#, "not valid JSON");
    refused("{a: 1}", "not valid JSON");
    refused(r#"{"a": "<state>}"#, "not valid JSON");
}

#[test]
fn every_line_of_a_string_template_is_one_string() {
    refused("hello", "line 1 of InputTemplate is not one quoted string");
    refused("<instance> is in state <state>", "line 1 of InputTemplate");
    refused(r#""a" "b""#, "line 1 of InputTemplate");
    refused("\"a\"\n\"b", "line 2 of InputTemplate");
    refused("\"a\"\n{\"b\": 1}", "line 2 of InputTemplate");
    refused("[<state>]", "begin the template with `{`");
    refused("12", "line 1 of InputTemplate");
    refused("true", "line 1 of InputTemplate");
    refused("null", "line 1 of InputTemplate");
    refused("[1]", "line 1 of InputTemplate");
    refused("<state> <state>", "line 1 of InputTemplate");
    refused(r#"<state>"<state>""#, "line 1 of InputTemplate");
    refused(r#""\<state>""#, "line 1 of InputTemplate");
    refused(r#""\u00<count>41""#, "line 1 of InputTemplate");
}

#[test]
fn paths_and_template_have_their_bounds() {
    refused("", "InputTemplate is empty");
    refused(" \n ", "InputTemplate is empty");
    assert!(template(&format!("\"{}\"", "é".repeat(8_190))).is_ok());
    refused(&format!("\"{}\"", "é".repeat(8_191)), "at most 8192");

    let paths = |count: usize| (0..count).map(|n| format!("p{n}")).collect::<Vec<_>>();
    let parse =
        |keys: &[String]| Template::parse(keys.iter().map(|key| (key.as_str(), "$.id")), "\"a\"");
    assert!(parse(&paths(100)).is_ok());
    assert!(matches!(parse(&paths(101)), Err(TemplateError::TooManyPaths { paths: 101 })));
}

#[test]
fn the_names_of_paths_are_plain() {
    let parse = |key: &str, path: &str| Template::parse([(key, path)], "\"a\"").map(|_| ());
    let longest = "k".repeat(256);
    for key in ["a", "detail-type", "A_1", "AWS", "aws-x", longest.as_str()] {
        assert!(parse(key, "$.id").is_ok(), "{key}");
    }
    let long = "k".repeat(257);
    for key in ["", "a.b", "AWS.x", "aws.events.event", "a b", "é", "<a>", long.as_str()] {
        assert!(matches!(parse(key, "$.id"), Err(TemplateError::Key { .. })), "{key}");
    }
    let error = parse("a", "$..id").expect_err("a path that is none");
    assert!(matches!(error, TemplateError::Path { .. }), "{error}");
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("no name at character 3"), "{cause}");
}
