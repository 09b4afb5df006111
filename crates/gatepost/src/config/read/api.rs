//! APIs and their routes.

use std::collections::BTreeMap;

use model::{
    Api, Canary, Cors, ErrorStyle, Function, HeaderRules, Health, IdempotencyRule, KeyRule, Method,
    Name, PathTemplate, Route, Segment, Service, TokenRule,
};

use super::Reader;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::node::{Entry, Node};
use crate::config::problem::Problem;
use crate::config::source::Span;

impl Reader<'_> {
    pub(super) fn apis(&mut self, root: &Fields<'_>) {
        let mut base_paths: BTreeMap<String, Name> = BTreeMap::new();
        let mut resources: BTreeMap<String, Name> = BTreeMap::new();
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
            self.document(&name, &fields);
            self.same_issuer(&fields);
            self.same_resource((&fields, &name), &base_path, &mut resources);
            let routes = self.routes(&fields);
            let tokens = self.api_tokens(&fields);
            let (Some(upstream), limit) = (service(&fields), self.limit(&fields)) else {
                continue;
            };
            let api = Api {
                title: fields.text("title").unwrap_or_else(|| name.to_string()),
                base_path,
                upstream,
                canary: canary(&fields),
                client_certificate: fields.text("client_certificate").as_deref()
                    == Some("required"),
                key_header: fields.parse("key_header", forms::passed_header).unwrap_or_default(),
                limit,
                request_headers: header_rules(&fields.child("request_headers")),
                response_headers: header_rules(&fields.child("response_headers")),
                cors: self.cors(&fields),
                scopes: scopes(&fields),
                resource: fields.text("resource"),
                introspection: fields.parse_list("introspection", forms::name),
                routes,
                issuers: fields.parse_list("issuers", forms::name),
                allow_ips: fields.parse_list("allow_ips", forms::cidr),
                errors: match fields.text("errors").as_deref() {
                    Some("aws") => ErrorStyle::Aws,
                    _ => ErrorStyle::Problem,
                },
                bare_token: fields.is_true("bare_token"),
                dpop_nonce: dpop_nonce(&fields),
                forward_token: fields.is_true("forward_token"),
                tokens,
                token_algorithm: token_algorithm(&fields),
                body_bytes_max: fields.parse("body_max", forms::bytes).unwrap_or(0),
                timeout_ms: fields.duration_ms("timeout"),
                name: name.clone(),
            };
            self.definitions.apis.insert(name, api);
        }
    }

    /// What clients call an API leads to one (RFC 8707): the address it is called at, and its own
    /// `resource`.
    fn same_resource(
        &mut self,
        (fields, name): (&Fields<'_>, &Name),
        base_path: &str,
        taken: &mut BTreeMap<String, Name>,
    ) {
        let address = format!("{}{base_path}", self.definitions.public_url);
        for uri in fields.text("resource").into_iter().chain([address]) {
            // An empty path and `/` are the same (RFC 3986 §6.2.3), and two that differ in a last
            // slash only would be mixed up.
            let uri = uri.strip_suffix('/').unwrap_or(&uri).to_owned();
            match taken.get(&uri) {
                Some(other) if other != name => {
                    let message = format!("the API `{other}` is called `{uri}` already");
                    let problem = fields.problem("resource", &message);
                    self.error(problem, "give each API its own `resource`");
                }
                _ => drop(taken.insert(uri, name.clone())),
            }
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
            routes.push(Route {
                method,
                path,
                token,
                scopes,
                all_scopes: route.is_true("all_scopes"),
                api_key,
                timeout_ms: route.parse("timeout", forms::duration_ms),
                body_bytes_max: route.parse("body_max", forms::bytes),
                idempotency: idempotency(&route),
                function: function(&route),
            });
        }
        routes
    }

    fn cors(&mut self, fields: &Fields<'_>) -> Option<Cors> {
        fields.get("cors")?;
        let cors = fields.child("cors");
        let texts = |name| cors.list(name).iter().filter_map(Node::text);
        let lower = |name| texts(name).map(str::to_ascii_lowercase).collect();
        let origins: Vec<String> = texts("origins").map(str::to_owned).collect();
        let credentials = cors.is_true("credentials");
        if credentials && origins.iter().any(|origin| origin == "*") {
            let problem = cors.problem("credentials", "credentials and `*` do not go together");
            self.error(problem, "name the origins, or remove `credentials`");
        }
        let max_age_s = cors.duration_ms("max_age") / 1000;
        let (headers, expose) = (lower("headers"), lower("expose"));
        Some(Cors { origins, headers, expose, max_age_s, credentials })
    }

    fn same_route(&mut self, entry: &Entry, route: &Fields<'_>, first: Span) {
        let message = format!("`{}` is the same route as one before", entry.key);
        let problem = Problem::new(entry.key_span, &route.path, &message).first(first);
        self.error(problem, "parameters match alike whatever their names; remove one of the two");
    }
}

/// A service: one address, or an object.
fn service(fields: &Fields<'_>) -> Option<Service> {
    if fields.get("upstream")?.text().is_some() {
        return fields.parse("upstream", forms::upstream).map(Service::at);
    }
    let service = fields.child("upstream");
    let addresses = service.parse_list("to", forms::upstream);
    let health = service.get("health").is_some().then(|| service.child("health"));
    Some(Service {
        http2: service.text("http").as_deref() == Some("2"),
        connect_timeout_ms: service.duration_ms("connect_timeout"),
        retries: service.integer("retries").unwrap_or(0),
        health: health.map(|health| Health {
            path: health.text("path").unwrap_or_default(),
            every_ms: health.duration_ms("every"),
            timeout_ms: health.duration_ms("timeout"),
        }),
        slow_start_ms: service.duration_ms("slow_start"),
        addresses,
    })
}

fn token_algorithm(fields: &Fields<'_>) -> jwt::Algorithm {
    let named = fields.text("token_algorithm");
    named.as_deref().and_then(jwt::Algorithm::parse).unwrap_or(jwt::Algorithm::Es256)
}

fn canary(fields: &Fields<'_>) -> Option<Canary> {
    fields.get("canary")?;
    let canary = fields.child("canary");
    Some(Canary { service: service(&canary)?, percent: canary.integer("percent").unwrap_or(0) })
}

fn header_rules(fields: &Fields<'_>) -> HeaderRules {
    let set = fields.entries("set").filter_map(|entry| {
        Some((forms::passed_header(&entry.key).ok()?, entry.value.text()?.to_owned()))
    });
    let remove = fields.parse_list("remove", forms::passed_header);
    HeaderRules { set: set.collect(), remove }
}

/// Of an API, and of the token service.
pub(super) fn dpop_nonce(fields: &Fields<'_>) -> jwt::NonceRule {
    match fields.text("dpop_nonce").as_deref() {
        Some("required") => jwt::NonceRule::Required,
        _ => jwt::NonceRule::Optional,
    }
}

fn idempotency(route: &Fields<'_>) -> IdempotencyRule {
    match route.text("idempotency").as_deref() {
        Some("optional") => IdempotencyRule::Optional,
        Some("required") => IdempotencyRule::Required,
        _ => IdempotencyRule::None,
    }
}

fn function(fields: &Fields<'_>) -> Option<Function> {
    fields.get("lambda")?;
    let lambda = fields.child("lambda");
    Some(Function {
        endpoint: lambda.parse("endpoint", forms::upstream)?,
        name: lambda.text("function")?,
        format_2: lambda.text("format").as_deref() == Some("2.0"),
    })
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
