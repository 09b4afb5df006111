//! The files' tables and settings, the steps from older versions, and the check that a file is of
//! this one.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rusqlite::Connection;
use store::StoreError;

/// The steps to the newest form of a file. How many of them it has taken is its version, in
/// `PRAGMA user_version`; a change of tables is one more step at the end, and none is ever changed.
type Steps = &'static [&'static str];

const CORE: Steps = &[
    "
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE document(kind TEXT, name TEXT, origin TEXT NOT NULL, place TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY(kind, name)) STRICT, WITHOUT ROWID;
CREATE TABLE api_key(id TEXT PRIMARY KEY, key TEXT NOT NULL, partner TEXT NOT NULL, digest BLOB NOT NULL,
  last_four TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE client_secret(id TEXT PRIMARY KEY, client TEXT NOT NULL, digest BLOB NOT NULL,
  last_four TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE signing_key(kid TEXT PRIMARY KEY, public_jwk TEXT NOT NULL, sealed_private BLOB NOT NULL,
  created_at INTEGER NOT NULL, retired_at INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE quota(key TEXT, start_ms INTEGER, end_ms INTEGER NOT NULL, leased INTEGER NOT NULL,
  PRIMARY KEY(key, start_ms)) STRICT, WITHOUT ROWID;
CREATE TABLE audit(n INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
  subject TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
",
    // How destinations and rules were switched, and the keys that sign deliveries.
    "
CREATE TABLE destination_state(name TEXT PRIMARY KEY, state TEXT, reason TEXT, since INTEGER,
  trouble_since INTEGER, notices INTEGER NOT NULL, last_success INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE paused_rule(bus TEXT, rule TEXT, since INTEGER NOT NULL,
  PRIMARY KEY(bus, rule)) STRICT, WITHOUT ROWID;
CREATE TABLE webhook_key(kid TEXT PRIMARY KEY, public_jwk TEXT NOT NULL,
  sealed_private BLOB NOT NULL, created_at INTEGER NOT NULL, retired_at INTEGER) STRICT, WITHOUT ROWID;
",
    // The numbers of lanes, which outlive every segment of the log; replays.
    "
CREATE TABLE lane(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE replay(name TEXT PRIMARY KEY, bus TEXT NOT NULL, from_ts INTEGER NOT NULL, until_ts INTEGER NOT NULL,
  rules TEXT NOT NULL, pattern TEXT, destination TEXT, target TEXT, rate TEXT, created_at INTEGER NOT NULL,
  state TEXT NOT NULL, looked_until INTEGER NOT NULL, looked_at INTEGER NOT NULL, found INTEGER NOT NULL,
  ended_at INTEGER, reason TEXT NOT NULL) STRICT, WITHOUT ROWID;
",
    // Secrets that are kept for the configuration.
    "
CREATE TABLE kept_secret(name TEXT PRIMARY KEY, sealed BLOB NOT NULL, set_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
",
    // Usage. `grain` is 0 for a minute, 1 for an hour, 2 for a day, and `start_min` the minutes from 1970 to
    // the period's beginning; `h0` to `h16` are the buckets of latencies. A nought takes no room in a row.
    "
CREATE TABLE usage_key(id INTEGER PRIMARY KEY, partner TEXT NOT NULL, client TEXT NOT NULL, api_key TEXT NOT NULL,
  api TEXT NOT NULL, route TEXT NOT NULL, UNIQUE(partner, client, api_key, api, route)) STRICT;
CREATE TABLE usage(grain INTEGER, start_min INTEGER, key INTEGER,
  s2xx INTEGER NOT NULL, s3xx INTEGER NOT NULL, s4xx INTEGER NOT NULL, s5xx INTEGER NOT NULL, other INTEGER NOT NULL,
  refused INTEGER NOT NULL, limited INTEGER NOT NULL, bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL,
  upstream_us INTEGER NOT NULL,
  h0 INTEGER NOT NULL, h1 INTEGER NOT NULL, h2 INTEGER NOT NULL, h3 INTEGER NOT NULL, h4 INTEGER NOT NULL,
  h5 INTEGER NOT NULL, h6 INTEGER NOT NULL, h7 INTEGER NOT NULL, h8 INTEGER NOT NULL, h9 INTEGER NOT NULL,
  h10 INTEGER NOT NULL, h11 INTEGER NOT NULL, h12 INTEGER NOT NULL, h13 INTEGER NOT NULL, h14 INTEGER NOT NULL,
  h15 INTEGER NOT NULL, h16 INTEGER NOT NULL,
  PRIMARY KEY(grain, start_min, key)) STRICT, WITHOUT ROWID;
",
    // Answers under an `Idempotency-Key`, in the order their requests began; without a status while that is
    // under way. `bytes` is the length of head and body, and `answer_room` what a partner's answers take.
    "
CREATE TABLE answer(id INTEGER PRIMARY KEY, partner TEXT NOT NULL, digest BLOB NOT NULL, fingerprint BLOB NOT NULL,
  request TEXT NOT NULL, begun_at INTEGER NOT NULL, until_at INTEGER NOT NULL, status INTEGER, bytes INTEGER NOT NULL,
  head BLOB, body BLOB, UNIQUE(partner, digest)) STRICT;
CREATE INDEX answer_of_partner ON answer(partner);
CREATE INDEX answer_whole ON answer(partner) WHERE bytes > 0;
CREATE TABLE answer_room(partner TEXT PRIMARY KEY, n INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
",
    // Tokens that are refused before their end. `kind` is 0 for one token, 1 for a client, 2 for a credential, and
    // a number is never given twice: who follows has seen all up to one.
    "
CREATE TABLE denied(n INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, id TEXT NOT NULL, client TEXT NOT NULL,
  at INTEGER NOT NULL, until_at INTEGER NOT NULL, UNIQUE(kind, id)) STRICT;
CREATE INDEX denied_of_client ON denied(client, kind, until_at);
CREATE INDEX denied_until ON denied(until_at, kind);
",
    // Who got which token. `id` is the moment in milliseconds, times 2^20, and a place; other numbers are those
    // of texts, and `day` is the last one, from 1970, on which a text was used.
    "
CREATE TABLE token_text(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, day INTEGER NOT NULL) STRICT;
CREATE TABLE token_audit(id INTEGER PRIMARY KEY, client INTEGER, partner INTEGER, method INTEGER, scope INTEGER,
  audience INTEGER, address BLOB NOT NULL, kid INTEGER, token_id TEXT, refusal INTEGER, observed INTEGER,
  times INTEGER NOT NULL) STRICT;
CREATE INDEX token_audit_of_client ON token_audit(client);
CREATE INDEX token_audit_of_partner ON token_audit(partner);
",
    // From when on credentials open, when they were used and whether another server gave them; the stages of
    // keys that sign tokens. One that signed before was published as long, and one that no longer does goes when
    // the longest token has ended.
    "
ALTER TABLE api_key ADD COLUMN not_before INTEGER;
ALTER TABLE api_key ADD COLUMN last_used INTEGER;
ALTER TABLE client_secret ADD COLUMN not_before INTEGER;
ALTER TABLE client_secret ADD COLUMN last_used INTEGER;
ALTER TABLE client_secret ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;
ALTER TABLE signing_key ADD COLUMN published_at INTEGER;
ALTER TABLE signing_key ADD COLUMN turn_at INTEGER;
ALTER TABLE signing_key ADD COLUMN signs_from INTEGER;
ALTER TABLE signing_key ADD COLUMN gone_at INTEGER;
UPDATE signing_key SET published_at = created_at, signs_from = created_at, gone_at = retired_at + 86460000;
",
    // By which credential a client proved itself; of an exchange, whose token it was; what clients revoked. `act` is
    // 0 for a token that was asked for, and 1 for one that was revoked; all there was before were of the former kind.
    // And the credentials that are declared with clients, with the day they were used.
    "
ALTER TABLE token_audit ADD COLUMN act INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token_audit ADD COLUMN credential INTEGER;
ALTER TABLE token_audit ADD COLUMN issuer INTEGER;
ALTER TABLE token_audit ADD COLUMN subject INTEGER;
CREATE INDEX token_audit_of_credential ON token_audit(credential) WHERE credential IS NOT NULL;
CREATE INDEX token_audit_of_issuer ON token_audit(issuer) WHERE issuer IS NOT NULL;
CREATE INDEX token_audit_of_subject ON token_audit(subject) WHERE subject IS NOT NULL;
CREATE INDEX token_audit_revoked ON token_audit(act) WHERE act = 1;
CREATE TABLE declared_credential(id TEXT PRIMARY KEY, last_used INTEGER) STRICT, WITHOUT ROWID;
",
];

/// A segment of the log. It is never migrated: the whole log is read by the program that wrote it, or
/// refused by name.
const LOG: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE event(seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, bus TEXT NOT NULL, source TEXT NOT NULL,
  detail_type TEXT NOT NULL, time INTEGER, resources TEXT, traceparent TEXT, detail TEXT NOT NULL) STRICT;
-- What a segment holds of each bus, so that nobody need look at each event to know whether its time is over.
CREATE TABLE span(bus TEXT PRIMARY KEY, n INTEGER NOT NULL, last_ts INTEGER NOT NULL,
  swept INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
CREATE TABLE history(id INTEGER PRIMARY KEY CHECK(id = 1), n INTEGER NOT NULL, last_ts INTEGER NOT NULL,
  swept INTEGER NOT NULL DEFAULT 0) STRICT;
-- One row per lane and commit. `before` counts the entries the lane ever had before this chunk, here and in
-- earlier segments; `carried` is that number where the segment begins, and the last entry's place.
CREATE TABLE delivery(lane INTEGER, chunk INTEGER, ts INTEGER NOT NULL, kind INTEGER NOT NULL,
  before INTEGER NOT NULL, n INTEGER NOT NULL, seqs BLOB NOT NULL, attempts BLOB,
  PRIMARY KEY(lane, chunk)) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_again ON delivery(lane, chunk) WHERE kind <> 0;
CREATE TABLE carried(lane INTEGER PRIMARY KEY, before INTEGER NOT NULL, last INTEGER) STRICT;
-- History and acknowledgement at once. A standing of an event on a lane is (lane, chunk, seq).
CREATE TABLE attempt(seq INTEGER, lane INTEGER, chunk INTEGER, n INTEGER, accepted INTEGER NOT NULL,
  ts INTEGER NOT NULL, took_ms INTEGER NOT NULL, status INTEGER, outcome INTEGER NOT NULL, address TEXT, error TEXT, response TEXT,
  PRIMARY KEY(seq, lane, chunk, n)) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_failed ON attempt(seq) WHERE outcome <> 0;
-- `touched` is the last chunk of which an entry has an outcome here: behind it nothing need be looked at.
CREATE TABLE cursor(lane INTEGER PRIMARY KEY, chunk INTEGER NOT NULL, idx INTEGER NOT NULL,
  touched INTEGER NOT NULL) STRICT;
CREATE TABLE retry(lane INTEGER, seq INTEGER, chunk INTEGER, due INTEGER NOT NULL, tries INTEGER NOT NULL,
  since INTEGER NOT NULL, attempts INTEGER NOT NULL, PRIMARY KEY(lane, seq, chunk)) STRICT, WITHOUT ROWID;
CREATE INDEX retry_due ON retry(lane, due, seq);
CREATE TABLE dead(lane INTEGER, seq INTEGER, chunk INTEGER, queue TEXT NOT NULL, at INTEGER NOT NULL,
  attempts INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL, exhausted TEXT,
  state INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(lane, seq, chunk)) STRICT, WITHOUT ROWID;
CREATE INDEX dead_live ON dead(lane, seq) WHERE state = 0;
CREATE TABLE schedule(name TEXT PRIMARY KEY, fired_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- The ids of entries, by which a repetition is found: see `log/repeats.rs`.
CREATE TABLE entry(window_ms INTEGER, seq INTEGER, id BLOB NOT NULL, content BLOB NOT NULL, at INTEGER NOT NULL,
  lanes INTEGER NOT NULL, PRIMARY KEY(window_ms, seq)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entry_by_id ON entry(id);
";

/// The version of a segment. 1 and 2 were one file for everything.
const LOG_VERSION: i64 = 3;

pub(crate) fn open_core(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path)?;
    migrate(&connection, CORE).map_err(|cause| named(path, &cause))?;
    demand(&connection, path, i64::try_from(CORE.len()).unwrap_or(i64::MAX))?;
    Ok(connection)
}

/// Opens a segment to write to it; makes its tables where there are none.
pub(crate) fn open_segment(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path)?;
    let version = version(&connection).map_err(|cause| named(path, &cause))?;
    if version == 0 {
        let make = || {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            connection.execute_batch(LOG)?;
            connection.pragma_update(None, "user_version", LOG_VERSION)?;
            connection.execute_batch("COMMIT")
        };
        make().map_err(|cause| named(path, &cause))?;
    }
    demand(&connection, path, LOG_VERSION)?;
    Ok(connection)
}

fn demand(connection: &Connection, path: &Path, wanted: i64) -> Result<(), StoreError> {
    let version = version(connection).map_err(|cause| named(path, &cause))?;
    if version == wanted {
        return Ok(());
    }
    Err(StoreError::Unreadable(format!(
        "{} is of version {version}; this program reads version {wanted}. Start it with the program \
         that wrote it, or move the data directory away and begin anew",
        path.display()
    )))
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    only_ours(path)?;
    let connection = Connection::open(path).map_err(|cause| named(path, &cause))?;
    prepare(&connection).map_err(|cause| named(path, &cause))?;
    Ok(connection)
}

/// Makes the file for its owner only, whatever the directory allows; SQLite gives the files beside it
/// the same mode.
fn only_ours(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600).open(path);
    file.and_then(|file| file.set_permissions(Permissions::from_mode(0o600)))
        .map_err(|cause| StoreError::Unavailable(format!("{}: {cause}", path.display())))
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    // 8 KiB pages carry an event and its neighbours; set before the first table is made.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    // The checkpointer does it, so that no publisher waits for it: see `writer/checkpoints.rs`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(std::time::Duration::from_secs(5))
}

/// Takes the steps that a file has not taken yet, all or none.
fn migrate(connection: &Connection, steps: Steps) -> rusqlite::Result<()> {
    // A version that is none, or newer than all steps, has nothing to take; the caller refuses it.
    let taken = usize::try_from(version(connection)?).unwrap_or(usize::MAX);
    if let Some(missing @ [_, ..]) = steps.get(taken..) {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for step in missing {
            connection.execute_batch(step)?;
        }
        connection.pragma_update(None, "user_version", steps.len())?;
        connection.execute_batch("COMMIT")?;
    }
    Ok(())
}

fn named(path: &Path, cause: &rusqlite::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {cause}", path.display()))
}
