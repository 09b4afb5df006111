//! What holds of answers that are kept under a key, told as claims.

use super::{Bench, at};
use crate::{
    ANSWERS_KEPT_MS, AnswerBounds, AnswerContent, AnswerKey, Beginning, Begun, KeptAnswer, Store,
};

/// More than any claim needs but the one about bounds.
const WIDE: AnswerBounds = AnswerBounds { keys: 1000, bytes: 1_000_000 };
/// How long a request may be under way.
const LEASE_MS: i64 = 30_000;

fn key(partner: &str, number: u8) -> AnswerKey {
    AnswerKey { partner: partner.to_owned(), digest: [number; 32] }
}

fn beginning(key: AnswerKey, request: &str, ms: i64) -> Beginning {
    Beginning {
        key,
        fingerprint: [7; 32],
        request: request.to_owned(),
        now: at(ms),
        until: at(ms + LEASE_MS),
    }
}

async fn begin(store: &dyn Store, key: AnswerKey, request: &str, ms: i64) -> Begun {
    store.begin_answer(beginning(key, request, ms), WIDE).await.expect("an answer")
}

fn answer(status: u16, body: &[u8]) -> KeptAnswer {
    let content =
        AnswerContent { head: b"content-type:text/plain\n".to_vec(), body: body.to_vec() };
    KeptAnswer { status, content: Some(content) }
}

async fn keep(store: &dyn Store, key: AnswerKey, request: &str, kept: KeptAnswer) -> bool {
    store.keep_answer(key, request.to_owned(), kept, WIDE).await.expect("kept")
}

/// The first begins, the second waits, the third is told what the first was answered; what was too
/// much to be kept is known to have been carried out; partners and keys do not meet.
pub async fn an_answer_is_given_again_under_its_key<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let cars = || key("cars", 1);
    assert_eq!(begin(&*store, cars(), "a", 0).await, Begun::Fresh);
    assert_eq!(begin(&*store, cars(), "b", 5).await, Begun::UnderWay { until: at(LEASE_MS) });
    assert_eq!(begin(&*store, key("tyres", 1), "c", 5).await, Begun::Fresh);
    assert_eq!(begin(&*store, key("cars", 2), "d", 5).await, Begun::Fresh);
    assert!(keep(&*store, cars(), "a", answer(201, b"made\0\xff")).await);
    let again = Begun::Answered(answer(201, b"made\0\xff"));
    for ms in [6, LEASE_MS + 1, ANSWERS_KEPT_MS - 1] {
        assert_eq!(begin(&*store, cars(), "e", ms).await, again, "{ms}");
    }
    assert!(keep(&*store, key("cars", 2), "d", answer(404, b"")).await);
    assert_eq!(
        begin(&*store, key("cars", 2), "f", 9).await,
        Begun::Answered(answer(404, b"")),
        "nothing is something to be kept"
    );
    let much = KeptAnswer { status: 200, content: None };
    assert!(keep(&*store, key("tyres", 1), "c", much.clone()).await);
    assert_eq!(begin(&*store, key("tyres", 1), "g", 9).await, Begun::Answered(much));
}

/// Something else under the same key is told apart, while the first is under way and afterwards.
pub async fn a_key_belongs_to_what_it_was_first_sent_with<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let cars = || key("cars", 1);
    let other = |ms| Beginning { fingerprint: [8; 32], ..beginning(cars(), "other", ms) };
    assert_eq!(begin(&*store, cars(), "a", 0).await, Begun::Fresh);
    for ms in [1, LEASE_MS + 1] {
        let begun = store.begin_answer(other(ms), WIDE).await;
        assert_eq!(begun, Ok(Begun::Different), "{ms}");
    }
    assert!(keep(&*store, cars(), "a", answer(200, b"")).await);
    assert_eq!(store.begin_answer(other(2), WIDE).await, Ok(Begun::Different));
    assert_eq!(store.begin_answer(other(ANSWERS_KEPT_MS), WIDE).await, Ok(Begun::Fresh));
}

/// What was released is as if it had never been.
pub async fn a_released_request_begins_anew<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let cars = || key("cars", 1);
    assert_eq!(begin(&*store, cars(), "a", 0).await, Begun::Fresh);
    assert_eq!(store.release_answer(cars(), "a".to_owned()).await, Ok(true));
    assert_eq!(store.release_answer(cars(), "a".to_owned()).await, Ok(false));
    assert!(!keep(&*store, cars(), "a", answer(200, b"")).await);
    assert_eq!(begin(&*store, cars(), "b", 1).await, Begun::Fresh);
    assert!(keep(&*store, cars(), "b", answer(200, b"")).await);
    assert_eq!(store.release_answer(cars(), "b".to_owned()).await, Ok(false), "it has ended");
    assert_eq!(begin(&*store, cars(), "c", 2).await, Begun::Answered(answer(200, b"")));
}

