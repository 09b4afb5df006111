//! The files' tables and settings, the steps from older versions, and the check that a file is of
//! this one.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rusqlite::Connection;
use store::StoreError;

use crate::error;

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
    // Secrets that are kept for the configuration.
    "
CREATE TABLE kept_secret(name TEXT PRIMARY KEY, sealed BLOB NOT NULL, set_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
",
];

const LOG: Steps = &[
    "
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE lane(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE event(seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL, bus TEXT NOT NULL, source TEXT NOT NULL,
  detail_type TEXT NOT NULL, time INTEGER, resources TEXT, traceparent TEXT, detail TEXT NOT NULL) STRICT;
CREATE INDEX event_by_bus ON event(bus, ts);
CREATE TABLE delivery(lane INTEGER, chunk INTEGER, ts INTEGER NOT NULL, redrive INTEGER NOT NULL,
  n INTEGER NOT NULL, seqs BLOB NOT NULL, PRIMARY KEY(lane, chunk)) STRICT, WITHOUT ROWID;
CREATE TABLE attempt(lane INTEGER, seq INTEGER, n INTEGER, ts INTEGER NOT NULL, took_ms INTEGER NOT NULL,
  status INTEGER, outcome INTEGER NOT NULL, error TEXT, response TEXT, PRIMARY KEY(lane, seq, n)) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_failed ON attempt(seq) WHERE outcome <> 0;
CREATE TABLE cursor(lane INTEGER PRIMARY KEY, chunk INTEGER NOT NULL, idx INTEGER NOT NULL) STRICT;
CREATE TABLE retry(lane INTEGER, seq INTEGER, due INTEGER NOT NULL, tries INTEGER NOT NULL, since INTEGER NOT NULL,
  attempts INTEGER NOT NULL, PRIMARY KEY(lane, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX retry_due ON retry(lane, due, seq);
CREATE TABLE dead(lane INTEGER, seq INTEGER, queue TEXT NOT NULL, at INTEGER NOT NULL, attempts INTEGER NOT NULL,
  code TEXT NOT NULL, message TEXT NOT NULL, exhausted TEXT, purged INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(lane, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE schedule(name TEXT PRIMARY KEY, fired_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
",
    // The ids of entries, by which a repetition is found: see `log/repeats.rs`.
    "
CREATE TABLE entry(window_ms INTEGER, seq INTEGER, id BLOB NOT NULL, content BLOB NOT NULL, at INTEGER NOT NULL,
  lanes INTEGER NOT NULL, PRIMARY KEY(window_ms, seq)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX entry_by_id ON entry(id);
",
];

pub(crate) fn open_core(path: &Path) -> Result<Connection, StoreError> {
    open(path, CORE)
}

pub(crate) fn open_log(path: &Path) -> Result<Connection, StoreError> {
    open(path, LOG)
}

fn open(path: &Path, steps: Steps) -> Result<Connection, StoreError> {
    only_ours(path)?;
    let connection = Connection::open(path).map_err(|cause| named(path, &cause))?;
    prepare(&connection, steps).map_err(|cause| named(path, &cause))?;
    let version: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(error)?;
    let newest = steps.len();
    if usize::try_from(version) == Ok(newest) {
        Ok(connection)
    } else {
        Err(StoreError::Unreadable(format!(
            "{} is of version {version}; this program reads version {newest}",
            path.display()
        )))
    }
}

/// Makes the file for its owner only, whatever the directory allows; SQLite gives the files beside it
/// the same mode.
fn only_ours(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600).open(path);
    file.and_then(|file| file.set_permissions(Permissions::from_mode(0o600)))
        .map_err(|cause| StoreError::Unavailable(format!("{}: {cause}", path.display())))
}

fn prepare(connection: &Connection, steps: Steps) -> rusqlite::Result<()> {
    // 8 KiB pages carry an event and its neighbours; set before the first table is made.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    // A version that is none, or newer than all steps, has nothing to take; the caller refuses it.
    let taken = usize::try_from(version).unwrap_or(usize::MAX);
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
