//! The form of the file: known keys, right kinds, names that lead somewhere.
//!
//! Walks the tree along the table and collects everything that is wrong. What depends on more than
//! one key is judged by the readers.

use super::forms;
use super::nearest::{listed, nearest};
use super::node::{Entry, Node, Value};
use super::problem::{Problem, Problems, Wrong, join};
use super::references::Known;
use super::schema::{Kind, ListOf, MapOf, OFF, Object};
use super::secret;
use super::source::Span;

/// Checks a whole file against the table.
pub(crate) fn check(root: &Node, kind: Kind, known: &Known, problems: &mut Problems) {
    let place = Place { at: root.span, path: "", key: "the file", example: "" };
    Check { known, problems }.node(root, kind, place);
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// Its key, or its own beginning in a list.
    at: Span,
    path: &'a str,
    key: &'a str,
    /// A value that would be right.
    example: &'a str,
}

struct Check<'a> {
    known: &'a Known,
    problems: &'a mut Problems,
}

impl Check<'_> {
    fn node(&mut self, node: &Node, kind: Kind, place: Place<'_>) {
        match kind {
            Kind::Any(_) => {}
            Kind::OffOr(object) => self.off_or(node, object, place),
            Kind::WordOr(words, object) => self.word_or(node, (words, object), place),
            Kind::FormOr(form, _) if node.text().is_some() => {
                self.scalar(node, Kind::Form(form), place);
            }
            Kind::Object(object) | Kind::FormOr(_, object) => self.object(node, object, place),
            Kind::Map(map) => self.map(node, map, place),
            Kind::List(list) => self.list(node, list, place),
            Kind::Secret => self.secret(node, place),
            Kind::HeaderText | Kind::HeaderValue => {
                self.parameter(node, kind, (forms::is_secret_header(place.key), place));
            }
            Kind::ParameterText | Kind::ParameterValue => {
                self.parameter(node, kind, (forms::is_secret_parameter(place.key), place));
            }
            _ => self.scalar(node, kind, place),
        }
    }

    fn object(&mut self, node: &Node, object: &Object, place: Place<'_>) {
        if !node.is_null() && !matches!(node.value, Value::Map(_)) {
            return self.no_mapping(node, object, place);
        }
        for entry in node.entries() {
            let path = join(place.path, &entry.key);
            match object.field(&entry.key) {
                Some(field) => {
                    let place = Place {
                        at: entry.key_span,
                        path: &path,
                        key: field.name,
                        example: field.example,
                    };
                    self.node(&entry.value, field.kind, place);
                }
                None => self.unknown_key(entry, object, place),
            }
        }
        for field in object.fields.iter().filter(|field| field.required) {
            if node.entries().all(|entry| entry.key != field.name) {
                let path = join(place.path, field.name);
                let message = format!("`{}` is missing", field.name);
                let help = format!("add `{}: {}`", field.name, field.example);
                self.problems.error(Problem::new(place.at, &path, &message).help(&help));
            }
        }
    }

    fn off_or(&mut self, node: &Node, object: &Object, place: Place<'_>) {
        match node.text() {
            Some(OFF) => {}
            Some(_) if self.problems.unreadable.contains(&node.span) => {}
            // What else stands there may be a secret in the wrong place: it is not repeated.
            Some(_) => {
                let message = format!("`{}` is neither `{OFF}` nor a mapping of keys", place.key);
                self.wrong(node.span, Wrong::new(message), place);
            }
            None => self.object(node, object, place),
        }
    }

    fn word_or(&mut self, node: &Node, (words, object): (&[&str], &Object), place: Place<'_>) {
        match node.text() {
            Some(_) if self.problems.unreadable.contains(&node.span) => {}
            Some(text) => {
                if let Err(wrong) = forms::one_of(text, words) {
                    self.wrong(node.span, Wrong { help: None, ..wrong }, place);
                }
            }
            None => self.object(node, object, place),
        }
    }

    fn unknown_key(&mut self, entry: &Entry, object: &Object, place: Place<'_>) {
        let known = || object.fields.iter().map(|field| field.name);
        let help = format!("{} has the keys {}", object.name, listed(known()));
        // Where secrets belong, a key without a value may be a value without a key.
        if object.guarded && entry.value.is_null() {
            let message = format!("{} has no such key", object.name);
            let problem = Problem::new(entry.key_span, place.path, &message);
            return self.problems.error(problem.help(&help));
        }
        let key = &entry.key;
        let near = nearest(key, known());
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let message = format!("{} has no key `{key}`{near}", object.name);
        let path = join(place.path, key);
        self.problems.error(Problem::new(entry.key_span, &path, &message).help(&help));
    }

    fn map(&mut self, node: &Node, map: &MapOf, place: Place<'_>) {
        if !node.is_null() && !matches!(node.value, Value::Map(_)) {
            return self.not_a(node, &format!("a mapping, each key {}", map.key.name), place);
        }
        for entry in node.entries() {
            let path = join(place.path, &entry.key);
            let place =
                Place { at: entry.key_span, path: &path, key: &entry.key, example: map.example };
            if let Err(wrong) = (map.key.check)(&entry.key) {
                self.wrong(entry.key_span, wrong, place);
            }
            self.node(&entry.value, map.value, place);
        }
    }

    fn list(&mut self, node: &Node, list: &ListOf, place: Place<'_>) {
        if !node.is_null() && !matches!(node.value, Value::List(_)) {
            return self.not_a(node, "a list", place);
        }
        let count = node.elements().len();
        if count < list.min || count > list.max {
            let message = match (count, list.max) {
                (0, _) => format!("`{}` is empty", place.key),
                (_, max) => format!("`{}` has {count} elements, and may have {max}", place.key),
            };
            let help =
                format!("write from {} to {} elements: `[{}]`", list.min, list.max, list.example);
            self.problems.error(Problem::new(place.at, place.path, &message).help(&help));
        }
        for (index, element) in node.elements().iter().enumerate() {
            let path = format!("{}[{index}]", place.path);
            let place =
                Place { at: element.span, path: &path, key: place.key, example: list.example };
            self.node(element, list.item, place);
        }
    }

    fn secret(&mut self, node: &Node, place: Place<'_>) {
        if secret::reference(node).is_some() {
            return;
        }
        let message = match &node.value {
            Value::Null => format!("`{}` has no value", place.key),
            Value::Map(_) => format!("`{}` is not a reference to a secret", place.key),
            _ => format!("`{}` is a secret, and a secret may not stand in the file", place.key),
        };
        let help = "write where it is kept: `{ env: NAME }`, `{ file: PATH }`, \
                    `{ credential: NAME }` or `{ kept: NAME }`; if this one was real, change it";
        self.problems.error(Problem::new(node.span, place.path, &message).help(help));
    }

    /// A header, or a query or body parameter.
    fn parameter(&mut self, node: &Node, kind: Kind, (is_secret, place): (bool, Place<'_>)) {
        match kind {
            Kind::HeaderValue | Kind::ParameterValue
                if is_secret || matches!(node.value, Value::Map(_)) =>
            {
                self.secret(node, place);
            }
            Kind::HeaderText | Kind::ParameterText if is_secret => {
                let message = format!("`{}` is a secret, and belongs in a connection", place.key);
                let section = if matches!(kind, Kind::HeaderText) { "headers" } else { "query" };
                let help = format!(
                    "move it to `connections.NAME.{section}` as `{{ env: NAME }}`, and name the \
                     connection here"
                );
                self.problems.error(Problem::new(node.span, place.path, &message).help(&help));
            }
            _ => self.scalar(node, kind, place),
        }
    }

    fn scalar(&mut self, node: &Node, kind: Kind, place: Place<'_>) {
        if self.problems.unreadable.contains(&node.span) {
            return;
        }
        let Some(text) = node.text() else {
            return self.not_a(node, &kind.words(), place);
        };
        let judged = match kind {
            Kind::Reference(noun) => self.known.check(noun, text),
            kind => kind.check_text(text),
        };
        if let Err(wrong) = judged {
            self.wrong(node.span, wrong, place);
        }
    }

    /// Says that a value should be a mapping of keys; of a path where a mapping names a file, how.
    fn no_mapping(&mut self, node: &Node, object: &Object, place: Place<'_>) {
        let is_named_alike = object.name.trim_matches('`') == place.key;
        let wanted = if is_named_alike {
            "a mapping of keys".to_owned()
        } else {
            format!("{}: a mapping of keys", object.name)
        };
        match node.text().filter(|text| secret::is_path_for(text, object)) {
            Some(path) => {
                let message = format!("`{}` is a text, and should be {wanted}", place.key);
                let help = format!("write `{}: {{ file: {path} }}`", place.key);
                self.wrong(node.span, Wrong::new(message).help(help), place);
            }
            None => self.not_a(node, &wanted, place),
        }
    }

    /// Says that a value is of another kind than it should be.
    fn not_a(&mut self, node: &Node, wanted: &str, place: Place<'_>) {
        let message = match node.found() {
            "empty" => format!("`{}` has no value", place.key),
            found => format!("`{}` is {found}, and should be {wanted}", place.key),
        };
        self.wrong(node.span, Wrong::new(message), place);
    }

    fn wrong(&mut self, span: Span, wrong: Wrong, place: Place<'_>) {
        let help = wrong.help.unwrap_or_else(|| match place.example {
            "" => format!("see `gatepost explain {}`", place.path),
            example => format!("write for example `{example}`"),
        });
        self.problems.error(Problem::new(span, place.path, &wrong.message).help(&help));
    }
}
