//! The port's conformance suite on real files, and what only SQLite has.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::sync::Arc;

use model::{EntryId, EventDraft, EventFields, Name, Timestamp};
use store::conformance::{self, Bench};
use store::{Appended, Entry, Once, Store};
use store_sqlite::SqliteStore;

struct Directory(tempfile::TempDir);

impl Bench for Directory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.0.path()).unwrap())
    }
}

fn directory() -> Directory {
    Directory(tempfile::tempdir().unwrap())
}

fn draft(number: u32) -> EventDraft {
    let fields = EventFields {
        source: "s".into(),
        detail_type: "t".into(),
        detail: format!(r#"{{"n":{number}}}"#),
        ..EventFields::default()
    };
    EventDraft::new(Name::new("orders").unwrap(), fields).unwrap()
}

/// An entry that is appended once.
fn once(id: &str, number: u32) -> Entry {
    let once = Once { id: EntryId::new(id).unwrap(), window_ms: 1000 };
    Entry { draft: draft(number), lanes: vec![], once: Some(once) }
}

macro_rules! conforms {
    ($($claim:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $claim() {
            conformance::$claim(&directory()).await;
        })*
    };
}

conforms!(
    definitions_change_from_the_revision_they_were_read_at,
    credentials_are_revoked_once,
    webhook_keys_make_way_for_new_ones,
    a_kept_secret_is_the_last_one_set,
    a_lane_reads_what_was_appended_in_order,
    after_a_restart_a_lane_knows_what_is_settled,
    dead_letters_are_redriven_once,
    leases_never_exceed_the_quota,
    a_schedule_remembers_when_it_fired,
    retention_keeps_what_is_still_needed,
    after_a_restart_numbers_go_on_though_all_is_dropped,
    after_a_restart_a_purged_letter_stays_away,
    an_entry_with_an_id_is_appended_once,
    the_same_id_twice_in_one_call_is_one_event,
    an_id_with_another_content_is_a_mismatch,
    an_id_is_forgotten_after_its_window,
    ids_are_known_as_in_a_naive_book,
    after_a_restart_a_destination_is_as_it_was_switched,
    after_a_restart_a_rule_is_paused_until_it_is_resumed,
    the_oldest_that_waits_is_behind_the_cursor_or_a_retry,
);

#[tokio::test]
async fn a_file_of_another_version_is_refused_by_name() {
    let directory = directory();
    drop(directory.open().await);
    let core = directory.0.path().join("core.db");
    rusqlite::Connection::open(&core).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteStore::open(directory.0.path()).err().unwrap().to_string();
    assert!(error.contains("core.db is of version 99"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_publishers_at_once_each_get_their_own_ids() {
    let directory = directory();
    let store = directory.open().await;
    let mut publishers = tokio::task::JoinSet::new();
    for number in 0..200_u32 {
        let (store, draft) = (Arc::clone(&store), draft(number));
        publishers.spawn(async move {
            let entries = vec![Entry { draft: draft.clone(), lanes: vec![], once: None }];
            let id = store.append(Timestamp::from_ms(5), entries).await.unwrap()[0].event();
            let event = store.event(id).await.unwrap().unwrap();
            assert_eq!(event.fields, *draft.fields());
            id
        });
    }
    let mut ids = publishers.join_all().await;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_publishers_at_once_with_one_id_append_one_event() {
    let directory = directory();
    let store = directory.open().await;
    let mut publishers = tokio::task::JoinSet::new();
    for number in 0..200_u32 {
        let store = Arc::clone(&store);
        publishers.spawn(async move {
            let entries = vec![once("x", 1), once(&format!("own-{number}"), number)];
            let appended = store.append(Timestamp::from_ms(5), entries).await.unwrap();
            assert!(matches!(appended[1], Appended::New(_)), "{appended:?}");
            appended[0]
        });
    }
    let appended = publishers.join_all().await;
    let new: Vec<_> =
        appended.iter().filter(|one| matches!(one, Appended::New(_))).copied().collect();
    assert_eq!(new.len(), 1);
    let first = new[0].event();
    let repeated = Appended::Duplicate { first, lanes: 0 };
    assert_eq!(appended.iter().filter(|one| **one == repeated).count(), 199);
}

#[tokio::test]
async fn a_log_of_the_first_version_gains_the_table_of_ids() {
    let directory = directory();
    let store = directory.open().await;
    let before = store.append(Timestamp::from_ms(1), vec![once("x", 1)]).await.unwrap()[0].event();
    drop(store);
    let log = directory.0.path().join("log/00000000000000000001.db");
    let log = rusqlite::Connection::open(log).unwrap();
    log.execute_batch("DROP TABLE entry; PRAGMA user_version = 1").unwrap();
    drop(log);
    let store = directory.open().await;
    assert_eq!(store.event(before).await.unwrap().unwrap().fields, *draft(1).fields());
    let first = store.append(Timestamp::from_ms(2), vec![once("x", 1)]).await.unwrap()[0].event();
    assert!(first.seq > before.seq);
    drop(store);
    let store = directory.open().await;
    let again = store.append(Timestamp::from_ms(3), vec![once("x", 1)]).await.unwrap();
    assert_eq!(again, [Appended::Duplicate { first, lanes: 0 }]);
}

/// An entry and its id are one write: when the commit fails, neither is there.
#[tokio::test]
async fn an_id_is_kept_only_with_its_event() {
    let directory = directory();
    let store = directory.open().await;
    let log = directory.0.path().join("log/00000000000000000001.db");
    let log = rusqlite::Connection::open(log).unwrap();
    log.execute_batch(
        "CREATE TRIGGER broken AFTER INSERT ON event WHEN NEW.detail = '{\"n\":2}'
         BEGIN SELECT RAISE(ABORT, 'broken'); END",
    )
    .unwrap();
    let entries = || vec![once("x", 1), once("y", 2)];
    store.append(Timestamp::from_ms(1), entries()).await.unwrap_err();
    log.execute_batch("DROP TRIGGER broken").unwrap();
    let appended = store.append(Timestamp::from_ms(2), entries()).await.unwrap();
    assert!(appended.iter().all(|one| matches!(one, Appended::New(_))), "{appended:?}");
}
