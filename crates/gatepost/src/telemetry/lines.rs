//! The log's writer: a bounded queue and one thread, so that a slow terminal slows no request.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;

/// Lines that may wait; more are counted and left out.
const WAITING_MAX: usize = 16_384;

/// How long the last lines may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people at a terminal.
    Human,
    /// One JSON object per line, for programs.
    Json,
}

impl Form {
    /// Human on a terminal, JSON otherwise.
    pub fn of_stdout() -> Self {
        if io::stdout().is_terminal() { Self::Human } else { Self::Json }
    }
}

/// The log.
pub struct Lines {
    form: Form,
    queue: Mutex<Option<SyncSender<String>>>,
    ended: Mutex<Receiver<()>>,
    dropped: AtomicU64,
}

impl Lines {
    /// Starts the writer on standard output.
    pub fn to_stdout(form: Form) -> io::Result<Self> {
        let (queue, waiting) = sync_channel(WAITING_MAX);
        let (end, ended) = sync_channel::<()>(1);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            run(&waiting);
            drop(end);
        })?;
        Ok(Self {
            form,
            queue: Mutex::new(Some(queue)),
            ended: Mutex::new(ended),
            dropped: AtomicU64::new(0),
        })
    }

    /// Hands a line over; never waits.
    pub fn write(&self, line: impl FnOnce(Form) -> String) {
        let line = line(self.form);
        let sent = self.queue.lock().as_ref().is_some_and(|queue| queue.try_send(line).is_ok());
        if !sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many lines were left out because the writer could not keep up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Writes what waits, then ends the writer. A reader that does not read is not waited for.
    pub fn close(&self) {
        drop(self.queue.lock().take());
        // The writer's end of this channel is dropped when it has written everything.
        if self.ended.lock().recv_timeout(LAST_WORDS) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the last lines of the log were not read and are left out");
        }
    }
}

fn run(waiting: &Receiver<String>) {
    let mut out = io::BufWriter::with_capacity(64 * 1024, io::stdout());
    while let Ok(line) = waiting.recv() {
        let mut next = Some(line);
        while let Some(line) = next {
            // Nobody reads any more: requests go on, the log ends.
            if writeln!(out, "{line}").is_err() {
                return;
            }
            next = waiting.try_recv().ok();
        }
        if out.flush().is_err() {
            return;
        }
    }
}
