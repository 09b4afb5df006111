//! The webhook: `PATCH /orders/{id}`.

use reqwest::Method;
use serde_json::json;

use crate::stage::{Door, Mood, Service, id_of};

#[tokio::test]
async fn completing_is_for_a_known_order_and_the_same_twice() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let cars = Service::start(folder.path(), &door.url).await;
    let created = cars.post("/orders", r#"{"type": "Tesla Model 3", "price": "£47000"}"#).await;
    let id = id_of(&created);
    let path = format!("/orders/{id}");
    let word = |car_order_id: &str, status: &str| {
        json!({
            "id": "t-1",
            "carOrderId": car_order_id,
            "carType": "Tesla Model 3",
            "orderStatus": status,
        })
        .to_string()
    };

    for (path, body, status, field) in [
        (path.as_str(), "{".to_owned(), 400, Some("body")),
        (path.as_str(), r#"{"orderStatus": "OrderCompleted"}"#.to_owned(), 400, Some("carOrderId")),
        (path.as_str(), word("another", "OrderCompleted"), 400, Some("carOrderId")),
        (path.as_str(), word(&id, "OrderSubmitted"), 400, Some("orderStatus")),
        (path.as_str(), json!({"carOrderId": id}).to_string(), 400, Some("orderStatus")),
        ("/orders/unknown", word("unknown", "OrderCompleted"), 404, None),
    ] {
        let reply = cars.send(Method::PATCH, path, &[], &body).await;
        assert_eq!(reply.status, status, "{body}");
        assert_eq!(reply.body["field"].as_str(), field, "{body}");
        assert!(reply.body["detail"].is_string(), "{body}");
    }
    let counts = cars.get("/internal/counts").await.body;
    assert_eq!(counts, json!({"OrderSubmitted": 1, "OrderCompleted": 0}));

    for _ in 0..2 {
        let reply = cars.send(Method::PATCH, &path, &[], &word(&id, "OrderCompleted")).await;
        assert_eq!(reply.status, 204);
        assert_eq!(cars.get(&path).await.body["status"], "OrderCompleted");
    }
    let counts = cars.get("/internal/counts").await.body;
    assert_eq!(counts, json!({"OrderSubmitted": 0, "OrderCompleted": 1}));
    cars.stop().await;
}
