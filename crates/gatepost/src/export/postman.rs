//! A Postman collection (v2.1.0) that runs from top to bottom in Newman against a live gateway.
//!
//! First a token, then every operation as its document demands, then what must be refused. Ids of
//! what was made travel in collection variables; secrets are empty and filled in by the partner.

use std::collections::{BTreeMap, BTreeSet};

use model::{Client, Definitions, UsagePlan};
use serde_json::{Map, Value, json};

use super::{ERRORS, KEY_HEADER, operations, resolve, token_url};

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

/// The variables with a meaning of their own; no path parameter's variable is called so.
const RESERVED: [&str; 7] =
    ["base_url", "token_url", "client_id", "client_secret", "api_key", "access_token", "scope"];

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

/// A segment of an operation's path.
enum Part<'a> {
    Literal(&'a str),
    Variable { name: &'a str, variable: String },
}

impl Part<'_> {
    /// As it stands in a request of the collection.
    fn sent(self) -> String {
        match self {
            Self::Literal(text) => text.to_owned(),
            Self::Variable { variable, .. } => reference(&variable),
        }
    }
}

fn parts(path: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut above = String::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        parts.push(match parameter(segment) {
            Some(name) => Part::Variable { name, variable: variable(&above, name) },
            None => Part::Literal(segment),
        });
        above.push('/');
        above.push_str(segment);
    }
    parts
}

/// The name of the parameter that a segment is.
fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The variable of a parameter below a path: `order_id` for `id` below `/orders`, `orderId` for
/// `orderId` there.
fn variable(above: &str, parameter: &str) -> String {
    let literal = |segment: &&str| !segment.is_empty() && !segment.starts_with('{');
    let mut words: Vec<String> = above.split('/').filter(literal).map(plain).collect();
    if let Some(last) = words.last_mut()
        && last.len() > 1
        && last.ends_with('s')
    {
        last.pop();
    }
    let parameter = plain(parameter.trim_end_matches('+'));
    if words.last().is_some_and(|last| parameter.starts_with(last.as_str())) {
        words.pop();
    }
    words.push(parameter);
    let name = words.join("_");
    if RESERVED.contains(&name.as_str()) { format!("path_{name}") } else { name }
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn reference(variable: &str) -> String {
    format!("{{{{{variable}}}}}")
}

/// Whether a path of so many unheard-of segments would match.
fn takes_any(path: &str, depth: usize) -> bool {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let open = segments.iter().all(|segment| parameter(segment).is_some());
    let rest = segments.last().is_some_and(|last| last.ends_with("+}"));
    open && (segments.len() == depth || (rest && segments.len() < depth))
}

/// The example that a media type or parameter gives: its own, its first named one, its schema's.
fn example<'a>(document: &'a Value, holder: &'a Value) -> Option<&'a Value> {
    let named = holder["examples"].as_object().and_then(|examples| examples.values().next());
    let named = named.and_then(|named| resolve(document, named).get("value"));
    let schema = resolve(document, &holder["schema"]);
    holder
        .get("example")
        .or(named)
        .or_else(|| schema.get("example"))
        .or_else(|| schema["examples"].get(0))
        .or_else(|| schema.get("default"))
        .or_else(|| schema["enum"].get(0))
}

/// A value as it stands in a header, a path or a query.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_json(media_type: &str) -> bool {
    media_type.starts_with("application/json") || media_type.contains("+json")
}

/// Makes the example of a body fit this run: what names the object of the path gets its id, and
/// an own id that the caller gives is new each time, so that the collection can run again.
fn personalise(call: &Call<'_>, body: &mut Value) {
    let Some(fields) = body.as_object_mut() else { return };
    let variables: Vec<String> = parts(call.path)
        .into_iter()
        .filter(|part| matches!(part, Part::Variable { .. }))
        .map(Part::sent)
        .collect();
    if let [id] = variables.as_slice() {
        for name in ["carOrderId", "orderId"] {
            if let Some(field) = fields.get_mut(name).filter(|field| field.is_string()) {
                *field = Value::from(id.as_str());
            }
        }
    }
    if call.method == "post"
        && let Some(field) = fields.get_mut("id")
        && field.as_str().is_some_and(is_uuid)
    {
        *field = Value::from(reference("$guid"));
    }
}

