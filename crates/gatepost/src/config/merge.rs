//! Several files as one: their sections are put together, and nothing may be there twice.

use std::collections::BTreeMap;

use super::node::{Entry, Node, Value};
use super::problem::{Problem, Problems};
use super::source::{Source, Span};

/// The smallest file, for one that is empty.
const MINIMAL: &str =
    "a minimal file is `version: 1` and, on the next line, `company: Your Company`";

/// The one tree of all files.
pub(crate) fn merge(roots: Vec<Node>, sources: &[Source], problems: &mut Problems) -> Node {
    let at = Span::beginning(roots.first().map_or(0, |root| root.span.source));
    let mut merged = Merged { entries: Vec::new(), sources, problems };
    let all_empty = roots.iter().all(Node::is_null);
    for root in roots {
        match root.value {
            Value::Map(entries) => {
                for entry in entries.into_iter().filter(|entry| !entry.repeated) {
                    merged.add(entry);
                }
            }
            Value::Null => {}
            _ => {
                let message = format!("the file is {}, not a mapping of keys", root.found());
                merged.problems.error(Problem::new(root.span, "", &message).help(MINIMAL));
            }
        }
    }
    if all_empty {
        merged.problems.error(Problem::new(at, "", "the file is empty").help(MINIMAL));
        // Nothing else is worth saying about it.
        return Node { span: at, value: Value::Null };
    }
    Node { span: at, value: Value::Map(merged.entries) }
}

struct Merged<'a> {
    entries: Vec<Entry>,
    sources: &'a [Source],
    problems: &'a mut Problems,
}

impl Merged<'_> {
    fn add(&mut self, entry: Entry) {
        let found = self.entries.iter().position(|other| other.key == entry.key);
        // Every file says which version of the language it is written in.
        let found = found.filter(|_| entry.key != "version");
        let Some(before) = found.and_then(|index| self.entries.get_mut(index)) else {
            self.entries.push(entry);
            return;
        };
        match (&mut before.value.value, entry.value.value) {
            (Value::Map(names), Value::Map(more)) if entry.key != "listen" => {
                let twice = add_names(names, more);
                for (name, first, second) in twice {
                    self.twice(&format!("{}.{name}", entry.key), first, second);
                }
            }
            // An empty section adds nothing.
            (Value::Map(_), Value::Null) => {}
            (Value::Null, names @ Value::Map(_)) => before.value.value = names,
            _ => {
                let first = before.key_span;
                self.twice(&entry.key, first, entry.key_span);
            }
        }
    }

    fn twice(&mut self, path: &str, first: Span, second: Span) {
        // A name may hold dots, a section's does not.
        let name = path.split_once('.').map_or(path, |(_, name)| name);
        let place = self.sources.get(first.source).map_or_else(String::new, |source| {
            format!("; the first is at {}:{}", source.name, source.line(first.start))
        });
        let problem = Problem::new(second, path, &format!("`{name}` is there twice{place}"));
        self.problems.error(problem.help("remove or rename one of the two").first(first));
    }
}

/// Adds names to a section; gives those that were there, with both places.
fn add_names(names: &mut Vec<Entry>, more: Vec<Entry>) -> Vec<(String, Span, Span)> {
    let mut twice = Vec::new();
    let seen: BTreeMap<String, Span> =
        names.iter().map(|entry| (entry.key.clone(), entry.key_span)).collect();
    for mut entry in more {
        if let Some(first) = seen.get(&entry.key).filter(|_| !entry.repeated) {
            twice.push((entry.key.clone(), *first, entry.key_span));
            entry.repeated = true;
        }
        names.push(entry);
    }
    twice
}
