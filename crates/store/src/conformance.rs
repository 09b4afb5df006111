//! The tests every adapter must pass, told as claims.
//!
//! An adapter lends a [`Bench`]: a way to open a fresh store, and the same one again; each claim is
//! one test of the adapter.

mod repeats;

use std::future::Future;
use std::sync::Arc;

use credential::Digest;
use limit::{Quota, Window};
use model::{
    Attempt, DeadReason, EventDraft, EventFields, EventId, KeptSecret, KeyCredential, LaneKey,
    Name, Outcome, SecretCredential, SigningKeyRecord, Timestamp,
};

use crate::{
    Appended, AttemptFilter, AuditEntry, Change, DeadFilter, DestinationNote, DestinationState,
    Document, Entry, LaneId, PausedRule, Position, Settlement, Store, StoreError, Switch,
    SwitchState, Then, Trouble,
};

pub use repeats::{
    an_entry_with_an_id_is_appended_once, an_id_is_forgotten_after_its_window,
    an_id_with_another_content_is_a_mismatch, ids_are_known_as_in_a_naive_book,
    the_same_id_twice_in_one_call_is_one_event,
};

/// What an adapter's test lends: stores that can be opened again.
pub trait Bench: Send + Sync {
    /// Opens the store; a second call opens the same one again, after the first was dropped.
    fn open(&self) -> impl Future<Output = Arc<dyn Store>> + Send;
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a plain word is a name")
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + ms)
}

fn audit(what: &str) -> AuditEntry {
    AuditEntry {
        at: at(0),
        who: "test".to_owned(),
        what: what.to_owned(),
        subject: "subject".to_owned(),
        detail: String::new(),
    }
}

fn entry(number: u32, lanes: &[LaneId]) -> Entry {
    let fields = EventFields {
        source: "test".to_owned(),
        detail_type: "Numbered".to_owned(),
        detail: format!(r#"{{"number":{number}}}"#),
        time: Some(at(-5)),
        resources: vec!["one".to_owned(), "two".to_owned()],
        traceparent: Some("00-aa-bb-01".to_owned()),
    };
    let draft = EventDraft::new(name("orders"), fields).expect("a whole event");
    Entry { draft, lanes: lanes.to_vec(), once: None }
}

/// Appends entries that are all new; gives their ids.
async fn append(store: &dyn Store, now: Timestamp, entries: Vec<Entry>) -> Vec<EventId> {
    let appended = store.append(now, entries).await.expect("appended");
    appended.into_iter().map(Appended::event).collect()
}

fn lane_key(target: &str) -> LaneKey {
    LaneKey::Target { bus: name("orders"), rule: name("rule"), target: name(target) }
}

fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt {
        number,
        at: at(i64::from(number)),
        took_ms: 3,
        status: Some(if outcome == Outcome::Delivered { 204 } else { 503 }),
        error: None,
        response: Some("later".to_owned()),
        outcome,
    }
}

fn done(lane: LaneId, event: EventId) -> Settlement {
    Settlement { lane, event, attempt: Some(attempt(1, Outcome::Delivered)), then: Then::Done }
}

fn dead(lane: LaneId, event: EventId, queue: &str) -> Settlement {
    let reason = DeadReason {
        code: "HTTP_404".to_owned(),
        message: "not there".to_owned(),
        exhausted: None,
    };
    let then = Then::Dead { queue: name(queue), reason, attempts: 1, at: at(1) };
    Settlement { lane, event, attempt: Some(attempt(1, Outcome::Dead)), then }
}

fn everything() -> DeadFilter {
    DeadFilter { limit: 100, ..DeadFilter::default() }
}

/// Numbers of the events a lane gives from a position on.
async fn numbers(store: &dyn Store, lane: LaneId, from: Position) -> Vec<(Position, EventId)> {
    let entries = store.read_lane(lane, from, 100).await.expect("a lane can be read");
    entries.into_iter().map(|entry| (entry.position, entry.event.id)).collect()
}

