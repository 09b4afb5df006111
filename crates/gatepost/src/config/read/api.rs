//! APIs and their routes.

use std::collections::BTreeMap;

use model::{Api, ErrorStyle, KeyRule, Method, Name, PathTemplate, Route, Segment, TokenRule};

use super::Reader;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::node::{Entry, Node};
use crate::config::problem::Problem;
use crate::config::source::Span;

impl Reader<'_> {
    pub(super) fn apis(&mut self, root: &Fields<'_>) {
        let mut base_paths: BTreeMap<String, Name> = BTreeMap::new();
        for (entry, fields) in root.children("apis") {
            let Ok(name) = Name::new(&entry.key) else {
                continue;
            };
            let base_path = fields.text("base_path").unwrap_or_default();
            if let Some(other) = base_paths.get(&base_path) {
                let message = format!("the API `{other}` has the base path `{base_path}` already");
                let problem = fields.problem("base_path", &message);
                self.error(problem, "give each API its own base path, such as `/orders`");
            } else {
                base_paths.insert(base_path.clone(), name.clone());
            }
            self.openapi(&name, &fields);
            self.same_issuer(&fields);
            let routes = self.routes(&fields);
            let Some(upstream) = fields.parse("upstream", forms::upstream) else {
                continue;
            };
            let api = Api {
                title: fields.text("title").unwrap_or_else(|| name.to_string()),
                base_path,
                upstream,
                scopes: scopes(&fields),
                routes,
                issuers: fields.parse_list("issuers", forms::name),
                allow_ips: fields.parse_list("allow_ips", forms::cidr),
                errors: match fields.text("errors").as_deref() {
                    Some("aws") => ErrorStyle::Aws,
                    _ => ErrorStyle::Problem,
                },
                bare_token: fields.is_true("bare_token"),
                forward_token: fields.is_true("forward_token"),
                body_bytes_max: fields.parse("body_max", forms::bytes).unwrap_or(0),
                timeout_ms: fields.duration_ms("timeout"),
                name: name.clone(),
            };
            self.definitions.apis.insert(name, api);
        }
    }

    fn openapi(&mut self, name: &Name, fields: &Fields<'_>) {
        let Some((node, text)) = fields.get("openapi").and_then(|node| Some((node, node.text()?)))
        else {
            return;
        };
        let path = self.beside(node.span, text);
        if path.is_file() {
            self.openapi.insert(name.clone(), path);
        } else {
            let message = format!("there is no file `{}`", path.display());
            let problem = fields.problem("openapi", &message);
            self.error(problem, "the path is relative to this file; correct it, or leave it out");
        }
    }

    fn routes(&mut self, fields: &Fields<'_>) -> Vec<Route> {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut routes = Vec::new();
        for (entry, route) in fields.children("routes") {
            let Ok((method, path)) = forms::route(&entry.key) else {
                continue;
            };
            let shape = format!("{} {}", method.map_or("ANY", Method::as_str), shape(&path));
            match seen.get(&shape) {
                Some(first) => self.same_route(entry, &route, *first),
                None => {
                    seen.insert(shape, entry.key_span);
                }
            }
            let scopes: Vec<String> =
                route.list("scopes").iter().filter_map(Node::text).map(str::to_owned).collect();
            let token = match route.text("token").as_deref() {
                Some("required") => TokenRule::Required,
                Some("none") => TokenRule::None,
                _ if scopes.is_empty() => TokenRule::None,
                _ => TokenRule::Required,
            };
            if token == TokenRule::None && !scopes.is_empty() {
                let problem =
                    route.problem("token", "scopes are read from a token, and none is needed");
                self.error(problem, "remove `token: none`, or remove the scopes");
            }
            let api_key = match route.text("api_key").as_deref() {
                Some("required") => KeyRule::Required,
                _ => KeyRule::None,
            };
            routes.push(Route { method, path, token, scopes, api_key });
        }
        routes
    }

    fn same_route(&mut self, entry: &Entry, route: &Fields<'_>, first: Span) {
        let message = format!("`{}` is the same route as one before", entry.key);
        let problem = Problem::new(entry.key_span, &route.path, &message).first(first);
        self.error(problem, "parameters match alike whatever their names; remove one of the two");
    }
}

fn scopes(fields: &Fields<'_>) -> BTreeMap<String, String> {
    let described = |entry: &Entry| Some((entry.key.clone(), entry.value.text()?.to_owned()));
    fields.entries("scopes").filter_map(described).collect()
}

/// A path with its parameters' names left out.
fn shape(path: &PathTemplate) -> String {
    let segments = path.segments().iter().map(|segment| match segment {
        Segment::Literal(text) => text.as_str(),
        Segment::Parameter(_) => "{}",
        Segment::Rest(_) => "{+}",
    });
    segments.collect::<Vec<_>>().join("/")
}
