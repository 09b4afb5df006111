//! Publishing and delivering: real receivers, real failures, real kills.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use testkit::{Got, Receiver, Reply, until};

use crate::program::Program;

fn definitions(receiver: &Receiver, more: &str) -> String {
    let address = receiver.address();
    format!(
        "
buses:
  orders:
    rules:
      completed:
        when: {{ source: [complete-order], detail-type: [OrderCompleted] }}
        send:
          - to: callback
            path: [$.detail.carOrderId]
            body: $.detail
            retry: {{ attempts: 3, for: 60m }}
            dead_letter: dlq
      everything:
        when: {{ source: [{{ prefix: \"\" }}] }}
        send: [{{ to: audit, retry: {{ attempts: 0 }} }}]
destinations:
  callback:
    request: PATCH http://{address}/orders/*
    allow_private: [127.0.0.0/8]
    timeout: 2s
{more}  audit:
    request: POST http://{address}/audit
    allow_private: [127.0.0.0/8]
"
    )
}

fn completed(id: &str) -> Value {
    json!({ "source": "complete-order", "detail_type": "OrderCompleted", "detail": { "carOrderId": id } })
}

fn callbacks(receiver: &Receiver) -> Vec<Got> {
    receiver.got().into_iter().filter(|got| got.target.starts_with("/orders/")).collect()
}

async fn arrived(receiver: &Receiver, count: usize) -> Vec<Got> {
    until("the deliveries arrive", async || {
        let got = callbacks(receiver);
        (got.len() >= count).then_some(got)
    })
    .await
}

fn rows(program: &Program, arguments: &[&str]) -> Vec<Value> {
    let text = program.done(arguments);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn an_event_reaches_its_targets_each_in_its_form() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program =
        Program::start(&definitions(&receiver, "    headers: { x-old-name: kept }\n")).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut event = completed("a b/c");
    event["traceparent"] = trace.into();
    let (status, answer) = program.publish("orders", &event).await;
    assert_eq!((status, &answer["failed"]), (200, &0.into()));
    let id = answer["entries"][0]["id"].as_str().unwrap();
    let got = &arrived(&receiver, 1).await[0];
    assert_eq!((got.method.as_str(), &*got.target), ("PATCH", "/orders/a%20b%2Fc"));
    assert_eq!(got.json(), json!({ "carOrderId": "a b/c" }));
    assert_eq!(got.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(got.header("traceparent"), trace);
    let key = got.header("idempotency-key").to_owned();
    assert!(key.starts_with("dlv_") && key.ends_with(id.trim_start_matches("evt_")), "{key}");
    assert_eq!(got.header("x-old-name"), "kept");
    assert!(got.header("user-agent").starts_with("Gatepost/"));
    let whole = until("the other target gets the envelope", async || {
        receiver.got().into_iter().find(|got| got.target == "/audit")
    })
    .await;
    let envelope = whole.json();
    let names: Vec<_> = envelope.as_object().unwrap().keys().map(String::as_str).collect();
    let order = [
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    ];
    assert_eq!(names, order);
    assert_eq!(envelope["id"], id);
    // Two targets of one event are two deliveries: a receiver of both must not drop the second.
    assert_ne!(whole.header("idempotency-key"), key);
}

#[tokio::test]
async fn every_entry_has_its_own_result_in_order() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver, "")).await;
    let mut reserved = completed("2");
    reserved["source"] = "aws.ec2".into();
    let mut listed = completed("3");
    listed["detail"] = json!([1]);
    let entries = json!({ "entries": [completed("1"), reserved, listed, {}, completed("5")] });
    let (status, answer) = program.publish("orders", &entries).await;
    assert_eq!((status, &answer["failed"]), (200, &3.into()));
    let codes: Vec<_> = (0..5).map(|at| answer["entries"][at]["error"]["code"].clone()).collect();
    let expected = [
        Value::Null,
        "NotAuthorizedForSourceException".into(),
        "MalformedDetail".into(),
        "InvalidArgument".into(),
        Value::Null,
    ];
    assert_eq!(codes, expected);
    let (_, answer) = program.publish("nobus", &completed("1")).await;
    assert_eq!(answer["entries"][0]["error"]["code"], "ResourceNotFoundException");
    let many: Vec<_> = (0..101).map(|_| completed("x")).collect();
    let (status, problem) = program.publish("orders", &json!({ "entries": many })).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("1 to 100 entries"), "{problem}");
    let large =
        json!({ "source": "s", "detail_type": "t", "detail": { "x": "y".repeat(1_100_000) } });
    assert_eq!(program.publish("orders", &large).await.0, 400);
    assert_eq!(arrived(&receiver, 2).await.len(), 2);
}

#[tokio::test]
async fn failures_are_tried_again_then_lie_in_the_dead_letters_until_redriven() {
    let receiver = Receiver::start(|_, got| {
        Reply::status(if got.target == "/audit" { 204 } else { 503 }).body("not today")
    })
    .await;
    let quick = "            retry: { attempts: 2, delays: [50ms, 50ms] }\n";
    let file =
        definitions(&receiver, "").replace("            retry: { attempts: 3, for: 60m }\n", quick);
    let program = Program::start(&file).await;
    program.publish("orders", &completed("7")).await;
    assert_eq!(arrived(&receiver, 3).await.len(), 3);
    let letters = until("the dead letter is there", async || {
        Some(rows(&program, &["dead-letters", "list", "--json"])).filter(|rows| !rows.is_empty())
    })
    .await;
    let letter = &letters[0];
    assert_eq!((&letter["queue"], &letter["attempts"]), (&"dlq".into(), &3.into()));
    assert_eq!(
        (&letter["error_code"], &letter["exhausted"]),
        (&"HTTP_503".into(), &"MaximumRetryAttempts".into())
    );
    assert!(letter["error_message"].as_str().unwrap().contains("not today"));
    let id = letter["id"].as_str().unwrap();
    let shown: Value =
        serde_json::from_str(&program.done(&["dead-letters", "show", id, "--json"])).unwrap();
    assert_eq!(shown["event"]["detail"]["carOrderId"], "7");
    assert_eq!(shown["attempts_made"].as_array().unwrap().len(), 3);
    let keys: Vec<_> =
        callbacks(&receiver).iter().map(|got| got.header("idempotency-key").to_owned()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");

    receiver.answer(|_, _| Reply::status(204));
    assert_eq!(program.done(&["dead-letters", "redrive", id]), "1 redriven");
    assert_eq!(arrived(&receiver, 4).await.len(), 4);
    assert!(rows(&program, &["dead-letters", "list", "--json"]).is_empty());
    until("the fourth attempt is in the history", async || {
        let attempts = rows(
            &program,
            &["deliveries", "list", "--lane", "orders/completed/callback", "--json"],
        );
        let outcomes: Vec<_> =
            attempts.iter().map(|row| row["outcome"].as_str().unwrap().to_owned()).collect();
        (outcomes == ["delivered", "dead", "retry", "retry"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_will_never_be_taken_is_not_tried_again() {
    let receiver = Receiver::start(|_, got| {
        if got.target == "/orders/moved" {
            return Reply::status(302).header("location", "/elsewhere");
        }
        Reply::status(if got.target == "/audit" { 204 } else { 404 })
    })
    .await;
    let program = Program::start(&definitions(&receiver, "")).await;
    for id in ["gone", "moved"] {
        program.publish("orders", &completed(id)).await;
    }
    let mut odd = completed("x");
    odd["detail"] = json!({ "carOrderId": { "not": "text" } });
    program.publish("orders", &odd).await;
    let codes = until("three dead letters are there", async || {
        let rows = rows(&program, &["dead-letters", "list", "--json"]);
        let codes: Vec<_> =
            rows.iter().map(|row| row["error_code"].as_str().unwrap().to_owned()).collect();
        (codes.len() == 3).then_some(codes)
    })
    .await;
    assert_eq!(codes, ["HTTP_404", "HTTP_302", "INVALID_PARAMETER"]);
    assert!(receiver.got().iter().all(|got| got.target != "/elsewhere"), "a redirect was followed");
    assert_eq!(program.done(&["dead-letters", "purge", "--all", "--yes"]), "3 purged");
}

#[tokio::test]
async fn retry_after_pauses_the_whole_destination() {
    let receiver = Receiver::start(|before, got| match got.target.as_str() {
        "/audit" => Reply::status(204),
        _ if before == 0 => Reply::status(429).header("retry-after", "1"),
        _ => Reply::status(204),
    })
    .await;
    // The first request of all must be the callback's.
    let file = definitions(&receiver, "").replace("prefix: \"\"", "prefix: \"never\"");
    let program = Program::start(&file).await;
    let began = std::time::Instant::now();
    program.publish("orders", &completed("first")).await;
    arrived(&receiver, 1).await;
    // The second event has no wish of its own to wait for: only the pause holds it.
    program.publish("orders", &completed("second")).await;
    until("the second event arrives", async || {
        callbacks(&receiver).iter().any(|got| got.target == "/orders/second").then_some(())
    })
    .await;
    assert!(began.elapsed() >= std::time::Duration::from_millis(950), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_rate_of_a_destination_is_kept() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let file = definitions(&receiver, "    rate: 20/s\n    burst: 1\n");
    let program = Program::start(&file.replace("prefix: \"\"", "prefix: \"never\"")).await;
    let entries: Vec<_> = (0..21).map(|number| completed(&number.to_string())).collect();
    let began = std::time::Instant::now();
    program.publish("orders", &json!({ "entries": entries })).await;
    arrived(&receiver, 21).await;
    // The first at once, twenty more at one per 50 ms: not faster, and not much slower.
    let took = began.elapsed();
    assert!(took >= std::time::Duration::from_millis(980), "{took:?}");
    assert!(took < std::time::Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let file = definitions(&receiver, "").replacen("    allow_private: [127.0.0.0/8]\n", "", 1);
    let program = Program::start(&file).await;
    program.publish("orders", &completed("7")).await;
    let letters = until("the dead letter is there", async || {
        Some(rows(&program, &["dead-letters", "list", "--json"])).filter(|rows| !rows.is_empty())
    })
    .await;
    assert_eq!(letters[0]["error_code"], "ADDRESS_REFUSED");
    assert!(callbacks(&receiver).is_empty());
}

#[tokio::test]
async fn a_slow_destination_does_not_delay_another() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let file = definitions(&receiver, "").replacen(
        &format!("{}/orders", receiver.address()),
        &format!("{}/orders", silent.local_addr().unwrap()),
        1,
    );
    let program = Program::start(&file).await;
    let began = std::time::Instant::now();
    let entries: Vec<_> = (0..100).map(|number| completed(&number.to_string())).collect();
    program.publish("orders", &json!({ "entries": entries })).await;
    until("the other destination has all", async || (receiver.got().len() == 100).then_some(()))
        .await;
    assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
}

/// A partner with a token endpoint that counts, and an API that may refuse its tokens.
fn partner(refuse: Arc<AtomicBool>) -> impl Fn(usize, &Got) -> Reply {
    let issued = std::sync::atomic::AtomicU32::new(0);
    move |_, got| {
        if got.target == "/oauth2/token" {
            let form = got.body.contains("grant_type=client_credentials")
                && got.body.contains("scope=cars%2Fcomplete.order");
            let basic = got.header("authorization").starts_with("Basic ");
            if !form || !basic {
                return Reply::status(400);
            }
            let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
            return Reply::status(200).body(
                &json!({ "access_token": format!("t{number}"), "token_type": "Bearer", "expires_in": 3600 }).to_string(),
            );
        }
        let bad = refuse.swap(false, Ordering::Relaxed)
            || !got.header("authorization").starts_with("Bearer t");
        Reply::status(if bad { 401 } else { 204 })
    }
}

#[tokio::test]
async fn connections_get_one_token_for_many_calls_and_a_new_one_after_a_401() {
    let refuse = Arc::new(AtomicBool::new(false));
    let receiver = Receiver::start(partner(Arc::clone(&refuse))).await;
    let address = receiver.address();
    let file = definitions(&receiver, "    connection: cars\n")
        .replace("prefix: \"\"", "prefix: \"never\"")
        + &format!(
            "
connections:
  cars:
    oauth:
      token_url: http://{address}/oauth2/token
      client_id: us
      client_secret: {{ file: ./secret }}
      scope: cars/complete.order
    headers: {{ x-api-key: {{ file: ./key }} }}
"
        );
    let program = Program::start(&file).await;
    // The secrets come after the start, as they do when two companies begin together.
    let entries: Vec<_> = (0..30).map(|number| completed(&number.to_string())).collect();
    program.publish("orders", &json!({ "entries": entries[..1] })).await;
    until("the missing secret is told", async || {
        program
            .lines("attempt")
            .iter()
            .any(|line| line["error"].as_str().is_some_and(|e| e.contains("secret")))
            .then_some(())
    })
    .await;
    std::fs::write(program.path("secret"), "their secret\n").unwrap();
    std::fs::write(program.path("key"), "gpk_7\n").unwrap();
    program.publish("orders", &json!({ "entries": entries[1..] })).await;
    let got = arrived(&receiver, 30).await;
    assert!(got.iter().all(
        |got| got.header("authorization") == "Bearer t1" && got.header("x-api-key") == "gpk_7"
    ));
    let asked = |receiver: &Receiver| {
        receiver.got().iter().filter(|got| got.target == "/oauth2/token").count()
    };
    assert_eq!(asked(&receiver), 1);
    refuse.store(true, Ordering::Relaxed);
    program.publish("orders", &completed("again")).await;
    let got = arrived(&receiver, 32).await;
    assert_eq!(
        (got[30].header("authorization"), got[31].header("authorization")),
        ("Bearer t1", "Bearer t2")
    );
    assert_eq!((got[30].target.as_str(), asked(&receiver)), (got[31].target.as_str(), 2));
    assert!(
        !program.read("stdout").contains("their secret")
            && !program.read("stdout").contains("gpk_7")
    );
}

#[tokio::test]
async fn nothing_accepted_is_lost_when_the_program_is_killed() {
    // Every third request is answered 503; only what was answered 204 counts as taken.
    let taken: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let noted = Arc::clone(&taken);
    let receiver = Receiver::start(move |before, got| {
        if before.is_multiple_of(3) {
            return Reply::status(503);
        }
        noted.lock().unwrap().insert(got.target.clone());
        Reply::status(204)
    })
    .await;
    let file = definitions(&receiver, "").replace("prefix: \"\"", "prefix: \"never\"");
    let delays = ["20ms"; 30].join(", ");
    let retry = format!("retry: {{ for: 60m, delays: [{delays}] }}");
    let mut program =
        Program::start(&file.replace("retry: { attempts: 3, for: 60m }", &retry)).await;
    let mut accepted = BTreeSet::new();
    for round in 0..5 {
        for number in 0..40 {
            let id = format!("{round}-{number}");
            let (status, answer) = program.publish("orders", &completed(&id)).await;
            assert_eq!((status, &answer["failed"]), (200, &0.into()));
            accepted.insert(format!("/orders/{id}"));
        }
        program.kill_and_restart().await;
    }
    until("every accepted event is taken, and none was invented", async || {
        (*taken.lock().unwrap() == accepted).then_some(())
    })
    .await;
    idle(&program).await;
    assert!(rows(&program, &["dead-letters", "list", "--json"]).is_empty());
}

/// Waits until nothing waits for the callback.
async fn idle(program: &Program) {
    until("nothing waits", async || {
        let rows = rows(program, &["destinations", "list", "--json"]);
        let callback = rows.iter().find(|row| row["name"] == "callback").unwrap();
        (callback["lanes"][0]["waiting"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn more_retries_than_memory_holds_all_come_due_after_a_kill() {
    let up = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&up);
    // Every second one is taken, so that no breaker holds the others back.
    let receiver = Receiver::start(move |before, _| {
        let takes = before % 2 == 0 || answer.load(Ordering::Relaxed);
        Reply::status(if takes { 204 } else { 503 })
    })
    .await;
    let file =
        definitions(&receiver, "    rate: 10000/s\n").replace("prefix: \"\"", "prefix: \"never\"");
    let retry = "retry: { for: 60m, delays: [2s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s] }";
    let mut program =
        Program::start(&file.replace("retry: { attempts: 3, for: 60m }", retry)).await;
    for batch in 0..9 {
        let entries: Vec<_> =
            (0..100).map(|number| completed(&format!("{batch}-{number}"))).collect();
        program.publish("orders", &json!({ "entries": entries })).await;
    }
    arrived(&receiver, 900).await;
    program.kill_and_restart().await;
    up.store(true, Ordering::Relaxed);
    idle(&program).await;
    assert!(rows(&program, &["dead-letters", "list", "--json"]).is_empty());
}

#[tokio::test]
async fn expired_events_do_not_stand_in_the_way_of_fresh_ones() {
    let up = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&up);
    let receiver = Receiver::start(move |_, _| {
        Reply::status(if answer.load(Ordering::Relaxed) { 204 } else { 503 })
    })
    .await;
    let file = definitions(&receiver, "").replace("prefix: \"\"", "prefix: \"never\"");
    let mut program = Program::start(&file).await;
    let entries: Vec<_> = (0..60).map(|number| completed(&format!("old-{number}"))).collect();
    program.publish("orders", &json!({ "entries": entries })).await;
    until("the breaker has opened", async || {
        program.lines("breaker").iter().any(|line| line["open"] == true).then_some(())
    })
    .await;
    // Two hours pass: what waits was put on its lane long ago.
    assert!(program.stop().success());
    let log = std::fs::read_dir(program.path("data/log")).unwrap();
    let segment = log
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "db"));
    let store = rusqlite::Connection::open(segment.unwrap()).unwrap();
    store.execute_batch("UPDATE delivery SET ts = ts - 7200000; UPDATE retry SET since = since - 7200000, due = due - 7200000").unwrap();
    drop(store);
    up.store(true, Ordering::Relaxed);
    program.start_again().await;
    program.publish("orders", &completed("fresh")).await;
    until("the fresh event is delivered", async || {
        callbacks(&receiver).iter().any(|got| got.target == "/orders/fresh").then_some(())
    })
    .await;
    idle(&program).await;
    let letters = rows(&program, &["dead-letters", "list", "--json"]);
    assert_eq!(letters.len(), 60);
    assert!(letters.iter().all(|letter| letter["exhausted"] == "MaximumEventAgeInSeconds"));
}

#[tokio::test]
async fn connections_authenticate_by_key_or_basic_and_win_over_the_destination() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    for (auth, header, value) in [
        (
            "api_key: { header: x-partner-key, value: { file: ./secret } }",
            "x-partner-key",
            "s3cret",
        ),
        // RFC 7617: base64 of `us:s3cret`.
        (
            "basic: { username: us, password: { file: ./secret } }",
            "authorization",
            "Basic dXM6czNjcmV0",
        ),
    ] {
        let more = "    connection: cars\n    headers: { x-shared: destination }\n";
        let file = definitions(&receiver, more).replace("prefix: \"\"", "prefix: \"never\"")
            + &format!(
                "connections: {{ cars: {{ {auth}, headers: {{ x-shared: connection }} }} }}\n"
            );
        let program = Program::start(&file).await;
        std::fs::write(program.path("secret"), "s3cret\n").unwrap();
        let before = callbacks(&receiver).len();
        program.publish("orders", &completed("7")).await;
        let got = arrived(&receiver, before + 1).await.pop().unwrap();
        assert_eq!((got.header(header), got.header("x-shared")), (value, "connection"));
        assert!(!program.read("stdout").contains("s3cret"), "a secret is in the log");
    }
}

#[tokio::test]
async fn what_waits_on_a_lane_without_a_rule_is_told_and_comes_back() {
    let receiver = Receiver::start(|_, _| Reply::status(404)).await;
    let file = definitions(&receiver, "").replace("prefix: \"\"", "prefix: \"never\"");
    let mut program = Program::start(&file).await;
    let (_, answer) = program.publish("orders", &completed("7")).await;
    assert_eq!(answer["entries"][0]["matched"], 1);
    until("the dead letter is there", async || {
        (!rows(&program, &["dead-letters", "list", "--json"]).is_empty()).then_some(())
    })
    .await;
    assert!(program.stop().success());
    program.rewrite(|file| file.replace("      completed:\n", "      renamed:\n"));
    program.start_again().await;
    let output = program.run(&["dead-letters", "redrive", "--all"]);
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0 redriven\n");
    assert!(talk.contains("1 stay: their rule or target is no longer defined"), "{talk}");
    // Listed still, and delivered once the rule has its name back.
    assert_eq!(rows(&program, &["dead-letters", "list", "--json"]).len(), 1);
    program.rewrite(|file| file.replace("      renamed:\n", "      completed:\n"));
    receiver.answer(|_, _| Reply::status(204));
    assert!(program.stop().success());
    program.start_again().await;
    assert_eq!(program.done(&["dead-letters", "redrive", "--all"]), "1 redriven");
    arrived(&receiver, 2).await;
}

#[tokio::test]
async fn a_token_endpoint_that_answers_nonsense_ends_nothing() {
    let sane = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&sane);
    let receiver = Receiver::start(move |_, got| {
        if got.target == "/oauth2/token" {
            let sane = answer.load(Ordering::Relaxed);
            return Reply::status(200).body(if sane { r#"{"access_token":"t"}"# } else { "[]" });
        }
        Reply::status(204)
    })
    .await;
    let address = receiver.address();
    let file = definitions(&receiver, "    connection: cars\n").replace("prefix: \"\"", "prefix: \"never\"")
        + &format!(
            "
connections:
  cars: {{ oauth: {{ token_url: \"http://{address}/oauth2/token\", client_id: us, client_secret: {{ file: ./secret }} }} }}
"
        );
    let program = Program::start(&file).await;
    std::fs::write(program.path("secret"), "s").unwrap();
    program.publish("orders", &completed("7")).await;
    until("the nonsense is told", async || {
        let told =
            |line: &Value| line["error"].as_str().is_some_and(|e| e.contains("no access_token"));
        program.lines("attempt").iter().any(told).then_some(())
    })
    .await;
    sane.store(true, Ordering::Relaxed);
    arrived(&receiver, 1).await;
}

#[tokio::test]
async fn schedules_call_on_time_and_do_not_pile_up() {
    let up = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&up);
    let receiver = Receiver::start(move |_, _| {
        Reply::status(if answer.load(Ordering::Relaxed) { 200 } else { 503 })
    })
    .await;
    let file = format!(
        "
schedules:
  tick: {{ every: 1s, call: POST {}/internal/tick }}
",
        receiver.url()
    );
    let program = Program::start(&file).await;
    // While the service is down, the one firing is tried again and no other joins it.
    until("the first call arrives", async || (receiver.got().len() >= 2).then_some(())).await;
    let keys: BTreeSet<_> =
        receiver.got().iter().map(|got| got.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    up.store(true, Ordering::Relaxed);
    until("it goes on", async || {
        let keys: BTreeSet<_> =
            receiver.got().iter().map(|got| got.header("idempotency-key").to_owned()).collect();
        (keys.len() >= 3).then_some(())
    })
    .await;
    let body = receiver.got()[0].json();
    assert_eq!(
        (&body["detail-type"], &body["resources"][0]),
        (&"Scheduled Event".into(), &"schedule/tick".into())
    );
    drop(program);
}
