//! Which paths there are, and what they find.

use serde_json::{Value, json};
use transform::{JsonPath, PathError};

use crate::event;

fn finds(path: &str, expected: &Value) {
    let parsed = JsonPath::parse(path).expect("a path of the table");
    assert_eq!(parsed.find(&event()), Some(expected), "{path}");
    assert_eq!(parsed.as_str(), path);
    assert_eq!(parsed.to_string(), path);
}

fn finds_nothing(path: &str) {
    let parsed = JsonPath::parse(path).expect("a path of the table");
    assert_eq!(parsed.find(&event()), None, "{path}");
}

fn refused(path: &str, expected: &PathError, message: &str) {
    let error = JsonPath::parse(path).expect_err(path);
    assert_eq!(&error, expected, "{path}");
    assert!(error.to_string().contains(message), "{path}: {error}");
}

#[test]
fn a_path_finds_one_value() {
    finds("$", &event());
    finds("$.account", &json!("123456789012"));
    finds("$.detail-type", &json!("EC2 Instance State-change Notification"));
    finds("$['detail-type']", &json!("EC2 Instance State-change Notification"));
    finds("$[\"detail-type\"]", &json!("EC2 Instance State-change Notification"));
    finds("$.detail.instance-id", &json!("i-0123456789"));
    finds("$.detail.count", &json!(3));
    finds("$.detail.note", &json!(null));
    finds("$.detail.tags", &json!(["a", "b"]));
    finds("$.detail.tags[0]", &json!("a"));
    finds("$.detail['tags'][1]", &json!("b"));
    finds("$['detail'].owner.ids[1]", &json!(2));
    finds("$.detail['a b']", &json!("blank"));
    finds("$.detail['a.b']", &json!("dot"));
}

#[test]
fn a_path_past_the_event_finds_nothing() {
    finds_nothing("$.nowhere");
    finds_nothing("$.nowhere.at.all");
    finds_nothing("$.Account");
    finds_nothing("$.account.id");
    finds_nothing("$.detail.note.more");
    finds_nothing("$.detail.tags[2]");
    finds_nothing("$.detail.tags.a");
    finds_nothing("$.detail.tags['0']");
    finds_nothing("$.detail.owner[0]");
    finds_nothing("$[0]");
    finds_nothing("$['']");
}

#[test]
fn a_refusal_says_where_and_what_to_write() {
    refused("", &PathError::Root, "`$.detail.id`");
    refused("detail.id", &PathError::Root, "character 1");
    refused(" $.detail", &PathError::Root, "character 1");
    refused("$.", &PathError::EmptyName { position: 3 }, "no name at character 3");
    refused("$..id", &PathError::EmptyName { position: 3 }, "no name at character 3");
    refused("$.a.", &PathError::EmptyName { position: 5 }, "no name at character 5");
    refused("$.*", &PathError::Wildcard { position: 3 }, "`*` at character 3");
    refused("$.a*", &PathError::Wildcard { position: 4 }, "name one field");
    refused("$.a[*]", &PathError::Wildcard { position: 5 }, "name one field");
    refused("$.a[]", &PathError::Index { position: 5 }, "`[0]`");
    refused("$.a[-1]", &PathError::Index { position: 5 }, "a number from 0");
    refused("$.a[b]", &PathError::Index { position: 5 }, "a quoted name");
    refused("$.a[?(@.b)]", &PathError::Index { position: 5 }, "`[0]`");
    refused("$.a[99999999999999999999]", &PathError::Index { position: 5 }, "`[0]`");
    refused("$.a[0", &PathError::Unclosed { position: 4 }, "character 4 is not closed");
    refused("$.a[0:2]", &PathError::Unclosed { position: 4 }, "`[0]`");
    refused("$['a", &PathError::Unclosed { position: 2 }, "character 2 is not closed");
    refused("$['a'", &PathError::Unclosed { position: 2 }, "character 2 is not closed");
    refused("$['a'b]", &PathError::Unclosed { position: 2 }, "character 2 is not closed");
    refused("$detail", &PathError::Unexpected { position: 2, found: 'd' }, "`.name`");
    refused("$.a b", &PathError::Unexpected { position: 4, found: ' ' }, "`['a b']`");
    refused("$.é b", &PathError::Unexpected { position: 4, found: ' ' }, "character 4");
    refused("$.a]", &PathError::Unexpected { position: 4, found: ']' }, "character 4");
}

#[test]
fn a_path_has_a_longest_length() {
    assert!(JsonPath::parse(&format!("$.{}", "é".repeat(254))).is_ok());
    let long = format!("$.{}", "é".repeat(255));
    refused(&long, &PathError::TooLong { chars: 257 }, "at most 256");
}
