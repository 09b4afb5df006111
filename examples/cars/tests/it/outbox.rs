//! The outbox: what happens to events when the bus is away or picky.

use serde_json::Value;
use tokio::net::TcpListener;

use crate::stage::{Door, Mood, Service};

const TESLA: &str = r#"{"type": "Tesla Model 3", "price": "£47000"}"#;
const MINI: &str = r#"{"type": "Mini", "price": "£20000"}"#;

#[tokio::test]
async fn events_wait_while_the_bus_is_away_and_go_once_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Away).await;
    let cars = Service::start(folder.path(), &door.url).await;
    for _ in 0..3 {
        assert_eq!(cars.post("/orders", TESLA).await.status, 201);
    }
    door.called(2).await;
    cars.outbox_is(3, 0, 0).await;

    door.change(Mood::Takes);
    let entries = door.taken(3).await;
    cars.outbox_is(0, 3, 0).await;
    let mut ids: Vec<_> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each row has its own id, and was taken once");
    cars.stop().await;
}

#[tokio::test]
async fn events_outlive_the_service() {
    let folder = tempfile::tempdir().unwrap();
    // A port that nobody answers on: it was free a moment ago.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let cars = Service::start(folder.path(), &nobody).await;
    let order = cars.post("/orders", TESLA).await.body;
    cars.outbox_is(1, 0, 0).await;
    cars.stop().await;

    let door = Door::open(Mood::Takes).await;
    let cars = Service::start(folder.path(), &door.url).await;
    assert_eq!(door.taken(1).await[0]["detail"], order);
    cars.outbox_is(0, 1, 0).await;
    cars.stop().await;
}

#[tokio::test]
async fn a_refused_entry_is_kept_with_its_reason_and_the_others_go_through() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(Mood::Away).await;
    let cars = Service::start(folder.path(), &door.url).await;
    for body in [TESLA, MINI, TESLA] {
        assert_eq!(cars.post("/orders", body).await.status, 201);
    }
    door.change(Mood::Refuses("Mini"));
    let entries = door.taken(2).await;
    let types: Vec<&Value> = entries.iter().map(|entry| &entry["detail"]["type"]).collect();
    assert_eq!(types, ["Tesla Model 3", "Tesla Model 3"]);

    let outbox = cars.outbox_is(0, 2, 1).await;
    assert_eq!(outbox["failures"][0]["reason"], "InvalidArgument: not this one");

    // Asked for, it is sent again.
    door.change(Mood::Takes);
    assert_eq!(cars.post("/internal/outbox/retry", "").await.body["retried"], 1);
    cars.outbox_is(0, 3, 0).await;
    assert_eq!(door.taken(3).await[2]["detail"]["type"], "Mini");
    cars.stop().await;
}