/// Definitions change all or none, only from the revision they were read at, and tell listeners.
pub async fn definitions_change_from_the_revision_they_were_read_at<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let mut told = store.revisions();
    let (revision, documents) = store.documents().await.expect("documents");
    assert!(documents.is_empty());
    let document = Document {
        kind: "plan".to_owned(),
        name: "external".to_owned(),
        origin: "file".to_owned(),
        place: "a.yaml:1".to_owned(),
        body: "{}".to_owned(),
    };
    let put = vec![Change::Put(document.clone())];
    let next = store.commit(revision, put.clone(), vec![audit("apply")]).await.expect("commit");
    assert!(next > revision);
    assert!(told.has_changed().expect("the store is open"));
    assert_eq!(*told.borrow_and_update(), next);
    assert_eq!(store.commit(revision, put, vec![]).await, Err(StoreError::Conflict));
    drop(store);
    let store = bench.open().await;
    assert_eq!(store.documents().await, Ok((next, vec![document.clone()])));
    assert_eq!(store.audit(10).await.expect("audit").len(), 1);
    let remove = Change::Remove { kind: document.kind, name: document.name };
    store.commit(next, vec![remove], vec![]).await.expect("commit");
    assert!(store.documents().await.expect("documents").1.is_empty());
}

/// Credentials are kept, revoked once, and every change is a revision.
pub async fn credentials_are_revoked_once<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let revision = *store.revisions().borrow();
    let key = KeyCredential {
        id: "k1".to_owned(),
        key: name("car-orders"),
        partner: name("cars"),
        digest: Digest::from_bytes([7; 32]),
        last_four: "abcd".to_owned(),
        created_at: at(0),
        expires_at: Some(at(50)),
        revoked_at: None,
    };
    let secret = SecretCredential {
        id: "s1".to_owned(),
        client: name("car-orders"),
        digest: Digest::from_bytes([8; 32]),
        last_four: "efgh".to_owned(),
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
    };
    store.add_key_credential(key, audit("mint")).await.expect("kept");
    store.add_secret_credential(secret, audit("mint")).await.expect("kept");
    let id = || "k1".to_owned();
    assert_eq!(store.revoke_key_credential(id(), at(9), audit("revoke")).await, Ok(true));
    assert_eq!(store.revoke_key_credential(id(), at(9), audit("revoke")).await, Ok(false));
    let none = "s0".to_owned();
    assert_eq!(store.revoke_secret_credential(none, at(9), audit("revoke")).await, Ok(false));
    assert!(*store.revisions().borrow() >= revision + 3);
    let signing = SigningKeyRecord {
        kid: "kid".to_owned(),
        public_jwk: "{}".to_owned(),
        sealed_private: vec![1, 2, 3],
        created_at: at(1),
        retired_at: None,
    };
    store.add_signing_key(signing, audit("new key")).await.expect("kept");
    drop(store);
    let store = bench.open().await;
    let keys = store.key_credentials().await.expect("keys");
    assert_eq!(keys[0].revoked_at, Some(at(9)));
    assert!(keys[0].digest.matches(&Digest::from_bytes([7; 32])));
    assert!(!keys[0].is_live(at(10)) && keys[0].expires_at == Some(at(50)));
    let secrets = store.secret_credentials().await.expect("secrets");
    assert!(secrets[0].is_live(at(10_000)) && &*secrets[0].client == "car-orders");
    let signing = store.signing_keys().await.expect("signing keys");
    assert_eq!(signing[0].sealed_private, [1, 2, 3]);
    assert_eq!(store.audit(10).await.expect("audit").len(), 4);
}

