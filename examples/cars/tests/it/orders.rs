//! Submitting and reading orders.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Door, Mood, Reply, Service, id_of};

const TESLA: &str = r#"{"type": "Tesla Model 3", "price": "£47000"}"#;

#[tokio::test]
async fn an_order_is_created_shown_and_told_to_the_bus() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let cars = Service::start(folder.path(), &door.url).await;

    let created = cars.post("/orders", TESLA).await;
    assert_eq!(created.status, 201);
    let id = id_of(&created);
    let order = json!({
        "id": id, "status": "OrderSubmitted", "type": "Tesla Model 3", "price": "£47000",
    });
    assert_eq!(created.body, order);
    assert_eq!(created.header("location"), Some(format!("orders/{id}").as_str()));
    assert_eq!(created.header("idempotency-replayed"), None);
    assert_eq!(cars.get(&format!("/orders/{id}")).await.body, order);

    let entries = door.taken(1).await;
    assert_eq!(entries[0]["source"], "car-orders");
    assert_eq!(entries[0]["detail_type"], "OrderSubmitted");
    assert_eq!(entries[0]["detail"], order);
    cars.outbox_is(0, 1, 0).await;
    cars.stop().await;
}

#[tokio::test]
async fn the_same_key_answers_the_same_order_and_another_order_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let cars = Service::start(folder.path(), &door.url).await;
    let key = [("idempotency-key", "k-1")];

    let first = send(&cars, &key, TESLA).await;
    let again = send(&cars, &key, TESLA).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));

    let other = send(&cars, &key, r#"{"type": "Mini", "price": "£1"}"#).await;
    assert_eq!(other.status, 422);

    // Another client's key is another key; without a key every order is new.
    let dealers_key = [("idempotency-key", "k-1"), ("gatepost-client", "dealer")];
    assert_eq!(send(&cars, &dealers_key, TESLA).await.status, 201);
    assert_eq!(send(&cars, &[], TESLA).await.status, 201);

    cars.outbox_is(0, 3, 0).await;
    assert_eq!(counts(&cars).await, json!({"OrderSubmitted": 3, "OrderCompleted": 0}));
    cars.stop().await;
}

#[tokio::test]
async fn a_malformed_order_is_refused_with_field_reason_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let cars = Service::start(folder.path(), &door.url).await;
    let long = format!(r#"{{"type": "{}", "price": "£1"}}"#, "x".repeat(201));
    let rows = [
        ("", "body"),
        ("{", "body"),
        ("[]", "body"),
        (r#"{"price": "£47000"}"#, "type"),
        (r#"{"type": null, "price": "£47000"}"#, "type"),
        (r#"{"type": " ", "price": "£47000"}"#, "type"),
        (r#"{"type": "Tesla Model 3"}"#, "price"),
        (r#"{"type": "Tesla Model 3", "price": 47000}"#, "price"),
        (long.as_str(), "type"),
    ];
    for (body, field) in rows {
        let reply = cars.post("/orders", body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{body}");
        assert_eq!(reply.body["field"], field, "{body}");
        assert_eq!(reply.body["status"], 400, "{body}");
        for member in ["type", "title", "detail", "reason", "remedy"] {
            assert!(reply.body[member].is_string(), "{member} of {body}");
        }
    }
    let large = format!(r#"{{"type": "{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(cars.post("/orders", &large).await.status, 413);
    let key = [("idempotency-key", "")];
    let reply = cars.send(Method::POST, "/orders", &key, TESLA).await;
    assert_eq!((reply.status, &reply.body["field"]), (400, &json!("Idempotency-Key")));
    cars.outbox_is(0, 0, 0).await;
    cars.stop().await;
}

#[tokio::test]
async fn a_list_is_oldest_first_in_pages_and_by_status() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let cars = Service::start(folder.path(), &door.url).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(id_of(&cars.post("/orders", TESLA).await));
    }

    let first = cars.get("/orders?limit=2").await.body;
    assert_eq!(listed(&first), ids[..2]);
    let next = first["next"].as_str().unwrap();
    let second = cars.get(&format!("/orders?limit=2&after={next}")).await.body;
    assert_eq!((listed(&second).as_slice(), &second["next"]), (&ids[2..], &Value::Null));
    assert_eq!(listed(&cars.get("/orders?limit=1000").await.body), ids);
    assert_eq!(listed(&cars.get("/orders?status=OrderSubmitted").await.body), ids);
    assert!(listed(&cars.get("/orders?status=OrderCompleted").await.body).is_empty());

    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("after=-1", "after"),
        ("status=Lost", "status"),
    ] {
        let reply = cars.get(&format!("/orders?{query}")).await;
        assert_eq!((reply.status, &reply.body["field"]), (400, &json!(field)), "{query}");
    }
    cars.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_said_as_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let cars = Service::start(folder.path(), &door.url).await;
    for (method, path, status) in [
        (Method::GET, "/orders/unknown", 404),
        (Method::GET, "/nowhere", 404),
        (Method::DELETE, "/orders", 405),
    ] {
        let reply = cars.send(method, path, &[], "").await;
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{path}");
    }
    assert_eq!(cars.get("/livez").await.status, 200);
    cars.stop().await;
}

#[test]
fn the_openapi_document_has_the_partners_operations_only() {
    let document = cars::openapi();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["/orders", "/orders/{id}"]);
    for (path, method) in [
        ("/orders", "post"),
        ("/orders", "get"),
        ("/orders/{id}", "get"),
        ("/orders/{id}", "patch"),
    ] {
        assert!(paths[path][method]["responses"].is_object(), "{method} {path}");
    }
}

async fn send(cars: &Service, headers: &[(&str, &str)], body: &str) -> Reply {
    cars.send(Method::POST, "/orders", headers, body).await
}

fn listed(page: &Value) -> Vec<String> {
    let orders = page["orders"].as_array().expect("orders");
    orders.iter().map(|order| order["id"].as_str().expect("an id").to_owned()).collect()
}

async fn counts(cars: &Service) -> Value {
    cars.get("/internal/counts").await.body
}