/// Nobody ends what somebody else began, and nothing ends twice.
pub async fn only_who_began_ends<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let cars = || key("cars", 1);
    assert_eq!(begin(&*store, cars(), "a", 0).await, Begun::Fresh);
    assert!(!keep(&*store, cars(), "b", answer(200, b"")).await);
    assert_eq!(store.release_answer(cars(), "b".to_owned()).await, Ok(false));
    assert_eq!(begin(&*store, cars(), "c", LEASE_MS).await, Begun::Fresh, "its time is over");
    assert!(!keep(&*store, cars(), "a", answer(200, b"")).await);
    assert_eq!(store.release_answer(cars(), "a".to_owned()).await, Ok(false));
    assert!(keep(&*store, cars(), "c", answer(201, b"")).await);
    assert!(!keep(&*store, cars(), "c", answer(202, b"")).await);
    let again = begin(&*store, cars(), "d", LEASE_MS + 1).await;
    assert_eq!(again, Begun::Answered(answer(201, b"")));
}

/// What began before a crash is under way until its time is over, and then begins anew.
pub async fn what_ends_in_nothing_begins_anew_after_its_time<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let cars = || key("cars", 1);
    assert_eq!(begin(&*store, cars(), "a", 0).await, Begun::Fresh);
    drop(store);
    let store = bench.open().await;
    let under_way = Begun::UnderWay { until: at(LEASE_MS) };
    assert_eq!(begin(&*store, cars(), "b", LEASE_MS - 1).await, under_way);
    assert_eq!(begin(&*store, cars(), "c", LEASE_MS).await, Begun::Fresh);
    let under_way = Begun::UnderWay { until: at(2 * LEASE_MS) };
    assert_eq!(begin(&*store, cars(), "d", LEASE_MS).await, under_way);
}

/// What was kept is there after a restart.
pub async fn after_a_restart_an_answer_is_given_again<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let cars = || key("cars", 1);
    assert_eq!(begin(&*store, cars(), "a", 0).await, Begun::Fresh);
    assert!(keep(&*store, cars(), "a", answer(201, b"made")).await);
    drop(store);
    let store = bench.open().await;
    assert_eq!(begin(&*store, cars(), "b", 1).await, Begun::Answered(answer(201, b"made")));
}

/// After a day a key is free, whether or not anybody has trimmed; trimming comes to an end and leaves
/// the others.
pub async fn answers_past_their_time_are_dropped<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let old = |number| key("cars", number);
    for number in 0..5 {
        assert_eq!(begin(&*store, old(number), "a", 0).await, Begun::Fresh);
        assert!(keep(&*store, old(number), "a", answer(200, b"old")).await);
    }
    assert_eq!(begin(&*store, old(5), "a", 0).await, Begun::Fresh, "one that ended in nothing");
    assert_eq!(begin(&*store, key("tyres", 1), "a", 1).await, Begun::Fresh);
    assert!(keep(&*store, key("tyres", 1), "a", answer(200, b"new")).await);
    assert_eq!(begin(&*store, old(0), "b", ANSWERS_KEPT_MS).await, Begun::Fresh, "not trimmed yet");
    let mut dropped = 0;
    loop {
        match store.trim_answers(at(ANSWERS_KEPT_MS)).await.expect("trimmed") {
            0 => break,
            some => dropped += some,
        }
    }
    assert_eq!(dropped, 5, "all but the one that has begun anew");
    for number in 1..=5 {
        assert_eq!(begin(&*store, old(number), "c", 2).await, Begun::Fresh, "{number}");
    }
    let new = Begun::Answered(answer(200, b"new"));
    assert_eq!(begin(&*store, key("tyres", 1), "d", 2).await, new);
}

/// The oldest make way: first what was answered, and beyond so many keys that it was.
pub async fn a_partners_answers_have_a_bound<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let content = answer(200, b"four").content;
    let size = content.map_or(0, |content| (content.head.len() + content.body.len()) as u64);
    let bounds = AnswerBounds { keys: 4, bytes: 2 * size };
    let others = key("tyres", 1);
    assert_eq!(begin(&*store, others.clone(), "o", 0).await, Begun::Fresh);
    assert!(keep(&*store, others.clone(), "o", answer(200, b"four")).await);
    for number in 1..=4 {
        let begun = store.begin_answer(beginning(key("cars", number), "a", 0), bounds).await;
        assert_eq!(begun, Ok(Begun::Fresh));
        let kept = answer(200, b"four");
        let kept = store.keep_answer(key("cars", number), "a".to_owned(), kept, bounds).await;
        assert_eq!(kept, Ok(true));
    }
    let emptied = Begun::Answered(KeptAnswer { status: 200, content: None });
    let whole = Begun::Answered(answer(200, b"four"));
    for (number, expected) in [(1, &emptied), (2, &emptied), (3, &whole), (4, &whole)] {
        let found = begin(&*store, key("cars", number), "b", 1).await;
        assert_eq!(found, *expected, "{number}");
    }
    let fifth = store.begin_answer(beginning(key("cars", 5), "a", 1), bounds).await;
    assert_eq!(fifth, Ok(Begun::Fresh));
    for (number, expected) in [(2, &emptied), (3, &whole), (4, &whole)] {
        let found = begin(&*store, key("cars", number), "c", 2).await;
        assert_eq!(found, *expected, "{number}");
    }
    assert_eq!(
        begin(&*store, key("cars", 1), "d", 2).await,
        Begun::Fresh,
        "the oldest is forgotten"
    );
    assert_eq!(begin(&*store, others, "e", 2).await, whole, "one's bound is not another's");
}
