//! The table in words: one key explained, and the list of all keys.

use super::{Field, Kind, Object, ROOT};
use crate::config::problem::join;

/// What stands at a path; names of things may be in it or be left out.
pub(crate) fn explain(path: &str) -> Option<String> {
    if path.trim().is_empty() {
        return Some(explain_object("", &ROOT));
    }
    let mut found: Option<(String, &'static Field)> = None;
    let mut kind = Kind::Object(&ROOT);
    for part in path.trim().split('.') {
        // `send[0]` is `send`.
        let part = part.split('[').next().unwrap_or_default();
        let (object, named) = match kind.object() {
            Some((object, named)) => (Some(object), named),
            None => (None, matches!(kind, Kind::Map(_))),
        };
        match object.and_then(|object| object.field(part)) {
            Some(field) => {
                let above = found.map_or_else(String::new, |(above, _)| above);
                found = Some((join(&above, field.name), field));
                kind = field.kind;
            }
            // A name; it may hold dots itself.
            None if named && !part.is_empty() => {}
            None => return None,
        }
    }
    found.map(|(path, field)| explain_field(&path, field))
}

/// Every key as a dotted path without names, in the order of the table.
pub(crate) fn keys() -> Vec<String> {
    let mut keys = Vec::new();
    collect("", &ROOT, &mut keys);
    keys
}

fn collect(path: &str, object: &Object, keys: &mut Vec<String>) {
    for field in object.fields {
        let path = join(path, field.name);
        keys.push(path.clone());
        if let Some((object, _)) = field.kind.object() {
            collect(&path, object, keys);
        }
    }
}

fn explain_field(path: &str, field: &Field) -> String {
    let mut lines = vec![path.to_owned(), format!("  {}", field.doc)];
    lines.push(format!("  Form:     {}", field.kind.words()));
    match (field.required, field.default, field.otherwise) {
        (true, ..) => lines.push("  Required: yes".to_owned()),
        (_, Some(""), _) => lines.push("  Default:  empty".to_owned()),
        (_, Some(value), _) => lines.push(format!("  Default:  {value}")),
        (_, _, Some(words)) => lines.push(format!("  Default:  {words}")),
        _ => {}
    }
    if !matches!(field.example, "" | "{}") {
        lines.push(format!("  Example:  {}: {}", field.name, field.example));
    }
    if let Some((object, _)) = field.kind.object() {
        lines.push(explain_object("  ", object));
    }
    lines.join("\n")
}

fn explain_object(indent: &str, object: &Object) -> String {
    let mut lines = vec![format!("{indent}Keys of {}:", object.name)];
    for field in object.fields {
        let mark = if field.required { " (required)" } else { "" };
        lines.push(format!("{indent}  {:<16} {}{mark}", field.name, field.doc));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_explained() {
        let keys = keys();
        assert!(keys.len() > 80, "{}", keys.len());
        for key in keys {
            let text = explain(&key).unwrap();
            assert!(text.starts_with(&format!("{key}\n  ")), "{key}: {text}");
        }
    }

    #[test]
    fn names_may_stand_in_a_path_or_be_left_out() {
        let without = explain("destinations.rate").unwrap();
        assert!(without.contains("Default:  300/s"), "{without}");
        assert!(without.contains("Example:  rate: 50/s"), "{without}");
        for path in ["destinations.cars.rate", "destinations.NAME.rate"] {
            assert_eq!(explain(path).unwrap(), without);
        }
        let target = explain("buses.orders.rules.done.send[0].to").unwrap();
        assert!(target.starts_with("buses.rules.send.to\n"), "{target}");
        assert!(explain("apis.tires.scopes.create.order").is_some());
        for path in ["destination", "listen.private", "version.x", "."] {
            assert_eq!(explain(path), None, "{path}");
        }
    }

    #[test]
    fn defaults_have_the_form_of_their_key() {
        fn check(object: &Object) {
            for field in object.fields {
                if let Some(default) = field.default {
                    let judged = field.kind.check_text(default);
                    assert!(judged.is_ok(), "{}: {judged:?}", field.name);
                }
                if let Some((object, _)) = field.kind.object() {
                    check(object);
                }
            }
        }
        check(&ROOT);
    }
}
