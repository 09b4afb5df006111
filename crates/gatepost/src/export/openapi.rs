//! The OpenAPI 3.1 document of one API as partners see it through the gateway.
//!
//! Which operations there are and what they demand comes from the configured routes alone. What
//! is said about them comes from the service's own document, where that has the method and path.

use std::collections::BTreeMap;

use model::{
    Api, Definitions, ErrorStyle, IdempotencyRule, KeyRule, Method, PathTemplate, Route, Segment,
    TokenRule,
};
use serde_json::{Map, Value, json};

use super::{ERRORS, KEY_HEADER, operations, resolve, token_url};

/// The methods that stand for an `ANY` route.
const ANY: [Method; 5] = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

/// What is shown of a documented operation as it is. Its demands are the gateway's to state, and
/// callbacks would be operations that nobody configured.
const SHOWN: [&str; 7] =
    ["operationId", "summary", "description", "tags", "deprecated", "externalDocs", "requestBody"];

/// The members that every problem of the gateway has and that a shared schema may demand.
const PROBLEM_REQUIRED: [&str; 4] = ["type", "title", "status", "detail"];

/// The document of a service that has none.
static NOTHING: Value = Value::Null;

/// Gives the OpenAPI 3.1 document of an API as partners may call it: every configured route and no
/// other operation. `documented` is the OpenAPI document of the service behind it, with paths
/// below the base path.
pub fn openapi(definitions: &Definitions, api: &Api, documented: Option<&Value>) -> Value {
    let documented = documented.unwrap_or(&NOTHING);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info(api, documented),
        "servers": [{"url": format!("{}{}", definitions.public_url, api.base_path)}],
        "paths": paths(api, documented),
        "components": components(definitions, api, documented),
    });
    let tags = tags(documented, &document);
    if !tags.is_empty() {
        document["tags"] = Value::from(tags);
    }
    if api.errors == ErrorStyle::Aws {
        document[ERRORS] = Value::from("aws");
    }
    document
}

fn info(api: &Api, documented: &Value) -> Value {
    let title = if api.title.is_empty() { api.name.as_str() } else { api.title.as_str() };
    let version = match &documented["info"]["version"] {
        Value::String(version) => version.clone(),
        // YAML without quotes.
        Value::Number(version) => version.to_string(),
        _ => "1".to_owned(),
    };
    let mut info = json!({"title": title, "version": version});
    if let Some(description) = documented["info"].get("description") {
        info["description"] = description.clone();
    }
    info
}

/// The documented tags that some operation has.
fn tags(documented: &Value, document: &Value) -> Vec<Value> {
    let used = |name: &Value| {
        operations(document).any(|(_, _, operation)| {
            operation["tags"].as_array().is_some_and(|tags| tags.contains(name))
        })
    };
    let tags = documented["tags"].as_array().into_iter().flatten();
    tags.filter(|tag| used(&tag["name"])).cloned().collect()
}

fn paths(api: &Api, documented: &Value) -> Value {
    // Routes may name the same parameter differently; OpenAPI has one name for each place, the
    // first route's.
    let mut named: BTreeMap<String, &PathTemplate> = BTreeMap::new();
    let mut paths = Map::new();
    // The gateway prefers the route of a method to that of any method.
    let (exact, any): (Vec<&Route>, Vec<&Route>) =
        api.routes.iter().partition(|route| route.method.is_some());
    for route in exact.into_iter().chain(any) {
        let shape = shape(&route.path);
        let path = *named.entry(shape.clone()).or_insert(&route.path);
        let item = paths.entry(path.as_str()).or_insert_with(|| json!({}));
        let methods = route.method.map_or_else(|| ANY.to_vec(), |method| vec![method]);
        for method in methods {
            let name = method.as_str().to_ascii_lowercase();
            if item.get(&name).is_none() {
                let described = Described::find(documented, &shape, &name);
                let callable = Callable { api, route, path, method };
                item[name] = operation(&callable, described.as_ref());
            }
        }
    }
    Value::Object(paths)
}

/// A path without the names of its parameters: equal for templates that match the same paths.
fn shape(path: &PathTemplate) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Literal(text) => format!("/{text}"),
        Segment::Parameter(_) => "/{}".to_owned(),
        Segment::Rest(_) => "/{+}".to_owned(),
    };
    path.segments().iter().map(part).collect()
}

/// The name of a path parameter, as it stands between the braces.
fn parameter_name(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Literal(_) => None,
        Segment::Parameter(name) => Some(name.clone()),
        Segment::Rest(name) => Some(format!("{name}+")),
    }
}

