//! Ordering tires, seeing the orders and cancelling them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Door, Mood, Reply, Service, id_of};

const TESLA: &str =
    r#"{"id": "c-1", "status": "OrderSubmitted", "type": "Tesla Model 3", "price": "£47000"}"#;
const LEE: [(&str, &str); 5] = [
    ("gatepost-client", "car-orders"),
    ("gatepost-partner", "lee-james-luxury-cars"),
    ("gatepost-api-key-id", "key-1"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-request-id", "req-1"),
];
/// A call that did not come through the gateway.
const INSIDE: [(&str, &str); 0] = [];
const OTHER: [(&str, &str); 1] = [("gatepost-client", "other-cars")];

#[tokio::test]
async fn a_car_order_makes_a_tire_order_and_the_caller_is_kept_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let tires = Service::start(folder.path(), &door.url).await;

    let created = submit(&tires, &LEE, TESLA).await;
    assert_eq!(created.status, 201);
    let id = id_of(&created);
    let order = json!({
        "id": id, "carOrderId": "c-1", "carType": "Tesla Model 3", "orderStatus": "OrderSubmitted",
    });
    assert_eq!(created.body, order);
    assert_eq!(created.header("location"), Some(format!("orders/{id}").as_str()));
    assert_eq!(created.header("idempotency-replayed"), None);
    tires.outbox_is(0, 0, 0).await;
    tires.stop().await;

    let database = rusqlite::Connection::open(folder.path().join("tires.db")).unwrap();
    let sql = "SELECT client || ' ' || partner || ' ' || api_key_id || ' ' || address || ' '
               || request_id FROM tire_orders";
    let kept: String = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "car-orders lee-james-luxury-cars key-1 192.0.2.7 req-1");
}

