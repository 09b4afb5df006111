//! The port's conformance suite on real files, and what only SQLite has.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::sync::Arc;

use store::Store;
use store::conformance::{self, Bench};
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
    a_lane_reads_what_was_appended_in_order,
    after_a_restart_a_lane_knows_what_is_settled,
    dead_letters_are_redriven_once,
    leases_never_exceed_the_quota,
    a_schedule_remembers_when_it_fired,
    retention_keeps_what_is_still_needed,
    after_a_restart_numbers_go_on_though_all_is_dropped,
    after_a_restart_a_purged_letter_stays_away,
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
    use model::{EventDraft, EventFields, Name, Timestamp};
    let directory = directory();
    let store = directory.open().await;
    let draft = |number: u32| {
        let fields = EventFields {
            source: "s".into(),
            detail_type: "t".into(),
            detail: format!(r#"{{"n":{number}}}"#),
            ..EventFields::default()
        };
        EventDraft::new(Name::new("orders").unwrap(), fields).unwrap()
    };
    let mut publishers = tokio::task::JoinSet::new();
    for number in 0..200_u32 {
        let (store, draft) = (Arc::clone(&store), draft(number));
        publishers.spawn(async move {
            let entries = vec![store::Entry { draft: draft.clone(), lanes: vec![] }];
            let id = store.append(Timestamp::from_ms(5), entries).await.unwrap()[0];
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
