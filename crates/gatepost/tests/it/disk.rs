//! Power cuts and disks that fail: what was acknowledged is there afterwards, what could not be kept
//! is refused in words.
//!
//! `disk/forgetful.c`, preloaded into the real program, is the disk: it forgets what was not synced,
//! and fails the calls it is told to. That it finds losses is tested too, where syncing lies.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use model::EventId;
use serde_json::{Value, json};
use testkit::{
    Chance, Conduct, Receiver, Reply, Unreliable, everyday_trouble, until, until_within,
};

use crate::ordeal::{self, Publishing, dead_letters, entry, settled, verify};
use crate::program::{Program, http};

/// How the process ends when the power goes.
const CUT: i32 = 87;
/// `ENOSPC` and `EIO`.
const FULL: i32 = 28;
const BROKEN: i32 = 5;
/// How long the power may take to go, or a fault to happen, under load.
const HAPPENS_WITHIN: Duration = Duration::from_mins(1);

/// The library, compiled once per run.
fn library() -> PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY
        .get_or_init(|| {
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/disk/forgetful.c");
            let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
            // Another run may use the finished one meanwhile.
            let fresh = directory.join(format!("forgetful-{}.so", std::process::id()));
            let library = directory.join("forgetful.so");
            let compiled = Command::new("cc")
                .args(["-shared", "-fPIC", "-O2", "-pthread", "-Wall", "-Wextra", "-Werror", "-o"])
                .args([fresh.as_os_str(), source.as_ref()])
                .status();
            assert!(compiled.expect("a C compiler, `cc`").success());
            std::fs::rename(&fresh, &library).unwrap();
            library
        })
        .clone()
}

/// The disk below a program's data directory.
struct Disk(PathBuf);

impl Disk {
    /// Puts the program's next starts on it.
    fn below(program: &mut Program) -> Self {
        let directory = program.directory.path().canonicalize().unwrap();
        let disk = Self(directory.join("control"));
        disk.say("");
        program.environment = vec![
            ("LD_PRELOAD", library()),
            ("FORGETFUL_DIRECTORY", directory.join("data")),
            ("FORGETFUL_CONTROL", disk.0.clone()),
        ];
        disk
    }

    /// Tells it how to behave from now on.
    fn say(&self, words: &str) {
        let fresh = self.0.with_extension("new");
        std::fs::write(&fresh, words).unwrap();
        std::fs::rename(&fresh, &self.0).unwrap();
    }

    fn fail(&self, error: i32, words: &str) {
        self.say(&format!("fail={error} {words}"));
    }

    /// How often a line of its report begins with `word`.
    fn reported(&self, word: &str) -> usize {
        let report = std::fs::read_to_string(self.0.with_extension("report")).unwrap_or_default();
        report.lines().filter(|line| line.starts_with(word)).count()
    }

    fn report(&self) -> String {
        std::fs::read_to_string(self.0.with_extension("report")).unwrap_or_default()
    }
}

/// Waits until the power has gone; anything else that ends the program fails the test.
async fn power_gone(program: &mut Program, mut meanwhile: impl FnMut()) {
    let status = until_within(HAPPENS_WITHIN, "the power goes", async || {
        meanwhile();
        program.has_ended()
    })
    .await;
    assert_eq!(status.code(), Some(CUT), "it ended by itself: {}", program.read("stderr"));
}

/// When the power goes next: half of the time soon, in the middle of a start.
fn next_cut(chance: &mut Chance) -> String {
    let within = if chance.once_in(2) { 60 } else { 800 };
    let (cut, torn, seed) = (1 + chance.below(within), chance.below(2), chance.below(1 << 31));
    format!("cut={cut} torn={torn} seed={seed}")
}

async fn survives_cuts(cuts: usize) {
    let seed = ordeal::seed();
    let mut chance = Chance::from_seed(seed);
    let receiver = Unreliable::start(seed, everyday_trouble()).await;
    let mut program = Program::start(&ordeal::definitions(&receiver)).await;
    // The first start of all may be cut too: nothing is there yet.
    program.kill();
    std::fs::remove_dir_all(program.path("data")).unwrap();
    let disk = Disk::below(&mut program);
    let publishing = Publishing::begin(&program, seed);
    for _ in 0..cuts {
        disk.say(&next_cut(&mut chance));
        program.launch();
        power_gone(&mut program, || publishing.keep_granted(100)).await;
    }
    program.environment.clear();
    program.start_again().await;
    publishing.grant(100);
    let acknowledged = publishing.end().await;
    receiver.recover();
    program.kill_and_restart().await;
    settled(&program).await;
    let letters = dead_letters(&program).await;
    eprintln!("{}{} events, {} dead letters", disk.report(), acknowledged.len(), letters.len());
    assert_eq!(disk.reported("cut"), cuts);
    verify(&acknowledged, &receiver, &letters);
}