/// Whether a text has the form of a UUID (RFC 9562 §4).
fn is_uuid(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use limit::{Limit, Rate};
    use model::{Api, ErrorStyle, KeyRule};

    use super::super::fixture::{
        CAR_ORDER_ID, api, cars, client, definitions, documented, name, route, tires,
    };
    use super::super::openapi;
    use super::*;

    fn of(api: &Api, client: Option<&Client>) -> Value {
        let definitions = definitions();
        postman(&definitions, &openapi(&definitions, api, Some(&documented())), client)
    }

    fn names(items: &Value) -> Vec<&str> {
        items.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
    }

    fn script(item: &Value) -> String {
        let events = item["event"].as_array().unwrap();
        let lines = events.last().unwrap()["script"]["exec"].as_array().unwrap();
        lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    fn sent(item: &Value) -> Value {
        serde_json::from_str(item["request"]["body"]["raw"].as_str().unwrap()).unwrap()
    }

    fn value(collection: &Value, key: &str) -> String {
        let variables = collection["variable"].as_array().unwrap();
        let variable = variables.iter().find(|variable| variable["key"] == key).unwrap();
        variable["value"].as_str().unwrap().to_owned()
    }

    #[test]
    fn the_run_goes_from_the_token_over_making_and_removing_to_the_refusals() {
        let client = client(&["tires/create.order"]);
        let collection = of(&tires(), Some(&client));
        let expected = ["Get a token", "Order", "Show", "Cancel", "Refusals"];
        assert_eq!(names(&collection["item"]), expected);
        let expected =
            ["Order, without a token", "Order, without an API key", "A path that is not there"];
        assert_eq!(names(&collection["item"][4]["item"]), expected);
        assert_eq!(collection["info"]["schema"], SCHEMA);
    }

    #[test]
    fn the_token_is_asked_for_with_basic_and_kept() {
        let collection = of(&tires(), Some(&client(&["tires/create.order", "cars/other"])));
        let item = &collection["item"][0];
        assert_eq!(item["request"]["auth"]["type"], "basic");
        assert_eq!(item["request"]["url"], "{{token_url}}");
        assert!(script(item).contains(r#"set("access_token", pm.response.json().access_token)"#));
        assert_eq!(value(&collection, "token_url"), "http://127.0.0.1:7400/oauth2/token");
        assert_eq!(value(&collection, "base_url"), "http://127.0.0.1:7400/prod");
        assert_eq!(value(&collection, "client_id"), "car-orders");
        assert_eq!(value(&collection, "scope"), "tires/create.order");
        for secret in ["client_secret", "api_key", "access_token"] {
            assert_eq!(value(&collection, secret), "", "{secret}");
        }
    }

    #[test]
    fn what_a_post_makes_is_used_below_it() {
        let collection = of(&tires(), None);
        let (post, cancel) = (&collection["item"][1], &collection["item"][3]);
        assert!(script(post).contains(r#"set("order_id", String(made.id))"#));
        assert!(script(post).contains("oneOf([200, 201])"));
        assert_eq!(
            cancel["request"]["url"],
            json!({
                "raw": "{{base_url}}/orders/{{order_id}}",
                "host": ["{{base_url}}"],
                "path": ["orders", "{{order_id}}"],
            })
        );
        assert_eq!(value(&collection, "order_id"), CAR_ORDER_ID);
        assert_eq!(sent(post)["id"], "{{$guid}}");
        assert_eq!(sent(post)["type"], "Tesla Model 3");
        assert_eq!(sent(post)["carOrderId"], CAR_ORDER_ID);
    }

    #[test]
    fn every_operation_shows_what_it_demands_and_no_more() {
        let collection = of(&tires(), None);
        let post = &collection["item"][1]["request"];
        assert_eq!(post["auth"]["bearer"][0]["value"], "{{access_token}}");
        assert_eq!(post["header"][0], json!({"key": "x-api-key", "value": "{{api_key}}"}));
        let collection = of(&cars(), None);
        assert_eq!(names(&collection["item"]), ["Get a token", "Order", "Complete", "Refusals"]);
        let (post, patch) = (&collection["item"][1], &collection["item"][2]);
        assert!(post["request"].get("auth").is_none());
        assert!(patch["request"].get("auth").is_some());
        assert_eq!(sent(patch)["carOrderId"], "{{order_item}}");
        assert_eq!(sent(patch)["id"], CAR_ORDER_ID);
        let refusals = &collection["item"][3]["item"];
        assert_eq!(names(refusals), ["Complete, without a token", "A path that is not there"]);
    }

    #[test]
    fn what_the_clients_scopes_do_not_reach_is_expected_to_be_refused() {
        let client = client(&["tires/cancel.order"]);
        let collection = of(&tires(), Some(&client));
        let post = &collection["item"][1];
        assert_eq!(post["name"], "Order (refused: no scope for it)");
        assert!(script(post).contains("status(403)"));
        assert_eq!(
            names(&collection["item"][4]["item"])[0],
            "Cancel, without a token",
            "the refusals are tried where the client may call"
        );
    }

    #[test]
    fn refusals_are_expected_in_the_style_of_the_api() {
        let check = |api: &Api, media_type: &str, statuses: [u16; 3]| {
            let collection = of(api, None);
            for (at, status) in statuses.iter().enumerate() {
                let script = script(&collection["item"][4]["item"][at]);
                assert!(script.contains(&format!("status({status})")), "{script}");
                assert!(script.contains(media_type), "{script}");
            }
        };
        check(&tires(), "application/problem+json", [401, 403, 404]);
        let aws = Api { errors: ErrorStyle::Aws, ..tires() };
        check(&aws, "application/json", [401, 403, 403]);
    }

    #[test]
    fn an_unknown_path_is_one_that_no_route_takes() {
        let check = |paths: &[&str], expected: Option<usize>| {
            let routes = paths.iter().map(|path| route(path, &[], KeyRule::None)).collect();
            let collection = of(&api("a", &[], routes), None);
            let items = collection["item"].as_array().unwrap();
            let folder = items.iter().find(|item| item["name"] == "Refusals");
            let url = folder.map(|folder| &folder["item"][0]["request"]["url"]["path"]);
            assert_eq!(url.map(|path| path.as_array().unwrap().len()), expected, "{paths:?}");
        };
        check(&["GET /orders/{id}"], Some(1));
        check(&["GET /"], Some(1));
        check(&["GET /{id}", "GET /{id}/{part}"], Some(3));
        check(&["GET /{all+}"], None);
    }

    #[test]
    fn an_undocumented_operation_need_only_get_through() {
        let routes = vec![route("GET /other", &[], KeyRule::None)];
        let collection = of(&api("a", &[], routes), None);
        assert_eq!(names(&collection["item"]), ["GET /other", "Refusals"]);
        assert!(script(&collection["item"][0]).contains("to.not.be.oneOf([401, 403, 429"));
    }

    #[test]
    fn the_run_is_no_faster_than_the_plan() {
        let check = |rate: &str, expected: u64| {
            let rate_of_plan = Some(Limit::new(Rate::parse(rate).unwrap(), 2));
            let plan = UsagePlan { rate: rate_of_plan, ..UsagePlan::new(name("external")) };
            let mut definitions = definitions();
            definitions.plans.insert(name("external"), plan);
            assert_eq!(pause_ms(&definitions, None), expected, "{rate}");
            assert_eq!(pause_ms(&definitions, Some(&client(&[]))), 0, "the partner has no plan");
            let document = openapi(&definitions, &tires(), None);
            let collection = postman(&definitions, &document, None);
            let pauses = collection.to_string().matches("setTimeout").count();
            assert_eq!(pauses, if expected > 0 { 3 } else { 0 });
        };
        check("10/s", 120);
        check("30/min", 2020);
        check("10/h", 0);
    }

    #[test]
    fn variables_are_named_after_their_parameters() {
        for (above, parameter, expected) in [
            ("/orders", "id", "order_id"),
            ("/orders", "orderId", "orderId"),
            ("/v1/orders", "item", "v1_order_item"),
            ("/orders/{id}/parts", "no", "orders_part_no"),
            ("/clients", "id", "path_client_id"),
            ("/files", "rest+", "file_rest"),
            ("", "id", "id"),
        ] {
            assert_eq!(variable(above, parameter), expected, "{above} {parameter}");
        }
    }

    #[test]
    fn the_same_definitions_give_the_same_bytes() {
        let client = client(&["tires/create.order"]);
        let bytes = || of(&tires(), Some(&client)).to_string();
        assert_eq!(bytes(), bytes());
        assert!(!bytes().contains("_postman_id"));
    }
}