/// A new key that signs webhooks ends those before it, at the earliest moment they were given.
pub async fn webhook_keys_make_way_for_new_ones<B: Bench>(bench: &B) {
    let key = |kid: &str, created_at| SigningKeyRecord {
        kid: kid.to_owned(),
        public_jwk: "{}".to_owned(),
        sealed_private: vec![1, 2, 3],
        created_at,
        retired_at: None,
    };
    let store = bench.open().await;
    assert!(store.webhook_keys().await.expect("keys").is_empty());
    let revision = *store.revisions().borrow();
    store.add_webhook_key(key("b", at(1)), at(1), audit("first")).await.expect("kept");
    store.add_webhook_key(key("a", at(2)), at(50), audit("rotate")).await.expect("kept");
    store.add_webhook_key(key("c", at(3)), at(90), audit("rotate")).await.expect("kept");
    assert!(*store.revisions().borrow() >= revision + 3);
    drop(store);
    let store = bench.open().await;
    let ends = |keys: Vec<SigningKeyRecord>| -> Vec<(String, Option<Timestamp>)> {
        keys.into_iter().map(|key| (key.kid, key.retired_at)).collect()
    };
    let end = |kid: &str, at: Option<Timestamp>| (kid.to_owned(), at);
    let keys = store.webhook_keys().await.expect("keys");
    assert_eq!(keys[0].sealed_private, [1, 2, 3]);
    assert_eq!(ends(keys), [end("b", Some(at(50))), end("a", Some(at(90))), end("c", None)]);
    // At once: nothing before it signs any longer, whatever it was given.
    store.add_webhook_key(key("d", at(4)), at(4), audit("rotate")).await.expect("kept");
    let keys = store.webhook_keys().await.expect("keys");
    let gone = Some(at(4));
    assert_eq!(ends(keys), [end("b", gone), end("a", gone), end("c", gone), end("d", None)]);
    // Keys of one kind are none of the other.
    assert!(store.signing_keys().await.expect("signing keys").is_empty());
    assert_eq!(store.audit(10).await.expect("audit").len(), 4);
}

/// A kept secret is what it was set to last, until it is forgotten; every change is a revision.
pub async fn a_kept_secret_is_the_last_one_set<B: Bench>(bench: &B) {
    let secret = |text: &str, sealed: u8, at_ms| KeptSecret {
        name: name(text),
        sealed: vec![sealed; 40],
        set_at: at(at_ms),
    };
    let store = bench.open().await;
    assert!(store.kept_secrets().await.expect("secrets").is_empty());
    let revision = *store.revisions().borrow();
    store.keep_secret(secret("b", 1, 1), audit("set")).await.expect("kept");
    store.keep_secret(secret("a", 2, 2), audit("set")).await.expect("kept");
    store.keep_secret(secret("b", 3, 3), audit("set")).await.expect("kept");
    assert_eq!(*store.revisions().borrow(), revision + 3);
    drop(store);
    let store = bench.open().await;
    let kept = store.kept_secrets().await.expect("secrets");
    assert_eq!(kept, [secret("a", 2, 2), secret("b", 3, 3)]);
    assert_eq!(store.forget_secret(name("b"), audit("remove")).await, Ok(true));
    assert_eq!(store.forget_secret(name("b"), audit("remove")).await, Ok(false));
    assert_eq!(store.kept_secrets().await.expect("secrets"), [secret("a", 2, 2)]);
    assert_eq!(store.audit(10).await.expect("audit").len(), 4);
}

