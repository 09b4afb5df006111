//! Publishing again: what was accepted once is answered as it was then, and is no second event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};
use tokio::task::JoinSet;

use crate::program::{Program, http};

fn definitions(receiver: &Receiver, deduplicate: &str) -> String {
    let address = receiver.address();
    format!(
        "
buses:
  orders:
    deduplicate: {deduplicate}
    rules:
      everything:
        when: {{ source: [{{ prefix: \"\" }}] }}
        send: [{{ to: hook, body: $.detail }}]
  parcels: {{}}
destinations:
  hook:
    request: POST http://{address}/in
    rate: 10000/s
    allow_private: [127.0.0.0/8]
"
    )
}

async fn receiver() -> Receiver {
    Receiver::start(|_, _| Reply::status(204)).await
}

/// An entry whose detail names `order`.
fn entry(id: &str, order: &str) -> Value {
    json!({ "id": id, "source": "test", "detail_type": "Ordered", "detail": { "order": order } })
}

/// The same without an id of its own.
fn anonymous(order: &str) -> Value {
    json!({ "source": "test", "detail_type": "Ordered", "detail": { "order": order } })
}

/// Publishes with values of `Idempotency-Key`.
async fn publish_with(program: &Program, keys: &[&str], body: &Value) -> (u16, Value) {
    let mut request = http()
        .post(format!("{}/events/orders", program.internal))
        .header("content-type", "application/json");
    for key in keys {
        request = request.header("idempotency-key", *key);
    }
    let answer = request.body(body.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

/// The orders that arrived, each with the keys of its deliveries.
fn arrived(receiver: &Receiver) -> BTreeMap<String, BTreeSet<String>> {
    let mut orders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for got in receiver.got() {
        let order = got.json()["order"].as_str().unwrap().to_owned();
        orders.entry(order).or_default().insert(got.header("idempotency-key").to_owned());
    }
    orders
}

#[tokio::test]
async fn a_repetition_is_answered_with_the_event_of_the_first_time() {
    let receiver = receiver().await;
    let mut program = Program::start(&definitions(&receiver, "24h")).await;
    let (status, first) = program.publish("orders", &entry("x", "1")).await;
    let id = first["entries"][0]["id"].clone();
    assert_eq!(
        (status, &first),
        (200, &json!({ "failed": 0, "entries": [{ "id": id, "matched": 1 }] }))
    );
    let repeated = json!({ "id": id, "matched": 1, "duplicate": true });
    let again = json!({ "entries": [entry("x", "1"), entry("x", "1")] });
    let expected = json!({ "failed": 0, "entries": [repeated, repeated] });
    assert_eq!(program.publish("orders", &again).await, (200, expected.clone()));
    // Twice in one request is one event too; on another bus, or without an id, it is another one.
    let twice = json!({ "entries": [entry("y", "2"), entry("y", "2"), anonymous("2")] });
    let (_, twice) = program.publish("orders", &twice).await;
    assert_eq!(twice["entries"][0]["id"], twice["entries"][1]["id"]);
    assert_eq!(twice["entries"][1]["duplicate"], true);
    assert_ne!(twice["entries"][2]["id"], twice["entries"][0]["id"]);
    let (_, other) = program.publish("parcels", &entry("x", "1")).await;
    assert_eq!(other["entries"][0]["duplicate"], Value::Null);

    let metrics = http().get(format!("{}/metrics", program.admin)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("gatepost_events_duplicate_total{bus=\"orders\"} 3\n"), "{metrics}");
    let told = until("the log tells", async || {
        Some(program.lines("event-duplicate")).filter(|lines| lines.len() == 3)
    })
    .await;
    assert_eq!((&told[0]["bus"], &told[0]["event_id"]), (&"orders".into(), &id));

    program.kill_and_restart().await;
    assert_eq!(program.publish("orders", &again).await, (200, expected.clone()));
    assert!(program.stop().success());
    program.start_again().await;
    assert_eq!(program.publish("orders", &again).await, (200, expected));
    program.publish("orders", &entry("end", "end")).await;
    // Order 2 is two events: one with an id, one without.
    let orders = until("all of them arrive", async || {
        let both = |orders: &BTreeMap<String, BTreeSet<String>>| {
            orders.contains_key("end") && orders.get("2").is_some_and(|keys| keys.len() >= 2)
        };
        Some(arrived(&receiver)).filter(both)
    })
    .await;
    assert_eq!((orders["1"].len(), orders["2"].len()), (1, 2));
}

#[tokio::test]
async fn an_id_with_another_content_is_refused_for_its_entry_alone() {
    let receiver = receiver().await;
    let program = Program::start(&definitions(&receiver, "24h")).await;
    let (_, first) = program.publish("orders", &entry("x", "1")).await;
    let first = first["entries"][0]["id"].as_str().unwrap();
    let entries =
        json!({ "entries": [entry("x", "2"), entry("y", "3"), entry("a b", "4"), entry("", "5")] });
    let (status, answer) = program.publish("orders", &entries).await;
    assert_eq!((status, &answer["failed"]), (200, &3.into()));
    let error = &answer["entries"][0]["error"];
    assert_eq!(error["code"], "IdempotencyMismatch");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains(first) && message.contains("Give another event another id"),
        "{message}"
    );
    assert_eq!(answer["entries"][1]["matched"], 1);
    for at in [2, 3] {
        let error = &answer["entries"][at]["error"];
        assert_eq!(error["code"], "InvalidArgument");
        assert!(error["message"].as_str().unwrap().contains("visible ASCII"), "{error}");
    }
    // White space in the detail and another trace are no other content.
    let spaced = r#"{"id":"x","source":"test","detail_type":"Ordered","detail":{ "order" : "1" },
        "traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}"#;
    let answer = http()
        .post(format!("{}/events/orders", program.internal))
        .header("content-type", "application/json")
        .body(spaced)
        .send()
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(answer["entries"][0]["duplicate"], true, "{answer}");
}

#[tokio::test]
async fn a_request_with_an_idempotency_key_is_taken_once() {
    let receiver = receiver().await;
    let program = Program::start(&definitions(&receiver, "24h")).await;
    let body = json!({ "entries": [anonymous("1"), entry("own", "2"), anonymous("1")] });
    let (status, first) = publish_with(&program, &["\"k-1\""], &body).await;
    assert_eq!((status, &first["failed"]), (200, &0.into()));
    let ids = |answer: &Value| {
        let entries = answer["entries"].as_array().unwrap();
        entries.iter().map(|entry| entry["id"].clone()).collect::<Vec<_>>()
    };
    // Entries of the same content in one request are different ones.
    assert_eq!(ids(&first).iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 3);
    // The key may stand in quotes, as the draft has it, or alone.
    for key in ["\"k-1\"", "k-1"] {
        let (_, again) = publish_with(&program, &[key], &body).await;
        assert_eq!(ids(&again), ids(&first));
        let entries = again["entries"].as_array().unwrap();
        assert!(entries.iter().all(|entry| entry["duplicate"] == true), "{again}");
    }
    let (_, other) = publish_with(&program, &["k-2"], &body).await;
    let repeated: Vec<_> = (0..3).map(|at| other["entries"][at]["duplicate"] == true).collect();
    assert_eq!(repeated, [false, true, false], "an entry's own id is not the request's");
    let (_, changed) = publish_with(&program, &["k-1"], &anonymous("9")).await;
    assert_eq!(changed["entries"][0]["error"]["code"], "IdempotencyMismatch");
}

#[tokio::test]
async fn a_bad_idempotency_key_is_a_problem_with_its_remedy() {
    let receiver = receiver().await;
    let program = Program::start(&definitions(&receiver, "24h")).await;
    let long = "x".repeat(254);
    for (keys, reason) in [
        (vec![""], "is empty"),
        (vec!["a b"], "has a blank"),
        (vec!["\"a"], "has no closing quote"),
        (vec!["a", "a"], "is there more than once"),
        (vec!["\u{e4}"], "other than visible ASCII"),
        (vec![long.as_str()], "is too long"),
    ] {
        let (status, problem) = publish_with(&program, &keys, &anonymous("1")).await;
        assert_eq!((status, &problem["status"]), (400, &400.into()), "{keys:?}");
        assert_eq!(problem["type"], "urn:gatepost:problem:bad-idempotency-key");
        let detail = problem["detail"].as_str().unwrap();
        for part in ["The header Idempotency-Key", reason, "Send it once"] {
            assert!(detail.contains(part), "{keys:?}: {detail}");
        }
    }
    program.publish("orders", &anonymous("2")).await;
    let orders = until("the good one arrives", async || {
        Some(arrived(&receiver)).filter(|orders| !orders.is_empty())
    })
    .await;
    assert_eq!(orders.into_keys().collect::<Vec<_>>(), ["2"], "nothing of the others was taken");
}

#[tokio::test]
async fn a_bus_may_forget_ids_at_once() {
    let receiver = receiver().await;
    let program = Program::start(&definitions(&receiver, "0s")).await;
    let (_, first) = program.publish("orders", &entry("x", "1")).await;
    let (_, second) = program.publish("orders", &entry("x", "2")).await;
    assert_ne!(first["entries"][0]["id"], second["entries"][0]["id"]);
    assert_eq!((&second["failed"], &second["entries"][0]["duplicate"]), (&0.into(), &Value::Null));
}

#[tokio::test]
async fn the_command_publishes_under_an_id() {
    let receiver = receiver().await;
    let program = Program::start(&definitions(&receiver, "24h")).await;
    let publish = |id: &'static str, detail: &'static str| {
        let mut arguments = vec!["events", "publish", "orders", "--source", "test"];
        arguments.extend(["--detail-type", "Ordered", "--detail", detail, "--id", id]);
        let output = program.run(&arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (good, first, talk) = publish("x", r#"{"order":"1"}"#);
    assert!(good && first.starts_with("evt_") && !talk.contains("before"), "{first}{talk}");
    let (good, again, talk) = publish("x", r#"{"order":"1"}"#);
    assert!(good && talk.contains("Accepted before under this id"), "{talk}");
    assert_eq!(again, first);
    let (good, _, talk) = publish("x", r#"{"order":"2"}"#);
    assert!(!good && talk.contains("IdempotencyMismatch"), "{talk}");
}

/// One try; none if there is no answer, or no good one.
async fn post(client: &reqwest::Client, url: &str, body: &Value) -> Option<Value> {
    let request = client.post(url).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    serde_json::from_str(&answer.text().await.ok()?).ok()
}

/// How long a publisher keeps trying before the test has failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Publishes three ids after three, again and again until they are answered; gives each id's event.
async fn publish_until(
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    url: String,
    name: usize,
) -> Vec<(String, String)> {
    let client = http();
    let mut events = Vec::new();
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        let ids: Vec<String> = (0..3).map(|at| format!("{name}-{round}-{at}")).collect();
        let entries: Vec<Value> = ids.iter().map(|id| entry(id, id)).collect();
        let body = json!({ "entries": entries });
        let answer = async {
            loop {
                if let Some(answer) = post(&client, &url, &body).await {
                    break answer;
                }
                // While the program is down; a publisher in earnest waits longer.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let answer = tokio::time::timeout(ANSWER_WITHIN, answer).await.expect("an answer");
        answered.fetch_add(1, Ordering::Relaxed);
        for (at, id) in ids.into_iter().enumerate() {
            let event = answer["entries"][at]["id"].as_str();
            events.push((id, event.unwrap_or_else(|| panic!("{answer}")).to_owned()));
        }
        round += 1;
    }
    events
}

#[tokio::test]
async fn an_id_is_one_event_though_its_publishers_are_cut_off_by_kills() {
    let receiver = receiver().await;
    let mut program = Program::start(&definitions(&receiver, "24h")).await;
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let url = format!("{}/events/orders", program.internal);
    let mut publishers = JoinSet::new();
    for name in 0..4 {
        let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
        publishers.spawn(publish_until(stop, answered, url.clone(), name));
    }
    for round in 0..6 {
        // In the middle of publishing, each time at another point of it.
        let enough = answered.load(Ordering::Relaxed) + 20 + 7 * round;
        until("more to be published", async || {
            (answered.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
        program.kill_and_restart().await;
    }
    stop.store(true, Ordering::Relaxed);
    let events: BTreeMap<String, String> =
        publishers.join_all().await.into_iter().flatten().collect();
    assert!(events.len() >= 6 * 3, "the publishers did not get to publish");

    // All of them once more, as a publisher does that lost every answer.
    let all: Vec<(&String, &String)> = events.iter().collect();
    for some in all.chunks(100) {
        let entries: Vec<Value> = some.iter().map(|(id, _)| entry(id, id)).collect();
        let (_, answer) = program.publish("orders", &json!({ "entries": entries })).await;
        for (at, (_, event)) in some.iter().enumerate() {
            let expected = json!({ "id": event, "matched": 1, "duplicate": true });
            assert_eq!(answer["entries"][at], expected);
        }
    }

    // Each id arrived under one key, and lies in the log once.
    let orders = until("every id arrives", async || {
        Some(arrived(&receiver)).filter(|orders| orders.len() >= events.len())
    })
    .await;
    assert!(orders.keys().eq(events.keys()), "what arrived is not what was published");
    let twice: Vec<_> = orders.iter().filter(|(_, keys)| keys.len() != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(program.stop().success());
    let log = program.path("data/log/00000000000000000001.db");
    let count = |sql: &str| -> usize {
        let log = rusqlite::Connection::open(&log).unwrap();
        log.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("SELECT count(*) FROM event"), events.len());
    assert_eq!(count("SELECT count(DISTINCT detail) FROM event"), events.len());
    assert_eq!(count("SELECT count(*) FROM entry"), events.len());
}
