//! `kill -9` of the real program at random moments, under load and with a receiver that cannot be
//! relied on: nothing acknowledged is lost, nothing is invented, no entry becomes two events.
//!
//! The moments come from a seed that is printed; `GATEPOST_SEED=… ` gives it again, and with it the same
//! draws, though not the same interleaving of processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Chance, Unreliable, everyday_trouble, until};
use tokio::task::JoinSet;

use crate::ordeal::{self, Publishing, dead_letters, settled, verify};
use crate::program::Program;

/// How many kills more there may be until something became a dead letter: breakers and pauses keep
/// events back while the receiver is unreliable, and which ones is chance.
const MORE_KILLS_MAX: usize = 20;

/// Entries published around each kill.
const ENTRIES_PER_KILL: usize = 300;

/// A pause drawn at random: a kill must not come at a moment that the test has chosen.
async fn some_time(chance: &mut Chance, at_most_ms: u64) {
    tokio::time::sleep(Duration::from_millis(chance.below(at_most_ms))).await;
}

/// Kills it once in the middle of publishing, and now and then a second time while it starts.
async fn kill_once(program: &mut Program, publishing: &Publishing, chance: &mut Chance) {
    let enough = publishing.answers() + 1 + usize::try_from(chance.below(6)).unwrap();
    publishing.grant(ENTRIES_PER_KILL);
    until("publishing goes on", async || {
        publishing.keep_granted(100);
        (publishing.answers() >= enough).then_some(())
    })
    .await;
    some_time(chance, 40).await;
    program.kill();
    program.launch();
    if chance.once_in(4) {
        some_time(chance, 150).await;
        program.kill();
        program.launch();
    }
    program.wait_ready().await;
}

/// Lets what waits be settled by a receiver that is well again. A last start forgets breakers and
/// pauses, which only the program's memory holds.
async fn recover(program: &mut Program, receiver: &Unreliable) {
    receiver.recover();
    program.kill_and_restart().await;
    settled(program).await;
}

async fn survives_kills(kills: usize) {
    let seed = ordeal::seed();
    let mut chance = Chance::from_seed(seed);
    let receiver = Unreliable::start(seed, everyday_trouble()).await;
    let mut program = Program::start(&ordeal::definitions(&receiver)).await;
    let publishing = Publishing::begin(&program, seed);
    for _ in 0..kills {
        kill_once(&mut program, &publishing, &mut chance).await;
    }
    for _ in 0..MORE_KILLS_MAX {
        if !dead_letters(&program).await.is_empty() {
            break;
        }
        kill_once(&mut program, &publishing, &mut chance).await;
    }
    let acknowledged = publishing.end().await;
    recover(&mut program, &receiver).await;
    let letters = dead_letters(&program).await;
    verify(&acknowledged, &receiver, &letters);
    // The test means nothing if nothing went wrong.
    let (deliveries, requests) = ordeal::counts(&receiver.noted());
    eprintln!(
        "{kills} kills: {} events, {deliveries} deliveries in {requests} requests, {} dead letters",
        acknowledged.len(),
        letters.len()
    );
    assert!(requests as usize > deliveries && !letters.is_empty());
}

#[tokio::test]
async fn kills_lose_nothing_acknowledged_and_invent_nothing() {
    survives_kills(5).await;
}

#[tokio::test]
#[ignore = "a hundred kills take minutes; CONTRIBUTING.md says when"]
async fn a_hundred_kills_lose_nothing_acknowledged_and_invent_nothing() {
    survives_kills(ordeal::rounds()).await;
}

/// Pauses and resumes a rule and redrives dead letters, whether the program is there or not.
async fn operator(program: Arc<Operated>, mut chance: Chance, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let path = match chance.below(4) {
            0 => "rules/orders/even/pause",
            1 => "rules/orders/even/resume",
            _ => "dead-letters/redrive",
        };
        program.call(path).await;
        some_time(&mut chance, 60).await;
    }
}

/// The admin door of a program that comes and goes.
struct Operated {
    url: String,
    token: String,
}

impl Operated {
    fn of(program: &Program) -> Self {
        let token = program.read("data/admin-token").trim().to_owned();
        Self { url: format!("{}/admin/v1", program.admin), token }
    }

    /// Whether it was answered and done.
    async fn call(&self, path: &str) -> bool {
        let request = crate::program::http()
            .post(format!("{}/{path}", self.url))
            .bearer_auth(&self.token)
            .header("content-type", "application/json");
        let answer = request.body("{}").send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

async fn survives_kills_while_operated(kills: usize) {
    let seed = ordeal::seed();
    let mut chance = Chance::from_seed(seed);
    let receiver = Unreliable::start(seed, everyday_trouble()).await;
    let mut program = Program::start(&ordeal::definitions(&receiver)).await;
    let publishing = Publishing::begin(&program, seed);
    let stop = Arc::new(AtomicBool::new(false));
    let mut operators = JoinSet::new();
    let operated = Arc::new(Operated::of(&program));
    for number in 0..2 {
        let chance = Chance::from_seed(seed + 100 + number);
        operators.spawn(operator(Arc::clone(&operated), chance, Arc::clone(&stop)));
    }
    for _ in 0..kills {
        kill_once(&mut program, &publishing, &mut chance).await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = operators.join_next().await {
        ended.unwrap();
    }
    let acknowledged = publishing.end().await;
    assert!(operated.call("rules/orders/even/resume").await);
    recover(&mut program, &receiver).await;
    // What was given up is redriven, and the receiver takes it: no dead letter is left.
    let redriven = ordeal::admin(&program, "POST", "dead-letters/redrive", &json!({})).await;
    assert_ne!(redriven.expect("an answer")["redriven"], Value::Null);
    settled(&program).await;
    let letters = dead_letters(&program).await;
    assert!(letters.is_empty(), "{} dead letters are left", letters.len());
    verify(&acknowledged, &receiver, &letters);
}

#[tokio::test]
async fn kills_while_rules_are_paused_and_letters_redriven_lose_nothing() {
    survives_kills_while_operated(4).await;
}

#[tokio::test]
#[ignore = "a hundred kills take minutes; CONTRIBUTING.md says when"]
async fn a_hundred_kills_while_rules_are_paused_and_letters_redriven_lose_nothing() {
    survives_kills_while_operated(ordeal::rounds()).await;
}
