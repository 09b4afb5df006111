//! What partners are given to read and to run: an OpenAPI document and a Postman collection.
//!
//! Pure functions of the definitions: equal definitions give equal bytes, and no secret is in them.

mod openapi;
mod postman;

use model::Definitions;
use serde_json::Value;

pub use openapi::openapi;
pub use postman::postman;

/// The header that carries an API key.
const KEY_HEADER: &str = "x-api-key";

/// The member of our documents that says, with `aws`, that refusals are no problem details.
const ERRORS: &str = "x-gatepost-errors";

/// The methods a path item may have (OpenAPI 3.1, Path Item Object).
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn token_url(definitions: &Definitions) -> String {
    format!("{}/oauth2/token", definitions.public_url)
}

/// The operations of an OpenAPI document: path, method in lower case, operation.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    document["paths"].as_object().into_iter().flatten().flat_map(|(path, item)| {
        let members = item.as_object().into_iter().flatten();
        members
            .filter(|(name, _)| METHODS.contains(&name.as_str()))
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// What a reference within the document leads to; everything else is itself.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| reference.strip_prefix('#'))
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(value)
}

#[cfg(test)]
mod fixture {
    use std::collections::BTreeMap;

    use model::{
        Api, Client, Definitions, KeyRule, Method, Name, PathTemplate, Route, TokenRule, Upstream,
    };
    use serde_json::{Value, json};

    pub(super) const CAR_ORDER_ID: &str = "0199c1a4-6f6e-7cc3-98c4-dc0c0c07398f";

    pub(super) fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    /// A route of `METHOD /path`; with scopes it needs a token.
    pub(super) fn route(text: &str, scopes: &[&str], api_key: KeyRule) -> Route {
        let (method, path) = text.split_once(' ').unwrap();
        Route {
            token: if scopes.is_empty() { TokenRule::None } else { TokenRule::Required },
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            api_key,
            ..Route::open(Method::parse(method), PathTemplate::parse(path).unwrap())
        }
    }

    pub(super) fn api(api: &str, scopes: &[&str], routes: Vec<Route>) -> Api {
        Api {
            title: format!("The API {api}"),
            base_path: "/prod".to_owned(),
            scopes: scopes
                .iter()
                .map(|scope| ((*scope).to_owned(), format!("May {scope}")))
                .collect::<BTreeMap<_, _>>(),
            routes,
            ..Api::new(name(api), Upstream::parse("http://127.0.0.1:7410").unwrap())
        }
    }

    pub(super) fn tires() -> Api {
        let routes = vec![
            route("POST /orders", &["tires/create.order"], KeyRule::Required),
            route(
                "DELETE /orders/{id}",
                &["tires/cancel.order", "tires/create.order"],
                KeyRule::Required,
            ),
            route("GET /orders/{item}", &["tires/create.order"], KeyRule::Required),
        ];
        api("tires", &["create.order", "cancel.order"], routes)
    }

    pub(super) fn cars() -> Api {
        let routes = vec![
            route("POST /orders", &[], KeyRule::None),
            route("PATCH /orders/{item}", &["cars/complete.order"], KeyRule::None),
        ];
        api("cars", &["complete.order"], routes)
    }

    pub(super) fn definitions() -> Definitions {
        Definitions {
            company: "LJG Tires".to_owned(),
            public_url: "http://127.0.0.1:7400".to_owned(),
            ..Definitions::default()
        }
    }

    pub(super) fn client(scopes: &[&str]) -> Client {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Client { scopes, ..Client::new(name("car-orders"), name("cars")) }
    }

    /// What a company writes about its service: more operations than are configured.
    pub(super) fn documented() -> Value {
        let order = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}});
        let made = json!({"description": "Made.", "content": order});
        let parameter = json!({
            "name": "key", "in": "path", "required": true, "schema": {"type": "string"},
            "example": CAR_ORDER_ID,
        });
        json!({
            "openapi": "3.1.0",
            "info": {"title": "Orders", "version": "1.2.3", "description": "All about orders."},
            "tags": [{"name": "orders"}, {"name": "internal"}],
            "paths": {
                "/internal/complete-orders": {"post": {
                    "tags": ["internal"], "responses": {"200": {"description": "Done."}},
                }},
                "/orders": {
                    "post": {
                        "operationId": "submitOrder",
                        "summary": "Order",
                        "tags": ["orders"],
                        "requestBody": {"required": true, "content": order},
                        "responses": {"201": made, "200": made, "401": {"description": "Ours."}},
                    },
                    "get": {"operationId": "listOrders", "responses": {}},
                },
                "/orders/{key}": {
                    "parameters": [parameter],
                    "get": {"summary": "Show", "responses": {"200": made}},
                    "delete": {"summary": "Cancel", "responses": {"204": {"description": "Gone."}}},
                    "patch": {
                        "summary": "Complete",
                        "requestBody": {"content": order},
                        "responses": {"204": {"description": "Completed."}},
                    },
                },
            },
            "components": {
                "schemas": {
                    "Order": {"type": "object", "examples": [{
                        "id": CAR_ORDER_ID, "carOrderId": CAR_ORDER_ID, "type": "Tesla Model 3",
                    }]},
                    "Problem": {
                        "type": "object",
                        "required": ["title", "field"],
                        "properties": {"title": {"type": "string"}, "field": {"type": "string"}},
                    },
                },
                "securitySchemes": {"internal": {"type": "http", "scheme": "basic"}},
            },
        })
    }
}
