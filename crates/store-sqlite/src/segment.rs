//! One file of the log: the events of a stretch of numbers, and what became of what was put on lanes
//! in that stretch.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rusqlite::Connection;
use store::{Answer, StoreError};

use crate::log::{Append, Appender};
use crate::reader::Readers;
use crate::schema;
use crate::writer::{Checkpoints, Writer};

/// A segment. Reads and writes find it through [`crate::files::Files`].
pub(crate) struct Segment {
    /// The lowest number it may hold; its name.
    pub(crate) first: u64,
    path: PathBuf,
    readers: Readers,
    /// Begun when something is written: a sealed segment may never need one again.
    writer: Mutex<Option<Arc<Writer>>>,
    removed: AtomicBool,
    checkpoints: Arc<Checkpoints>,
}

/// How often a write is handed to another writer.
const TRIES: usize = 3;
/// How many idle read-only connections are kept of a sealed segment.
const KEPT_SEALED: usize = 1;

impl Segment {
    /// The file's name.
    pub(crate) fn name(first: u64) -> String {
        format!("{first:020}.db")
    }

    /// The number in a file's name; none for files that are no segments.
    pub(crate) fn number(path: &Path) -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        let digits = name.strip_suffix(".db")?;
        (digits.len() == 20).then(|| digits.parse().ok()).flatten()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn new(first: u64, path: PathBuf, checkpoints: Arc<Checkpoints>) -> Self {
        let readers = Readers::new(path.clone());
        let (writer, removed) = (Mutex::default(), AtomicBool::new(false));
        Self { first, path, readers, writer, removed, checkpoints }
    }

    /// Runs one read on this thread.
    pub(crate) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        // The error itself does not name the file.
        self.readers.with(read).inspect_err(|error| {
            tracing::warn!(%error, file = %self.path.display(), "a segment of the log cannot be read");
        })
    }

    /// A read-only connection for whoever keeps it.
    pub(crate) fn reader(&self) -> rusqlite::Result<Connection> {
        self.readers.open()
    }

    /// Runs writes in the next shared transaction of this file; on disk when it answers.
    pub(crate) fn write<T: Send + 'static>(
        self: &Arc<Self>,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<'static, T> {
        let segment = Arc::clone(self);
        Box::pin(async move {
            let (mut op, answer) = Writer::work(write);
            // A writer that was sealed in between hands it back, and the next one is begun.
            for _ in 0..TRIES {
                let writer = segment.writer().await?;
                match writer.send(op).await {
                    Ok(()) => return answer.await,
                    Err(back) => op = back,
                }
                segment.forget(&writer);
            }
            Err(StoreError::Closed)
        })
    }

    /// Hands events over to the writer they are appended by.
    pub(crate) async fn append(self: &Arc<Self>, append: Append) -> Result<(), StoreError> {
        self.writer().await?.append(append).await
    }

    /// Begins the writer that events are appended by.
    pub(crate) fn append_with(
        &self,
        connection: Connection,
        appender: Appender,
    ) -> Result<(), StoreError> {
        let begin_anew = self.checkpoints.add(&self.path);
        let writer = Writer::start("store-log", connection, Some(appender), begin_anew)?;
        *self.writer.lock() = Some(Arc::new(writer));
        Ok(())
    }

    /// The writer, begun if there is none.
    async fn writer(self: &Arc<Self>) -> Result<Arc<Writer>, StoreError> {
        if let Some(writer) = &*self.writer.lock() {
            return Ok(Arc::clone(writer));
        }
        let segment = Arc::clone(self);
        let begun = tokio::task::spawn_blocking(move || segment.begin());
        begun.await.map_err(|_| StoreError::Closed)?
    }

    fn begin(&self) -> Result<Arc<Writer>, StoreError> {
        let mut writer = self.writer.lock();
        if let Some(writer) = &*writer {
            return Ok(Arc::clone(writer));
        }
        if self.removed.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable(format!("{} is gone", self.path.display())));
        }
        let connection = schema::open_segment(&self.path)?;
        let begin_anew = self.checkpoints.add(&self.path);
        let begun = Writer::start("store-sealed", connection, None, begin_anew)?;
        Ok(Arc::clone(writer.insert(Arc::new(begun))))
    }

    /// Lets go of a writer that has ended.
    fn forget(&self, ended: &Arc<Writer>) {
        let mut writer = self.writer.lock();
        if writer.as_ref().is_some_and(|present| Arc::ptr_eq(present, ended)) {
            *writer = None;
        }
    }

    /// Ends the writer of a sealed segment and gives back what only a busy file needs; whoever writes
    /// to it begins another. Blocks until what waits is written.
    pub(crate) fn rest(&self) {
        self.checkpoints.remove(&self.path);
        let writer = self.writer.lock().take();
        if let Some(writer) = writer {
            writer.close();
        }
        self.readers.keep(KEPT_SEALED);
    }

    /// How large the file is, with what is not yet moved into it.
    pub(crate) fn bytes(&self) -> u64 {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        size(&self.path) + size(&beside(&self.path, "-wal"))
    }

    /// Waits for what is being written and closes the file.
    pub(crate) fn close(&self) {
        self.rest();
        self.readers.keep(0);
    }

    /// Closes the file and removes it.
    pub(crate) fn remove(&self) -> std::io::Result<()> {
        self.removed.store(true, Ordering::Release);
        self.close();
        unlink(&self.path)
    }
}

/// Removes a file and what SQLite keeps beside it; one that is not there is removed already.
pub(crate) fn unlink(path: &Path) -> std::io::Result<()> {
    // The file first: without what lies beside it, it would be a segment of an earlier moment.
    for path in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The file that SQLite keeps beside another.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
