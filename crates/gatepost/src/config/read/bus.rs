//! Buses, rules and their targets.

use std::collections::BTreeMap;
use std::error::Error;

use model::{Bus, Name, Rule, Target};
use pattern::{Extensions, Pattern, PatternError};
use retry::{Delays, Policy};
use transform::{Filled, Input, Template, TemplateError};

use super::Reader;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::json;
use crate::config::nearest::nearest;
use crate::config::node::{Entry, Node};
use crate::config::problem::{Problem, join};
use crate::config::source::Span;

/// What a target may send in place of the whole event; it has at most one.
const INPUTS: [&str; 3] = ["body", "input", "template"];

/// The members of an event's envelope.
const MEMBERS: [&str; 9] =
    ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"];

/// What to do about a pattern that is not valid.
fn remedy(error: &PatternError) -> String {
    let unknown = error.message.strip_prefix("Unrecognized match type ");
    match unknown.filter(|name| Extensions::NAMES.contains(name)) {
        Some(name) => format!("ask for it: `pattern_extensions: [{name}]` beside `when`"),
        None => "write it as EventBridge does: `{ source: [complete-order] }`".to_owned(),
    }
}

impl Reader<'_> {
    pub(super) fn buses(&mut self, root: &Fields<'_>) {
        for (entry, fields) in root.children("buses") {
            let Ok(name) = Name::new(&entry.key) else {
                continue;
            };
            let keep_ms = milliseconds(fields.child("archive").duration_ms("keep"));
            for (rule_entry, rule_fields) in fields.children("rules") {
                self.rule(&name, rule_entry, &rule_fields);
            }
            let deduplicate_ms = milliseconds(fields.duration_ms("deduplicate"));
            let bus = Bus { name: name.clone(), keep_ms, deduplicate_ms };
            self.definitions.buses.insert(name, bus);
        }
    }

    fn rule(&mut self, bus: &Name, entry: &Entry, fields: &Fields<'_>) {
        let name = Name::new(&entry.key);
        let pattern = fields.entry("when").and_then(|when| self.pattern(fields, &when.value));
        let mut ids: BTreeMap<Name, Span> = BTreeMap::new();
        let mut targets = Vec::new();
        for target_fields in fields.elements("send") {
            let queue = name.as_ref().ok();
            let Some(target) = self.target(&target_fields, queue) else {
                continue;
            };
            if let Some(first) = ids.insert(target.id.clone(), target_fields.at) {
                let message = format!("two targets of this rule are called `{}`", target.id);
                let problem = Problem::new(target_fields.at, &target_fields.path, &message);
                self.error(problem.first(first), "give one of them an `id` of its own");
            }
            targets.push(target);
        }
        if let (Ok(name), Some(pattern)) = (name, pattern) {
            let description = fields.text("description").unwrap_or_default();
            let rule = Rule { name: name.clone(), bus: bus.clone(), description, pattern, targets };
            self.definitions.rules.insert((bus.clone(), name), rule);
        }
    }

    fn pattern(&mut self, fields: &Fields<'_>, when: &Node) -> Option<Pattern> {
        let json = json::write(when);
        let names = fields.list("pattern_extensions").iter().filter_map(Node::text);
        // A name that is none was refused with the value of its key.
        let extensions = Extensions::named(names).unwrap_or_default();
        match Pattern::parse_with(&json.text, extensions) {
            Ok(pattern) => {
                self.unknown_members(fields, when);
                Some(pattern)
            }
            Err(error) => {
                // The place is just behind the wrong part.
                let place = json.place(error.offset.saturating_sub(1));
                let message = format!("the event pattern is not valid: {}", error.message);
                let path = join(&fields.path, "when");
                let problem = Problem::new(place.unwrap_or(when.span), &path, &message);
                self.error(problem, &remedy(&error));
                None
            }
        }
    }

    /// Warns of names that no event has at its top: the pattern is good, and never matches.
    fn unknown_members(&mut self, fields: &Fields<'_>, when: &Node) {
        for entry in when.entries() {
            // `detail.id` is `detail: { id: … }`.
            let name = entry.key.split('.').next().unwrap_or_default();
            if MEMBERS.contains(&name) || name == "$or" {
                continue;
            }
            let meant = nearest(name, MEMBERS).map(|near| format!("; did you mean `{near}`?"));
            let meant = meant.unwrap_or_default();
            let message =
                format!("no event has `{name}` at its top, so this rule matches none{meant}");
            let path = join(&join(&fields.path, "when"), &entry.key);
            let problem = Problem::new(entry.key_span, &path, &message)
                .help("what a publisher says stands under `detail`: `detail: { id: [7] }`");
            self.problems.warn(problem);
        }
    }

    fn target(&mut self, fields: &Fields<'_>, rule: Option<&Name>) -> Option<Target> {
        let body = self.input(fields);
        let path = fields.parse_list("path", forms::json_path);
        self.unique_headers(fields);
        self.few_parameters(fields);
        let headers = self.filled(fields, "headers");
        let query = self.filled(fields, "query");
        let retry = policy(fields);
        let destination = fields.parse("to", forms::name)?;
        let stars = self.definitions.destinations.get(&destination).map(|to| to.url.parameters());
        let given = fields.list("path").len();
        if let Some(stars) = stars.filter(|stars| *stars != given) {
            let message =
                format!("the URL of `{destination}` has {stars} `*`, and `path` fills {given}");
            let problem = fields.problem("path", &message);
            self.error(problem, "give one path for each `*`: `path: [$.detail.id]`");
        }
        let id = fields.parse("id", forms::name).unwrap_or_else(|| destination.clone());
        let queue = fields.parse("dead_letter", forms::name);
        let dead_letters = queue.or_else(|| rule.cloned())?;
        Some(Target { id, destination, path, headers, query, body, retry, dead_letters })
    }

    /// Texts, or paths that begin with `$.`, by name.
    fn filled(&mut self, fields: &Fields<'_>, section: &str) -> Vec<(String, Filled)> {
        let mut all = Vec::new();
        for entry in fields.entries(section) {
            let Some(text) = entry.value.text() else { continue };
            match Filled::parse(text) {
                Ok(value) => all.push((entry.key.clone(), value)),
                Err(error) => {
                    let path = join(&join(&fields.path, section), &entry.key);
                    let problem = Problem::new(entry.value.span, &path, &error.to_string());
                    self.error(problem, "what begins with `$.` is a path: `$.detail.id`");
                }
            }
        }
        all
    }

    fn input(&mut self, fields: &Fields<'_>) -> Input {
        let given: Vec<&Entry> = INPUTS.iter().filter_map(|key| fields.entry(key)).collect();
        if let [first, second, ..] = given.as_slice() {
            let message = format!("`{}` and `{}` exclude each other", first.key, second.key);
            let problem = Problem::new(second.key_span, &fields.path, &message);
            self.error(problem.first(first.key_span), "keep one of `body`, `input` and `template`");
        }
        let read = match given.first().map(|entry| (entry.key.as_str(), &entry.value)) {
            Some(("body", _)) => fields.parse("body", forms::json_path).map(Input::Path),
            Some(("input", value)) => self.constant(fields, value),
            Some(_) => self.template(fields),
            None => None,
        };
        read.unwrap_or_default()
    }

    fn constant(&mut self, fields: &Fields<'_>, value: &Node) -> Option<Input> {
        match Input::constant(&json::write(value).text) {
            Ok(input) => Some(input),
            Err(error) => {
                let problem = fields.problem("input", &error.to_string());
                self.error(problem, "send less, or send a part of the event with `body`");
                None
            }
        }
    }

    fn template(&mut self, fields: &Fields<'_>) -> Option<Input> {
        let fields = fields.child("template");
        let paths = fields
            .entries("paths")
            .filter_map(|entry| Some((entry.key.as_str(), entry.value.text()?)));
        let text = fields.text("template")?;
        let error = match Template::parse(paths, &text) {
            Ok(template) => return Some(Input::Template(template)),
            Err(error) => error,
        };
        // The paths and their names were judged before.
        if !matches!(error, TemplateError::Path { .. } | TemplateError::Key { .. }) {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let problem = fields.problem("template", &format!("{error}{cause}"));
            self.error(problem, "InputTemplate is this text, and InputPathsMap is `paths`");
        }
        None
    }
}

fn policy(fields: &Fields<'_>) -> Policy {
    let fields = fields.child("retry");
    let default = Policy::default();
    let delays: Vec<i64> =
        fields.parse_list("delays", forms::duration_ms).into_iter().map(milliseconds).collect();
    let attempts = fields.integer("attempts").and_then(|count| u16::try_from(count).ok());
    Policy {
        attempts: attempts.unwrap_or(default.attempts),
        age_ms: milliseconds(fields.duration_ms("for")),
        delays: if delays.is_empty() { Delays::Exponential } else { Delays::List(delays) },
    }
}

fn milliseconds(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
