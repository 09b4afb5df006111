//! A Postman collection (v2.1.0) that runs from top to bottom in Newman against a live gateway.
//!
//! First a token, then every operation as its document demands, then what must be refused. Ids of
//! what was made travel in collection variables; secrets are empty and filled in by the partner.

mod examples;
mod path;

use std::collections::{BTreeMap, BTreeSet};

use model::{Client, Definitions, UsagePlan};
use serde_json::{Map, Value, json};

use super::{ERRORS, KEY_HEADER, operations, resolve, token_url};

use examples::{example, is_json, personalise, text};
use path::{Part, parameter, parts, takes_any, variable};

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

/// A segment that no API has.
const UNKNOWN: &str = "no-such-path";

/// The longest pause between two calls, in milliseconds. A plan slower than that is meant to be
/// lived with by its burst; waiting for it would make the run useless.
const PAUSE_MS_MAX: u64 = 5_000;

/// Added to a pause, in milliseconds: timers and the way to us are not exact.
const PAUSE_MS_MARGIN: u64 = 20;

/// Gives the collection of an API from its document as [`super::openapi()`] makes it. With a
/// client, its id and scopes are filled in, and what its scopes do not reach is expected to be
/// refused.
pub fn postman(definitions: &Definitions, openapi: &Value, client: Option<&Client>) -> Value {
    let mut calls: Vec<Call<'_>> = operations(openapi).map(Call::new).collect();
    calls.sort_by_key(Call::order);
    let pause_ms = pause_ms(definitions, client);
    let collection = Collection { definitions, openapi, client, calls, pause_ms };
    let title = openapi["info"]["title"].as_str().unwrap_or("API");
    json!({
        "info": {
            "name": title,
            "description": "Fill in the variables client_secret and api_key, then run the \
                            collection from top to bottom.",
            "schema": SCHEMA,
        },
        "item": collection.items(),
        "variable": collection.variables(),
    })
}

/// How long to wait before each call with an API key, so that no plan of the client's partner is
/// outrun; without a client, no plan at all.
fn pause_ms(definitions: &Definitions, client: Option<&Client>) -> u64 {
    let interval_ms = |plan: &UsagePlan| {
        let rate = plan.rate?.rate();
        let window_ms = u64::from(rate.window_seconds()) * 1000;
        Some(window_ms.div_ceil(u64::from(rate.count().max(1))))
    };
    let plans: Vec<&UsagePlan> = match client {
        None => definitions.plans.values().collect(),
        Some(client) => {
            let partner = definitions.partners.get(&client.partner);
            let of_partner = partner.and_then(|partner| partner.plan.as_ref());
            let keys = definitions.api_keys.values().filter(|key| key.partner == client.partner);
            let of_keys = keys.filter_map(|key| key.plan.as_ref());
            of_keys.chain(of_partner).filter_map(|name| definitions.plans.get(name)).collect()
        }
    };
    let slowest = plans.into_iter().filter_map(interval_ms).max();
    slowest.filter(|ms| *ms <= PAUSE_MS_MAX).map_or(0, |ms| ms + PAUSE_MS_MARGIN)
}

/// One operation and what it demands.
struct Call<'a> {
    path: &'a str,
    method: &'a str,
    operation: &'a Value,
    token: bool,
    key: bool,
    /// Any one of these suffices.
    scopes: Vec<&'a str>,
}

impl<'a> Call<'a> {
    fn new((path, method, operation): (&'a str, &'a str, &'a Value)) -> Self {
        let alternatives: Vec<&Value> =
            operation["security"].as_array().into_iter().flatten().collect();
        let demanded =
            |scheme: &str| alternatives.first().is_some_and(|first| first.get(scheme).is_some());
        let scopes = alternatives
            .iter()
            .flat_map(|alternative| alternative["oauth2"].as_array().into_iter().flatten())
            .filter_map(Value::as_str)
            .collect();
        let (token, key) = (demanded("oauth2"), demanded("apiKey"));
        Self { path, method, operation, token, key, scopes }
    }

    /// Its place in the run. What holds others is made before them and removed after them.
    fn order(&self) -> (usize, usize) {
        let depth = self.path.matches('/').count();
        match self.method {
            "post" => (0, depth),
            "get" => (1, 0),
            "head" | "options" => (2, 0),
            "put" => (3, 0),
            "patch" => (4, 0),
            _ => (5, usize::MAX - depth),
        }
    }

    fn name(&self) -> String {
        let verb = self.method.to_ascii_uppercase();
        let summary = self.operation["summary"].as_str();
        summary.map_or_else(|| format!("{verb} {}", self.path), str::to_owned)
    }

    /// What it demands, shown.
    fn credentials(&self) -> Credentials {
        Credentials { token: self.token, key: self.key }
    }
}

/// What a request shows of what the partner has.
#[derive(Clone, Copy)]
struct Credentials {
    token: bool,
    key: bool,
}

/// A collection being written.
struct Collection<'a> {
    definitions: &'a Definitions,
    openapi: &'a Value,
    client: Option<&'a Client>,
    calls: Vec<Call<'a>>,
    pause_ms: u64,
}

