//! One writer thread per file: what waits is gathered into one commit.

mod checkpoints;

use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

pub(crate) use checkpoints::{BeginAnew, Checkpoints};

use parking_lot::Mutex;
use rusqlite::Connection;
use store::{Answer, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::error;
use crate::log::{Append, Appender};

/// How many requests may wait; more wait outside.
const QUEUE_MAX: usize = 1024;
/// How many requests share a commit at the most.
const BATCH_MAX: usize = 1024;

/// What is called after the commit, with how it went.
type AfterCommit = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Any writes; run inside the shared transaction.
type Work = Box<dyn FnOnce(&Connection) -> AfterCommit + Send>;

pub(crate) enum Op {
    Work(Work),
    /// Events for the log; all of a commit are appended together.
    Append(Append),
    /// Finish what waits, then end.
    Close,
}

pub(crate) struct Writer {
    queue: mpsc::Sender<Op>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(crate) fn start(
        name: &str,
        connection: Connection,
        appender: Option<Appender>,
        begin_anew: BeginAnew,
    ) -> Result<Self, StoreError> {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&connection, waiting, appender.as_ref(), &begin_anew))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)) })
    }

    /// Runs writes in the next shared transaction; on disk when it answers. An error of these
    /// writes undoes them alone.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<'_, T> {
        let (op, answer) = Self::work(write);
        Box::pin(async move {
            self.send(op).await.map_err(|_| StoreError::Closed)?;
            answer.await
        })
    }

    /// Writes to be handed over, and their answer.
    pub(crate) fn work<T: Send + 'static>(
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> (Op, Answer<'static, T>) {
        let (reply, answer) = oneshot::channel();
        let op = Op::Work(Box::new(move |connection| {
            let outcome = in_savepoint(connection, write);
            Box::new(move |committed| {
                // Nobody waits any more when the caller was dropped; the write stands all the same.
                drop(reply.send(committed.and(outcome)));
            })
        }));
        let refused = || StoreError::Unavailable("the disk refused a write".to_owned());
        (op, Box::pin(async move { answer.await.map_err(|_| refused())? }))
    }

    /// Hands something over; gives it back when the writer has ended.
    pub(crate) async fn send(&self, op: Op) -> Result<(), Op> {
        self.queue.send(op).await.map_err(|back| back.0)
    }

    /// Hands events over; the answer comes through the append's own channel.
    pub(crate) async fn append(&self, append: Append) -> Result<(), StoreError> {
        self.queue.send(Op::Append(append)).await.map_err(|_| StoreError::Closed)
    }

    /// Ends the thread after what waits. Blocks until it has ended.
    pub(crate) fn close(&self) {
        let Some(thread) = self.thread.lock().take() else { return };
        let mut close = Op::Close;
        while let Err(mpsc::error::TrySendError::Full(back)) = self.queue.try_send(close) {
            close = back;
            std::thread::yield_now();
        }
        if thread.join().is_err() {
            tracing::error!("a store writer ended in a panic");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    write: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    crate::execute(connection, "SAVEPOINT one", []).map_err(error)?;
    let outcome = write(connection);
    if outcome.is_err() {
        crate::execute(connection, "ROLLBACK TO one", []).map_err(error)?;
    }
    crate::execute(connection, "RELEASE one", []).map_err(error)?;
    outcome
}

fn run(
    connection: &Connection,
    mut waiting: mpsc::Receiver<Op>,
    appender: Option<&Appender>,
    begin_anew: &BeginAnew,
) {
    let mut closing = false;
    while !closing {
        let Some(first) = waiting.blocking_recv() else { break };
        let mut works = Vec::new();
        let mut appends = Vec::new();
        let mut op = Some(first);
        while let Some(next) = op {
            match next {
                Op::Work(work) => works.push(work),
                Op::Append(append) => appends.push(append),
                Op::Close => closing = true,
            }
            let full = works.len() + appends.len() >= BATCH_MAX;
            op = if full { None } else { waiting.try_recv().ok() };
        }
        commit(connection, works, appends, appender);
        if begin_anew.swap(false, Ordering::Relaxed) {
            begin_log_anew(connection);
        }
    }
    // A last checkpoint leaves one tidy file behind; it is not needed for durability.
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::debug!(%error, "the last checkpoint was left to the next start");
    }
}

/// Begins the write-ahead log anew. A long read may stand in the way: it is waited for a moment only,
/// and the checkpointer asks again.
fn begin_log_anew(connection: &Connection) {
    let restart = || {
        connection.busy_timeout(std::time::Duration::from_millis(50))?;
        let done = connection.execute_batch("PRAGMA wal_checkpoint(RESTART)");
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        done
    };
    if let Err(error) = restart() {
        tracing::warn!(%error, "the write-ahead log cannot be begun anew yet");
    }
}

/// Writes something small over what a failed commit may have left in the write-ahead log: frames that
/// are whole there would be taken for a commit after a crash, though their callers were refused. A
/// disk that still fails leaves them; the next commit that succeeds writes over them.
fn write_over(connection: &Connection) {
    let sql = "INSERT INTO meta(name, value) VALUES('refused', 1)
         ON CONFLICT(name) DO UPDATE SET value = value + 1";
    if let Err(error) = crate::execute(connection, sql, []) {
        tracing::debug!(%error, "what was refused may stand in the write-ahead log until the next commit");
    }
}

fn commit(
    connection: &Connection,
    works: Vec<Work>,
    appends: Vec<Append>,
    appender: Option<&Appender>,
) {
    if works.is_empty() && appends.is_empty() {
        return;
    }
    if let Err(cause) = crate::execute(connection, "BEGIN IMMEDIATE", []) {
        let cause = error(cause);
        tracing::error!(error = %cause, "the store refuses to begin a transaction");
        for append in appends {
            append.refuse(&cause);
        }
        // Outside a transaction the works would write halves; dropping them tells their callers.
        drop(works);
        return;
    }
    let appended = match appender {
        Some(appender) if !appends.is_empty() => appender.append(connection, &appends),
        _ => Ok(Vec::new()),
    };
    // SQLite ends the transaction itself when the disk fails: what came after would be committed one
    // by one while its callers are told otherwise. Dropping them tells them that nothing was kept.
    let open = || !connection.is_autocommit();
    let after: Vec<AfterCommit> =
        works.into_iter().take_while(|_| open()).map(|work| work(connection)).collect();
    let committed = match &appended {
        Ok(_) if !open() => {
            Err(StoreError::Unavailable("the disk refused a write; nothing was kept".to_owned()))
        }
        Ok(_) => crate::execute(connection, "COMMIT", []).map(drop).map_err(error),
        Err(cause) => Err(cause.clone()),
    };
    if let Err(cause) = &committed {
        tracing::error!(error = %cause, "a commit failed; nothing of it was acknowledged");
        if let Err(error) = connection.execute_batch("ROLLBACK") {
            tracing::debug!(%error, "there was nothing to roll back");
        }
        write_over(connection);
    }
    for finish in after {
        finish(committed.clone());
    }
    match (committed, appended, appender) {
        (Ok(()), Ok(outcomes), Some(appender)) => appender.answer(appends, outcomes),
        (Err(cause), _, _) => appends.into_iter().for_each(|append| append.refuse(&cause)),
        _ => {}
    }
}