/// A lane gives its events in the order they were appended, whole, from any position.
pub async fn a_lane_reads_what_was_appended_in_order<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lanes = store.lanes(vec![lane_key("a"), lane_key("b")]).await.expect("lanes");
    assert_eq!(store.lanes(vec![lane_key("b")]).await.expect("lanes"), [lanes[1]]);
    let both = [lanes[0], lanes[1]];
    let entries = vec![entry(1, &both), entry(2, &lanes[..1]), entry(3, &[])];
    let mut ids = append(&*store, at(0), entries).await;
    ids.extend(append(&*store, at(1), vec![entry(4, &both)]).await);
    assert!(ids.is_sorted_by_key(|id| id.seq));
    let read = numbers(&*store, lanes[0], Position::default()).await;
    assert_eq!(read.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [ids[0], ids[1], ids[3]]);
    assert!(read.is_sorted_by_key(|(position, _)| *position));
    assert_eq!(numbers(&*store, lanes[0], read[1].0).await, read[1..]);
    let other = numbers(&*store, lanes[1], Position::default()).await;
    assert_eq!(other.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [ids[0], ids[3]]);
    let whole = store.event(ids[2]).await.expect("an event").expect("it is there");
    assert_eq!(whole.fields, *entry(3, &[]).draft.fields());
    let stranger = EventId { accepted_at: at(77), seq: ids[2].seq };
    assert_eq!(store.event(stranger).await, Ok(None));
    drop(store);
    let store = bench.open().await;
    assert_eq!(numbers(&*store, lanes[0], Position::default()).await, read);
    let next = append(&*store, at(2), vec![entry(5, &both)]).await;
    assert!(next[0].seq > ids[3].seq);
}

/// After a restart a lane knows what was settled beyond its cursor, and nothing else.
pub async fn after_a_restart_a_lane_knows_what_is_settled<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = store.lanes(vec![lane_key("a")]).await.expect("lanes")[0];
    let entries = (0..6).map(|number| entry(number, &[lane])).collect();
    let ids = append(&*store, at(0), entries).await;
    let places = numbers(&*store, lane, Position::default()).await;
    let retry = Then::Retry { due: at(5000), tries: 1, since: at(0) };
    let settlements = vec![
        done(lane, ids[0]),
        done(lane, ids[2]),
        Settlement { lane, event: ids[3], attempt: Some(attempt(1, Outcome::Retry)), then: retry },
        dead(lane, ids[4], "dlq"),
    ];
    store.settle(settlements, vec![(lane, places[1].0)]).await.expect("settled");
    assert_eq!(store.backlog(lane).await, Ok(6));
    assert_eq!(store.oldest(lane).await, Ok(Some(at(0))));
    drop(store);
    let store = bench.open().await;
    let state = store.open_lane(lane).await.expect("a lane");
    assert_eq!(state.cursor, places[1].0);
    assert_eq!(
        state.settled.into_iter().collect::<Vec<_>>(),
        [places[2].0, places[3].0, places[4].0]
    );
    let due = store.due(lane, None, 10).await.expect("due");
    assert_eq!((due.len(), due[0].event.id, due[0].tries, due[0].attempts), (1, ids[3], 1, 1));
    assert_eq!(due[0].due, at(5000));
    let beyond = Some((at(5000), ids[3].seq));
    assert!(store.due(lane, beyond, 10).await.expect("due").is_empty());
    let again = Settlement { attempt: Some(attempt(2, Outcome::Delivered)), ..done(lane, ids[3]) };
    store.settle(vec![again], vec![]).await.expect("settled");
    assert!(store.due(lane, None, 10).await.expect("due").is_empty());
    let filter = AttemptFilter { event: Some(ids[3]), limit: 10, ..AttemptFilter::default() };
    let attempts = store.attempts(filter).await.expect("attempts");
    assert_eq!(attempts.iter().map(|row| row.attempt.number).collect::<Vec<_>>(), [2, 1]);
    let failed = AttemptFilter { failed_only: true, limit: 10, ..AttemptFilter::default() };
    assert_eq!(store.attempts(failed).await.expect("attempts").len(), 2);
}

