//! Receivers that mean harm, or act as if they did: endless answers, dripped ones, none at all. The
//! program's memory stays flat, every attempt ends and is recorded, and healthy destinations go on.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Conduct, Unreliable, until_within};

use crate::program::Program;

/// Events that go to every destination.
const EVENTS: usize = 40;
/// Calls at once to each; an answer under way holds its buffers, and no more than those.
const IN_FLIGHT: usize = 4;
/// How much resident memory may grow over that of friendly deliveries, whatever they answer, and how
/// much when they do it again.
const MEMORY_KIB_MAX: u64 = 64 * 1024;
const MEMORY_AGAIN_KIB_MAX: u64 = 32 * 1024;
/// The destinations' `timeout`, and what a busy machine may add to it.
const TIMEOUT_MS: i64 = 1_000;
const LATE_MS: i64 = 2_000;

/// How long what has to happen may take: far less than all the time-outs one after the other.
const PATIENCE: Duration = Duration::from_secs(10);

/// What each destination does, and what of it the record of an attempt must say.
fn hostile() -> Vec<(String, Conduct, &'static str)> {
    let huge = 256 * 1024 * 1024;
    let mut all: Vec<(String, Conduct, &'static str)> = Vec::new();
    for number in 0..8 {
        // Half of them say that they took it: what follows in the answer changes nothing of that.
        let (status, recorded) =
            if number < 4 { (200, "delivered 200") } else { (500, "retry 500") };
        all.push((format!("huge-{number}"), Conduct::Huge(status, huge), recorded));
    }
    let second = Duration::from_secs(1);
    let metadata = "http://169.254.169.254/latest/meta-data/".to_owned();
    for (name, conduct, recorded) in [
        ("dripping", Conduct::Drip(200, 600, second), "retry no whole answer within 1000 ms"),
        ("resetting", Conduct::ResetInAnswer(200), "retry the connection broke"),
        ("redirecting", Conduct::Redirect(302, metadata), "dead 302"),
        ("endless", Conduct::EndlessHeaders(200), "retry the connection broke"),
        ("silent", Conduct::Silent, "retry no whole answer within 1000 ms"),
        ("half-closed", Conduct::HalfClosed, "retry the connection broke"),
    ] {
        all.push((name.to_owned(), conduct, recorded));
    }
    all
}

/// A rule and a destination for each.
fn definitions(receiver: &Unreliable, names: &[&str]) -> String {
    let mut file = "\nbuses:\n  orders:\n    rules:\n".to_owned();
    for name in names {
        let retry = "retry: { for: 60m, delays: [10ms, 10ms, 10ms, 10ms, 10ms] }";
        let rule = format!(
            "      {name}: {{ when: {{ source: [{{ prefix: \"\" }}] }}, send: [{{ to: {name}, {retry} }}] }}\n"
        );
        file.push_str(&rule);
    }
    file.push_str("destinations:\n");
    for name in names {
        let destination = format!(
            "  {name}: {{ request: \"POST http://{}/{name}\", timeout: {TIMEOUT_MS}ms, in_flight: {IN_FLIGHT}, allow_private: [127.0.0.0/8] }}\n",
            receiver.address()
        );
        file.push_str(&destination);
    }
    file
}

/// The recorded attempts of a lane, but for the friendly ones: 204 is what no hostile receiver says.
fn attempts(program: &Program, name: &str) -> Vec<Value> {
    let lane = format!("orders/{name}/{name}");
    let listed =
        program.done(&["deliveries", "list", "--lane", &lane, "--limit", "1000", "--json"]);
    let all = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|attempt| attempt["status"] != 204).collect()
}

async fn publish(program: &Program) {
    let entries: Vec<Value> = (0..EVENTS)
        .map(|number| json!({ "source": "test", "detail_type": "T", "detail": { "n": number } }))
        .collect();
    let (status, _) = program.publish("orders", &json!({ "entries": entries })).await;
    assert_eq!(status, 200);
}

async fn healthy_has(receiver: &Unreliable, count: usize) {
    until_within(PATIENCE, "the healthy destination has all", async || {
        (receiver.taken_at("/healthy") == count).then_some(())
    })
    .await;
}

/// An attempt as it ended, and the status or the error.
fn in_words(attempt: &Value) -> String {
    let reason = match attempt["status"].as_u64() {
        Some(status) => status.to_string(),
        None => attempt["error"].as_str().unwrap().to_owned(),
    };
    format!("{} {reason}", attempt["outcome"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_receivers_cost_no_memory_hold_nothing_for_long_and_delay_nobody() {
    let receiver = Unreliable::start(1, vec![(1, Conduct::Status(204))]).await;
    let hostile = hostile();
    let names: Vec<&str> =
        hostile.iter().map(|(name, _, _)| name.as_str()).chain(["healthy"]).collect();
    let program = Program::start(&definitions(&receiver, &names)).await;
    // What any deliveries take, and looking at them, in caches and pools, is there before.
    publish(&program).await;
    for name in &names {
        until_within(PATIENCE, "a friendly destination has all", async || {
            (receiver.taken_at(&format!("/{name}")) == EVENTS).then_some(())
        })
        .await;
        assert!(attempts(&program, name).is_empty(), "{name} was friendly");
    }
    for (name, conduct, _) in &hostile {
        receiver.behave_at(&format!("/{name}"), vec![(1, conduct.clone())]);
    }
    let before = program.memory_kib("VmRSS");
    let began = std::time::Instant::now();
    publish(&program).await;
    healthy_has(&receiver, 2 * EVENTS).await;
    let healthy = began.elapsed();
    for (name, _, recorded) in &hostile {
        let attempts = until_within(PATIENCE, "its attempts are recorded", async || {
            Some(attempts(&program, name)).filter(|attempts| attempts.len() >= 10)
        })
        .await;
        let told: Vec<String> = attempts.iter().map(in_words).collect();
        // A busy machine may cut an attempt off before the receiver has shown what it is.
        let others = told.iter().find(|told| {
            !told.starts_with(recorded) && !told.starts_with("retry no whole answer within")
        });
        assert_eq!(others, None, "{name}");
        assert!(told.iter().any(|told| told.starts_with(recorded)), "{name}: {told:?}");
        let longest = attempts.iter().map(|attempt| attempt["took_ms"].as_i64().unwrap()).max();
        assert!(longest.unwrap() < TIMEOUT_MS + LATE_MS, "{name}: {longest:?} ms");
    }
    let most = program.memory_kib("VmHWM");
    eprintln!(
        "healthy after {healthy:?}; resident {before} KiB, at most {most} KiB; {} connections, {} MiB answered",
        receiver.connections(),
        receiver.sent_bytes() >> 20
    );
    assert!(most < before + MEMORY_KIB_MAX, "from {before} to {most} KiB");
    let longest = receiver.longest_answer().as_millis();
    assert!(longest < u128::try_from(TIMEOUT_MS + LATE_MS).unwrap(), "{longest} ms");

    // As much again costs nothing more.
    publish(&program).await;
    healthy_has(&receiver, 3 * EVENTS).await;
    until_within(PATIENCE, "an endless answer is cut again", async || {
        (attempts(&program, "huge-0").len() >= 2 * EVENTS).then_some(())
    })
    .await;
    let again = program.memory_kib("VmHWM");
    assert!(again < most + MEMORY_AGAIN_KIB_MAX, "from {most} to {again} KiB");
}
