//! Completing what is submitted: `POST /internal/complete-orders`.

use serde_json::json;

use crate::stage::{Door, Mood, Service, id_of};

#[tokio::test]
async fn a_submitted_order_is_completed_once_and_told_to_the_bus() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    let tires = Service::start(folder.path(), &door.url).await;
    let id = id_of(&tires.post("/orders", r#"{"id": "c-1", "type": "Tesla Model 3"}"#).await);

    let reply = tires.post("/internal/complete-orders", "").await;
    assert_eq!((reply.status, reply.body), (200, json!({"completed": 1})));
    let reply = tires.post("/internal/complete-orders", "").await;
    assert_eq!((reply.status, reply.body), (200, json!({"completed": 0})));

    let order = json!({
        "id": id, "carOrderId": "c-1", "carType": "Tesla Model 3", "orderStatus": "OrderCompleted",
    });
    assert_eq!(tires.get(&format!("/orders/{id}")).await.body, order);
    let entries = door.taken(1).await;
    assert_eq!(entries[0]["source"], "complete-order");
    assert_eq!(entries[0]["detail_type"], "OrderCompleted");
    assert_eq!(entries[0]["detail"], order);
    tires.outbox_is(0, 1, 0).await;
    let counts = tires.get("/internal/counts").await.body;
    assert_eq!(counts, json!({"OrderSubmitted": 0, "OrderCompleted": 1}));
    tires.stop().await;
}

#[tokio::test]
async fn more_than_two_batches_are_completed_by_one_call() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Takes).await;
    // The first run makes the tables.
    Service::start(folder.path(), &door.url).await.stop().await;
    let database = rusqlite::Connection::open(folder.path().join("tires.db")).unwrap();
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
               INSERT INTO tire_orders (id, car_order_id, car_type, status, client)
               SELECT 't-' || i, 'c-' || i, 'Mini', 'OrderSubmitted', 'car-orders' FROM n";
    assert_eq!(database.execute(sql, []).unwrap(), 1001);
    drop(database);

    let tires = Service::start(folder.path(), &door.url).await;
    let reply = tires.post("/internal/complete-orders", "").await;
    assert_eq!(reply.body, json!({"completed": 1001}));
    tires.outbox_is(0, 1001, 0).await;
    let entries = door.taken(1001).await;
    let told: Vec<_> =
        entries.iter().map(|entry| entry["detail"]["id"].as_str().unwrap()).collect();
    let expected: Vec<_> = (1..=1001).map(|i| format!("t-{i}")).collect();
    assert_eq!(told, expected);
    tires.stop().await;
}