/// One operation that partners may call, at the path the document gives it.
struct Callable<'a> {
    api: &'a Api,
    route: &'a Route,
    path: &'a PathTemplate,
    method: Method,
}

impl Callable<'_> {
    /// Whether the gateway looks at its `Idempotency-Key`.
    fn is_keyed(&self) -> bool {
        let changes = [Method::Post, Method::Patch, Method::Put, Method::Delete];
        self.route.idempotency != IdempotencyRule::None && changes.contains(&self.method)
    }
}

/// What the service's document says about one operation.
struct Described<'a> {
    document: &'a Value,
    item: &'a Value,
    operation: &'a Value,
    path: PathTemplate,
}

impl<'a> Described<'a> {
    fn find(document: &'a Value, wanted: &str, method: &str) -> Option<Self> {
        document["paths"].as_object()?.iter().find_map(|(text, item)| {
            let path = PathTemplate::parse(text).ok().filter(|path| shape(path) == wanted)?;
            let item = resolve(document, item);
            let operation = item.get(method).filter(|operation| operation.is_object())?;
            Some(Self { document, item, operation, path })
        })
    }

    /// Its parameters; those in the path have the names that `path` gives them.
    fn parameters(&self, path: &PathTemplate) -> Vec<Value> {
        let mut parameters: Vec<Value> = Vec::new();
        // An operation's parameter replaces its path's of the same name and place (OpenAPI 3.1,
        // Operation Object).
        for holder in [self.operation, self.item] {
            for parameter in holder["parameters"].as_array().into_iter().flatten() {
                let parameter = resolve(self.document, parameter);
                let same = |known: &Value| {
                    known["name"] == parameter["name"] && known["in"] == parameter["in"]
                };
                if !parameters.iter().any(same) {
                    parameters.push(parameter.clone());
                }
            }
        }
        let own = self.path.segments().iter().filter_map(parameter_name);
        let shown = path.segments().iter().filter_map(parameter_name);
        let renamed: BTreeMap<String, String> = own.zip(shown).collect();
        for parameter in &mut parameters {
            if parameter["in"] != "path" {
                continue;
            }
            let name = parameter["name"].as_str().and_then(|name| renamed.get(name));
            if let Some(name) = name {
                parameter["name"] = Value::from(name.as_str());
            }
        }
        parameters
    }
}

fn operation(callable: &Callable<'_>, described: Option<&Described<'_>>) -> Value {
    let mut operation = Map::new();
    if let Some(described) = described {
        for member in SHOWN {
            if let Some(value) = described.operation.get(member) {
                operation.insert(member.to_owned(), value.clone());
            }
        }
    } else {
        let summary = format!("{} {}", callable.method, callable.path.as_str());
        operation.insert("summary".to_owned(), Value::from(summary));
    }
    let parameters = parameters(callable, described);
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), Value::from(parameters));
    }
    operation.insert("responses".to_owned(), responses(callable, described));
    operation.insert("security".to_owned(), security(callable.route));
    Value::Object(operation)
}

/// One parameter for each in the path, then the service's others.
fn parameters(callable: &Callable<'_>, described: Option<&Described<'_>>) -> Vec<Value> {
    let known = described.map_or_else(Vec::new, |described| described.parameters(callable.path));
    let mut parameters = Vec::new();
    for segment in callable.path.segments() {
        let Some(name) = parameter_name(segment) else { continue };
        let own = known
            .iter()
            .find(|parameter| parameter["in"] == "path" && parameter["name"] == name.as_str());
        parameters.push(own.cloned().unwrap_or_else(|| path_parameter(&name, segment)));
    }
    parameters.extend(known.into_iter().filter(|parameter| parameter["in"] != "path"));
    if callable.is_keyed() {
        let is_key = |parameter: &Value| {
            let name = parameter["name"].as_str().unwrap_or_default();
            parameter["in"] == "header" && name.eq_ignore_ascii_case("idempotency-key")
        };
        if !parameters.iter().any(is_key) {
            parameters.push(key_parameter(callable.route));
        }
    }
    parameters
}

fn key_parameter(route: &Route) -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": route.idempotency == IdempotencyRule::Required,
        "description": "A new value for each request, such as a UUID. The same request under the \
                        same key is carried out once, and answered again for a day.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    })
}

fn path_parameter(name: &str, segment: &Segment) -> Value {
    let mut parameter =
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
    if matches!(segment, Segment::Rest(_)) {
        parameter["description"] = Value::from("One or more segments, to the end of the path.");
    }
    parameter
}

