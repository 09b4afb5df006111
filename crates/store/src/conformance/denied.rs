//! What holds of tokens that are refused before their end, told as claims.

use model::{Name, Timestamp};

use super::{Bench, at, audit, name};
use crate::{Denied, DenyBounds, DenyEntry, DenyList, Presented, Store, TOKEN_LIFE_MAX_MS};

/// More than any claim needs but the one about bounds.
const WIDE: DenyBounds = DenyBounds { of_client: 1000, in_all: 10_000 };

fn token(id: &str, client: Option<&str>, ms: i64, until: i64) -> DenyEntry {
    let what = Denied::Token { id: id.to_owned(), client: client.map(client_id) };
    DenyEntry { what, at: at(ms), until: at(until) }
}

fn client_id(text: &str) -> Name {
    Name::client_id(text).expect("a client id")
}

fn credential(id: &str, ms: i64, until: i64) -> DenyEntry {
    credential_of(id, "cars", (ms, until))
}

fn credential_of(id: &str, client: &str, (ms, until): (i64, i64)) -> DenyEntry {
    let what = Denied::Credential { id: id.to_owned(), client: client_id(client) };
    DenyEntry { what, at: at(ms), until: at(until) }
}

async fn deny(store: &dyn Store, entry: DenyEntry, bounds: DenyBounds) -> Option<DenyEntry> {
    store.deny(entry, bounds, None).await.expect("an answer")
}

/// What is kept, without numbers.
async fn all(store: &dyn Store, now: Timestamp) -> Vec<DenyEntry> {
    let entries = store.denied(0, now, 100).await.expect("entries");
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// What was denied is denied after a restart, in the order it was, and no revision tells of it.
pub async fn after_a_restart_tokens_are_denied<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let revision = *store.revisions().borrow();
    let entries = [
        token("t1", Some("cars"), 0, 50),
        token("t2", None, 1, 60),
        credential("s1", 2, 70),
        DenyEntry::of_client(name("tyres"), at(3)),
        // Of clients whose ids another server gave, and that begin as no other name does.
        token("t3", Some("_acme"), 4, 50),
        credential_of("+acme/key", "+acme", (5, 70)),
        DenyEntry::of_client(client_id("+acme"), at(6)),
    ];
    for entry in entries.clone() {
        let audit = Some(audit("revoke"));
        assert_eq!(store.deny(entry.clone(), WIDE, audit).await, Ok(Some(entry)));
    }
    assert_eq!(*store.revisions().borrow(), revision, "no snapshot is built for it");
    drop(store);
    let store = bench.open().await;
    assert_eq!(all(&*store, at(7)).await, entries);
    assert_eq!(store.audit(10).await.expect("audit").len(), entries.len());
}

/// Numbers only grow: whoever asks from the last one it has seen gets what is new, also what was
/// denied again, and also when the entries with the highest numbers are gone.
pub async fn denied_tokens_are_followed_by_their_numbers<B: Bench>(bench: &B) {
    let store = bench.open().await;
    for number in 0..5 {
        deny(&*store, token(&format!("t{number}"), Some("cars"), 0, 50), WIDE).await;
    }
    let first = store.denied(0, at(0), 3).await.expect("entries");
    let ids: Vec<_> = first.iter().map(|(_, entry)| entry.what.clone()).collect();
    let expected = ["t0", "t1", "t2"].map(|id| token(id, Some("cars"), 0, 50).what);
    assert_eq!(ids, expected);
    let rest = store.denied(first[2].0, at(0), 3).await.expect("entries");
    assert_eq!(rest.len(), 2);
    let seen = rest[1].0;
    assert!(seen > first[2].0 && first[0].0 > 0);
    assert!(store.denied(seen, at(0), 3).await.expect("entries").is_empty());
    // Denied again: the later moments stand, under a new number.
    deny(&*store, credential("s1", 5, 90), WIDE).await;
    let again = deny(&*store, credential("s1", 9, 80), WIDE).await;
    assert_eq!(again, Some(credential("s1", 9, 90)));
    let news = store.denied(seen, at(0), 3).await.expect("entries");
    assert_eq!(news.len(), 1);
    assert_eq!(news[0].1, credential("s1", 9, 90));
    let seen = news[0].0;
    assert_eq!(store.trim_denied(at(90)).await, Ok(6));
    drop(store);
    let store = bench.open().await;
    deny(&*store, token("t9", Some("cars"), 91, 99), WIDE).await;
    let news = store.denied(seen, at(91), 3).await.expect("entries");
    assert_eq!(news.len(), 1, "a number is never given twice");
}