#[tokio::test]
async fn power_cuts_lose_nothing_acknowledged_and_invent_nothing() {
    survives_cuts(8).await;
}

#[tokio::test]
#[ignore = "a hundred power cuts take minutes; CONTRIBUTING.md says when"]
async fn a_hundred_power_cuts_lose_nothing_acknowledged_and_invent_nothing() {
    survives_cuts(ordeal::rounds()).await;
}

/// Cuts the power in the middle of a very first start, at every `step`-th call; each time the next start
/// must find its way, whatever there is of keys and files.
async fn survives_cuts_of_a_first_start(step: usize) {
    let receiver = Unreliable::start(1, vec![(1, Conduct::Status(204))]).await;
    let mut program = Program::start(&ordeal::definitions(&receiver)).await;
    program.kill();
    let disk = Disk::below(&mut program);
    let environment = program.environment.clone();
    for cut in (1..).step_by(step) {
        for torn in [0, 1] {
            std::fs::remove_dir_all(program.path("data")).unwrap();
            disk.say(&format!("cut={cut} torn={torn} seed={cut}"));
            program.environment.clone_from(&environment);
            program.launch();
            let url = format!("{}/readyz", program.admin);
            let status = until("the power goes, or it is ready before", async || {
                if let Some(status) = program.has_ended() {
                    return Some(Some(status));
                }
                let answer = http().get(&url).send().await.ok()?;
                answer.status().is_success().then_some(None)
            })
            .await;
            let Some(status) = status else {
                eprintln!("a first start makes {} calls or fewer", cut - 1);
                assert!(cut > 10, "a first start was hardly cut");
                return;
            };
            assert_eq!(status.code(), Some(CUT), "{}", program.read("stderr"));
            program.environment.clear();
            program.start_again().await;
            publish_all(&program, &orders("0", 1)).await;
            program.kill();
        }
    }
}

#[tokio::test]
async fn a_first_start_may_be_cut_anywhere() {
    survives_cuts_of_a_first_start(11).await;
}

#[tokio::test]
#[ignore = "every call of a first start takes a minute; CONTRIBUTING.md says when"]
async fn a_first_start_may_be_cut_at_each_of_its_hundred_calls() {
    survives_cuts_of_a_first_start(1).await;
}

/// Publishes orders that must be taken; gives their events.
async fn publish_all(program: &Program, orders: &[String]) -> Vec<EventId> {
    let entries: Vec<Value> = orders.iter().map(|order| entry(order)).collect();
    let (status, answer) = program.publish("orders", &json!({ "entries": entries })).await;
    assert_eq!((status, &answer["failed"]), (200, &0.into()), "{answer}");
    let entries = answer["entries"].as_array().unwrap();
    entries.iter().map(|entry| EventId::parse(entry["id"].as_str().unwrap()).unwrap()).collect()
}

fn orders(publisher: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{publisher}-{number}")).collect()
}

/// How many of a hundred acknowledged events are no longer known after a power cut.
async fn lost_in_a_cut(words: &str) -> usize {
    let receiver = Unreliable::start(1, vec![(1, Conduct::Status(503))]).await;
    let mut program = Program::start(&ordeal::definitions(&receiver)).await;
    assert!(program.stop().success());
    let disk = Disk::below(&mut program);
    disk.say(words);
    program.start_again().await;
    let orders = orders("0", 100);
    let events = publish_all(&program, &orders).await;
    disk.say(&format!("{words} cut=1"));
    assert_eq!(program.publish_or_nothing(&entry("1-0")).await, None, "the power went");
    power_gone(&mut program, || {}).await;
    program.environment.clear();
    program.start_again().await;
    let again = publish_all(&program, &orders).await;
    events.iter().zip(&again).filter(|(before, after)| before != after).count()
}

#[tokio::test]
async fn losses_are_found_where_syncing_lies_and_nowhere_else() {
    assert_eq!(lost_in_a_cut("").await, 0);
    assert_eq!(lost_in_a_cut("torn=1 seed=7").await, 0);
    assert_eq!(lost_in_a_cut("lie=1").await, 100);
}

