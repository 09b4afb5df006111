//! What holds for every text, template and value.

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;
use transform::{Context, Input, JsonPath, Template, UrlTemplate, value_text};

use crate::{compact, context};

/// Parts of templates, so that many of the texts made of them are nearly right.
const FRAGMENTS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\"k\":",
    ":",
    ",",
    "1",
    " ",
    "\n",
    "\\",
    "\\\"",
    "\\u00",
    "<v>",
    "<w>",
    "\"<v>\"",
    "\"a <v>\"",
    "<aws.events.event>",
    "é",
];

fn any_template() -> impl Strategy<Value = String> {
    let fragments = prop::collection::vec(prop::sample::select(FRAGMENTS), 0..10);
    let start = prop::sample::select(&["", "{", "{\"k\":", "\""][..]);
    let end = prop::sample::select(&["", "}", "\""][..]);
    let parts = (start, fragments, end);
    parts.prop_map(|(start, inner, end)| format!("{start}{}{end}", inner.concat()))
}

/// Numbers as JSON may spell them, most of them no double.
const NUMBER: &str = r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?";
/// Strings with every kind of escape.
const STRING: &str =
    r#""([ a-z<>{}\[\],:é😀]|\\["\\/bfnrt]|\\u00[0-9a-fA-F]{2}|\\ud83d\\ude00){0,8}""#;

fn any_string() -> impl Strategy<Value = String> {
    prop_oneof![STRING, any::<String>().prop_map(|text| Value::from(text).to_string())]
}

/// JSON texts with white space, repeated members and every spelling there is.
fn any_json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(&["null", "true", "false"][..]).prop_map(str::to_owned);
    let leaf = prop_oneof![word, NUMBER, any_string()];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let names = prop_oneof![Just("\"a\"".to_owned()), any_string()];
        let member = (names, inner.clone()).prop_map(|(name, value)| format!("{name} :\n{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..4)
                .prop_map(|list| format!("[ {} ]", list.join("\t, "))),
            prop::collection::vec(member, 0..4)
                .prop_map(|members| format!("{{\r\n{} }}", members.join(" , "))),
        ]
    })
}

