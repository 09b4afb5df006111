//! What holds for every text, template and value.

use proptest::prelude::*;
use serde_json::{Value, json};
use transform::{Input, JsonPath, Template, UrlTemplate};

use crate::context;

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

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let fields = prop::collection::btree_map(any::<String>(), inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            fields.prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn parse(template: &str) -> Option<Template> {
    Template::parse([("v", "$.detail.v"), ("w", "$.detail.nowhere")], template).ok()
}

fn rendered(template: &str, value: &Value) -> Value {
    let template = parse(template).expect("a template made right");
    let text = template.render(&json!({"detail": {"v": value}}), &context());
    serde_json::from_str(&text.expect("a JSON template never fails")).expect("JSON")
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
        if let Ok(path) = JsonPath::parse(&text) {
            path.find(&event);
        }
    }

    #[test]
    fn no_text_makes_the_template_parser_panic(text in any::<String>(), value in any_json()) {
        if let Some(template) = parse(&text) {
            template.render(&value, &context()).ok();
        }
    }

    #[test]
    fn a_template_that_is_taken_gives_json_or_says_it_does_not(
        text in any_template(),
        value in any_json(),
    ) {
        if let Some(template) = parse(&text) {
            let result = template.render(&json!({"detail": {"v": value}}), &context());
            // Only string templates fail, and each of their lines is JSON.
            prop_assert!(result.is_ok() || !text.trim_start().starts_with('{'), "{}", text);
            for line in result.unwrap_or_default().split('\n') {
                let is_json = line.is_empty() || serde_json::from_str::<Value>(line).is_ok();
                prop_assert!(is_json, "{} gives {}", text, line);
            }
        }
    }

    #[test]
    fn a_string_comes_through_a_json_template_unchanged(value in any::<String>()) {
        let text = r#"{"bare": <v>, "quoted": "<v>", "within": "a <v>\n", "list": [<v>, "<v>"]}"#;
        let expected = json!({
            "bare": &value,
            "quoted": &value,
            "within": format!("a {value}\n"),
            "list": [&value, &value],
        });
        prop_assert_eq!(rendered(text, &Value::from(value)), expected);
    }

    #[test]
    fn any_value_comes_through_a_json_template_as_itself_or_its_text(value in any_json()) {
        let filled = rendered(r#"{"bare": <v>, "quoted": "<v>"}"#, &value);
        prop_assert_eq!(&filled["bare"], &value);
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        prop_assert_eq!(&filled["quoted"], &Value::from(text));
    }

    #[test]
    fn every_input_path_gives_json(event in any_json()) {
        let input = Input::Path(JsonPath::parse("$.a").expect("a path"));
        let text = input.render(&event, &context()).expect("a path never fails");
        prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
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
