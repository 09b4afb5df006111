//! What destinations and rules go through: answers judged by their own table, pauses, switched off
//! and on again, over restarts.

use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};

use crate::program::Program;

/// A rule `all` that sends every event of the bus to `hook`, one call at a time; `more` is put into
/// the destination.
fn definitions(receiver: &Receiver, more: &str) -> String {
    format!(
        "
buses:
  orders:
    rules:
      all:
        when: {{ source: [shop] }}
        send: [{{ to: hook, path: [$.detail.n], body: $.detail, retry: {{ delays: [50ms, 50ms] }} }}]
destinations:
  hook:
    request: POST {}/hook/*
    allow_private: [127.0.0.0/8]
    in_flight: 1
{more}",
        receiver.url()
    )
}

fn numbered(n: &str) -> Value {
    json!({ "source": "shop", "detail_type": "Numbered", "detail": { "n": n } })
}

async fn publish(program: &Program, numbers: impl IntoIterator<Item = u32>) {
    let entries: Vec<_> = numbers.into_iter().map(|number| numbered(&number.to_string())).collect();
    let (status, answer) = program.publish("orders", &json!({ "entries": entries })).await;
    assert_eq!((status, &answer["failed"]), (200, &0.into()));
}

/// The last parts of the paths that were called, in order.
fn called(receiver: &Receiver, path: &str) -> Vec<String> {
    let got = receiver.got();
    let targets = got.iter().filter_map(|got| got.target.strip_prefix(path));
    targets.map(str::to_owned).collect()
}

fn rows(program: &Program, arguments: &[&str]) -> Vec<Value> {
    let text = program.done(arguments);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_destination_judges_statuses_by_its_own_table() {
    let receiver = Receiver::start(|_, got| {
        let status = got.target.strip_prefix("/hook/").and_then(|status| status.parse().ok());
        Reply::status(status.unwrap_or(500))
    })
    .await;
    let table = "    retry_on: { 404: retry, 409: dead_letter, 5xx: dead_letter, 503: retry }\n";
    let program = Program::start(&definitions(&receiver, table)).await;
    publish(&program, [204, 404, 409, 500, 503, 429, 400]).await;
    let letters = until("all that fail are given up", async || {
        let letters = rows(&program, &["dead-letters", "list", "--json"]);
        (letters.len() == 6).then_some(letters)
    })
    .await;
    let mut attempts: Vec<_> = letters
        .iter()
        .map(|letter| {
            let code = letter["error_code"].as_str().unwrap().to_owned();
            (code, letter["attempts"].as_u64().unwrap())
        })
        .collect();
    attempts.sort();
    let expected = [
        ("HTTP_400", 1),
        ("HTTP_404", 3),
        ("HTTP_409", 1),
        ("HTTP_429", 3),
        ("HTTP_500", 1),
        ("HTTP_503", 3),
    ];
    assert_eq!(attempts, expected.map(|(code, count)| (code.to_owned(), count)));
}

#[tokio::test]
async fn retry_after_pauses_every_lane_of_its_destination_and_no_neighbour() {
    let receiver = Receiver::start(|before, got| {
        let first = before == 0 && got.target.starts_with("/hook/");
        if first { Reply::status(503).header("retry-after", "3") } else { Reply::status(204) }
    })
    .await;
    let neighbour = format!(
        "  neighbour: {{ request: POST {}/neighbour/*, allow_private: [127.0.0.0/8] }}\n",
        receiver.url()
    );
    let rules = "      other:
        when: { source: [shop] }
        send: [{ to: hook, id: other, path: [$.detail.n], body: $.detail }]
      near:
        when: { source: [near] }
        send: [{ to: neighbour, path: [$.detail.n], body: $.detail }]
destinations:
";
    let file = definitions(&receiver, &neighbour).replace("destinations:\n", rules);
    let program = Program::start(&file).await;
    publish(&program, [1]).await;
    until("the pause has begun", async || {
        let attempts = rows(&program, &["deliveries", "list", "--json"]);
        attempts.iter().any(|attempt| attempt["status"] == 503).then_some(())
    })
    .await;
    publish(&program, [2]).await;
    let mut near = numbered("3");
    near["source"] = "near".into();
    program.publish("orders", &near).await;
    until("the neighbour is called", async || {
        (called(&receiver, "/neighbour/") == ["3"]).then_some(())
    })
    .await;
    assert_eq!(called(&receiver, "/hook/"), ["1"], "the pause holds both lanes");
    let row = destination(&program, "hook");
    assert_eq!((row["paused_until"].is_string(), &row["waiting"]), (true, &4.into()));
    assert_eq!(destination(&program, "neighbour")["paused_until"], Value::Null);
    until("both lanes go on", async || (called(&receiver, "/hook/").len() == 5).then_some(()))
        .await;
}

#[tokio::test]
async fn a_negative_retry_after_ends_the_retries_of_that_event_alone() {
    let receiver = Receiver::start(|before, _| {
        if before == 0 {
            return Reply::status(503).header("retry-after", "-1");
        }
        Reply::status(204)
    })
    .await;
    let program = Program::start(&definitions(&receiver, "")).await;
    publish(&program, [1, 2]).await;
    until("the second is delivered", async || {
        (called(&receiver, "/hook/") == ["1", "2"]).then_some(())
    })
    .await;
    let letters = until("the first is given up", async || {
        Some(rows(&program, &["dead-letters", "list", "--json"])).filter(|rows| !rows.is_empty())
    })
    .await;
    assert_eq!(
        (&letters[0]["error_code"], &letters[0]["attempts"]),
        (&"HTTP_503".into(), &1.into())
    );
    let message = letters[0]["error_message"].as_str().unwrap();
    assert!(message.contains("wants no retry (Retry-After: -1)"), "{message}");
    let counted = "gatepost_dead_letters_total{destination=\"hook\",code=\"HTTP_5xx\"} 1\n";
    let metrics = metrics(&program).await;
    assert!(metrics.contains(counted), "{metrics}");
    assert!(metrics.contains("gatepost_matched_total{bus=\"orders\"} 2\n"), "{metrics}");
}

/// Answers the first call of each of these paths with 503.
fn failing_once(targets: &'static [&'static str]) -> impl Fn(usize, &testkit::Got) -> Reply {
    let failed = std::sync::Mutex::new(std::collections::BTreeSet::new());
    move |_, got| {
        let one = targets.iter().find(|target| got.target == **target);
        let first = one.is_some_and(|target| failed.lock().unwrap().insert(*target));
        Reply::status(if first { 503 } else { 204 })
    }
}

#[tokio::test]
async fn a_strict_destination_keeps_the_order_of_the_log_over_retries() {
    let receiver = Receiver::start(failing_once(&["/hook/1", "/hook/3"])).await;
    let file =
        definitions(&receiver, "    order: strict\n").replace("in_flight: 1", "in_flight: 8");
    let program = Program::start(&file).await;
    publish(&program, 1..=4).await;
    until("all arrive", async || (called(&receiver, "/hook/").len() == 6).then_some(())).await;
    assert_eq!(called(&receiver, "/hook/"), ["1", "1", "2", "3", "3", "4"]);
}

#[tokio::test]
async fn events_with_one_key_wait_for_each_others_retries_and_others_do_not() {
    let receiver = Receiver::start(failing_once(&["/hook/1"])).await;
    let file = definitions(&receiver, "    order: { by: $.detail.key }\n");
    let program = Program::start(&file.replace("[50ms, 50ms]", "[300ms]")).await;
    let event = |n: &str, key: &str| {
        let mut event = numbered(n);
        event["detail"]["key"] = key.into();
        event
    };
    let entries = [event("1", "a"), event("2", "a"), event("3", "b"), numbered("4")];
    let (status, _) = program.publish("orders", &json!({ "entries": entries })).await;
    assert_eq!(status, 200);
    until("all arrive", async || (called(&receiver, "/hook/").len() == 5).then_some(())).await;
    assert_eq!(called(&receiver, "/hook/"), ["1", "3", "4", "1", "2"]);
}

fn destination(program: &Program, name: &str) -> Value {
    let rows = rows(program, &["destinations", "list", "--json"]);
    rows.into_iter().find(|row| row["name"] == name).unwrap()
}

async fn in_state(program: &Program, state: &str) -> Value {
    until("the destination is in that state", async || {
        Some(destination(program, "hook")).filter(|row| row["state"] == state)
    })
    .await
}

async fn metrics(program: &Program) -> String {
    let url = format!("{}/metrics", program.admin);
    crate::program::http().get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_410_disables_and_enabling_goes_on_in_order_with_nothing_lost() {
    let receiver =
        Receiver::start(|before, _| Reply::status(if before < 2 { 204 } else { 410 })).await;
    let mut program = Program::start(&definitions(&receiver, "")).await;
    publish(&program, 1..=5).await;
    let row = in_state(&program, "disabled").await;
    assert_eq!(row["reason"], "the receiver answered 410 Gone");
    assert_eq!(called(&receiver, "/hook/"), ["1", "2", "3"]);
    assert!(program.read("stderr").contains("disabled: deliveries wait in the log"));
    until("the attempt is in the history", async || {
        let failed = rows(&program, &["deliveries", "list", "--failed", "--json"]);
        (failed.len() == 1).then_some(())
    })
    .await;
    // What comes meanwhile waits with the others, also over a kill.
    publish(&program, 6..=7).await;
    program.kill_and_restart().await;
    publish(&program, 8..=9).await;
    let row = in_state(&program, "disabled").await;
    assert_eq!(row["lanes"][0]["waiting"], 7);
    assert_eq!(called(&receiver, "/hook/").len(), 3, "nothing is sent to a disabled destination");
    receiver.answer(|_, _| Reply::status(204));
    let told = program.done(&["destinations", "enable", "hook"]);
    assert!(told.starts_with("Enabled: "), "{told}");
    let all: Vec<_> = (3..=9).map(|number: u32| number.to_string()).collect();
    until("all that waited arrives in order", async || {
        (called(&receiver, "/hook/")[3..] == all).then_some(())
    })
    .await;
    let row = destination(&program, "hook");
    assert_eq!((&row["state"], &row["reason"]), (&"enabled".into(), &Value::Null));
    assert!(rows(&program, &["dead-letters", "list", "--json"]).is_empty());
    // The attempt that was answered 410 cost the event none of its tries, and is in the history.
    let attempts = rows(&program, &["deliveries", "list", "--failed", "--json"]);
    assert_eq!((attempts.len(), &attempts[0]["status"]), (1, &410.into()));
    let trail = rows(&program, &["audit", "--json"]);
    let who: Vec<_> = trail
        .iter()
        .filter(|entry| entry["subject"] == "destination/hook")
        .map(|entry| (entry["who"].as_str().unwrap(), entry["what"].as_str().unwrap()))
        .collect();
    let expected =
        [("admin", "enable destination"), ("system", "disable destination"), ("file", "apply")];
    assert_eq!(who, expected);
}

#[tokio::test]
async fn an_operator_disables_with_a_reason_and_enables_again() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver, "")).await;
    for (arguments, message, code) in [
        (&["disable", "hook", "--reason", " "][..], "`reason` says why", 2),
        (&["disable", "nowhere", "--reason", "x"][..], "There is no destination `nowhere`.", 1),
        (&["enable", "nowhere"][..], "There is no destination `nowhere`.", 1),
    ] {
        let output = program.run(&[&["destinations"][..], arguments].concat());
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(talk.contains(message), "{talk}");
    }
    program.done(&["destinations", "disable", "hook", "--reason", "they move house"]);
    publish(&program, [1, 2]).await;
    let row = in_state(&program, "disabled").await;
    assert_eq!((&row["reason"], row["since"].is_string()), (&"they move house".into(), true));
    assert_eq!((&row["waiting"], row["oldest_at"].is_string()), (&2.into(), true));
    let table = program.done(&["destinations", "list"]);
    assert!(table.contains("disabled since ") && table.contains(": they move house"), "{table}");
    for sample in ["destination_disabled", "destination_waiting"] {
        let value = if sample == "destination_waiting" { 2 } else { 1 };
        let line = format!("gatepost_{sample}{{destination=\"hook\"}} {value}\n");
        until("the metrics show it", async || {
            metrics(&program).await.contains(&line).then_some(())
        })
        .await;
    }
    assert!(receiver.got().is_empty());
    program.done(&["destinations", "enable", "hook"]);
    until("both arrive", async || (called(&receiver, "/hook/") == ["1", "2"]).then_some(())).await;
}

#[tokio::test]
async fn an_open_breaker_is_shown() {
    let receiver = Receiver::start(|_, _| Reply::status(503)).await;
    let program = Program::start(&definitions(&receiver, "")).await;
    publish(&program, 1..=20).await;
    let row = until("the breaker is shown", async || {
        Some(destination(&program, "hook")).filter(|row| row["breaker"] == "open")
    })
    .await;
    assert_eq!((&row["state"], row["failing_since"].is_string()), (&"enabled".into(), true));
    assert_eq!(row["last_success"], Value::Null);
    receiver.answer(|_, _| Reply::status(204));
    // Enabling what is enabled ends the wait for the breaker's probe.
    program.done(&["destinations", "enable", "hook"]);
    until("it is closed and something was taken", async || {
        let row = destination(&program, "hook");
        (row["breaker"] == "closed" && row["last_success"].is_string()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn five_days_of_nothing_but_failures_disable() {
    let receiver = Receiver::start(|_, _| Reply::status(404)).await;
    let mut program = Program::start(&definitions(&receiver, "")).await;
    assert!(program.stop().success());
    // It has failed for five days but an hour, and the second notice was given.
    let core = rusqlite::Connection::open(program.path("data/core.db")).unwrap();
    let insert = "INSERT INTO destination_state(name, trouble_since, notices)
                  VALUES('hook', (unixepoch() - 119 * 3600) * 1000, 2)";
    assert_eq!(core.execute(insert, []).unwrap(), 1);
    drop(core);
    program.start_again().await;
    publish(&program, [1]).await;
    until("the first is given up", async || {
        (!rows(&program, &["dead-letters", "list", "--json"]).is_empty()).then_some(())
    })
    .await;
    assert_eq!(destination(&program, "hook")["state"], "enabled");
    assert!(program.stop().success());
    let hours = "UPDATE destination_state SET trouble_since = trouble_since - 2 * 3600000";
    let core = rusqlite::Connection::open(program.path("data/core.db")).unwrap();
    assert_eq!(core.execute(hours, []).unwrap(), 1);
    drop(core);
    program.start_again().await;
    publish(&program, [2, 3]).await;
    let row = in_state(&program, "disabled").await;
    assert!(row["reason"].as_str().unwrap().starts_with("five days without a success"), "{row}");
    assert_eq!(called(&receiver, "/hook/"), ["1", "2"]);
    let notice = "gatepost_destination_notices_total{destination=\"hook\",notice=\"disabled\"} 1";
    let metrics = metrics(&program).await;
    assert!(metrics.contains(notice), "{metrics}");
}

#[tokio::test]
async fn what_becomes_too_old_for_a_disabled_destination_is_a_dead_letter() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let mut program = Program::start(&definitions(&receiver, "")).await;
    program.done(&["destinations", "disable", "hook", "--reason", "they move house"]);
    publish(&program, [1]).await;
    assert!(program.stop().success());
    // Two days pass.
    let log = rusqlite::Connection::open(program.path("data/log/00000000000000000001.db")).unwrap();
    log.execute("UPDATE delivery SET ts = ts - 2 * 86400000", []).unwrap();
    drop(log);
    program.start_again().await;
    let letters = until("it is given up", async || {
        Some(rows(&program, &["dead-letters", "list", "--json"])).filter(|rows| !rows.is_empty())
    })
    .await;
    assert_eq!(
        (&letters[0]["error_code"], &letters[0]["exhausted"]),
        (&"TOO_OLD".into(), &"MaximumEventAgeInSeconds".into())
    );
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn a_paused_rule_waits_over_a_restart_and_goes_on_in_order() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let other = "      other:
        when: { source: [near] }
        send: [{ to: hook, path: [$.detail.n], body: $.detail }]
destinations:
";
    let file = definitions(&receiver, "").replace("destinations:\n", other);
    let mut program = Program::start(&file).await;
    let rule = |program: &Program, name: &str| {
        let rows = rows(program, &["rules", "list", "--json"]);
        rows.into_iter().find(|row| row["name"] == name).unwrap()
    };
    publish(&program, [1]).await;
    until("the first arrives", async || (called(&receiver, "/hook/") == ["1"]).then_some(())).await;
    let told = program.done(&["rules", "pause", "orders/all"]);
    assert!(told.starts_with("Paused: "), "{told}");
    publish(&program, [2, 3]).await;
    let mut near = numbered("near");
    near["source"] = "near".into();
    program.publish("orders", &near).await;
    // Another rule of the same destination goes on.
    until("the other rule's arrives", async || {
        (called(&receiver, "/hook/") == ["1", "near"]).then_some(())
    })
    .await;
    assert!(program.stop().success());
    program.start_again().await;
    publish(&program, [4]).await;
    let row = rule(&program, "orders/all");
    assert_eq!((&row["state"], &row["waiting"]), (&"paused".into(), &3.into()));
    assert!(row["since"].is_string() && row["oldest_at"].is_string(), "{row}");
    assert_eq!(rule(&program, "orders/other")["state"], "active");
    assert!(program.done(&["rules", "list"]).contains("paused"));
    assert_eq!(called(&receiver, "/hook/"), ["1", "near"]);
    // Pausing again changes nothing, not even since when.
    let again = program.done(&["rules", "pause", "orders/all", "--json"]);
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&again["state"], &again["since"]), (&"paused".into(), &row["since"]));
    program.done(&["rules", "resume", "orders/all"]);
    until("what waited arrives in order", async || {
        (called(&receiver, "/hook/") == ["1", "near", "2", "3", "4"]).then_some(())
    })
    .await;
    assert_eq!(rule(&program, "orders/all")["state"], "active");
    assert!(rows(&program, &["dead-letters", "list", "--json"]).is_empty());
}

#[tokio::test]
async fn a_rule_that_is_not_there_cannot_be_paused() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver, "")).await;
    for (rule, message, code) in [
        ("orders/none", "There is no rule `orders/none`.", 1),
        ("none/all", "There is no rule `none/all`.", 1),
        ("all", "write BUS/RULE", 2),
        ("orders/all/hook", "write BUS/RULE", 2),
    ] {
        let output = program.run(&["rules", "pause", rule]);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{rule}");
        assert!(talk.contains(message), "{talk}");
    }
}