/// Dead letters are listed, redriven to the end of their lane, and purged.
pub async fn dead_letters_are_redriven_once<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = store.lanes(vec![lane_key("a")]).await.expect("lanes")[0];
    let entries = (0..3).map(|number| entry(number, &[lane])).collect();
    let ids = append(&*store, at(0), entries).await;
    let letters = ids.iter().map(|id| dead(lane, *id, "dlq")).collect();
    store.settle(letters, vec![]).await.expect("settled");
    let listed = store.dead_letters(everything()).await.expect("dead letters");
    assert_eq!(listed.iter().map(|letter| letter.id.event).collect::<Vec<_>>(), ids);
    assert_eq!(store.dead_counts().await.expect("counts"), [(name("dlq"), 3)]);
    let elsewhere = DeadFilter { lanes: Some(vec![lane + 1]), ..everything() };
    assert_eq!(store.redrive(elsewhere, at(900)).await, Ok(0));
    let one = DeadFilter { delivery: Some(listed[1].id), lanes: Some(vec![lane]), ..everything() };
    assert_eq!(store.redrive(one.clone(), at(900)).await, Ok(1));
    assert_eq!(store.redrive(one, at(900)).await, Ok(0));
    let end = store.read_lane(lane, Position::default(), 10).await.expect("a lane").pop();
    let end = end.expect("the redriven entry");
    assert_eq!((end.event.id, end.since, end.attempts_before), (ids[1], at(900), 1));
    drop(store);
    let store = bench.open().await;
    let open = store.open_lane(lane).await.expect("a lane");
    let unsettled: Vec<_> = numbers(&*store, lane, open.cursor)
        .await
        .into_iter()
        .filter(|(position, _)| !open.settled.contains(position))
        .collect();
    assert_eq!(unsettled, [(end.position, ids[1])]);
    let next = append(&*store, at(5), vec![entry(9, &[lane])]).await;
    assert_eq!(numbers(&*store, lane, end.position).await[1].1, next[0]);
    assert_eq!(store.purge(everything()).await, Ok(2));
    assert!(store.dead_letters(everything()).await.expect("dead letters").is_empty());
}

/// Leases never add up to more than the quota, and the period's end is exact.
pub async fn leases_never_exceed_the_quota<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let quota = Quota::parse("250/day").expect("a quota");
    let window = Window { start_ms: 0, end_ms: 86_400_000 };
    let key = || "key".to_owned();
    let first = store.lease(key(), quota, window).await.expect("a lease");
    assert_eq!((first.granted, first.beyond), (2, 248));
    store.give_back(key(), window, 1).await.expect("given back");
    drop(store);
    let store = bench.open().await;
    let mut granted = 1;
    loop {
        let lease = store.lease(key(), quota, window).await.expect("a lease");
        granted += lease.granted;
        if lease.granted == 0 {
            break;
        }
    }
    assert_eq!(granted, 250);
    assert_eq!(store.spent(key(), window).await, Ok(250));
    let next = Window { start_ms: 86_400_000, end_ms: 172_800_000 };
    assert_eq!(store.lease(key(), quota, next).await.expect("a lease").granted, 2);
}

/// A schedule's firing and its event are one write.
pub async fn a_schedule_remembers_when_it_fired<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = store.lanes(vec![LaneKey::Schedule(name("complete"))]).await.expect("lanes")[0];
    let schedule = || "complete".to_owned();
    assert_eq!(store.last_fired(schedule()).await, Ok(None));
    let id = store.fire(schedule(), at(7), entry(1, &[lane])).await.expect("fired");
    drop(store);
    let store = bench.open().await;
    assert_eq!(store.last_fired(schedule()).await, Ok(Some(at(7))));
    assert_eq!(numbers(&*store, lane, Position::default()).await[0].1, id);
}

