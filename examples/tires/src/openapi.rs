//! The OpenAPI 3.1 description of what partners may call. What is internal is not in it.

use serde_json::{Value, json};

/// Identifiers for the examples.
const EXAMPLE_CAR_ORDER_ID: &str = "0199c1a4-6f6e-7cc3-98c4-dc0c0c07398f";
const EXAMPLE_ID: &str = "0199c1a4-9b1d-7f02-8a77-51d9d6f6a001";

/// Gives the OpenAPI 3.1 document of the partner-facing operations, paths relative to the
/// base path.
pub fn openapi() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tires orders API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Orders for the tires of a car. A partner sees its own orders only.",
        },
        "tags": [{"name": "orders", "description": "Orders for tires."}],
        "paths": {
            "/orders": {"post": submit()},
            "/orders/{id}": {"parameters": [order_id()], "get": show(), "delete": cancel()},
        },
        "components": {"schemas": schemas(), "responses": problems()},
    })
}

fn submit() -> Value {
    json!({
        "operationId": "submitOrder",
        "summary": "Order the tires of a car",
        "description": "Send your car order; sent again, it makes no second tire order.",
        "tags": ["orders"],
        "requestBody": {"required": true, "content": content("CarOrder")},
        "responses": {
            "200": {
                "description": "This car order came before: the tire order it made.",
                "headers": {
                    "Location": location(),
                    "Idempotency-Replayed": {"schema": {"type": "string", "const": "true"}},
                },
                "content": content("TireOrder"),
            },
            "201": {
                "description": "The order is taken and stored.",
                "headers": {"Location": location()},
                "content": content("TireOrder"),
            },
            "400": problem("InvalidRequest"),
            "413": problem("BodyTooLarge"),
            "422": problem("OrderDiffers"),
            "500": problem("InternalError"),
        },
    })
}

fn show() -> Value {
    json!({
        "operationId": "showOrder",
        "summary": "Show one of your tire orders",
        "tags": ["orders"],
        "responses": {
            "200": {"description": "The order.", "content": content("TireOrder")},
            "404": problem("UnknownOrder"),
            "500": problem("InternalError"),
        },
    })
}

fn cancel() -> Value {
    json!({
        "operationId": "cancelOrder",
        "summary": "Cancel a tire order that is not completed",
        "description": "Cancelling twice is the same as once.",
        "tags": ["orders"],
        "responses": {
            "204": {"description": "The order is cancelled."},
            "404": problem("UnknownOrder"),
            "409": problem("OrderCompleted"),
            "500": problem("InternalError"),
        },
    })
}

fn order_id() -> Value {
    json!({
        "name": "id",
        "in": "path",
        "required": true,
        "description": "The tire order's id.",
        "schema": {"type": "string"},
        "example": EXAMPLE_ID,
    })
}

fn location() -> Value {
    json!({
        "description": "Where the order is, relative to this request's path.",
        "schema": {"type": "string", "format": "uri-reference"},
    })
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
        "CarOrder": car_order(),
        "TireOrder": tire_order(),
        "Problem": problem_schema(),
    })
}

fn car_order() -> Value {
    json!({
        "type": "object",
        "required": ["id", "type"],
        "properties": {
            "id": {
                "type": "string",
                "minLength": 1,
                "maxLength": 128,
                "description": "Your own id of the car order.",
            },
            "type": car_type(),
            "status": {"description": "May be sent; is not used."},
            "price": {"description": "May be sent; is not used."},
        },
        "examples": [{
            "id": EXAMPLE_CAR_ORDER_ID,
            "status": "OrderSubmitted",
            "type": "Tesla Model 3",
            "price": "£47000",
        }],
    })
}

fn tire_order() -> Value {
    json!({
        "type": "object",
        "required": ["id", "carOrderId", "carType", "orderStatus"],
        "properties": {
            "id": {"type": "string"},
            "carOrderId": {"type": "string", "description": "Your own id of the car order."},
            "carType": car_type(),
            "orderStatus": {
                "type": "string",
                "enum": ["OrderSubmitted", "OrderCompleted", "OrderCancelled"],
            },
        },
        "examples": [{
            "id": EXAMPLE_ID,
            "carOrderId": EXAMPLE_CAR_ORDER_ID,
            "carType": "Tesla Model 3",
            "orderStatus": "OrderSubmitted",
        }],
    })
}

fn car_type() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 200, "description": "The car's name."})
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
        "type": "tag:tires.example,2026:invalid-request",
        "title": "The request cannot be taken as it is",
        "status": 400,
        "detail": "`id` is missing. Send your own id of the car order as a string.",
        "field": "id",
        "reason": "is missing",
        "remedy": "Send your own id of the car order as a string.",
    });
    json!({
        "InvalidRequest": invalid,
        "UnknownOrder": response("You have no order with this id."),
        "OrderCompleted": response("The order is completed and can no longer be cancelled."),
        "OrderDiffers": response("You sent this car order's id before, for another car."),
        "BodyTooLarge": response("The body is larger than 64 KiB."),
        "InternalError": response("The service could not answer; nothing was changed."),
    })
}
