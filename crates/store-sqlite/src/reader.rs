//! Read-only connections: a few, kept open, one per read at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use store::{Answer, StoreError};

use crate::error;

/// How many idle connections are kept of one file.
const KEPT_MAX: usize = 4;

#[derive(Clone)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    kept_max: Arc<AtomicUsize>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, idle: Arc::default(), kept_max: Arc::new(AtomicUsize::new(KEPT_MAX)) }
    }

    /// Runs one read on a thread that may block.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'static, T> {
        let readers = self.clone();
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || readers.with(read).map_err(error));
            done.await.map_err(|_| StoreError::Closed)?
        })
    }

    /// Runs one read on this thread.
    pub(crate) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let kept = self.idle.lock().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.open()?,
        };
        let answer = read(&connection)?;
        let mut idle = self.idle.lock();
        if idle.len() < self.kept_max.load(Ordering::Relaxed) {
            idle.push(connection);
        }
        Ok(answer)
    }

    /// A connection of its own for whoever keeps it.
    pub(crate) fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.set_prepared_statement_cache_capacity(32);
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(connection)
    }

    /// Keeps no more than so many idle connections from now on.
    pub(crate) fn keep(&self, most: usize) {
        self.kept_max.store(most, Ordering::Relaxed);
        self.idle.lock().truncate(most);
    }
}