#[tokio::test]
async fn the_same_car_order_makes_one_tire_order_per_client() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let tires = Service::start(folder.path(), &door.url).await;

    let first = submit(&tires, &LEE, TESLA).await;
    let again = submit(&tires, &LEE, TESLA).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(submit(&tires, &LEE, r#"{"id": "c-1", "type": "Mini"}"#).await.status, 422);

    let others = submit(&tires, &OTHER, TESLA).await;
    assert_eq!(others.status, 201);
    assert_ne!(id_of(&others), id_of(&first));
    // From inside there is no client, and that is one too.
    assert_eq!(submit(&tires, &INSIDE, TESLA).await.status, 201);
    assert_eq!(submit(&tires, &INSIDE, TESLA).await.status, 200);
    let counts = tires.get("/internal/counts").await.body;
    assert_eq!(counts, json!({"OrderSubmitted": 3, "OrderCompleted": 0}));
    tires.stop().await;
}

#[tokio::test]
async fn a_malformed_order_is_refused_with_field_reason_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let tires = Service::start(folder.path(), &door.url).await;
    let long = format!(r#"{{"id": "{}", "type": "Mini"}}"#, "x".repeat(129));
    let rows = [
        ("", "body"),
        ("{", "body"),
        ("[]", "body"),
        (r#"{"type": "Mini"}"#, "id"),
        (r#"{"id": 7, "type": "Mini"}"#, "id"),
        (r#"{"id": "", "type": "Mini"}"#, "id"),
        (r#"{"id": "c-1"}"#, "type"),
        (r#"{"id": "c-1", "type": null}"#, "type"),
        (long.as_str(), "id"),
    ];
    for (body, field) in rows {
        let reply = submit(&tires, &LEE, body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{body}");
        assert_eq!(reply.body["field"], field, "{body}");
        assert_eq!(reply.body["status"], 400, "{body}");
        for member in ["type", "title", "detail", "reason", "remedy"] {
            assert!(reply.body[member].is_string(), "{member} of {body}");
        }
    }
    let large = format!(r#"{{"id": "{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(submit(&tires, &LEE, &large).await.status, 413);
    let counts = tires.get("/internal/counts").await.body;
    assert_eq!(counts, json!({"OrderSubmitted": 0, "OrderCompleted": 0}));
    tires.stop().await;
}

#[tokio::test]
async fn a_client_sees_its_own_orders_and_the_inside_sees_all() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let tires = Service::start(folder.path(), &door.url).await;
    let mine = id_of(&submit(&tires, &LEE, TESLA).await);
    let theirs = id_of(&submit(&tires, &OTHER, TESLA).await);
    let path = format!("/orders/{mine}");

    for (headers, status, listed) in [
        (&LEE[..], 200, vec![mine.as_str()]),
        (&OTHER[..], 404, vec![theirs.as_str()]),
        (&INSIDE[..], 200, vec![mine.as_str(), theirs.as_str()]),
    ] {
        assert_eq!(tires.send(Method::GET, &path, headers, "").await.status, status);
        let page = tires.send(Method::GET, "/orders?limit=1000", headers, "").await.body;
        assert_eq!(ids(&page), listed);
        assert_eq!(page["next"], Value::Null);
    }

    let first = tires.get("/orders?limit=1").await.body;
    assert_eq!(ids(&first), [mine.as_str()]);
    let next = first["next"].as_str().unwrap();
    let second = tires.get(&format!("/orders?limit=1&after={next}")).await.body;
    assert_eq!(ids(&second), [theirs.as_str()]);
    assert!(ids(&tires.get("/orders?status=OrderCompleted").await.body).is_empty());
    assert_eq!(tires.get("/orders?limit=1001").await.status, 400);
    tires.stop().await;
}

#[tokio::test]
async fn an_order_can_be_cancelled_until_it_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let tires = Service::start(folder.path(), &door.url).await;
    let cancelled = id_of(&submit(&tires, &LEE, TESLA).await);
    let path = format!("/orders/{cancelled}");
    for (headers, path, status) in [
        (&OTHER[..], path.as_str(), 404),
        (&LEE[..], "/orders/unknown", 404),
        (&LEE[..], path.as_str(), 204),
        (&LEE[..], path.as_str(), 204),
    ] {
        let reply = tires.send(Method::DELETE, path, headers, "").await;
        assert_eq!(reply.status, status, "{path}");
    }
    assert_eq!(tires.get(&path).await.body["orderStatus"], "OrderCancelled");

    let completed = id_of(&submit(&tires, &LEE, r#"{"id": "c-2", "type": "Mini"}"#).await);
    let reply = tires.post("/internal/complete-orders", "").await;
    assert_eq!(reply.body, json!({"completed": 1}));
    let path = format!("/orders/{completed}");
    let reply = tires.send(Method::DELETE, &path, &LEE, "").await;
    assert_eq!(reply.status, 409);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert_eq!(tires.get(&path).await.body["orderStatus"], "OrderCompleted");
    tires.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_said_as_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let tires = Service::start(folder.path(), &door.url).await;
    for (method, path, status) in [(Method::GET, "/nowhere", 404), (Method::PATCH, "/orders", 405)]
    {
        let reply = tires.send(method, path, &[], "").await;
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{path}");
    }
    assert_eq!(tires.get("/livez").await.status, 200);
    tires.stop().await;
}

#[test]
fn the_openapi_document_has_the_partners_operations_only() {
    let document = tires::openapi();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["/orders", "/orders/{id}"]);
    for (path, method) in [("/orders", "post"), ("/orders/{id}", "get"), ("/orders/{id}", "delete")]
    {
        assert!(paths[path][method]["responses"].is_object(), "{method} {path}");
    }
}

async fn submit(tires: &Service, headers: &[(&str, &str)], body: &str) -> Reply {
    tires.send(Method::POST, "/orders", headers, body).await
}

fn ids(page: &Value) -> Vec<&str> {
    let orders = page["orders"].as_array().expect("orders");
    orders.iter().map(|order| order["id"].as_str().expect("an id")).collect()
}