/// Entries die with their tokens, whether or not anybody has trimmed; trimming comes to an end and
/// leaves the others.
pub async fn denied_tokens_are_dropped_at_their_end<B: Bench>(bench: &B) {
    let store = bench.open().await;
    for number in 0..5 {
        deny(&*store, token(&format!("t{number}"), Some("cars"), 0, 50), WIDE).await;
    }
    let later = token("later", Some("cars"), 0, 51);
    deny(&*store, later.clone(), WIDE).await;
    assert_eq!(all(&*store, at(49)).await.len(), 6);
    assert_eq!(all(&*store, at(50)).await, std::slice::from_ref(&later));
    let mut dropped = 0;
    loop {
        match store.trim_denied(at(50)).await.expect("trimmed") {
            0 => break,
            some => dropped += some,
        }
    }
    assert_eq!(dropped, 5);
    assert_eq!(all(&*store, at(0)).await, [later]);
}

/// Beyond a bound, all of the client's tokens are denied in place of one more: never less than was
/// asked for, and nothing of another client's. A token of whom is not known is not kept then.
pub async fn beyond_the_bound_all_of_a_clients_tokens_are_denied<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let bounds = DenyBounds { of_client: 2, in_all: 4 };
    let other = token("o", Some("tyres"), 0, 50);
    deny(&*store, other.clone(), bounds).await;
    for id in ["t1", "t2"] {
        let entry = token(id, Some("cars"), 1, 50);
        assert_eq!(deny(&*store, entry.clone(), bounds).await, Some(entry));
    }
    // One that is there already takes no room.
    let again = token("t2", Some("cars"), 2, 50);
    assert_eq!(deny(&*store, again.clone(), bounds).await, Some(again));
    let cars = DenyEntry::of_client(name("cars"), at(3));
    let third = deny(&*store, token("t3", Some("cars"), 3, 50), bounds).await;
    assert_eq!(third, Some(cars.clone()));
    assert_eq!(cars.until, at(3 + TOKEN_LIFE_MAX_MS));
    assert_eq!(all(&*store, at(3)).await, [other.clone(), cars], "its single entries made way");
    // The bound of all together.
    for id in ["u1", "u2", "u3"] {
        let entry = token(id, None, 4, 50);
        assert_eq!(deny(&*store, entry.clone(), bounds).await, Some(entry), "{id}");
    }
    let noted = store.audit(10).await.expect("audit").len();
    let refused = store.deny(token("u4", None, 4, 50), bounds, Some(audit("revoke"))).await;
    assert_eq!(refused, Ok(None));
    assert_eq!(store.audit(10).await.expect("audit").len(), noted, "nothing was done");
    let tyres = deny(&*store, token("o2", Some("tyres"), 5, 50), bounds).await;
    assert_eq!(tyres, Some(DenyEntry::of_client(name("tyres"), at(5))));
    // What is over takes no room.
    let entry = token("u5", None, 50, 99);
    assert_eq!(deny(&*store, entry.clone(), bounds).await, Some(entry));
}

/// What one process revokes, another one on the same store refuses as soon as it has looked; a new
/// one refuses it from its first look on.
pub async fn deny_lists_follow_one_another<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let (here, there) = (DenyList::new(), DenyList::new());
    let refuses = |list: &DenyList, id: &str, client: &str| {
        list.refuses(&Presented { id, client, credential: None, issued_s: at(0).seconds() })
    };
    there.follow(&*store, at(0)).await.expect("followed");
    let entry = token("t1", Some("cars"), 0, 50);
    let kept = here.deny(&*store, entry.clone(), None).await;
    assert_eq!(kept, Ok(Some(entry)));
    assert!(refuses(&here, "t1", "cars") && !refuses(&there, "t1", "cars"));
    there.follow(&*store, at(1)).await.expect("followed");
    assert!(refuses(&there, "t1", "cars") && !refuses(&there, "t2", "cars"));
    let all = DenyEntry::of_client(name("cars"), at(2));
    there.deny(&*store, all, None).await.expect("denied");
    here.follow(&*store, at(3)).await.expect("followed");
    assert!(refuses(&here, "t2", "cars") && !refuses(&here, "t2", "tyres"));
    drop(store);
    let store = bench.open().await;
    let new = DenyList::new();
    new.follow(&*store, at(4)).await.expect("followed");
    assert!(refuses(&new, "t2", "cars") && !refuses(&new, "t2", "tyres"));
    assert_eq!(new.count(), 1);
}
