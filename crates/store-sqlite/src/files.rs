//! The files of the log, in the order of their numbers; events are appended to the last one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use store::{Answer, LaneWaker, StoreError};

use crate::log::{Appender, next_number, seed};
use crate::segment::Segment;
use crate::writer::Checkpoints;
use crate::{error, schema};

/// The segments of a log at one moment, in ascending order.
pub(crate) type Segments = Arc<Vec<Arc<Segment>>>;

/// What a segment is called until it is whole.
const UNFINISHED: &str = ".new";

pub(crate) struct Files {
    directory: PathBuf,
    list: RwLock<Segments>,
    /// Held shared while something with a number of its own is handed to the last segment, and alone
    /// while another becomes the last: numbers ascend from segment to segment.
    appending: tokio::sync::RwLock<()>,
    /// The next number of the log: places of events and names of chunks come from it.
    pub(crate) next: Arc<AtomicU64>,
    pub(crate) waker: Arc<RwLock<Option<Arc<dyn LaneWaker>>>>,
    checkpoints: Arc<Checkpoints>,
}

impl Files {
    /// Opens the log of a directory; makes its first segment where there is none.
    pub(crate) fn open(
        directory: &Path,
        checkpoints: Arc<Checkpoints>,
    ) -> Result<Self, StoreError> {
        let directory = directory.to_owned();
        let mut firsts = Vec::new();
        let unavailable = |error: std::io::Error| unavailable(&directory, &error);
        for file in std::fs::read_dir(&directory).map_err(unavailable)? {
            let path = file.map_err(unavailable)?.path();
            if is_unfinished(&path) {
                std::fs::remove_file(&path).map_err(unavailable)?;
            }
            firsts.extend(Segment::number(&path));
        }
        firsts.sort_unstable();
        drop_stillborn(&directory, &mut firsts)?;
        if firsts.is_empty() {
            firsts.push(1);
        }
        let segment = |first: u64| {
            let path = directory.join(Segment::name(first));
            Arc::new(Segment::new(first, path, Arc::clone(&checkpoints)))
        };
        let list: Vec<_> = firsts.into_iter().map(segment).collect();
        let last = Arc::clone(list.last().expect("there is one at least"));
        let connection = schema::open_segment(&directory.join(Segment::name(last.first)))?;
        let next = next_number(&connection).map_err(error)?.max(last.first);
        let files = Self {
            directory,
            list: RwLock::new(Arc::new(list)),
            appending: tokio::sync::RwLock::new(()),
            next: Arc::new(AtomicU64::new(next)),
            waker: Arc::default(),
            checkpoints,
        };
        let all = files.all();
        let before = all.split_last().map_or(&[][..], |(_, before)| before);
        last.append_with(connection, files.appender(before)?)?;
        Ok(files)
    }

    /// Appends to a segment behind these; looks for ids of entries in them too.
    fn appender(&self, before: &[Arc<Segment>]) -> Result<Appender, StoreError> {
        let marks = before.iter().rev().map(|segment| segment.reader());
        let marks = marks.collect::<rusqlite::Result<Vec<_>>>().map_err(error)?;
        let (next, waker) = (Arc::clone(&self.next), Arc::clone(&self.waker));
        Appender::new(next, waker, marks).map_err(error)
    }

    /// All segments.
    pub(crate) fn all(&self) -> Segments {
        Arc::clone(&self.list.read())
    }

    /// The segment that holds a number, or would.
    pub(crate) fn of(&self, number: u64) -> Arc<Segment> {
        Arc::clone(of(&self.all(), number))
    }

