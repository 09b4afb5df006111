//! The OpenAPI documents of APIs, and the contracts that `validate` makes of them.
//!
//! What is wrong with a document is told at its place in the document. It is somebody else's text:
//! `${` has no meaning there.

use std::path::Path;
use std::sync::Arc;

use contract::Contract;
use model::{Method, Name, Segment};
use serde_json::Value as Json;

use super::Reader;
use crate::config::fields::Fields;
use crate::config::node::{Node, Value};
use crate::config::problem::{Problem, Problems};
use crate::config::source::{Source, Span};
use crate::config::{files, forms, json, yaml};

impl Reader<'_> {
    /// Reads the document that an API names, and makes its contract where requests are held
    /// against it.
    pub(super) fn document(&mut self, name: &Name, fields: &Fields<'_>) {
        let validate = fields.is_true("validate");
        let named = fields.get("openapi").and_then(|node| Some((node, node.text()?)));
        let Some((node, text)) = named else {
            if validate {
                let message = "there is no document to hold requests against";
                let problem = fields.problem("validate", message);
                let help = "name it, as `openapi: ./service.openapi.yaml`, or remove `validate`";
                self.error(problem, help);
            }
            return;
        };
        let path = self.beside(node.span, text);
        if !path.is_file() {
            let message = format!("there is no file `{}`", path.display());
            let problem = fields.problem("openapi", &message);
            self.error(problem, "the path is relative to this file; correct it, or leave it out");
            return;
        }
        let Some(document) = self.read(&path, fields) else { return };
        if validate {
            self.contract(name, fields, &document);
        }
        self.openapi.insert(name.clone(), document);
    }

    /// The document in a file, whose text becomes the last of the sources.
    fn read(&mut self, path: &Path, fields: &Fields<'_>) -> Option<Json> {
        let text = match files::text(path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("`{}` cannot be read: {error}", path.display());
                let problem = fields.problem("openapi", &message);
                self.error(problem, "look at the file and its permissions, and save it as UTF-8");
                return None;
            }
        };
        let directory = path.parent().unwrap_or(Path::new("."));
        let source = Source::new(&path.display().to_string(), &text, directory);
        let index = self.sources.len() + self.texts.len();
        let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        let document = if is_json {
            of_json(&source, index, self.problems)
        } else {
            of_yaml(&source, index, self.problems)
        };
        self.texts.push(source);
        document
    }

    /// Makes the contract of the document that was read last.
    fn contract(&mut self, name: &Name, fields: &Fields<'_>, document: &Json) {
        let errors = match Contract::new(document) {
            Ok(contract) => {
                self.undescribed(fields, &contract);
                self.contracts.insert(name.clone(), Arc::new(contract));
                return;
            }
            Err(errors) => errors,
        };
        let index = (self.sources.len() + self.texts.len()).saturating_sub(1);
        // For the places alone: what YAML does not like of JSON is no matter.
        let tree = self
            .texts
            .last()
            .and_then(|source| yaml::parse_verbatim(source, index, &mut Problems::default()).ok());
        for error in errors {
            let beginning = Span::beginning(index);
            let span = tree.as_ref().map_or(beginning, |tree| place(tree, &error.pointer));
            let problem = Problem::new(span, &error.pointer, &error.what);
            self.error(problem, &error.remedy);
        }
    }

    /// Warns of routes whose requests are not validated, because the document does not have them:
    /// often its paths begin with the base path.
    fn undescribed(&mut self, fields: &Fields<'_>, contract: &Contract) {
        for (entry, route) in fields.children("routes") {
            let Ok((Some(method), path)) = forms::route(&entry.key) else { continue };
            let has_rest = path.segments().iter().any(|part| matches!(part, Segment::Rest(_)));
            let is_described = contract.operation(method.as_str(), path.as_str()).is_some();
            if method == Method::Options || has_rest || is_described {
                continue;
            }
            let message = format!(
                "the document of `openapi` does not have `{}`, so its requests are not validated",
                entry.key
            );
            let problem = Problem::new(entry.key_span, &route.path, &message);
            self.problems.warn(problem.help("describe it there, with its path below `base_path`"));
        }
    }
}