/// Retention drops what nobody needs any more, and nothing else.
pub async fn retention_keeps_what_is_still_needed<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = store.lanes(vec![lane_key("a")]).await.expect("lanes")[0];
    let entries = (0..5).map(|number| entry(number, &[lane])).collect();
    let ids = append(&*store, at(0), entries).await;
    let places = numbers(&*store, lane, Position::default()).await;
    let bus = || "orders".to_owned();
    assert_eq!(store.drop_before(bus(), at(1), vec![lane], 100).await, Ok(0));
    let settlements = vec![done(lane, ids[0]), dead(lane, ids[1], "dlq"), done(lane, ids[2])];
    store.settle(settlements, vec![(lane, places[3].0)]).await.expect("settled");
    assert_eq!(store.drop_before(bus(), at(0), vec![lane], 100).await, Ok(0));
    assert_eq!(store.drop_before(bus(), at(1), vec![lane], 100).await, Ok(2));
    let left: Vec<_> = numbers(&*store, lane, Position::default()).await;
    assert_eq!(left.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [ids[1], ids[3], ids[4]]);
    // A lane that is no longer in use keeps nothing; a dead letter keeps its event all the same.
    assert_eq!(store.drop_before(bus(), at(1), vec![], 100).await, Ok(2));
    assert!(store.event(ids[1]).await.expect("an event").is_some());
}

/// After a restart numbers go on where they ended, even when retention has dropped every event: a
/// number given twice would lie behind a lane's cursor, and its event would never be read.
pub async fn after_a_restart_numbers_go_on_though_all_is_dropped<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = store.lanes(vec![lane_key("a")]).await.expect("lanes")[0];
    let entries = (0..5).map(|number| entry(number, &[lane])).collect();
    let ids = append(&*store, at(0), entries).await;
    let end = numbers(&*store, lane, Position::default()).await[4].0;
    let behind = Position { chunk: end.chunk, index: end.index + 1 };
    let settled = ids.iter().map(|id| done(lane, *id)).collect();
    store.settle(settled, vec![(lane, behind)]).await.expect("settled");
    let dropped = store.drop_before("orders".to_owned(), at(1), vec![lane], 100).await;
    assert_eq!(dropped, Ok(5));
    drop(store);
    let store = bench.open().await;
    let next = append(&*store, at(9), vec![entry(9, &[lane])]).await;
    assert!(next[0].seq > ids[4].seq);
    let open = store.open_lane(lane).await.expect("a lane");
    let read = numbers(&*store, lane, open.cursor).await;
    assert_eq!(read.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), next);
}

/// A purged dead letter stays settled when its lane is opened again before its cursor came by.
pub async fn after_a_restart_a_purged_letter_stays_away<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = store.lanes(vec![lane_key("a")]).await.expect("lanes")[0];
    let ids = append(&*store, at(0), vec![entry(1, &[lane])]).await;
    store.settle(vec![dead(lane, ids[0], "dlq")], vec![]).await.expect("settled");
    assert_eq!(store.purge(everything()).await, Ok(1));
    assert_eq!(store.purge(everything()).await, Ok(0));
    assert!(store.dead_counts().await.expect("counts").is_empty());
    drop(store);
    let store = bench.open().await;
    assert_eq!(store.open_lane(lane).await.expect("a lane").settled.len(), 1);
}

