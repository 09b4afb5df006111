//! What holds of replays, told as claims.

use limit::Rate;
use model::Timestamp;

use super::{Bench, at, audit, name};
use crate::{Replay, ReplayProgress, ReplaySpec, ReplayState, Store, Turn};

fn spec(text: &str, created_at: Timestamp) -> ReplaySpec {
    ReplaySpec {
        name: name(text),
        bus: name("orders"),
        from: at(-100),
        until: at(-50),
        rules: vec![name("first"), name("second")],
        pattern: Some(r#"{"source":["test"]}"#.to_owned()),
        destination: Some(name("hook")),
        to: Some(name("other-hook")),
        rate: Some(Rate::per_seconds(5, 60)),
        created_at,
    }
}

fn begun() -> ReplayProgress {
    ReplayProgress {
        state: ReplayState::Running,
        looked_until: 0,
        looked_at: 0,
        found: 0,
        ended_at: None,
        reason: String::new(),
    }
}

async fn add(store: &dyn Store, spec: ReplaySpec) -> bool {
    store.add_replay(spec, audit("replay")).await.expect("kept")
}

async fn turn(
    store: &dyn Store,
    text: &str,
    before: &[ReplayState],
    (state, at, reason): (ReplayState, Timestamp, &str),
) -> bool {
    let turn = Turn { state, at, reason: reason.to_owned() };
    let turned = store.turn_replay(name(text), before.to_vec(), turn, audit("turn")).await;
    turned.expect("turned or not")
}

async fn progress(store: &dyn Store, text: &str) -> ReplayProgress {
    let replays = store.replays().await.expect("replays").into_iter();
    let found = replays.filter(|replay| *replay.spec.name == *text).map(|replay| replay.progress);
    found.last().expect("the replay is there")
}

/// A replay is kept whole under a name of its own, and turns only from where it stands; what changes
/// it is a revision and noted once.
pub async fn a_replay_turns_only_from_where_it_stands<B: Bench>(bench: &B) {
    use ReplayState::{Cancelled, Completed, Paused, Running};
    let store = bench.open().await;
    assert!(store.replays().await.expect("replays").is_empty());
    let revision = *store.revisions().borrow();
    assert!(add(&*store, spec("a", at(1))).await);
    let plain = ReplaySpec {
        rules: vec![],
        pattern: None,
        destination: None,
        to: None,
        rate: None,
        ..spec("b", at(2))
    };
    assert!(add(&*store, plain.clone()).await);
    assert!(!add(&*store, spec("a", at(3))).await);
    assert!(*store.revisions().borrow() >= revision + 2);
    drop(store);
    let store = bench.open().await;
    let kept = |spec| Replay { spec, progress: begun() };
    // The latest first.
    let both = vec![kept(plain), kept(spec("a", at(1)))];
    assert_eq!(store.replays().await, Ok(both));
    let before = *store.revisions().borrow();
    assert!(!turn(&*store, "a", &[Paused], (Running, at(5), "")).await);
    assert!(!turn(&*store, "nobody", &[Running], (Paused, at(5), "")).await);
    assert_eq!(progress(&*store, "a").await, begun());
    assert!(turn(&*store, "a", &[Running], (Paused, at(5), "asked for")).await);
    assert!(*store.revisions().borrow() > before);
    let paused = ReplayProgress { state: Paused, reason: "asked for".to_owned(), ..begun() };
    assert_eq!(progress(&*store, "a").await, paused);
    assert!(turn(&*store, "a", &[Running, Paused], (Cancelled, at(6), "")).await);
    assert!(!turn(&*store, "a", &[Running, Paused], (Completed, at(7), "")).await);
    drop(store);
    let store = bench.open().await;
    let over = ReplayProgress { state: Cancelled, ended_at: Some(at(6)), ..begun() };
    assert_eq!(progress(&*store, "a").await, over);
    assert_eq!(progress(&*store, "b").await, begun());
    assert_eq!(store.audit(10).await.expect("audit").len(), 4);
}

/// How far a replay has come is kept over a restart, without a revision, and no more once it is over.
pub async fn a_replay_goes_on_where_it_was_noted<B: Bench>(bench: &B) {
    use ReplayState::{Completed, Failed, Paused, Running};
    let store = bench.open().await;
    for (text, ms) in [("a", 1), ("b", 2)] {
        assert!(add(&*store, spec(text, at(ms))).await);
    }
    let before = *store.revisions().borrow();
    store.note_replay(name("a"), 70, 30, 20).await.expect("noted");
    store.note_replay(name("nobody"), 1, 1, 1).await.expect("passed over");
    assert_eq!(*store.revisions().borrow(), before);
    drop(store);
    let store = bench.open().await;
    let noted = ReplayProgress { looked_until: 70, looked_at: 30, found: 20, ..begun() };
    assert_eq!(progress(&*store, "a").await, noted);
    assert_eq!(progress(&*store, "b").await, begun());
    // What was under way when it was paused counts.
    assert!(turn(&*store, "a", &[Running], (Paused, at(5), "")).await);
    store.note_replay(name("a"), 80, 40, 25).await.expect("noted");
    assert!(turn(&*store, "a", &[Paused], (Running, at(6), "")).await);
    let noted = ReplayProgress { looked_until: 80, looked_at: 40, found: 25, ..begun() };
    assert_eq!(progress(&*store, "a").await, noted);
    assert!(turn(&*store, "a", &[Running], (Completed, at(7), "")).await);
    store.note_replay(name("a"), 90, 50, 30).await.expect("passed over");
    let over = ReplayProgress { state: Completed, ended_at: Some(at(7)), ..noted };
    assert_eq!(progress(&*store, "a").await, over);
    assert!(turn(&*store, "b", &[Running], (Failed, at(8), "its bus is gone")).await);
    let reason = "its bus is gone".to_owned();
    let over = ReplayProgress { state: Failed, ended_at: Some(at(8)), reason, ..begun() };
    assert_eq!(progress(&*store, "b").await, over);
}

/// Replays that were over before a moment are forgotten, and their names may be used anew; those that
/// are not over stay, however old.
pub async fn replays_that_are_over_are_forgotten<B: Bench>(bench: &B) {
    use ReplayState::{Completed, Running};
    let store = bench.open().await;
    for (text, ms) in [("a", 1), ("b", 2), ("c", 3)] {
        assert!(add(&*store, spec(text, at(ms))).await);
    }
    assert!(turn(&*store, "a", &[Running], (Completed, at(10), "")).await);
    assert!(turn(&*store, "b", &[Running], (Completed, at(20), "")).await);
    assert_eq!(store.forget_replays(at(10)).await, Ok(0));
    assert_eq!(store.forget_replays(at(20)).await, Ok(1));
    drop(store);
    let store = bench.open().await;
    let names = async || -> Vec<String> {
        let replays = store.replays().await.expect("replays");
        replays.iter().map(|replay| replay.spec.name.to_string()).collect()
    };
    assert_eq!(names().await, ["c", "b"]);
    assert!(add(&*store, spec("a", at(30))).await);
    assert_eq!(names().await, ["a", "c", "b"]);
    assert_eq!(store.forget_replays(at(1000)).await, Ok(1));
    assert_eq!(names().await, ["a", "c"]);
}
