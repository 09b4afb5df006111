//! The outbox: what happens to events when the bus is away or picky.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::stage::{Door, Mood, Service};

/// Orders tires for cars of these types, and completes them all.
async fn complete(tires: &Service, types: &[&str]) {
    for (n, car_type) in types.iter().enumerate() {
        let body = json!({"id": format!("c-{n}"), "type": car_type}).to_string();
        assert_eq!(tires.post("/orders", &body).await.status, 201);
    }
    let reply = tires.post("/internal/complete-orders", "").await;
    assert_eq!(reply.body["completed"], types.len());
}

#[tokio::test]
async fn events_wait_while_the_bus_is_away_and_go_once_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Away).await;
    let tires = Service::start(folder.path(), &door.url).await;
    complete(&tires, &["Mini", "Mini", "Mini"]).await;
    door.called(2).await;
    tires.outbox_is(3, 0, 0).await;

    door.change(Mood::Takes);
    let entries = door.taken(3).await;
    tires.outbox_is(0, 3, 0).await;
    let mut ids: Vec<_> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each row has its own id, and was taken once");
    tires.stop().await;
}

#[tokio::test]
async fn events_outlive_the_service() {
    let folder = tempfile::tempdir().unwrap();
    // A port that nobody answers on: it was free a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let tires = Service::start(folder.path(), &nobody).await;
    complete(&tires, &["Mini"]).await;
    tires.outbox_is(1, 0, 0).await;
    tires.stop().await;

    let door = Door::open(Mood::Takes).await;
    let tires = Service::start(folder.path(), &door.url).await;
    assert_eq!(door.taken(1).await[0]["detail"]["carOrderId"], "c-0");
    tires.outbox_is(0, 1, 0).await;
    tires.stop().await;
}

#[tokio::test]
async fn a_refused_entry_is_kept_with_its_reason_and_the_others_go_through() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Refuses("Mini")).await;
    let tires = Service::start(folder.path(), &door.url).await;
    complete(&tires, &["Tesla Model 3", "Mini", "Tesla Model 3"]).await;
    let entries = door.taken(2).await;
    let types: Vec<&Value> = entries.iter().map(|entry| &entry["detail"]["carType"]).collect();
    assert_eq!(types, ["Tesla Model 3", "Tesla Model 3"]);

    let outbox = tires.outbox_is(0, 2, 1).await;
    assert_eq!(outbox["failures"][0]["reason"], "InvalidArgument: not this one");

    // Asked for, it is sent again.
    door.change(Mood::Takes);
    assert_eq!(tires.post("/internal/outbox/retry", "").await.body["retried"], 1);
    tires.outbox_is(0, 3, 0).await;
    assert_eq!(door.taken(3).await[2]["detail"]["carType"], "Mini");
    tires.stop().await;
}
