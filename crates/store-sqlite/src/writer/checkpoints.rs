//! Moves what was committed from the write-ahead logs into their files, beside the writers, so that
//! no caller's commit waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
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

/// The checkpointer's thread and the files it looks after.
pub(crate) struct Checkpoints {
    files: Arc<Mutex<BTreeSet<PathBuf>>>,
    stop: SyncSender<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    pub(crate) fn start() -> Result<Arc<Self>, StoreError> {
        let files: Arc<Mutex<BTreeSet<PathBuf>>> = Arc::default();
        let (stop, stopped) = sync_channel(1);
        let looked_after = Arc::clone(&files);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || run(&looked_after, &stopped))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Arc::new(Self { files, stop, thread: Mutex::new(Some(thread)) }))
    }

    /// Looks after a file too.
    pub(crate) fn add(&self, path: PathBuf) {
        self.files.lock().insert(path);
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

fn run(files: &Mutex<BTreeSet<PathBuf>>, stopped: &Receiver<()>) {
    let mut open: BTreeMap<PathBuf, Connection> = BTreeMap::new();
    while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        let present = files.lock().clone();
        open.retain(|path, _| present.contains(path));
        for path in present {
            let bytes = std::fs::metadata(beside(&path, "-wal")).map_or(0, |file| file.len());
            if bytes >= WAL_BYTES_MIN
                && let Err(error) = checkpoint(&mut open, &path)
            {
                tracing::debug!(%error, file = %path.display(), "a checkpoint was put off");
            }
        }
    }
}

fn checkpoint(open: &mut BTreeMap<PathBuf, Connection>, path: &Path) -> rusqlite::Result<()> {
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
    connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)")
}