/// A destination stays switched as it was, over a restart; its trouble is kept beside, without a
/// revision, and forgotten when it is switched.
pub async fn after_a_restart_a_destination_is_as_it_was_switched<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let hook = || name("hook");
    assert_eq!(store.destination_state(hook()).await, Ok(None));
    let before = *store.revisions().borrow();
    let trouble = Some(Trouble { since: at(1), notices: 2 });
    let seen =
        DestinationNote { name: hook(), switched_at: None, trouble, last_success: Some(at(0)) };
    store.note_destination(seen.clone()).await.expect("noted");
    assert_eq!(*store.revisions().borrow(), before);
    let mut state =
        DestinationState { name: hook(), switch: None, trouble, last_success: Some(at(0)) };
    assert_eq!(store.destination_state(hook()).await, Ok(Some(state.clone())));
    let off =
        Switch { state: SwitchState::Disabled, reason: "moved house".to_owned(), since: at(5) };
    store.switch_destination(hook(), off.clone(), audit("disable")).await.expect("switched");
    assert!(*store.revisions().borrow() > before);
    drop(store);
    let store = bench.open().await;
    (state.switch, state.trouble) = (Some(off), None);
    assert_eq!(store.destination_states().await, Ok(vec![state.clone()]));
    // Seen before it was switched: it belongs to another time.
    store.note_destination(seen.clone()).await.expect("passed over");
    assert_eq!(store.destination_state(hook()).await, Ok(Some(state.clone())));
    let now = DestinationNote { switched_at: Some(at(5)), last_success: Some(at(7)), ..seen };
    store.note_destination(now).await.expect("noted");
    (state.trouble, state.last_success) = (trouble, Some(at(7)));
    assert_eq!(store.destination_state(hook()).await, Ok(Some(state)));
    let on = Switch { state: SwitchState::Enabled, reason: String::new(), since: at(9) };
    store.switch_destination(hook(), on.clone(), audit("enable")).await.expect("switched");
    let state = store.destination_state(hook()).await.expect("a state").expect("it is there");
    assert_eq!((state.switch, state.trouble, state.last_success), (Some(on), None, Some(at(7))));
    assert_eq!(store.audit(10).await.expect("audit").len(), 2);
}

/// The oldest entry that waits is the first behind the cursor, or a retry before it.
pub async fn the_oldest_that_waits_is_behind_the_cursor_or_a_retry<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let lane = store.lanes(vec![lane_key("a")]).await.expect("lanes")[0];
    assert_eq!(store.oldest(lane).await, Ok(None));
    let mut ids = Vec::new();
    for ms in [10, 20, 30] {
        ids.extend(append(&*store, at(ms), vec![entry(1, &[lane])]).await);
    }
    let places = numbers(&*store, lane, Position::default()).await;
    let behind = |place: Position| Position { chunk: place.chunk, index: place.index + 1 };
    assert_eq!(store.oldest(lane).await, Ok(Some(at(10))));
    let retry = Then::Retry { due: at(99), tries: 1, since: at(10) };
    let first = Settlement { then: retry, ..done(lane, ids[0]) };
    store.settle(vec![first], vec![(lane, behind(places[0].0))]).await.expect("settled");
    assert_eq!(store.oldest(lane).await, Ok(Some(at(10))));
    store.settle(vec![done(lane, ids[0])], vec![]).await.expect("settled");
    assert_eq!(store.oldest(lane).await, Ok(Some(at(20))));
    let rest = vec![done(lane, ids[1]), done(lane, ids[2])];
    store.settle(rest, vec![(lane, behind(places[2].0))]).await.expect("settled");
    assert_eq!(store.oldest(lane).await, Ok(None));
}

/// A rule stays paused, over a restart, until it is resumed; each change is a revision and noted
/// once.
pub async fn after_a_restart_a_rule_is_paused_until_it_is_resumed<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let paused = |rule: &str, since| PausedRule { bus: name("orders"), rule: name(rule), since };
    let before = *store.revisions().borrow();
    assert_eq!(store.pause_rule(paused("b", at(1)), audit("pause")).await, Ok(true));
    assert_eq!(store.pause_rule(paused("a", at(2)), audit("pause")).await, Ok(true));
    assert_eq!(store.pause_rule(paused("a", at(3)), audit("pause")).await, Ok(false));
    assert!(*store.revisions().borrow() > before);
    drop(store);
    let store = bench.open().await;
    let both = vec![paused("a", at(2)), paused("b", at(1))];
    assert_eq!(store.paused_rules().await, Ok(both));
    let resume = || store.resume_rule(name("orders"), name("a"), audit("resume"));
    assert_eq!(resume().await, Ok(true));
    assert_eq!(resume().await, Ok(false));
    assert_eq!(store.paused_rules().await, Ok(vec![paused("b", at(1))]));
    assert_eq!(store.audit(10).await.expect("audit").len(), 3);
}