fn of_json(source: &Source, index: usize, problems: &mut Problems) -> Option<Json> {
    if source.text.len() > yaml::TEXT_BYTES_MAX {
        let problem = Problem::new(Span::beginning(index), "", "the file is larger than 4 MiB");
        problems.error(problem.help("leave out what describes no request, such as examples"));
        return None;
    }
    match serde_json::from_str(&source.text) {
        Ok(document) => Some(document),
        Err(error) => {
            problems.error(not_json(source, index, &error));
            None
        }
    }
}

fn of_yaml(source: &Source, index: usize, problems: &mut Problems) -> Option<Json> {
    let before = problems.errors.len();
    let tree = yaml::parse_verbatim(source, index, problems).ok()?;
    if problems.errors.len() > before {
        return None;
    }
    match serde_json::from_str(&json::write(&tree).text) {
        Ok(document) => Some(document),
        Err(error) => {
            let message = format!("the document cannot be kept as JSON: {error}");
            let problem = Problem::new(Span::beginning(index), "", &message);
            problems.error(problem.help("put numbers that no double can hold in quotes"));
            None
        }
    }
}

fn not_json(source: &Source, index: usize, error: &serde_json::Error) -> Problem {
    let start = source.line_start(error.line()) + error.column().saturating_sub(1);
    let start = source.text.floor_char_boundary(start);
    // One character, so that there is something to underline.
    let next = source.text.get(start..).and_then(|rest| rest.chars().next());
    let end = start + next.map_or(0, char::len_utf8);
    let message = error.to_string();
    // The place stands behind the message, and is told in our words.
    let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    let problem =
        Problem::new(Span { source: index, start, end }, "", &format!("this is not JSON: {what}"));
    problem.help("mend it there; a document in YAML is called `.yaml`")
}

/// Where a JSON pointer (RFC 6901) leads, or how far.
fn place(tree: &Node, pointer: &str) -> Span {
    let (mut node, mut span) = (tree, Span::beginning(tree.span.source));
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        let next = match &node.value {
            Value::Map(_) => node
                .entries()
                .find(|entry| entry.key == name)
                .map(|entry| (&entry.value, entry.key_span)),
            Value::List(elements) => name
                .parse::<usize>()
                .ok()
                .and_then(|number| elements.get(number))
                .map(|element| (element, element.span)),
            _ => None,
        };
        let Some((inner, at)) = next else { break };
        (node, span) = (inner, at);
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_to_its_key_or_as_far_as_it_goes() {
        let text = "paths:\n  /orders/{id}:\n    get:\n      parameters:\n        - in: query\n";
        let source = Source::new("a.yaml", text, Path::new("."));
        let tree = yaml::parse_verbatim(&source, 0, &mut Problems::default()).unwrap();
        for (pointer, line) in [
            ("", 1),
            ("/paths", 1),
            ("/paths/~1orders~1{id}", 2),
            ("/paths/~1orders~1{id}/get/parameters/0", 5),
            ("/paths/~1orders~1{id}/get/parameters/7/name", 4),
            ("/components/schemas", 1),
        ] {
            assert_eq!(source.line(place(&tree, pointer).start), line, "{pointer}");
        }
    }

    #[test]
    fn bad_json_is_told_where_it_is() {
        for (text, line, column) in [("{\"a\": 1,\n \"ä\" 2}", 2, 6), ("", 1, 1), ("[1]]", 1, 4)] {
            let source = Source::new("a.json", text, Path::new("."));
            let mut problems = Problems::default();
            assert!(of_json(&source, 0, &mut problems).is_none());
            let [problem] = &*problems.errors else { panic!("{:?}", problems.errors) };
            let (at_line, at_column) = source.position(problem.span.start);
            assert_eq!(at_line, line, "{text}");
            assert!(at_column.abs_diff(column) <= 1, "{text}: column {at_column}");
        }
    }
}
