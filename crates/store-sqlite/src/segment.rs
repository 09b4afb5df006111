//! One file of the log: the events of a stretch of numbers, and what became of what was put on lanes
//! in that stretch.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use store::{Answer, StoreError};

use crate::log::Appender;
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
    checkpoints: Arc<Checkpoints>,
}

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
        Self { first, path, readers, writer: Mutex::default(), checkpoints }
    }

    /// Runs one read on this thread.
    pub(crate) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.readers.with(read)
    }

    /// A read-only connection for whoever keeps it.
    pub(crate) fn reader(&self) -> rusqlite::Result<Connection> {
        self.readers.open()
    }

    /// Runs writes in the next shared transaction of this file; on disk when it answers.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<'static, T> {
        let writer = self.writer();
        Box::pin(async move { writer?.write(write).await })
    }

    /// Begins the writer that events are appended by.
    pub(crate) fn append_with(
        &self,
        connection: Connection,
        appender: Appender,
    ) -> Result<(), StoreError> {
        let writer = Writer::start("store-log", connection, Some(appender))?;
        self.checkpoints.add(self.path.clone());
        *self.writer.lock() = Some(Arc::new(writer));
        Ok(())
    }

    /// The writer, begun if there is none.
    pub(crate) fn writer(&self) -> Result<Arc<Writer>, StoreError> {
        let mut writer = self.writer.lock();
        if let Some(writer) = &*writer {
            return Ok(Arc::clone(writer));
        }
        let begun = Writer::start("store-sealed", schema::open_segment(&self.path)?, None)?;
        self.checkpoints.add(self.path.clone());
        Ok(Arc::clone(writer.insert(Arc::new(begun))))
    }

    /// How large the file is, with what is not yet moved into it.
    pub(crate) fn bytes(&self) -> u64 {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        size(&self.path) + size(&beside(&self.path, "-wal"))
    }

    /// Waits for what is being written and closes the file.
    pub(crate) fn close(&self) {
        self.checkpoints.remove(&self.path);
        let writer = self.writer.lock().take();
        if let Some(writer) = writer {
            writer.close();
        }
        self.readers.close();
    }

    /// Closes the file and removes it.
    pub(crate) fn remove(&self) -> std::io::Result<()> {
        self.close();
        // The file first: without what lies beside it, it would be a segment of an earlier moment.
        std::fs::remove_file(&self.path)?;
        for ending in ["-wal", "-shm"] {
            match std::fs::remove_file(beside(&self.path, ending)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The file that SQLite keeps beside another.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
