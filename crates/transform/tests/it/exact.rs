//! Nothing is read and written again: numbers, strings and order stay as the event spells them.

use transform::{Context, Input, JsonPath, Template};

/// Numbers that a double cannot hold, or would be written in another way.
const NUMBERS: [&str; 14] = [
    "0",
    "-0",
    "-0.0",
    "1.10",
    "0.10",
    "1E2",
    "1e+2",
    "1.50e-07",
    "1e400",
    "-1e400",
    "9007199254740993",
    "12345678901234567890123",
    "123456789012345678901234567890.123456789012345678901234567890",
    "3.141592653589793238462643383279",
];

/// What the template gives for an event whose detail has the member `v` alone.
fn render(template: &str, value: &str) -> String {
    let template = Template::parse([("v", "$.detail.v")], template).expect("a template");
    let event = format!("{{\"detail\": {{\"v\": {value}}}}}");
    template.render(&event, &Context::default()).expect("a template that fits the value")
}

fn check(template: &str, value: &str, expected: &str) {
    assert_eq!(render(template, value), expected, "{template} with {value}");
}

#[test]
fn a_number_keeps_its_spelling_everywhere() {
    for number in NUMBERS {
        check(r#"{"a": <v>}"#, number, &format!(r#"{{"a":{number}}}"#));
        check(r#"{"a": [<v>, "<v>"]}"#, number, &format!(r#"{{"a":[{number},"{number}"]}}"#));
        check(r#""is <v>""#, number, &format!(r#""is {number}""#));
        check("<v>", number, number);
        let list = format!("[ {number} , {{ \"b\" : {number} }} ]");
        check(r#"{"a": <v>}"#, &list, &format!(r#"{{"a":[{number},{{"b":{number}}}]}}"#));
        check(r#"{"a": "<v>"}"#, &list, &format!(r#"{{"a":"[{number},{{\"b\":{number}}}]"}}"#));
        check(r#""<v>""#, &list, &format!(r#""[{number},{{b:{number}}}]""#));
        check(
            r#"{"a": <aws.events.event.json>}"#,
            number,
            &format!(r#"{{"a":{{"detail":{{"v":{number}}}}}}}"#),
        );
        let input = Input::Path(JsonPath::parse("$.detail.v").expect("a path"));
        let event = format!(r#"{{"detail": {{"v": {number}}}}}"#);
        assert_eq!(input.render(&event, &Context::default()).as_deref(), Ok(number));
    }
}

#[test]
fn a_number_of_the_template_keeps_its_spelling() {
    for number in NUMBERS {
        check(
            &format!(r#"{{"a": {number}, "b": <v>}}"#),
            "1",
            &format!(r#"{{"a":{number},"b":1}}"#),
        );
    }
}

#[test]
fn a_json_template_takes_strings_as_they_are_escaped() {
    let both = r#"{"a": <v>, "b": "<v>", "c": "x <v>\n"}"#;
    for string in [
        "",
        "a b",
        r#"say \"hi\""#,
        r"C:\\x\\",
        r"one\ntwo\ttabs\r\b\f",
        r"\u0000\u001f",
        r"\/ \u00e9 \ud83d\ude00",
        "é 😀 \u{7f} \u{2028}",
        "<v> <w>",
        "{[,:]}",
    ] {
        let expected = format!(r#"{{"a":"{string}","b":"{string}","c":"x {string}\n"}}"#);
        check(both, &format!("\"{string}\""), &expected);
    }
}

#[test]
fn a_string_template_takes_strings_as_text() {
    let quoted = r#""<v>""#;
    check(quoted, r#""""#, r#""""#);
    check(quoted, r#""a b""#, r#""a b""#);
    check(quoted, r#""\u00e9\/\ud83d\ude00""#, r#""é/😀""#);
    check(quoted, r#""<v>""#, r#""<v>""#);
    let template = Template::parse([("v", "$.v")], quoted).expect("a template");
    for value in [r#"say \"hi\""#, r"a\\", r"a\nb", r"\u0000", r"C:\\x"] {
        let event = format!(r#"{{"v": "{value}"}}"#);
        assert!(template.render(&event, &Context::default()).is_err(), "{value}");
    }
    // A backslash and a letter are an escape again: the value is inserted, not escaped.
    check(quoted, r#""a\\nb""#, r#""a\nb""#);
}

#[test]
fn lists_and_objects_in_a_string_template_lose_every_quote_and_nothing_else() {
    let quoted = r#""<v>""#;
    check(quoted, r#"{ "a b" : "c  d" }"#, r#""{a b:c  d}""#);
    check(quoted, r#"["a", ["b", {"c": null}], true, 1.10]"#, r#""[a,[b,{c:null}],true,1.10]""#);
    check(quoted, r#"["C:\\x", "one\ntwo"]"#, r#""[C:\\x,one\ntwo]""#);
    check(quoted, "[]", r#""[]""#);
    check(quoted, "{}", r#""{}""#);
    check(quoted, r#"["", {"": ""}]"#, r#""[,{:}]""#);
    // An escaped quote goes with its backslash, which would escape what follows.
    check(quoted, r#"["say \"hi\"", "\\\"x"]"#, r#""[say hi,\\x]""#);
}

#[test]
fn members_keep_their_order_and_repetitions() {
    let value = r#"{"b": 1, "a": 2, "b": [3, 4]}"#;
    check(r#"{"x": <v>}"#, value, r#"{"x":{"b":1,"a":2,"b":[3,4]}}"#);
    check(
        r#"{"x": <aws.events.event.json>}"#,
        value,
        r#"{"x":{"detail":{"v":{"b":1,"a":2,"b":[3,4]}}}}"#,
    );
}

#[test]
fn white_space_goes_between_the_parts_and_stays_within_strings() {
    let value = "\n{ \"a\"\t: [ 1 ,\r\n2 ] , \" b \" : \" c \\\" d \" }\n";
    let expected = r#"{"x":{"a":[1,2]," b ":" c \" d "}}"#;
    check(r#"{"x": <v>}"#, value, expected);
}

#[test]
fn one_walk_finds_places_within_places() {
    let paths = [
        ("all", "$"),
        ("detail", "$.detail"),
        ("list", "$.detail.list"),
        ("second", "$.detail.list[1]"),
        ("again", "$['detail'].list[1]"),
        ("deep", "$.detail.list[1].x"),
        ("none", "$.detail.list[1].x.y"),
        ("past", "$.detail.list[2]"),
    ];
    let template = Template::parse(
        paths,
        r#"{"a": <deep>, "b": <second>, "c": <again>, "d": <list>, "e": <detail>, "f": <all>,
            "g": <none>, "h": <past>}"#,
    );
    let event = r#"{"detail": {"list": [0, {"x": 1.10}]}}"#;
    let rendered = template.expect("a template").render(event, &Context::default());
    let expected = concat!(
        r#"{"a":1.10,"b":{"x":1.10},"c":{"x":1.10},"d":[0,{"x":1.10}],"#,
        r#""e":{"list":[0,{"x":1.10}]},"f":{"detail":{"list":[0,{"x":1.10}]}},"g":"","h":""}"#
    );
    assert_eq!(rendered.as_deref(), Ok(expected));
}

#[test]
fn half_a_surrogate_pair_stays_as_it_is_spelled() {
    check(r#"{"a": <v>, "b": "<v>"}"#, r#""\ud83d""#, r#"{"a":"\ud83d","b":"\ud83d"}"#);
    check(r#""<v>""#, r#""\ud83d""#, r#""\ud83d""#);
}

#[test]
fn nesting_has_no_bound() {
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    check(r#"{"a": <v>}"#, &deep, &format!(r#"{{"a":{deep}}}"#));
    check(r#""<v>""#, &deep, &format!(r#""{deep}""#));
}
