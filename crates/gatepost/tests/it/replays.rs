//! Events sent once more, found again in the history, and heard on a developer's machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use testkit::{Got, Receiver, Reply, until};

use crate::program::Program;

fn definitions(receiver: &Receiver) -> String {
    let address = receiver.address();
    format!(
        "
buses:
  orders:
    rules:
      shipped:
        when: {{ detail-type: [Shipped] }}
        send: [{{ to: hook, path: [$.detail.id], body: $.detail, retry: {{ attempts: 0 }} }}]
      all:
        when: {{ source: [{{ prefix: \"\" }}] }}
        send: [{{ to: audit }}]
  others: {{ rules: {{}} }}
destinations:
  hook: {{ request: \"POST http://{address}/hook/*\", allow_private: [127.0.0.0/8] }}
  audit: {{ request: \"POST http://{address}/audit\", allow_private: [127.0.0.0/8] }}
  spare: {{ request: \"POST http://{address}/spare\", allow_private: [127.0.0.0/8] }}
"
    )
}

async fn publish(program: &Program, ids: std::ops::Range<u32>) {
    for id in ids {
        let kind = if id % 2 == 0 { "Shipped" } else { "Packed" };
        let event =
            json!({ "source": "warehouse", "detail_type": kind, "detail": { "id": id, "n": id } });
        let (status, answer) = program.publish("orders", &event).await;
        assert_eq!((status, &answer["failed"]), (200, &0.into()), "{answer}");
    }
}

fn calls(receiver: &Receiver, path: &str) -> Vec<Got> {
    receiver.got().into_iter().filter(|got| got.target.starts_with(path)).collect()
}

async fn arrived(receiver: &Receiver, path: &str, count: usize) -> Vec<Got> {
    until("the calls arrive", async || {
        Some(calls(receiver, path)).filter(|calls| calls.len() >= count)
    })
    .await
}

fn rows(program: &Program, arguments: &[&str]) -> Vec<Value> {
    let text = program.done(arguments);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn show(program: &Program, name: &str) -> Value {
    serde_json::from_str(&program.done(&["replay", "show", name, "--json"])).unwrap()
}

async fn completed(program: &Program, name: &str) -> Value {
    until("the replay completes", async || {
        Some(show(program, name)).filter(|replay| replay["state"] == "completed")
    })
    .await
}

#[tokio::test]
async fn a_rules_events_are_sent_once_more_marked_and_in_order() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver)).await;
    publish(&program, 0..6).await;
    arrived(&receiver, "/hook/", 3).await;
    arrived(&receiver, "/audit", 6).await;
    program
        .done(&["replay", "start", "orders", "--from", "1h", "--rule", "all", "--name", "again"]);
    let again: Vec<Got> = arrived(&receiver, "/audit", 12).await.split_off(6);
    let ids: Vec<_> = again.iter().map(|got| got.json()["detail"]["n"].clone()).collect();
    let mut sorted = ids.clone();
    sorted.sort_by_key(Value::as_u64);
    assert_eq!(sorted, (0..6).map(Value::from).collect::<Vec<_>>());
    for got in &again {
        assert_eq!(got.header("gatepost-replay"), "again");
        assert_eq!(got.json()["replay-name"], "again");
        // The same event, another delivery.
        let first = calls(&receiver, "/audit").into_iter().find(|first| {
            first.json()["id"] == got.json()["id"] && first.header("gatepost-replay").is_empty()
        });
        assert_ne!(first.unwrap().header("idempotency-key"), got.header("idempotency-key"));
    }
    let replay = completed(&program, "again").await;
    assert_eq!((&replay["found"], &replay["settled"]), (&6.into(), &6.into()), "{replay}");
    assert_eq!((&replay["waiting"], &replay["percent"]), (&0.into(), &100.into()));
    assert_eq!(calls(&receiver, "/hook/").len(), 3);
    // Its attempts are history like any other's.
    let lane = "replay:again/all/audit";
    assert_eq!(rows(&program, &["deliveries", "list", "--lane", lane, "--json"]).len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_goes_where_it_is_told_and_takes_what_it_is_told() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver)).await;
    publish(&program, 0..6).await;
    arrived(&receiver, "/audit", 6).await;
    // To a destination that no rule leads to, by a pattern.
    let pattern = r#"{"detail":{"n":[{"numeric":[">",3]}]}}"#;
    let arguments = ["replay", "start", "orders", "--from", "1h", "--to", "spare"];
    program.done(&[&arguments[..], &["--pattern", pattern, "--name", "spare", "--watch"]].concat());
    let spare = calls(&receiver, "/spare");
    let ids: Vec<_> = spare.iter().map(|got| got.json()["detail"]["n"].clone()).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    // Only for what leads to one destination: the other rule's is not called.
    let before = calls(&receiver, "/audit").len();
    let arguments = ["replay", "start", "orders", "--from", "1h", "--destination", "hook"];
    program.done(&[&arguments[..], &["--name", "hook", "--watch"]].concat());
    assert_eq!(calls(&receiver, "/hook/").len(), 6);
    assert_eq!(calls(&receiver, "/audit").len(), before);
    let names: Vec<_> = rows(&program, &["replay", "list", "--json"])
        .into_iter()
        .map(|row| row["name"].clone())
        .collect();
    assert_eq!(names, ["hook", "spare"]);
}

#[tokio::test]
async fn what_is_asked_for_in_vain_is_refused_with_a_remedy() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver)).await;
    let check = |arguments: &[&str], words: &str| {
        let output = program.run(&[&["replay", "start"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
    };
    check(&["nobus", "--from", "1h"], "There is no bus `nobus`");
    check(&["orders", "--from", "soon"], "no moment");
    check(&["orders", "--from", "1h", "--until", "2h"], "is not before `until`");
    check(&["orders", "--from", "1h", "--rule", "none"], "There is no rule `orders/none`");
    check(&["orders", "--from", "1h", "--to", "none"], "There is no destination `none`");
    check(&["orders", "--from", "1h", "--to", "hook"], "has other `*` than are filled");
    check(&["orders", "--from", "1h", "--rate", "10"], "add a unit");
    check(&["orders", "--from", "1h", "--pattern", r#"{"a":1}"#], "no event pattern");
    check(&["others", "--from", "1h"], "nothing would be sent");
    check(&["orders", "--from", "1h", "--until", "rule-start"], "no rule is named");
    program.done(&["replay", "start", "orders", "--from", "1h", "--name", "one"]);
    check(&["orders", "--from", "1h", "--name", "one"], "was called `one` already");
    let output = program.run(&["replay", "pause", "none"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("There is no replay `none`"));
}

#[tokio::test]
async fn a_replay_is_paused_over_a_kill_resumed_and_loses_nothing() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let mut program = Program::start(&definitions(&receiver)).await;
    publish(&program, 0..40).await;
    arrived(&receiver, "/audit", 40).await;
    let arguments = ["replay", "start", "orders", "--from", "1h", "--rule", "all"];
    program.done(&[&arguments[..], &["--rate", "20/s", "--name", "slow"]].concat());
    arrived(&receiver, "/audit", 45).await;
    program.done(&["replay", "pause", "slow"]);
    let paused = show(&program, "slow");
    assert_eq!(paused["state"], "paused");
    program.kill_and_restart().await;
    let so_far = calls(&receiver, "/audit").len();
    assert!(so_far < 80, "{so_far}");
    assert_eq!(show(&program, "slow")["state"], "paused");
    program.done(&["replay", "resume", "slow"]);
    arrived(&receiver, "/audit", 60).await;
    program.kill_and_restart().await;
    completed(&program, "slow").await;
    let again = calls(&receiver, "/audit");
    let again: std::collections::BTreeSet<_> = again
        .iter()
        .filter(|got| got.header("gatepost-replay") == "slow")
        .map(|got| got.json()["detail"]["n"].as_u64().unwrap())
        .collect();
    assert_eq!(again.len(), 40);
    let refused = program.run(&["replay", "cancel", "slow"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is completed"));
}

#[tokio::test]
async fn a_cancelled_replay_sends_nothing_more_and_its_rules_go_on() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver)).await;
    publish(&program, 0..30).await;
    arrived(&receiver, "/audit", 30).await;
    let arguments = ["replay", "start", "orders", "--from", "1h", "--rule", "all"];
    program.done(&[&arguments[..], &["--rate", "10/s", "--name", "gone"]].concat());
    arrived(&receiver, "/audit", 33).await;
    program.done(&["replay", "cancel", "gone"]);
    let sent = calls(&receiver, "/audit").len();
    publish(&program, 30..32).await;
    arrived(&receiver, "/audit", sent + 2).await;
    let replayed = calls(&receiver, "/audit")
        .iter()
        .filter(|got| got.header("gatepost-replay") == "gone")
        .count();
    assert!(replayed < 20, "{replayed}");
    let watched = program.run(&["replay", "watch", "gone"]);
    assert!(!watched.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_rule_can_start_in_the_past() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver)).await;
    publish(&program, 0..4).await;
    arrived(&receiver, "/audit", 4).await;
    let rule = "      late:\n        when: { detail-type: [Packed] }\n        send: [{ to: spare }]\n  others:";
    program.rewrite(|file| file.replace("  others:", rule));
    program.signal("-HUP");
    until("the rule is there", async || {
        let names: Vec<_> = rows(&program, &["rules", "list", "--json"]);
        names.iter().any(|row| row["name"] == "orders/late").then_some(())
    })
    .await;
    publish(&program, 4..8).await;
    arrived(&receiver, "/spare", 2).await;
    let arguments = ["replay", "start", "orders", "--from", "1h", "--until", "rule-start"];
    program.done(&[&arguments[..], &["--rule", "late", "--watch"]].concat());
    let mut numbers: Vec<_> = calls(&receiver, "/spare")
        .iter()
        .map(|got| got.json()["detail"]["n"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    // What was accepted in the millisecond in which the rule began may come twice.
    numbers.dedup();
    assert_eq!(numbers, [1, 3, 5, 7]);
}

/// A receiver that refuses one order as long as it is told to, and a program that has sent it six.
async fn one_refused() -> (Arc<AtomicBool>, Receiver, Program) {
    let refuses = Arc::new(AtomicBool::new(true));
    let is_refusing = Arc::clone(&refuses);
    let receiver = Receiver::start(move |_, got| match &*got.target {
        "/hook/4" if is_refusing.load(Ordering::Relaxed) => {
            Reply::status(422).body("no such order")
        }
        _ => Reply::status(204),
    })
    .await;
    let program = Program::start(&definitions(&receiver)).await;
    publish(&program, 0..6).await;
    until("all is settled", async || (attempts(&program, &[]).len() == 9).then_some(())).await;
    (refuses, receiver, program)
}

fn attempts(program: &Program, arguments: &[&str]) -> Vec<Value> {
    let all = ["deliveries", "list", "--json", "--from", "1h"];
    rows(program, &[&all, arguments].concat())
}

#[tokio::test]
async fn attempts_are_found_by_what_an_operator_knows() {
    let (_, receiver, program) = one_refused().await;
    for (arguments, count) in [
        (&["--destination", "hook"][..], 3),
        (&["--rule", "orders/all"], 6),
        (&["--status", "422"], 1),
        (&["--status", "4xx"], 1),
        (&["--status", "2xx"], 8),
        (&["--status", "none"], 0),
        (&["--failed"], 1),
        (&["--until", "1h"], 0),
        (&["--where", r#"{"detail":{"n":[{"numeric":[">=",4]}]}}"#], 3),
        (&["--where", r#"{"detail":{"n":[4]}}"#, "--destination", "hook"], 1),
    ] {
        assert_eq!(attempts(&program, arguments).len(), count, "{arguments:?}");
    }
    let failed = &attempts(&program, &["--failed"])[0];
    assert_eq!(failed["response"], "no such order");
    assert_eq!(failed["address"], receiver.address().to_string());
    for (arguments, words) in [
        (["--status", "7xx"], "`status` is `7xx`"),
        (["--destination", "none"], "There is no destination `none`"),
        (["--rule", "orders/none"], "There is no rule `orders/none`"),
        (["--where", "{}x"], "no event pattern"),
        (["--after", "x"], "give back `next`"),
    ] {
        let output = program.run(&[&["deliveries", "list"], &arguments[..]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn a_long_history_is_read_page_by_page_each_attempt_once() {
    let (_, _receiver, program) = one_refused().await;
    let (mut after, mut seen) = (None, std::collections::BTreeSet::new());
    loop {
        let mut path = "deliveries?limit=2".to_owned();
        if let Some(after) = &after {
            path = format!("{path}&after={after}");
        }
        let page = program.admin_get(&path).await;
        for item in page["items"].as_array().unwrap() {
            assert!(seen.insert(item["delivery"].to_string()), "{item}");
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen.len(), 9);
}

#[tokio::test]
async fn dead_letters_are_found_and_redriven_by_what_an_operator_knows() {
    let (refuses, receiver, program) = one_refused().await;
    let letters = |arguments: &[&str]| {
        rows(&program, &[&["dead-letters", "list", "--json"], arguments].concat())
    };
    let four = r#"{"detail":{"n":[4]}}"#;
    for (arguments, count) in [
        (&["--code", "HTTP_422"][..], 1),
        (&["--code", "HTTP_404"], 0),
        (&["--rule", "orders/shipped"], 1),
        (&["--destination", "audit"], 0),
        (&["--where", four], 1),
        (&["--where", r#"{"detail":{"n":[5]}}"#], 0),
    ] {
        assert_eq!(letters(arguments).len(), count, "{arguments:?}");
    }
    let stray = "dlv_1_01a202a4-61d8-703f-a545-f4914f6cdd1d";
    assert!(!program.run(&["dead-letters", "redrive", stray]).status.success());
    refuses.store(false, Ordering::Relaxed);
    assert_eq!(program.done(&["dead-letters", "redrive", "--where", four]), "1 redriven");
    arrived(&receiver, "/hook/", 4).await;
    assert_eq!(program.done(&["dead-letters", "purge", "--all", "--yes"]), "0 purged");
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_redriven_at_a_rate() {
    let down = Arc::new(AtomicBool::new(true));
    let is_down = Arc::clone(&down);
    let receiver = Receiver::start(move |_, got| {
        let refuse = got.target.starts_with("/hook") && is_down.load(Ordering::Relaxed);
        Reply::status(if refuse { 404 } else { 204 })
    })
    .await;
    let program = Program::start(&definitions(&receiver)).await;
    publish(&program, 0..40).await;
    until("they are dead letters", async || {
        let letters = rows(&program, &["dead-letters", "list", "--json"]);
        (letters.len() == 20).then_some(())
    })
    .await;
    let metrics = format!("{}/metrics", program.admin);
    until("the metrics show them", async || {
        let text = crate::program::http().get(&metrics).send().await.ok()?.text().await.ok()?;
        text.contains("gatepost_dead_letters_kept{queue=\"shipped\"} 20").then_some(())
    })
    .await;
    down.store(false, Ordering::Relaxed);
    let began = std::time::Instant::now();
    let said = program.done(&["dead-letters", "redrive", "--all", "--rate", "20/s"]);
    assert_eq!(said, "20 redriven");
    // Two a tenth of a second: the last of ten pieces not before nine pauses.
    assert!(began.elapsed().as_millis() >= 900, "{:?}", began.elapsed());
    arrived(&receiver, "/hook/", 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developer_hears_a_bus_and_has_it_posted() {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let program = Program::start(&definitions(&receiver)).await;
    publish(&program, 0..3).await;
    let own = Receiver::start(|_, _| Reply::status(200)).await;
    let url = format!("{}/own", own.url());
    let arguments = ["listen", "orders", "--from", "1h", "--count", "2", "--forward", &url];
    let packed = r#"{"detail-type":["Packed"]}"#;
    let mut command = std::process::Command::new(crate::program::PROGRAM);
    command.args(arguments).args(["--where", packed]).current_dir(program.directory.path());
    let listening = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    // One is there already, the other comes while it is waited for.
    until("the first is heard", async || (!own.got().is_empty()).then_some(())).await;
    publish(&program, 3..4).await;
    until("the second is heard", async || (own.got().len() == 2).then_some(())).await;
    let said = String::from_utf8(listening.wait_with_output().unwrap().stdout).unwrap();
    let got = own.got();
    assert_eq!(said.lines().count(), 2);
    assert!(said.lines().all(|line| line.ends_with("200") && line.contains("Packed")), "{said}");
    let ids: Vec<_> = got.iter().map(|got| got.json()["detail"]["n"].clone()).collect();
    assert_eq!(ids, [1, 3]);
    let output = program.run(&["listen", "nobus"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("There is no bus `nobus`"));
}

#[tokio::test]
async fn files_whose_time_is_over_go_and_what_is_still_needed_stays() {
    let receiver =
        Receiver::start(|_, got| Reply::status(if got.target == "/hook/2" { 404 } else { 204 }))
            .await;
    let more =
        definitions(&receiver).replace("  orders:\n", "  orders:\n    archive: { keep: 0s }\n");
    let definitions = format!("segment: 64KiB\nhistory: {{ keep: 0s }}\n{more}");
    let mut program = Program::start(&definitions).await;
    let files = |program: &Program| {
        let files = std::fs::read_dir(program.path("data/log")).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let mut names: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "db")).collect();
        names.sort();
        names
    };
    publish(&program, 0..4).await;
    arrived(&receiver, "/audit", 4).await;
    until("one is a dead letter", async || {
        let letters = rows(&program, &["dead-letters", "list", "--json"]);
        (letters.len() == 1).then_some(())
    })
    .await;
    // Sealed and swept of all but the letter at a start. Whatever is not yet settled then, be it
    // published or tried again, would wait for the next look, a minute later.
    crate::ordeal::settled(&program).await;
    assert!(program.stop().success());
    program.launch();
    program.wait_ready().await;
    until("it is sealed", async || (files(&program).len() >= 2).then_some(())).await;
    let left = async |program: &Program| {
        program.admin_get("events/orders?from=2020-01-01T00:00:00Z&limit=1000").await["items"]
            .as_array()
            .map(Vec::len)
    };
    until("what is delivered is gone", async || {
        left(&program).await.filter(|left| *left == 1).map(drop)
    })
    .await;
    until("what was dropped is counted", async || {
        let url = format!("{}/metrics", program.admin);
        let text = crate::program::http().get(url).send().await.ok()?.text().await.ok()?;
        text.contains("gatepost_retention_dropped_total{what=\"events\"}").then_some(())
    })
    .await;
    publish(&program, 4..6).await;
    arrived(&receiver, "/audit", 6).await;
    // Without the letter, the file is of no use.
    assert_eq!(program.done(&["dead-letters", "purge", "--all", "--yes"]), "1 purged");
    let first = files(&program)[0].clone();
    program.kill_and_restart().await;
    until("its file is gone", async || (!files(&program).contains(&first)).then_some(())).await;
    publish(&program, 6..8).await;
    arrived(&receiver, "/audit", 8).await;
}