/// What a route demands: one alternative for each scope that suffices; none where it is open.
fn security(route: &Route) -> Value {
    let token = |scopes: Value| Map::from_iter([("oauth2".to_owned(), scopes)]);
    let mut alternatives: Vec<Map<String, Value>> = match route.token {
        TokenRule::None => vec![Map::new()],
        TokenRule::Required if route.scopes.is_empty() => vec![token(json!([]))],
        TokenRule::Required => route.scopes.iter().map(|scope| token(json!([scope]))).collect(),
    };
    if route.api_key == KeyRule::Required {
        for alternative in &mut alternatives {
            alternative.insert("apiKey".to_owned(), json!([]));
        }
    }
    alternatives.retain(|alternative| !alternative.is_empty());
    Value::from(alternatives)
}

/// The service's answers and, where it documents none of that status, the gateway's refusals.
fn responses(callable: &Callable<'_>, described: Option<&Described<'_>>) -> Value {
    let documented = described.and_then(|described| described.operation["responses"].as_object());
    let mut responses: BTreeMap<String, Value> = documented
        .into_iter()
        .flatten()
        .map(|(status, response)| (status.clone(), response.clone()))
        .collect();
    if responses.is_empty() {
        let answer = json!({"description": "What the service answers."});
        responses.insert("default".to_owned(), answer);
    }
    for (status, refusal) in refusals(callable.api, callable.route) {
        responses.entry(status.to_owned()).or_insert(refusal);
    }
    if callable.is_keyed() {
        let api = callable.api;
        let conflict = "A request with the same Idempotency-Key is being carried out, or its \
                        answer cannot be given again.";
        let conflict = refusal(api, conflict, &["Retry-After"]);
        responses.entry("409".to_owned()).or_insert(conflict);
        let reused = "The Idempotency-Key belongs to another request.";
        responses.entry("422".to_owned()).or_insert(refusal(api, reused, &[]));
    }
    Value::Object(responses.into_iter().collect())
}

/// The refusals that a partner may meet at a route, by status.
fn refusals(api: &Api, route: &Route) -> Vec<(&'static str, Value)> {
    let token = route.token == TokenRule::Required;
    let key = route.api_key == KeyRule::Required;
    let mut refusals = Vec::new();
    if token {
        let about = "The access token is missing, has expired or is not accepted.";
        refusals.push(("401", refusal(api, about, &["WWW-Authenticate"])));
    }
    if token || key || !api.allow_ips.is_empty() {
        let about = "The call is not allowed: for want of a scope or an API key, or from here.";
        refusals.push(("403", refusal(api, about, &[])));
    }
    // Amazon API Gateway answers 403 to an unknown path.
    if api.errors == ErrorStyle::Problem {
        refusals.push(("404", refusal(api, "There is no such path.", &[])));
    }
    if key {
        let about = "Faster than the usage plan allows, or its quota is spent. Wait as long as \
                     Retry-After says.";
        let headers = ["Retry-After", "RateLimit-Policy", "RateLimit"];
        refusals.push(("429", refusal(api, about, &headers)));
    }
    let unreachable = "The service behind this API cannot be reached or broke off.";
    refusals.push(("502", refusal(api, unreachable, &[])));
    let late = "The service behind this API took too long.";
    refusals.push(("504", refusal(api, late, &[])));
    refusals
}

fn refusal(api: &Api, about: &str, headers: &[&str]) -> Value {
    let content = match api.errors {
        ErrorStyle::Problem => json!({
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
        }),
        ErrorStyle::Aws => json!({"application/json": {"schema": {
            "type": "object",
            "required": ["message"],
            "properties": {"message": {"type": "string"}},
        }}}),
    };
    let mut response = json!({"description": about});
    if !headers.is_empty() {
        let headers = headers.iter().map(|name| ((*name).to_owned(), header(name)));
        response["headers"] = Value::Object(headers.collect());
    }
    response["content"] = content;
    response
}

fn header(name: &str) -> Value {
    match name {
        "Retry-After" => json!({
            "description": "Seconds to wait before the next try.",
            "schema": {"type": "integer", "minimum": 1},
        }),
        "RateLimit-Policy" => json!({
            "description": "What the usage plan allows (IETF draft ratelimit-headers).",
            "schema": {"type": "string"},
        }),
        "RateLimit" => json!({
            "description": "What is left of it (IETF draft ratelimit-headers).",
            "schema": {"type": "string"},
        }),
        _ => json!({
            "description": "What is needed, and what is wrong with the token (RFC 6750).",
            "schema": {"type": "string"},
        }),
    }
}