impl Collection<'_> {
    fn items(&self) -> Vec<Value> {
        let mut items = Vec::new();
        if self.calls.iter().any(|call| call.token) {
            items.push(token_item());
        }
        items.extend(self.calls.iter().map(|call| self.item(call)));
        let refusals = self.refusals();
        if !refusals.is_empty() {
            items.push(json!({
                "name": "Refusals",
                "description": "What the gateway must not let through.",
                "item": refusals,
            }));
        }
        items
    }

    fn item(&self, call: &Call<'_>) -> Value {
        let (name, tests) = if self.lacks_scope(call) {
            // Amazon API Gateway answers 401 to a scope that is missing.
            let status = if self.like_aws() { 401 } else { 403 };
            let name = format!("{} (refused: no scope for it)", call.name());
            (name, self.refusal_tests(status))
        } else {
            (call.name(), self.success_tests(call))
        };
        let mut events = Vec::new();
        if call.key && self.pause_ms > 0 {
            let pause = [
                "// Not faster than the usage plan allows.".to_owned(),
                format!("setTimeout(function () {{}}, {});", self.pause_ms),
            ];
            events.push(event("prerequest", &pause));
        }
        events.push(event("test", &tests));
        let request = self.request(call, call.credentials());
        json!({"name": name, "event": events, "request": request})
    }

    /// Whether the client has none of the scopes of which one is needed.
    fn lacks_scope(&self, call: &Call<'_>) -> bool {
        let Some(client) = self.client else { return false };
        let has = |scope: &&str| client.scopes.iter().any(|own| own == *scope);
        !call.scopes.is_empty() && !call.scopes.iter().any(has)
    }

    fn like_aws(&self) -> bool {
        self.openapi[ERRORS] == "aws"
    }

    fn refusals(&self) -> Vec<Value> {
        let permitted: Vec<&Call<'_>> =
            self.calls.iter().filter(|call| !self.lacks_scope(call)).collect();
        let mut items = Vec::new();
        // The calls are in order, so that the first is a POST where there is one.
        if let Some(call) = permitted.iter().find(|call| call.token) {
            let shown = Credentials { token: false, ..call.credentials() };
            let name = format!("{}, without a token", call.name());
            items.push(self.refused_item(&name, 401, &self.request(call, shown)));
        }
        if let Some(call) = permitted.iter().find(|call| call.key) {
            let shown = Credentials { key: false, ..call.credentials() };
            let name = format!("{}, without an API key", call.name());
            items.push(self.refused_item(&name, 403, &self.request(call, shown)));
        }
        if let Some(path) = self.unknown_path() {
            // Amazon API Gateway answers 403 to an unknown path.
            let status = if self.like_aws() { 403 } else { 404 };
            let request = json!({"method": "GET", "header": [], "url": url(&path, Vec::new())});
            items.push(self.refused_item("A path that is not there", status, &request));
        }
        items
    }

    fn refused_item(&self, name: &str, status: u16, request: &Value) -> Value {
        let events = [event("test", &self.refusal_tests(status))];
        json!({"name": name, "event": events, "request": request})
    }

    /// The shortest path that no operation matches; none where all paths are taken.
    fn unknown_path(&self) -> Option<Vec<String>> {
        let free = |depth: &usize| !self.calls.iter().any(|call| takes_any(call.path, *depth));
        let depth = (1..=8).find(free)?;
        Some(vec![UNKNOWN.to_owned(); depth])
    }

    fn request(&self, call: &Call<'_>, shown: Credentials) -> Value {
        let mut headers = Vec::new();
        if shown.key {
            headers.push(json!({"key": KEY_HEADER, "value": "{{api_key}}"}));
        }
        headers.extend(self.parameters(call, "header"));
        let path: Vec<String> = parts(call.path).into_iter().map(Part::sent).collect();
        let mut request = Map::new();
        if let Some(description) = call.operation.get("description") {
            request.insert("description".to_owned(), description.clone());
        }
        if shown.token {
            let token = [json!({"key": "token", "value": "{{access_token}}", "type": "string"})];
            let auth = json!({"type": "bearer", "bearer": token});
            request.insert("auth".to_owned(), auth);
        }
        let method = call.method.to_ascii_uppercase();
        request.insert("method".to_owned(), Value::from(method));
        if let Some((media_type, text)) = self.body(call) {
            headers.push(json!({"key": "Content-Type", "value": media_type}));
            let language = if is_json(media_type) { "json" } else { "text" };
            let options = json!({"raw": {"language": language}});
            let body = json!({"mode": "raw", "raw": text, "options": options});
            request.insert("body".to_owned(), body);
        }
        request.insert("header".to_owned(), Value::from(headers));
        request.insert("url".to_owned(), url(&path, self.parameters(call, "query")));
        Value::Object(request)
    }

    /// The documented parameters of a place, those that may be left out switched off.
    fn parameters(&self, call: &Call<'_>, place: &str) -> Vec<Value> {
        let ours = |name: &str| {
            let names = ["accept", "authorization", "content-type", KEY_HEADER];
            place == "header" && names.iter().any(|own| name.eq_ignore_ascii_case(own))
        };
        let mut parameters = Vec::new();
        for parameter in call.operation["parameters"].as_array().into_iter().flatten() {
            let parameter = resolve(self.openapi, parameter);
            let Some(name) = parameter["name"].as_str().filter(|name| !ours(name)) else {
                continue;
            };
            if parameter["in"] != place {
                continue;
            }
            let value = example(self.openapi, parameter).map(text).unwrap_or_default();
            let mut sent = json!({"key": name, "value": value});
            if parameter["required"] != true {
                sent["disabled"] = Value::from(true);
            }
            parameters.push(sent);
        }
        parameters
    }

    /// The media type and text of the documented example of a request's body.
    fn body<'b>(&'b self, call: &Call<'b>) -> Option<(&'b str, String)> {
        let body = resolve(self.openapi, &call.operation["requestBody"]);
        let content = body["content"].as_object()?;
        let (media_type, content) = content
            .iter()
            .find(|(media_type, _)| is_json(media_type))
            .or_else(|| content.iter().next())?;
        let media_type = media_type.as_str();
        let shown = example(self.openapi, content);
        if !is_json(media_type) {
            return Some((media_type, shown.map(text).unwrap_or_default()));
        }
        let mut body = shown.cloned().unwrap_or_else(|| json!({}));
        personalise(call, &mut body);
        Some((media_type, format!("{body:#}")))
    }

    /// Asserts a documented success and keeps the id of what was made.
    fn success_tests(&self, call: &Call<'_>) -> Vec<String> {
        let responses = &call.operation["responses"];
        let documented = responses.as_object().into_iter().flatten();
        let codes: Vec<u16> = documented
            .filter_map(|(status, _)| status.parse::<u16>().ok())
            .filter(|status| (200..300).contains(status))
            .collect();
        let code = "pm.expect(pm.response.code)";
        let mut lines = if responses.get("2XX").is_some() {
            assertion("it succeeds", &format!("{code}.to.be.within(200, 299);"))
        } else if codes.is_empty() {
            let refusals = "[401, 403, 429, 502, 504]";
            let line = format!("{code}.to.not.be.oneOf({refusals});");
            assertion("the gateway lets it through", &line)
        } else {
            assertion("it succeeds as documented", &format!("{code}.to.be.oneOf({codes:?});"))
        };
        let made = self.made_by(call);
        if call.method == "post" && !made.is_empty() {
            lines.push("let made = null;".to_owned());
            let read = "try { made = pm.response.json(); } catch (error) { /* no JSON */ }";
            lines.push(read.to_owned());
            lines.push("if (made && made.id !== undefined) {".to_owned());
            let keep = |name: &String| {
                format!("    pm.collectionVariables.set(\"{name}\", String(made.id));")
            };
            lines.extend(made.iter().map(keep));
            lines.push("}".to_owned());
        }
        lines
    }

    /// The variables of the path parameters right below a path: what a POST to it makes.
    fn made_by(&self, call: &Call<'_>) -> BTreeSet<String> {
        let above = call.path.trim_end_matches('/');
        let made = |other: &Call<'_>| {
            let below = other.path.strip_prefix(above)?.strip_prefix('/')?;
            let name = parameter(below.split('/').next()?)?;
            Some(variable(above, name))
        };
        self.calls.iter().filter_map(made).collect()
    }

    fn refusal_tests(&self, status: u16) -> Vec<String> {
        let mut lines = assertion(
            &format!("it is refused with {status}"),
            &format!("pm.response.to.have.status({status});"),
        );
        let media_type =
            if self.like_aws() { "application/json" } else { "application/problem+json" };
        lines.extend(assertion(
            &format!("the refusal is {media_type}"),
            &format!(
                "pm.expect(pm.response.headers.get(\"Content-Type\")).to.include(\"{media_type}\");"
            ),
        ));
        lines.extend(if self.like_aws() {
            assertion("it says why", "pm.expect(pm.response.json().message).to.be.a(\"string\");")
        } else {
            let says = format!("pm.expect(pm.response.json().status).to.eql({status});");
            assertion("the problem has the same status", &says)
        });
        lines
    }

    fn variables(&self) -> Vec<Value> {
        let server = self.openapi["servers"][0]["url"].as_str();
        let base_url = server.unwrap_or(&self.definitions.public_url).to_owned();
        // RFC 6749 §2.3.1: the id is form-encoded in Basic, where `+` would be a space. Names have
        // no other letter that encoding changes.
        let client_id = self.client.map(|client| client.id.replace('+', "%2B"));
        let fixed = [
            ("base_url", base_url),
            ("token_url", token_url(self.definitions)),
            ("client_id", client_id.unwrap_or_default()),
            ("client_secret", String::new()),
            ("api_key", String::new()),
            ("access_token", String::new()),
            ("scope", self.scope()),
        ];
        let fixed = fixed.into_iter().map(|(name, value)| (name.to_owned(), value));
        fixed
            .chain(self.path_variables())
            .map(|(name, value)| json!({"key": name, "value": value}))
            .collect()
    }

    /// The client's scopes of this API; empty asks for all it has (RFC 6749 §3.3).
    fn scope(&self) -> String {
        let flow = "/components/securitySchemes/oauth2/flows/clientCredentials/scopes";
        let offered = self.openapi.pointer(flow);
        let is_offered =
            |scope: &&str| offered.is_some_and(|offered| offered.get(*scope).is_some());
        let own = self.client.into_iter().flat_map(|client| &client.scopes).map(String::as_str);
        own.filter(is_offered).collect::<Vec<_>>().join(" ")
    }

    /// The variables of all path parameters, with the documented examples to begin with.
    fn path_variables(&self) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for call in &self.calls {
            let parameters = call.operation["parameters"].as_array();
            for part in parts(call.path) {
                let Part::Variable { name, variable } = part else { continue };
                let documented = parameters
                    .into_iter()
                    .flatten()
                    .map(|parameter| resolve(self.openapi, parameter))
                    .find(|parameter| parameter["in"] == "path" && parameter["name"] == name);
                let value = documented.and_then(|parameter| example(self.openapi, parameter));
                variables.entry(variable).or_insert_with(|| value.map(text).unwrap_or_default());
            }
        }
        variables
    }
}