    /// Runs a read that may look at several segments, on a thread that may block.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&[Arc<Segment>]) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'static, T> {
        let all = self.all();
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || read(&all).map_err(error));
            done.await.map_err(|_| StoreError::Closed)?
        })
    }

    /// The last segment, which stays the last while the guard is held.
    pub(crate) async fn last(&self) -> (Arc<Segment>, tokio::sync::RwLockReadGuard<'_, ()>) {
        let stays = self.appending.read().await;
        let last = Arc::clone(self.all().last().expect("there is one at least"));
        (last, stays)
    }

    /// Seals the last segment and begins a new one, if the last has anything in it.
    pub(crate) async fn rotate(self: &Arc<Self>) -> Result<(), StoreError> {
        let alone = self.appending.write().await;
        let sealed = Arc::clone(self.all().last().expect("there is one at least"));
        // What was handed over has taken its numbers when this answers.
        sealed.write(|_| Ok(())).await?;
        let first = self.next.load(Ordering::Relaxed);
        if first == sealed.first {
            return Ok(());
        }
        let files = Arc::clone(self);
        let begun = tokio::task::spawn_blocking(move || files.begin(first, &sealed));
        begun.await.map_err(|_| StoreError::Closed)??;
        drop(alone);
        // Publishers do not wait for what the sealed ones have still to write. What is written to them
        // from now on begins another writer.
        let all = self.all();
        let rest = move || {
            all.iter().filter(|one| one.first < first).for_each(|one| one.rest());
        };
        tokio::task::spawn_blocking(rest).await.map_err(|_| StoreError::Closed)
    }

    /// Makes the next segment the last one. When that fails, nothing of it stays: numbers from
    /// `first` on go on in the sealed one.
    fn begin(&self, first: u64, sealed: &Arc<Segment>) -> Result<(), StoreError> {
        let path = self.directory.join(Segment::name(first));
        let begun = make(&self.directory, &path, sealed).and_then(|connection| {
            let checkpoints = Arc::clone(&self.checkpoints);
            let segment = Arc::new(Segment::new(first, path.clone(), checkpoints));
            let mut list = self.all().to_vec();
            segment.append_with(connection, self.appender(&list)?)?;
            list.push(segment);
            *self.list.write() = Arc::new(list);
            Ok(())
        });
        if begun.is_err() {
            crate::segment::unlink(&path)
                .and_then(|()| sync(&self.directory))
                .map_err(|error| unavailable(&self.directory, &error))?;
        }
        begun
    }

    /// Takes a segment out of the log and removes its file.
    pub(crate) async fn remove(&self, segment: &Arc<Segment>) -> Result<(), StoreError> {
        {
            let mut list = self.list.write();
            let rest = list.iter().filter(|one| one.first != segment.first).cloned().collect();
            *list = Arc::new(rest);
        }
        let (segment, directory) = (Arc::clone(segment), self.directory.clone());
        let remove = move || {
            segment
                .remove()
                .and_then(|()| sync(&directory))
                .map_err(|e| unavailable(&directory, &e))
        };
        tokio::task::spawn_blocking(remove).await.map_err(|_| StoreError::Closed)?
    }

    /// Closes all files after what waits is written.
    pub(crate) fn close(&self) {
        self.all().iter().for_each(|segment| segment.close());
    }
}

/// Of segments in ascending order, the one that holds a number, or would: numbers before the first
/// segment are asked of that one, which has not got them.
pub(crate) fn of(segments: &[Arc<Segment>], number: u64) -> &Arc<Segment> {
    &segments[index_of(segments, number)]
}

/// Where that one stands.
pub(crate) fn index_of(segments: &[Arc<Segment>], number: u64) -> usize {
    segments.partition_point(|segment| segment.first <= number).saturating_sub(1)
}

/// Makes a segment's file under another name, with what the sealed one hands on; it has its own name
/// when it is whole.
fn make(
    directory: &Path,
    path: &Path,
    sealed: &Segment,
) -> Result<rusqlite::Connection, StoreError> {
    let io = |error: std::io::Error| unavailable(directory, &error);
    let unfinished = crate::segment::beside(path, UNFINISHED);
    crate::segment::unlink(&unfinished).map_err(io)?;
    let connection = schema::open_segment(&unfinished)?;
    sealed.with(|before| seed(&connection, before)).map_err(error)?;
    // Everything into the one file, before it has its name.
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(error)?;
    connection.close().map_err(|(_, cause)| error(cause))?;
    if busy != 0 {
        return Err(StoreError::Unavailable("a new segment could not be finished".to_owned()));
    }
    std::fs::rename(&unfinished, path).map_err(io)?;
    sync(directory).map_err(io)?;
    schema::open_segment(path)
}

/// Whether a file is what is left of a segment that was not finished.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ["", "-wal", "-shm"].iter().any(|ending| name.ends_with(&format!(".db{UNFINISHED}{ending}")))
}

/// Drops an empty last segment whose numbers the one before it went on to give: its beginning failed,
/// and so did taking it away.
fn drop_stillborn(directory: &Path, firsts: &mut Vec<u64>) -> Result<(), StoreError> {
    while let [.., before, last] = firsts[..] {
        let next = |first: u64| {
            let connection = schema::open_segment(&directory.join(Segment::name(first)))?;
            next_number(&connection).map_err(error)
        };
        if next(last)? > last || next(before)? <= last {
            return Ok(());
        }
        let path = directory.join(Segment::name(last));
        crate::segment::unlink(&path).map_err(|error| unavailable(directory, &error))?;
        firsts.pop();
    }
    Ok(())
}

fn sync(directory: &Path) -> std::io::Result<()> {
    std::fs::File::open(directory).and_then(|directory| directory.sync_all())
}

fn unavailable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}
