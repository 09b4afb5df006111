//! Moves what was committed from the write-ahead logs into their files, beside the writers, so that
//! no caller's commit waits for it.
//!
//! A log that is written to all the time never is moved whole, and so would grow for ever. When it is
//! large, its writer is asked to begin it anew at its next commit: what is left to move then is what
//! was committed in the last moment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use store::StoreError;

use crate::segment::beside;

/// How often is looked.
const EVERY: Duration = Duration::from_millis(200);
/// A shorter log is left alone: moving it costs more than it gives.
const WAL_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// A log that is so large is to be begun anew.
const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The size of a page, as `schema.rs` sets it.
const PAGE_BYTES: u64 = 8192;

/// Says to a writer that its log is to be begun anew.
pub(crate) type BeginAnew = Arc<AtomicBool>;

type Files = Arc<Mutex<BTreeMap<PathBuf, BeginAnew>>>;

/// The checkpointer's thread and the files it looks after.
pub(crate) struct Checkpoints {
    files: Files,
    stop: SyncSender<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    pub(crate) fn start() -> Result<Arc<Self>, StoreError> {
        let files = Files::default();
        let (stop, stopped) = sync_channel(1);
        let looked_after = Arc::clone(&files);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || run(&looked_after, &stopped))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Arc::new(Self { files, stop, thread: Mutex::new(Some(thread)) }))
    }

    /// Looks after a file too; gives what its writer is to look at after each commit.
    pub(crate) fn add(&self, path: &Path) -> BeginAnew {
        Arc::clone(self.files.lock().entry(path.to_owned()).or_default())
    }

    /// Leaves a file alone from now on.
    pub(crate) fn remove(&self, path: &Path) {
        self.files.lock().remove(path);
    }

    /// Ends the thread. Blocks until it has ended.
    pub(crate) fn close(&self) {
        let Some(thread) = self.thread.lock().take() else { return };
        if self.stop.try_send(()).is_err() {
            tracing::debug!("the checkpointer had ended before");
        }
        if thread.join().is_err() {
            tracing::error!("the checkpointer ended in a panic");
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.close();
    }
}

fn run(files: &Files, stopped: &Receiver<()>) {
    let mut open: BTreeMap<PathBuf, Connection> = BTreeMap::new();
    while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        let present = files.lock().clone();
        open.retain(|path, _| present.contains_key(path));
        for (path, begin_anew) in present {
            let bytes = std::fs::metadata(beside(&path, "-wal")).map_or(0, |file| file.len());
            if bytes >= WAL_BYTES_MIN
                && let Err(error) = checkpoint(&mut open, &path, &begin_anew)
            {
                tracing::debug!(%error, file = %path.display(), "a checkpoint was put off");
            }
        }
    }
}

fn checkpoint(
    open: &mut BTreeMap<PathBuf, Connection>,
    path: &Path,
    begin_anew: &BeginAnew,
) -> rusqlite::Result<()> {
    let connection = match open.entry(path.to_owned()) {
        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
        std::collections::btree_map::Entry::Vacant(entry) => {
            let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE
                | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "mmap_size", 0)?;
            entry.insert(connection)
        }
    };
    // How many pages the log has; it is as large as it ever was, however few are in use.
    let pages =
        || connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(1));
    let used = pages()?;
    let bytes = u64::try_from(used).unwrap_or(0) * PAGE_BYTES;
    if bytes >= WAL_BYTES_MAX {
        // Once more, so that little is left for the writer to do.
        pages()?;
        begin_anew.store(true, Ordering::Relaxed);
    }
    Ok(())
}