fn token_item() -> Value {
    let mut tests = assertion("a token is issued", "pm.response.to.have.status(200);");
    tests.push("if (pm.response.code === 200) {".to_owned());
    tests.push(
        "    pm.collectionVariables.set(\"access_token\", pm.response.json().access_token);"
            .to_owned(),
    );
    tests.push("}".to_owned());
    json!({
        "name": "Get a token",
        "event": [event("test", &tests)],
        "request": {
            "auth": {"type": "basic", "basic": [
                {"key": "username", "value": "{{client_id}}", "type": "string"},
                {"key": "password", "value": "{{client_secret}}", "type": "string"},
            ]},
            "method": "POST",
            "header": [],
            "body": {"mode": "urlencoded", "urlencoded": [
                {"key": "grant_type", "value": "client_credentials", "type": "text"},
                {"key": "scope", "value": "{{scope}}", "type": "text"},
            ]},
            "url": "{{token_url}}",
        },
    })
}

fn event(listen: &str, lines: &[String]) -> Value {
    json!({"listen": listen, "script": {"type": "text/javascript", "exec": lines}})
}

/// The lines of one test. A JSON string is a JavaScript string.
fn assertion(name: &str, line: &str) -> Vec<String> {
    let name = Value::from(name);
    vec![format!("pm.test({name}, function () {{"), format!("    {line}"), "});".to_owned()]
}

fn url(path: &[String], query: Vec<Value>) -> Value {
    let mut raw = "{{base_url}}".to_owned();
    for part in path {
        raw.push('/');
        raw.push_str(part);
    }
    let sent: Vec<String> = query
        .iter()
        .filter(|parameter| parameter.get("disabled").is_none())
        .filter_map(|parameter| {
            Some(format!("{}={}", parameter["key"].as_str()?, parameter["value"].as_str()?))
        })
        .collect();
    if !sent.is_empty() {
        raw.push('?');
        raw.push_str(&sent.join("&"));
    }
    let mut url = json!({"raw": raw, "host": ["{{base_url}}"], "path": path});
    if !query.is_empty() {
        url["query"] = Value::from(query);
    }
    url
}

#[cfg(test)]
mod tests;
