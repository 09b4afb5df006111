//! Which event a function gets for a request, and which response its answer is.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod answer;
mod event;
mod properties;

use lambda::{Authorizer, Call, Version};
use serde_json::{Map, Value, json};

const BOTH: [Version; 2] = [Version::V1, Version::V2];

/// 2026-04-09T12:34:56.789Z.
const RECEIVED_MS: i64 = 1_775_738_096_789;

/// A call with as little as there can be.
fn bare<'a>() -> Call<'a> {
    Call {
        method: "GET",
        path: "/tires/orders",
        path_in_api: "/orders",
        route: "/orders",
        route_method: Some("GET"),
        path_parameters: &[],
        query: "",
        headers: &[],
        body: b"",
        source_ip: "198.51.100.7",
        user_agent: None,
        request_id: "req_1",
        received_ms: RECEIVED_MS,
        protocol: "HTTP/1.1",
        domain_name: "api.tires.example",
        account_id: "000000000000",
        api_id: "tires",
        resource_id: None,
        stage: "$default",
        stage_variables: &[],
        api_key_id: None,
        authorizer: None,
    }
}

/// Claims with a value of every kind.
fn claims() -> Map<String, Value> {
    let claims = json!({
        "sub": "cl_cars",
        "scope": "tires/create.order tires/read.order",
        "exp": 1_775_741_696,
        "version": 2,
        "active": true,
        "groups": ["buyers", "night shift", 7],
        "address": { "city": "Bremen" },
        "nothing": null,
    });
    claims.as_object().cloned().unwrap()
}

/// `call` with everything there is.
fn full(claims: &Map<String, Value>) -> Call<'_> {
    Call {
        method: "POST",
        path: "/tires/orders/A%207/lines",
        path_in_api: "/orders/A%207/lines",
        route: "/orders/{id}/{part}",
        route_method: Some("POST"),
        path_parameters: &[("id", "A%207"), ("part", "lines")],
        query: "size=195%2F65&size=205%2F55&note=two+words&flag",
        headers: &[
            ("Host", b"api.tires.example"),
            ("Accept", b"application/json"),
            ("accept", b"text/plain; q=0.5"),
            ("Cookie", b"a=1; b=2"),
            ("Content-Type", b"application/json"),
            ("User-Agent", b"cars/1.0"),
        ],
        body: b"{\"quantity\":4,\"note\":\"Gr\xc3\xbc\xc3\x9fe\"}",
        user_agent: Some("cars/1.0"),
        resource_id: Some("rte_7"),
        stage_variables: &[("level", "gold")],
        api_key_id: Some("key_1"),
        authorizer: Some(Authorizer { claims, scopes: &["tires/create.order"] }),
        ..bare()
    }
}

/// The event for `call`, which is valid JSON of an acceptable size.
fn event_of(version: Version, call: &Call<'_>) -> Value {
    serde_json::from_slice(&lambda::event(version, call).unwrap()).unwrap()
}