fn event(value: &str) -> String {
    format!("{{\"detail\": {{\"v\": {value}, \"x\": 1}}}}")
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// The text of a string, and any other value as compact JSON.
fn text(value: &str) -> String {
    serde_json::from_str::<String>(value).unwrap_or_else(|_| compact(value))
}

fn parse(template: &str) -> Option<Template> {
    Template::parse([("v", "$.detail.v"), ("w", "$.detail.nowhere")], template).ok()
}

fn rendered(template: &str, value: &str) -> String {
    let template = parse(template).expect("a template made right");
    template.render(&event(value), &context()).expect("a JSON template never fails")
}

proptest! {
    #[test]
    fn no_text_makes_the_path_parser_panic(text in any::<String>()) {
        if let Ok(path) = JsonPath::parse(&text) {
            prop_assert_eq!(path.as_str(), text.as_str());
        }
    }

    #[test]
    fn no_path_makes_the_search_panic(
        text in r#"\$([.\[\]'"*a0-9-]|\.a|\[0\]|\['a'\]){0,12}"#,
        event in any_json(),
    ) {
        if let Some(found) = JsonPath::parse(&text).ok().and_then(|path| path.find(&event)) {
            prop_assert!(event.contains(found.get()));
            value_text(found);
        }
    }

    #[test]
    fn a_path_finds_what_a_tree_has(event in any_json(), path in r"\$(\.a|\[[01]\]){0,3}") {
        let path = JsonPath::parse(&path).expect("a path made right");
        // A number beyond a double has no tree to compare with.
        if let Ok(tree) = serde_json::from_str::<Value>(&event) {
            let pointer = path.as_str()[1..].replace(['.', '['], "/").replace(']', "");
            let found = path.find(&event).map(|found| {
                serde_json::from_str::<Value>(found.get()).expect("a part of a tree")
            });
            // An index is no member's name, which a pointer does not tell apart.
            if found.as_ref() != tree.pointer(&pointer) {
                prop_assert!(found.is_none() && pointer.contains(['0', '1']), "{}", pointer);
            }
        }
    }

    #[test]
    fn no_text_makes_the_template_parser_panic(text in any::<String>(), value in any_json()) {
        if let Some(template) = parse(&text) {
            template.render(&value, &context()).ok();
        }
    }

    #[test]
    fn no_event_makes_the_rendering_panic(event in any::<String>()) {
        let template = r#"{"a": <v>, "b": "<v> <aws.events.event>", "c": <aws.events.event.json>}"#;
        let inputs = [
            Input::Whole,
            Input::Path(JsonPath::parse("$.a").expect("a path")),
            Input::Template(parse(template).expect("a template made right")),
        ];
        for input in inputs {
            let rendered = input.render(&event, &Context::default());
            prop_assert_eq!(rendered.is_ok(), is_json(&event));
        }
    }

    #[test]
    fn a_template_that_is_taken_gives_json_or_says_it_does_not(
        text in any_template(),
        value in any_json(),
    ) {
        if let Some(template) = parse(&text) {
            let result = template.render(&event(&value), &context());
            // Only string templates fail, and each of their lines is JSON.
            prop_assert!(result.is_ok() || !text.trim_start().starts_with('{'), "{}", text);
            for line in result.unwrap_or_default().split('\n') {
                prop_assert!(line.is_empty() || is_json(line), "{} gives {}", text, line);
            }
        }
    }

    #[test]
    fn a_json_template_inserts_the_value_itself(value in any_json()) {
        let filled = rendered(r#"{"bare": <v>, "list": [<v>, <w>]}"#, &value);
        let value = compact(&value);
        prop_assert_eq!(filled, format!(r#"{{"bare":{value},"list":[{value},""]}}"#));
    }

    #[test]
    fn a_json_template_inserts_the_text_within_quotes(value in any_json()) {
        let filled = rendered(r#"{"quoted": "<v>", "within": "a <v>\n<w>"}"#, &value);
        let filled: Value = serde_json::from_str(&filled).expect("JSON without numbers");
        let text = text(&value);
        prop_assert_eq!(&filled["within"], &Value::from(format!("a {text}\n")));
        prop_assert_eq!(&filled["quoted"], &Value::from(text));
    }

    #[test]
    fn the_whole_event_stays_the_whole_event(value in any_json()) {
        let event = event(&value);
        let whole = compact(&event);
        let filled = rendered(r#"{"e": <aws.events.event.json>}"#, &value);
        prop_assert_eq!(filled, format!(r#"{{"e":{whole}}}"#));
        prop_assert_eq!(rendered(r#"{"e": <aws.events.event>}"#, &value), r#"{"e":{}}"#);
        prop_assert_eq!(Input::Whole.render(&event, &context()).ok(), Some(whole));
    }

    #[test]
    fn every_input_path_gives_the_value_or_null(value in any_json()) {
        let give = |path: &str| {
            let input = Input::Path(JsonPath::parse(path).expect("a path"));
            input.render(&event(&value), &context()).expect("a path never fails")
        };
        prop_assert_eq!(give("$.detail.v"), compact(&value));
        prop_assert_eq!(give("$.detail.w"), "null");
    }

    #[test]
    fn no_text_makes_the_url_parser_panic(text in any::<String>(), value in any::<String>()) {
        if let Ok(url) = UrlTemplate::parse(&text) {
            url.fill(&[value]).ok();
        }
    }

    #[test]
    fn a_filled_url_has_as_many_segments_as_its_template(value in any::<String>()) {
        let url = UrlTemplate::parse("https://a.example/o/*/x").expect("a URL");
        if let Ok(filled) = url.fill(&[value]) {
            prop_assert_eq!(filled.split('/').count(), 6);
            prop_assert!(filled.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(!filled.contains(['?', '#']));
        }
    }
}