fn components(definitions: &Definitions, api: &Api, documented: &Value) -> Value {
    let mut components = Map::new();
    for (name, part) in documented["components"].as_object().into_iter().flatten() {
        // Path items and callbacks are operations, and how to prove oneself is the gateway's.
        if !matches!(name.as_str(), "pathItems" | "callbacks" | "securitySchemes") {
            components.insert(name.clone(), part.clone());
        }
    }
    if api.errors == ErrorStyle::Problem {
        let schemas = documented["components"]["schemas"].as_object();
        let mut schemas = schemas.cloned().unwrap_or_default();
        let problem = problem(schemas.get("Problem"));
        schemas.insert("Problem".to_owned(), problem);
        components.insert("schemas".to_owned(), Value::Object(schemas));
    }
    components.insert("securitySchemes".to_owned(), security_schemes(definitions, api));
    Value::Object(components)
}

fn security_schemes(definitions: &Definitions, api: &Api) -> Value {
    let scopes: Map<String, Value> = api
        .scopes
        .iter()
        .map(|(scope, about)| (format!("{}/{scope}", api.name), Value::from(about.as_str())))
        .collect();
    json!({
        "oauth2": {
            "type": "oauth2",
            "description": "An access token of the client credentials grant (RFC 6749 §4.4).",
            "flows": {"clientCredentials": {"tokenUrl": token_url(definitions), "scopes": scopes}},
        },
        "apiKey": {
            "type": "apiKey",
            "description": "The partner's API key; its usage plan counts.",
            "in": "header",
            "name": KEY_HEADER,
        },
    })
}

