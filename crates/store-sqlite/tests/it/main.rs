//! The port's conformance suite on real files, and what only SQLite has.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::sync::Arc;

use model::{EntryId, EventDraft, EventFields, Name, Timestamp};
use store::conformance::Bench;
use store::{
    AnswerBounds, AnswerKey, Appended, Beginning, Begun, Entry, Once, Store, TokenAct, TokenEntry,
    TokenOutcome, TokenQuery,
};
use store_sqlite::SqliteStore;

mod oracle;
mod segments;

struct Directory(tempfile::TempDir);

impl Bench for Directory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.0.path()).unwrap())
    }
}

/// The same, and each opening begins a new segment of the log: what a claim does before a restart and
/// after it lies in different files.
struct Segmented(tempfile::TempDir);

impl Bench for Segmented {
    async fn open(&self) -> Arc<dyn Store> {
        let store = SqliteStore::open(self.0.path()).unwrap();
        store.seal().await.unwrap();
        Arc::new(store)
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

store::claims!(directory());

mod in_segments {
    use super::*;

    store::claims!(Segmented(tempfile::tempdir().unwrap()));
}

#[tokio::test]
async fn a_file_of_another_version_is_refused_by_name() {
    let directory = directory();
    drop(directory.open().await);
    let core = directory.0.path().join("core.db");
    rusqlite::Connection::open(&core).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteStore::open(directory.0.path()).err().unwrap().to_string();
    assert!(error.contains("core.db is of version 99"), "{error}");
}

/// Takes the newest step back: what the audit of tokens did not have before.
const BEFORE_ACTS: &str = "
    DROP TABLE declared_credential;
    DROP INDEX token_audit_of_credential; ALTER TABLE token_audit DROP COLUMN credential;
    DROP INDEX token_audit_of_issuer; DROP INDEX token_audit_of_subject; DROP INDEX token_audit_revoked;
    ALTER TABLE token_audit DROP COLUMN act;
    ALTER TABLE token_audit DROP COLUMN issuer; ALTER TABLE token_audit DROP COLUMN subject;
    PRAGMA user_version = 9;";

/// And those before: what credentials and signing keys did not have.
const BEFORE_RINGS: &str = "
    DROP TABLE declared_credential;
    DROP INDEX token_audit_of_credential; ALTER TABLE token_audit DROP COLUMN credential;
    DROP INDEX token_audit_of_issuer; DROP INDEX token_audit_of_subject; DROP INDEX token_audit_revoked;
    ALTER TABLE token_audit DROP COLUMN act;
    ALTER TABLE token_audit DROP COLUMN issuer; ALTER TABLE token_audit DROP COLUMN subject;
    ALTER TABLE api_key DROP COLUMN not_before; ALTER TABLE api_key DROP COLUMN last_used;
    ALTER TABLE client_secret DROP COLUMN not_before; ALTER TABLE client_secret DROP COLUMN last_used;
    ALTER TABLE client_secret DROP COLUMN imported;
    ALTER TABLE signing_key DROP COLUMN published_at; ALTER TABLE signing_key DROP COLUMN turn_at;
    ALTER TABLE signing_key DROP COLUMN signs_from; ALTER TABLE signing_key DROP COLUMN gone_at;
    PRAGMA user_version = 8;";

#[tokio::test]
async fn a_core_db_from_before_rings_has_a_key_that_signs_since_it_was_made() {
    let directory = directory();
    drop(directory.open().await);
    let core = rusqlite::Connection::open(directory.0.path().join("core.db")).unwrap();
    core.execute_batch(BEFORE_RINGS).unwrap();
    core.execute_batch(
        "INSERT INTO signing_key VALUES('a', '{}', x'01', 1000, 5000), ('b', '{}', x'02', 5000, NULL);
         INSERT INTO client_secret VALUES('s', 'acme', zeroblob(32), 'abcd', 7, NULL, NULL)",
    )
    .unwrap();
    drop(core);
    let store = directory.open().await;
    let at = |ms: i64| Some(Timestamp::from_ms(ms));
    let keys = store.signing_keys().await.unwrap();
    assert_eq!((keys[0].signs_from, keys[0].gone_at), (at(1000), at(86_465_000)));
    assert_eq!((keys[1].signs_from, keys[1].published_at), (at(5000), at(5000)));
    assert_eq!((keys[1].retired_at, keys[1].gone_at), (None, None));
    let secrets = store.secret_credentials().await.unwrap();
    assert!(secrets[0].is_live(Timestamp::from_ms(8)) && !secrets[0].imported);
}

#[tokio::test]
async fn a_core_db_from_before_exchanges_were_told_has_what_was_asked_for() {
    let directory = directory();
    drop(directory.open().await);
    let core = rusqlite::Connection::open(directory.0.path().join("core.db")).unwrap();
    core.execute_batch(BEFORE_ACTS).unwrap();
    core.execute_batch(
        "INSERT INTO token_text VALUES(1, 'acme', 0), (2, 'damped', 0);
         INSERT INTO token_audit VALUES(1, 1, NULL, NULL, NULL, NULL, x'7f000001', NULL, 't1', NULL, NULL, 1),
           (2, 1, NULL, NULL, NULL, NULL, x'7f000001', NULL, NULL, 2, NULL, 3)",
    )
    .unwrap();
    drop(core);
    let store = directory.open().await;
    let rows = store.tokens(TokenQuery { limit: 9, ..TokenQuery::default() }).await.unwrap();
    let outcomes: Vec<_> = rows.iter().map(|row| row.entry.outcome()).collect();
    assert_eq!(outcomes, [TokenOutcome::Refused, TokenOutcome::Issued]);
    let of_exchange = |entry: &TokenEntry| entry.issuer.is_some() || entry.subject.is_some();
    assert!(rows.iter().all(|row| row.entry.credential.is_none()), "{rows:?}");
    assert!(!rows.iter().any(|row| of_exchange(&row.entry)), "{rows:?}");
}

#[tokio::test]
async fn a_core_db_from_before_declared_credentials_takes_the_step() {
    let directory = directory();
    drop(directory.open().await);
    let core = rusqlite::Connection::open(directory.0.path().join("core.db")).unwrap();
    core.execute_batch(BEFORE_ACTS).unwrap();
    drop(core);
    store::conformance::the_uses_of_declared_credentials_are_kept(&directory).await;
}

#[tokio::test]
async fn a_core_db_from_before_usage_takes_the_step() {
    let directory = directory();
    drop(directory.open().await);
    let core = rusqlite::Connection::open(directory.0.path().join("core.db")).unwrap();
    core.execute_batch(BEFORE_RINGS).unwrap();
    let back = "DROP TABLE token_audit; DROP TABLE token_text; DROP TABLE denied;
         DROP TABLE answer; DROP TABLE answer_room;
         DROP TABLE usage; DROP TABLE usage_key; PRAGMA user_version = 4";
    core.execute_batch(back).unwrap();
    drop(core);
    store::conformance::after_a_restart_usage_counts_on(&directory).await;
}

#[tokio::test]
async fn a_core_db_from_before_answers_takes_the_step() {
    let directory = directory();
    drop(directory.open().await);
    let core = rusqlite::Connection::open(directory.0.path().join("core.db")).unwrap();
    core.execute_batch(BEFORE_RINGS).unwrap();
    let back = "DROP TABLE token_audit; DROP TABLE token_text; DROP TABLE denied;
         DROP TABLE answer; DROP TABLE answer_room; PRAGMA user_version = 5";
    core.execute_batch(back).unwrap();
    drop(core);
    store::conformance::after_a_restart_an_answer_is_given_again(&directory).await;
}

#[tokio::test]
async fn a_core_db_from_before_revocation_takes_the_step() {
    let directory = directory();
    drop(directory.open().await);
    let core = rusqlite::Connection::open(directory.0.path().join("core.db")).unwrap();
    core.execute_batch(BEFORE_RINGS).unwrap();
    core.execute_batch(
        "DROP TABLE token_audit; DROP TABLE token_text; DROP TABLE denied; PRAGMA user_version = 6",
    )
    .unwrap();
    drop(core);
    store::conformance::after_a_restart_tokens_are_denied(&directory).await;
}

#[tokio::test]
async fn a_core_db_from_before_the_audit_of_tokens_takes_the_step() {
    let directory = directory();
    drop(directory.open().await);
    let core = rusqlite::Connection::open(directory.0.path().join("core.db")).unwrap();
    core.execute_batch(BEFORE_RINGS).unwrap();
    let back = "DROP TABLE token_audit; DROP TABLE token_text; PRAGMA user_version = 7";
    core.execute_batch(back).unwrap();
    drop(core);
    store::conformance::after_a_restart_tokens_are_listed_on(&directory).await;
}

#[tokio::test]
async fn a_text_of_the_audit_is_written_once_and_goes_with_its_last_entry() {
    const DAY_MS: i64 = 86_400_000;
    let directory = directory();
    let store = directory.open().await;
    let entry = |day: i64, client: &str| TokenEntry {
        at: Timestamp::from_ms(day * DAY_MS + 5),
        act: TokenAct::Asked,
        client: Some(client.to_owned()),
        partner: None,
        method: None,
        credential: None,
        issuer: None,
        subject: None,
        scope: None,
        audience: None,
        address: [192, 0, 2, 7].into(),
        kid: None,
        token_id: None,
        refusal: None,
        observed: None,
        times: 1,
    };
    let entries = vec![entry(1, "a"), entry(1, "b"), entry(2, "a"), entry(1, "a")];
    store.record_tokens(entries).await.unwrap();
    let texts = || {
        let core = rusqlite::Connection::open(directory.0.path().join("core.db")).unwrap();
        let mut read = core.prepare("SELECT text FROM token_text ORDER BY text").unwrap();
        let texts = read.query_map([], |row| row.get::<_, String>(0)).unwrap();
        texts.map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(texts(), ["a", "b"]);
    while store.trim_tokens(Timestamp::from_ms(2 * DAY_MS)).await.unwrap() > 0 {}
    assert_eq!(texts(), ["a"]);
    let query = TokenQuery { limit: 9, ..TokenQuery::default() };
    let left = store.tokens(query).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].entry, entry(2, "a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_twins_at_once_one_begins() {
    let directory = directory();
    let store = directory.open().await;
    let mut twins = tokio::task::JoinSet::new();
    for number in 0..100_u32 {
        let store = Arc::clone(&store);
        twins.spawn(async move {
            let beginning = Beginning {
                key: AnswerKey { partner: "cars".into(), digest: [1; 32] },
                fingerprint: [2; 32],
                request: format!("req_{number}"),
                now: Timestamp::from_ms(5),
                until: Timestamp::from_ms(1000),
            };
            let bounds = AnswerBounds { keys: 10, bytes: 1000 };
            store.begin_answer(beginning, bounds).await.unwrap()
        });
    }
    let begun = twins.join_all().await;
    assert_eq!(begun.iter().filter(|begun| **begun == Begun::Fresh).count(), 1);
    let under_way = Begun::UnderWay { until: Timestamp::from_ms(1000) };
    assert_eq!(begun.iter().filter(|begun| **begun == under_way).count(), 99);
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
async fn a_log_of_another_version_is_refused_by_name_and_definitions_stay_as_they_were() {
    let directory = directory();
    drop(directory.open().await);
    let log = directory.0.path().join("log/00000000000000000001.db");
    rusqlite::Connection::open(log).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let error = SqliteStore::open(directory.0.path()).err().unwrap().to_string();
    assert!(error.contains("00000000000000000001.db is of version 2"), "{error}");
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
