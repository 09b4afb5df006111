//! The embedded store: SQLite files in one data directory.
//!
//! `core.db` holds definitions, credentials, revoked tokens, quotas, answers that are given again,
//! what is switched off and the audit trail;
//! `log/<first-number>.db`, the segments of the log, hold events and what became of them. Events are
//! appended to the last segment; a sealed one is removed whole when its time is over. No transaction
//! spans two files. Each file has one writer thread that gathers what waits into one commit, so that
//! callers share a flush, and a few read-only connections with short reads; one more thread moves
//! what was committed into the files. Write-ahead log, `synchronous=FULL`: what has been answered
//! survives a power cut.

mod answers;
mod definitions;
mod deliveries;
mod denied;
mod files;
mod keys;
mod log;
mod reader;
mod replays;
mod schema;
mod segment;
mod states;
mod token_audit;
mod usage;
mod writer;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use model::Revision;
use rusqlite::Connection;
use store::StoreError;
use tokio::sync::watch;

use files::Files;
use reader::Readers;
use writer::{Checkpoints, Writer};

/// When the segment that events are appended to makes way for a new one. Looked at whenever old
/// events are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealing {
    /// It is so large.
    pub bytes: u64,
    /// It holds events of so long a time, in milliseconds.
    pub age_ms: i64,
    /// Something in it need not be kept any more, and it is so large.
    pub over_bytes: u64,
    /// Something in it has not needed to be kept for so long, in milliseconds.
    pub over_ms: i64,
}

impl Default for Sealing {
    /// A day or 1 GiB; 16 MiB or ten minutes once something is over.
    fn default() -> Self {
        Self { bytes: 1 << 30, age_ms: 86_400_000, over_bytes: 16 << 20, over_ms: 600_000 }
    }
}

/// An open data directory. Closing it is dropping it; everything answered is on disk anyway.
pub struct SqliteStore {
    core: Writer,
    core_readers: Readers,
    log: Arc<Files>,
    sealing: Sealing,
    /// Held while dead letters are redriven or purged: none is taken by two.
    moving_letters: Arc<tokio::sync::Mutex<()>>,
    revisions: Arc<watch::Sender<Revision>>,
    checkpoints: Arc<Checkpoints>,
}

impl SqliteStore {
    /// Opens the directory, making what is missing. Refuses files of another version and a
    /// directory that another process holds open.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_with(directory, Sealing::default())
    }

    /// The same, with other bounds of segments.
    pub fn open_with(directory: &Path, sealing: Sealing) -> Result<Self, StoreError> {
        let log_directory = directory.join("log");
        let mut maker = std::fs::DirBuilder::new();
        let made = maker.recursive(true).mode(0o700).create(&log_directory);
        made.map_err(|error| StoreError::Unavailable(format!("{}: {error}", directory.display())))?;
        let checkpoints = Checkpoints::start()?;
        let log = Arc::new(Files::open(&log_directory, Arc::clone(&checkpoints))?);
        let core_path = directory.join("core.db");
        let core = schema::open_core(&core_path)?;
        let revision = definitions::revision(&core).map_err(error)?;
        let begin_anew = checkpoints.add(&core_path);
        Ok(Self {
            core: Writer::start("store-core", core, None, begin_anew)?,
            core_readers: Readers::new(core_path),
            log,
            sealing,
            moving_letters: Arc::default(),
            revisions: Arc::new(watch::Sender::new(revision)),
            checkpoints,
        })
    }

    /// Begins a new segment of the log, if the last one has anything in it.
    pub fn seal(&self) -> impl Future<Output = Result<(), StoreError>> + Send + '_ {
        self.log.rotate()
    }

    /// Waits until all writers have written what they were given, then closes the files.
    pub fn close(&self) {
        self.checkpoints.close();
        self.log.close();
        self.core.close();
        self.core_readers.keep(0);
    }
}

/// An error of the library as the port knows it.
#[expect(clippy::needless_pass_by_value, reason = "stands in `map_err`, which hands it over")]
fn error(error: rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => StoreError::Unreadable(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// SQLite's integers are signed; ours that are counted from nought are not, and stay far below the
/// border.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way back of [`signed`].
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A value in storage that has not the form its type demands.
fn unreadable(what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        0,
        rusqlite::types::Type::Text,
        format!("{what} has another form").into(),
    )
}

/// Shorthand for statements that are prepared once per connection.
fn execute(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(values)
}