/// The schema of problems: the gateway's, made to hold the service's too where it has one.
fn problem(of_service: Option<&Value>) -> Value {
    let own = json!({
        "type": "object",
        "description": "Why a request was refused, and what to do (RFC 9457).",
        "required": PROBLEM_REQUIRED,
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "request_id": {"type": "string", "description": "Name it when you ask us about it."},
            "trace_id": {"type": "string"},
        },
    });
    let Some(of_service) = of_service else { return own };
    let Some(properties) = of_service["properties"].as_object() else {
        return json!({"anyOf": [own, of_service]});
    };
    let mut properties = properties.clone();
    for (name, property) in own["properties"].as_object().into_iter().flatten() {
        properties.entry(name.as_str()).or_insert_with(|| property.clone());
    }
    let mut problem = of_service.clone();
    problem["properties"] = Value::Object(properties);
    if let Some(required) = of_service["required"].as_array() {
        // The gateway's refusals lack what only the service knows.
        let common = |name: &&Value| name.as_str().is_some_and(|n| PROBLEM_REQUIRED.contains(&n));
        let required: Vec<Value> = required.iter().filter(common).cloned().collect();
        problem["required"] = Value::from(required);
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{api, cars, definitions, documented, name, route, tires};
    use super::*;

    fn of(api: &Api) -> Value {
        openapi(&definitions(), api, Some(&documented()))
    }

    fn listed(document: &Value) -> Vec<String> {
        operations(document).map(|(path, method, _)| format!("{method} {path}")).collect()
    }

    #[test]
    fn every_route_appears_once_and_nothing_else_does() {
        let check = |api: &Api, expected: &[&str]| {
            assert_eq!(listed(&of(api)), expected);
            assert_eq!(listed(&openapi(&definitions(), api, None)), expected);
        };
        check(&tires(), &["post /orders", "delete /orders/{id}", "get /orders/{id}"]);
        check(&cars(), &["post /orders", "patch /orders/{item}"]);
        assert!(!of(&tires()).to_string().contains("internal"));
        assert!(!of(&tires()).to_string().contains("listOrders"));
    }

    #[test]
    fn any_is_five_methods_and_leaves_those_that_have_a_route() {
        let routes = vec![
            route("ANY /files/{rest+}", &["files/read"], KeyRule::None),
            route("GET /files/{path+}", &[], KeyRule::None),
        ];
        let document = openapi(&definitions(), &api("files", &["read"], routes), None);
        let path = "/files/{path+}";
        let expected: Vec<String> = ["get", "post", "put", "patch", "delete"]
            .iter()
            .map(|method| format!("{method} {path}"))
            .collect();
        assert_eq!(listed(&document), expected);
        let item = &document["paths"][path];
        assert_eq!(item["get"]["security"], json!([]));
        assert_eq!(item["put"]["security"], json!([{"oauth2": ["files/read"]}]));
        assert_eq!(item["put"]["summary"], "PUT /files/{path+}");
        assert_eq!(item["put"]["parameters"][0]["name"], "path+");
        assert!(item["put"]["responses"].get("default").is_some());
    }

    #[test]
    fn security_is_what_the_route_demands() {
        let check = |route: &Route, expected: Value| assert_eq!(security(route), expected);
        check(&route("GET /", &[], KeyRule::None), json!([]));
        check(&route("GET /", &[], KeyRule::Required), json!([{"apiKey": []}]));
        check(&route("GET /", &["a/b"], KeyRule::None), json!([{"oauth2": ["a/b"]}]));
        check(
            &route("GET /", &["a/b", "a/c"], KeyRule::Required),
            json!([{"oauth2": ["a/b"], "apiKey": []}, {"oauth2": ["a/c"], "apiKey": []}]),
        );
        let without_scopes =
            Route { token: TokenRule::Required, ..route("GET /", &[], KeyRule::None) };
        check(&without_scopes, json!([{"oauth2": []}]));
    }

    #[test]
    fn the_head_names_the_api_its_address_and_its_scopes() {
        let document = of(&tires());
        assert_eq!(
            document["info"],
            json!({
                "title": "The API tires",
                "version": "1.2.3",
                "description": "All about orders.",
            })
        );
        assert_eq!(document["servers"], json!([{"url": "http://127.0.0.1:7400/prod"}]));
        assert_eq!(document["tags"], json!([{"name": "orders"}]));
        let schemes = &document["components"]["securitySchemes"];
        assert_eq!(
            schemes["oauth2"]["flows"]["clientCredentials"],
            json!({
                "tokenUrl": "http://127.0.0.1:7400/oauth2/token",
                "scopes": {
                    "tires/cancel.order": "May cancel.order",
                    "tires/create.order": "May create.order",
                },
            })
        );
        assert_eq!(schemes["apiKey"]["name"], "x-api-key");
        assert!(schemes.get("internal").is_none());
        let untitled = Api { title: String::new(), name: name("plain"), ..tires() };
        let info = openapi(&definitions(), &untitled, None)["info"].clone();
        assert_eq!(info, json!({"title": "plain", "version": "1"}));
    }

    #[test]
    fn what_the_service_documents_is_kept_and_refusals_are_added() {
        let document = of(&tires());
        let post = &document["paths"]["/orders"]["post"];
        assert_eq!(post["operationId"], "submitOrder");
        assert_eq!(post["responses"]["401"], json!({"description": "Ours."}));
        let statuses: Vec<&String> = post["responses"].as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["200", "201", "401", "403", "404", "429", "502", "504"]);
        let spent = &post["responses"]["429"];
        for field in ["Retry-After", "RateLimit-Policy", "RateLimit"] {
            assert!(spent["headers"].get(field).is_some(), "{field}");
        }
        assert_eq!(
            spent["content"]["application/problem+json"]["schema"]["$ref"],
            "#/components/schemas/Problem"
        );
        let open = &of(&cars())["paths"]["/orders"]["post"]["responses"];
        assert!(open.get("403").is_none() && open.get("429").is_none());
    }

    #[test]
    fn path_parameters_have_the_routes_names() {
        let document = of(&cars());
        let patch = &document["paths"]["/orders/{item}"]["patch"];
        assert_eq!(patch["parameters"].as_array().map(Vec::len), Some(1));
        assert_eq!(patch["parameters"][0]["name"], "item");
        assert!(patch["parameters"][0].get("example").is_some());
    }

    #[test]
    fn one_schema_of_problems_holds_the_services_and_the_gateways() {
        let document = of(&tires());
        let problem = &document["components"]["schemas"]["Problem"];
        assert_eq!(problem["required"], json!(["title"]));
        for member in ["title", "field", "type", "status", "detail", "request_id", "trace_id"] {
            assert!(problem["properties"].get(member).is_some(), "{member}");
        }
        assert!(document["components"]["schemas"].get("Order").is_some());
        assert_eq!(super::problem(Some(&json!(true)))["anyOf"][1], json!(true));
        assert_eq!(super::problem(None)["required"], json!(PROBLEM_REQUIRED));
    }

    #[test]
    fn an_api_in_the_style_of_aws_says_so() {
        let document = of(&Api { errors: ErrorStyle::Aws, ..tires() });
        assert_eq!(document[ERRORS], "aws");
        let responses = &document["paths"]["/orders"]["post"]["responses"];
        assert!(responses.get("404").is_none());
        assert!(responses["403"]["content"].get("application/json").is_some());
    }

    #[test]
    fn the_same_definitions_give_the_same_bytes() {
        assert_eq!(of(&tires()).to_string(), of(&tires()).to_string());
    }
}