/// Publishes what must be refused for the disk's sake; gives what the publisher is told.
async fn refused(program: &Program, order: &str) -> String {
    let answer = http()
        .post(format!("{}/events/orders", program.internal))
        .header("content-type", "application/json")
        .body(entry(order).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(problem["type"], "urn:gatepost:problem:store-unavailable");
    problem["detail"].as_str().unwrap().to_owned()
}

/// While the disk fails so, events are refused with `reason`; then all goes on without a restart, and
/// after a power cut nothing acknowledged is missing and nothing refused is there.
async fn check_failing_disk(error: i32, on: &str, reason: &str) {
    let receiver = Unreliable::start(1, vec![(1, Conduct::Status(204))]).await;
    let mut program = Program::start(&ordeal::definitions(&receiver)).await;
    program.kill();
    let disk = Disk::below(&mut program);
    program.start_again().await;
    let orders = orders("0", 40);
    let mut events = publish_all(&program, &orders[..20]).await;
    disk.fail(error, &format!("on={on} times=0"));
    for _ in 0..3 {
        let told = refused(&program, "1-0").await;
        assert!(told.contains("Nothing of this request was acknowledged; send it again"), "{told}");
        assert!(told.contains(reason), "{on}: {told}");
    }
    assert!(disk.reported("failed") >= 3, "{}", disk.report());
    disk.say("");
    // The very next one is taken, and the refused one is new.
    events.extend(publish_all(&program, &orders[20..]).await);
    let (_, answer) = program.publish("orders", &entry("1-0")).await;
    assert_eq!(answer["entries"][0]["duplicate"], Value::Null, "it was refused, and is there");
    let late = EventId::parse(answer["entries"][0]["id"].as_str().unwrap()).unwrap();
    settled(&program).await;
    disk.say("cut=1 torn=1 seed=3");
    assert_eq!(program.publish_or_nothing(&entry("1-2")).await, None, "the power went");
    power_gone(&mut program, || {}).await;
    program.environment.clear();
    program.start_again().await;
    assert_eq!(publish_all(&program, &orders).await, events);
    let mut acknowledged: std::collections::BTreeMap<String, EventId> =
        orders.into_iter().zip(events).collect();
    acknowledged.insert("1-0".to_owned(), late);
    settled(&program).await;
    verify(&acknowledged, &receiver, &dead_letters(&program).await);
}

#[tokio::test]
async fn a_full_disk_refuses_events_in_words_and_goes_on_when_there_is_room() {
    check_failing_disk(FULL, "write", "disk is full").await;
}

#[tokio::test]
async fn a_disk_that_cannot_write_refuses_events_and_goes_on_when_it_can() {
    check_failing_disk(BROKEN, "write", "disk I/O error").await;
}

#[tokio::test]
async fn a_sync_that_fails_acknowledges_nothing() {
    check_failing_disk(BROKEN, "sync", "disk I/O error").await;
}

/// Waits until a start has come to something: ready, or ended and why.
async fn started(program: &mut Program) -> Result<(), String> {
    let url = format!("{}/readyz", program.admin);
    until("it is ready or has ended", async || {
        if let Some(status) = program.has_ended() {
            assert_eq!(status.code(), Some(1), "{}", program.read("stderr"));
            return Some(Err(program.read("stderr")));
        }
        let answer = http().get(&url).send().await.ok()?;
        answer.status().is_success().then_some(Ok(()))
    })
    .await
}

#[tokio::test]
async fn a_start_on_a_disk_that_fails_refuses_or_ends_in_words_and_costs_nothing() {
    let receiver = Unreliable::start(1, vec![(1, Conduct::Status(204))]).await;
    let mut program = Program::start(&ordeal::definitions(&receiver)).await;
    let orders = orders("0", 10);
    let events = publish_all(&program, &orders).await;
    program.kill();
    let disk = Disk::below(&mut program);
    let faults = [(FULL, "write"), (BROKEN, "write"), (BROKEN, "sync"), (BROKEN, "any")];
    for (number, (error, on)) in faults.into_iter().enumerate() {
        disk.fail(error, &format!("on={on} times=0"));
        program.launch();
        // Whether the first write comes before or after readiness is the store's affair.
        if let Err(told) = started(&mut program).await {
            assert!(told.contains("disk"), "{on}: {told}");
        } else {
            refused(&program, &format!("1-{number}")).await;
            program.kill();
        }
        disk.say("");
        program.start_again().await;
        assert_eq!(publish_all(&program, &orders).await, events, "{error} on {on}");
        // What was refused is taken now, once. Where only syncing failed its frames were written, and a
        // start that finds them whole keeps them: then it is a repetition.
        let (status, answer) = program.publish("orders", &entry(&format!("1-{number}"))).await;
        assert_eq!((status, &answer["failed"]), (200, &0.into()));
        assert!(on != "write" || answer["entries"][0]["duplicate"] == Value::Null, "{answer}");
        program.kill();
    }
    program.environment.clear();
    program.start_again().await;
    settled(&program).await;
}

/// Faults at random calls under load, each once or a few times, and now and then a power cut: the
/// program itself goes on after every fault.
async fn survives_faults(faults: usize) {
    let seed = ordeal::seed();
    let mut chance = Chance::from_seed(seed);
    let receiver = Unreliable::start(seed, everyday_trouble()).await;
    let mut program = Program::start(&ordeal::definitions(&receiver)).await;
    program.kill();
    let disk = Disk::below(&mut program);
    program.start_again().await;
    let publishing = Publishing::begin(&program, seed);
    for _ in 0..faults {
        let error = if chance.once_in(2) { FULL } else { BROKEN };
        let on = ["write", "sync", "any"][usize::try_from(chance.below(3)).unwrap()];
        let (after, times) = (1 + chance.below(80), 1 + chance.below(4));
        let before = disk.reported("failed");
        disk.fail(error, &format!("on={on} after={after} times={times}"));
        until_within(HAPPENS_WITHIN, "the disk fails", async || {
            publishing.keep_granted(100);
            (disk.reported("failed") > before).then_some(())
        })
        .await;
        let answers = publishing.answers() + 2;
        until("events are taken again", async || {
            publishing.keep_granted(100);
            (publishing.answers() >= answers).then_some(())
        })
        .await;
        assert!(program.has_ended().is_none(), "a fault ended it: {}", program.read("stderr"));
        if chance.once_in(3) {
            disk.say(&next_cut(&mut chance));
            power_gone(&mut program, || publishing.keep_granted(100)).await;
            disk.say("");
            program.start_again().await;
        }
    }
    disk.say("");
    let refusals = publishing.refusals();
    let acknowledged = publishing.end().await;
    receiver.recover();
    program.environment.clear();
    program.kill_and_restart().await;
    settled(&program).await;
    verify(&acknowledged, &receiver, &dead_letters(&program).await);
    eprintln!("{faults} faults: {refusals} requests refused, {} events taken", acknowledged.len());
}

#[tokio::test]
async fn faults_of_the_disk_under_load_lose_nothing_acknowledged() {
    survives_faults(6).await;
}

#[tokio::test]
#[ignore = "a hundred faults take minutes; CONTRIBUTING.md says when"]
async fn a_hundred_faults_of_the_disk_under_load_lose_nothing_acknowledged() {
    survives_faults(ordeal::rounds()).await;
}

/// A program whose disk is full from the moment that the receiver has the first delivery: its outcome
/// cannot be kept.
async fn unwritable_outcome() -> (Receiver, Program, Disk) {
    let receiver = Receiver::start(|_, _| Reply::status(204)).await;
    let address = receiver.address();
    let file = format!(
        "
buses:
  orders:
    rules: {{ all: {{ when: {{ source: [{{ prefix: \"\" }}] }}, send: [{{ to: hook }}] }} }}
destinations:
  hook: {{ request: \"POST http://{address}/hook\", allow_private: [127.0.0.0/8] }}
"
    );
    let mut program = Program::start(&file).await;
    program.kill();
    let disk = Disk::below(&mut program);
    let control = Disk(disk.0.clone());
    receiver.answer(move |before, _| {
        if before == 0 {
            control.fail(FULL, "on=write times=0");
        }
        Reply::status(204)
    });
    program.start_again().await;
    publish_all(&program, &orders("0", 1)).await;
    until("the outcome cannot be kept", async || {
        program.read("stderr").contains("outcomes could not be kept").then_some(())
    })
    .await;
    (receiver, program, disk)
}

#[tokio::test]
async fn an_outcome_that_cannot_be_kept_is_kept_when_the_disk_is_well() {
    let (receiver, program, disk) = unwritable_outcome().await;
    disk.say("");
    settled(&program).await;
    let listed = program.done(&["deliveries", "list", "--json"]);
    assert!(listed.contains(r#""outcome":"delivered""#), "{listed}");
    assert_eq!(receiver.got().len(), 1, "it was known to be delivered");
}

#[tokio::test]
async fn an_outcome_that_was_never_kept_is_delivered_again_and_not_lost() {
    let (receiver, mut program, _disk) = unwritable_outcome().await;
    program.environment.clear();
    program.kill_and_restart().await;
    settled(&program).await;
    let got = receiver.got();
    let keys: Vec<_> = got.iter().map(|got| got.header("idempotency-key")).collect();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
}
