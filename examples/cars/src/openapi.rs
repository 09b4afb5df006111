//! The OpenAPI 3.1 description of what partners may call. What is internal is not in it.

use serde_json::{Value, json};

/// An identifier for the examples.
const EXAMPLE_ID: &str = "0199c1a4-6f6e-7cc3-98c4-dc0c0c07398f";

/// Gives the OpenAPI 3.1 document of the partner-facing operations, paths relative to the
/// base path.
pub fn openapi() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Car orders API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Orders for cars, and the webhook that completes them.",
        },
        "tags": [{"name": "orders", "description": "Orders for cars."}],
        "paths": {
            "/orders": {"post": submit(), "get": list()},
            "/orders/{id}": {"parameters": [order_id()], "get": show(), "patch": complete()},
        },
        "components": {"schemas": schemas(), "responses": problems()},
    })
}

fn submit() -> Value {
    json!({
        "operationId": "submitOrder",
        "summary": "Submit a car order",
        "description": "Send an Idempotency-Key and the order may safely be sent again.",
        "tags": ["orders"],
        "parameters": [{
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The same key and the same order answer the same car order.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "example": "2f6ed0a1-8d1b-4c0e-9a58-3f4c2b1d7e90",
        }],
        "requestBody": body("NewCarOrder"),
        "responses": {
            "200": replayed(),
            "201": {
                "description": "The order is taken and stored.",
                "headers": {"Location": location()},
                "content": content("CarOrder"),
            },
            "400": problem("InvalidRequest"),
            "413": problem("BodyTooLarge"),
            "422": problem("KeyReused"),
            "500": problem("InternalError"),
        },
    })
}

fn list() -> Value {
    json!({
        "operationId": "listOrders",
        "summary": "List the car orders, oldest first",
        "tags": ["orders"],
        "parameters": [
            query("limit", "Orders in the page.", &json!({
                "type": "integer", "minimum": 1, "maximum": 1000, "default": 100,
            })),
            query("after", "The `next` of the page before.", &json!({"type": "string"})),
            query("status", "Only orders of this status.", &schema("Status")),
        ],
        "responses": {
            "200": {"description": "A page of orders.", "content": content("CarOrderPage")},
            "400": problem("InvalidRequest"),
            "500": problem("InternalError"),
        },
    })
}

fn show() -> Value {
    json!({
        "operationId": "showOrder",
        "summary": "Show a car order",
        "tags": ["orders"],
        "responses": {
            "200": {"description": "The order.", "content": content("CarOrder")},
            "404": problem("UnknownOrder"),
            "500": problem("InternalError"),
        },
    })
}

fn complete() -> Value {
    json!({
        "operationId": "completeOrder",
        "summary": "Tell that the tires of an order are ready",
        "description": "The webhook of the tire company. Telling it twice is the same as once.",
        "tags": ["orders"],
        "requestBody": body("TireOrder"),
        "responses": {
            "204": {"description": "The order is completed."},
            "400": problem("InvalidRequest"),
            "404": problem("UnknownOrder"),
            "413": problem("BodyTooLarge"),
            "500": problem("InternalError"),
        },
    })
}

fn order_id() -> Value {
    json!({
        "name": "id",
        "in": "path",
        "required": true,
        "description": "The car order's id.",
        "schema": {"type": "string"},
        "example": EXAMPLE_ID,
    })
}

fn replayed() -> Value {
    json!({
        "description": "This key and order came before: the order they made.",
        "headers": {
            "Location": location(),
            "Idempotency-Replayed": {"schema": {"type": "string", "const": "true"}},
        },
        "content": content("CarOrder"),
    })
}

fn location() -> Value {
    json!({
        "description": "Where the order is, relative to this request's path.",
        "schema": {"type": "string", "format": "uri-reference"},
    })
}

fn query(name: &str, description: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}

fn body(schema_name: &str) -> Value {
    json!({"required": true, "content": content(schema_name)})
}

fn content(schema_name: &str) -> Value {
    json!({"application/json": {"schema": schema(schema_name)}})
}

fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn problem(name: &str) -> Value {
    json!({"$ref": format!("#/components/responses/{name}")})
}

fn schemas() -> Value {
    json!({
        "Status": {"type": "string", "enum": ["OrderSubmitted", "OrderCompleted"]},
        "NewCarOrder": {
            "type": "object",
            "required": ["type", "price"],
            "properties": {"type": car_type(), "price": price()},
            "examples": [{"type": "Tesla Model 3", "price": "£47000"}],
        },
        "CarOrder": {
            "type": "object",
            "required": ["id", "status", "type", "price"],
            "properties": {
                "id": {"type": "string"},
                "status": schema("Status"),
                "type": car_type(),
                "price": price(),
            },
            "examples": [{
                "id": EXAMPLE_ID,
                "status": "OrderSubmitted",
                "type": "Tesla Model 3",
                "price": "£47000",
            }],
        },
        "CarOrderPage": {
            "type": "object",
            "required": ["orders", "next"],
            "properties": {
                "orders": {"type": "array", "items": schema("CarOrder")},
                "next": {
                    "type": ["string", "null"],
                    "description": "Give it as `after` for the next page; null on the last.",
                },
            },
        },
        "TireOrder": tire_order(),
        "Problem": problem_schema(),
    })
}

fn car_type() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 200, "description": "The car's name."})
}

fn price() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "description": "The price with its currency.",
    })
}

fn tire_order() -> Value {
    json!({
        "type": "object",
        "required": ["carOrderId", "orderStatus"],
        "properties": {
            "id": {"type": ["string", "null"], "description": "The tire order's id."},
            "carOrderId": {"type": "string", "description": "The id that the path names."},
            "carType": {"type": "string"},
            "orderStatus": {"type": "string", "const": "OrderCompleted"},
        },
        "examples": [{
            "id": "0199c1a4-9b1d-7f02-8a77-51d9d6f6a001",
            "carOrderId": EXAMPLE_ID,
            "carType": "Tesla Model 3",
            "orderStatus": "OrderCompleted",
        }],
    })
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "Why a request was refused (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "field": {"type": "string", "description": "What is wrong with the request."},
            "reason": {"type": "string", "description": "What is wrong with that."},
            "remedy": {"type": "string", "description": "What to send instead."},
        },
    })
}

fn problems() -> Value {
    let response = |description: &str| {
        json!({
            "description": description,
            "content": {"application/problem+json": {"schema": schema("Problem")}},
        })
    };
    let mut invalid = response("A field is missing or not as it should be; the body names it.");
    invalid["content"]["application/problem+json"]["example"] = json!({
        "type": "tag:cars.example,2026:invalid-request",
        "title": "The request cannot be taken as it is",
        "status": 400,
        "detail": "`price` is missing. Send the price with its currency as a string, such as \"£47000\".",
        "field": "price",
        "reason": "is missing",
        "remedy": "Send the price with its currency as a string, such as \"£47000\".",
    });
    json!({
        "InvalidRequest": invalid,
        "UnknownOrder": response("No order has this id."),
        "KeyReused": response("The idempotency key came before with another order."),
        "BodyTooLarge": response("The body is larger than 64 KiB."),
        "InternalError": response("The service could not answer; nothing was changed."),
    })
}
