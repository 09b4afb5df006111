//! The embedded store: SQLite files in one data directory.
//!
//! `core.db` holds definitions, credentials, quotas, what is switched off and the audit trail; `log/<first-seq>.db`
//! holds events and what became of them. No transaction spans two files. Each file has one writer
//! thread that gathers what waits into one commit, so that callers share a flush, and a few
//! read-only connections with short reads. Write-ahead log, `synchronous=FULL`: what has been
//! answered survives a power cut.

mod definitions;
mod deliveries;
mod keys;
mod log;
mod reader;
mod schema;
mod states;
mod usage;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use model::Revision;
use parking_lot::RwLock;
use rusqlite::Connection;
use store::{LaneWaker, StoreError};
use tokio::sync::watch;

use reader::Readers;
use writer::Writer;

/// The one log file there is so far; named by the first place it holds.
const FIRST_SEGMENT: &str = "00000000000000000001.db";

/// An open data directory. Closing it is dropping it; everything answered is on disk anyway.
pub struct SqliteStore {
    core: Writer,
    core_readers: Readers,
    log: Writer,
    log_readers: Readers,
    revisions: Arc<watch::Sender<Revision>>,
    waker: Arc<RwLock<Option<Arc<dyn LaneWaker>>>>,
    /// The next number of the log: places of events and names of chunks come from it.
    next: Arc<AtomicU64>,
}

impl SqliteStore {
    /// Opens the directory, making what is missing. Refuses files of a newer version and a
    /// directory that another process holds open.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let log_directory = directory.join("log");
        std::fs::create_dir_all(&log_directory).map_err(|error| {
            StoreError::Unavailable(format!("{}: {error}", directory.display()))
        })?;
        let (core_path, log_path) = (directory.join("core.db"), log_directory.join(FIRST_SEGMENT));
        let core = schema::open_core(&core_path)?;
        let log = schema::open_log(&log_path)?;
        let revision = definitions::revision(&core).map_err(error)?;
        let next = Arc::new(AtomicU64::new(log::next_number(&log).map_err(error)?));
        let waker: Arc<RwLock<Option<Arc<dyn LaneWaker>>>> = Arc::default();
        Ok(Self {
            core: Writer::start("store-core", core, None)?,
            core_readers: Readers::new(core_path),
            log: Writer::start(
                "store-log",
                log,
                Some(log::Appender::new(Arc::clone(&next), Arc::clone(&waker))),
            )?,
            log_readers: Readers::new(log_path),
            revisions: Arc::new(watch::Sender::new(revision)),
            waker,
            next,
        })
    }

    /// Waits until both writers have written what they were given, then closes the files.
    pub fn close(&self) {
        self.log.close();
        self.core.close();
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
