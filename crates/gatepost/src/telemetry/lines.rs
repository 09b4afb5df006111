//! The log's writer: one bounded buffer and one thread, so that a slow terminal slows no request.
//!
//! Whoever has a line appends it and goes on; the writer takes everything at once. It is woken at
//! most a hundred times a second, for waking a thread costs more than a line.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;

/// Bytes that may wait; lines beyond are counted and left out.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// What a buffer may keep of its room once it is written.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// How long the writer gathers before it writes again.
const GATHER: Duration = Duration::from_millis(10);
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
    shared: Arc<Shared>,
    writer: Thread,
    ended: Mutex<Receiver<()>>,
    dropped: AtomicU64,
}

struct Shared {
    waiting: Mutex<Vec<u8>>,
    /// Whether the writer sleeps until somebody wakes it.
    asleep: AtomicBool,
    closed: AtomicBool,
}

thread_local! {
    /// Where a line is made before it joins the others: no room is asked for anew each time.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Lines {
    /// Starts the writer on standard output.
    pub fn to_stdout(form: Form) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Vec::new()),
            asleep: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let (end, ended) = sync_channel::<()>(1);
        let of_writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            run(&of_writer);
            drop(end);
        })?;
        let (writer, ended) = (thread.thread().clone(), Mutex::new(ended));
        Ok(Self { form, shared, writer, ended, dropped: AtomicU64::new(0) })
    }

    /// Hands a line over; never waits for the reader.
    pub fn write(&self, line: impl FnOnce(Form) -> String) {
        self.append(line(self.form).as_bytes());
    }

    /// Hands over a line that is written into a buffer.
    pub fn write_with(&self, line: impl FnOnce(Form, &mut Vec<u8>)) {
        LINE.with_borrow_mut(|buffer| {
            buffer.clear();
            line(self.form, buffer);
            self.append(buffer);
        });
    }

    fn append(&self, line: &[u8]) {
        let mut waiting = self.shared.waiting.lock();
        let fits = waiting.len() + line.len() < WAITING_BYTES_MAX;
        if !fits || self.shared.closed.load(Ordering::Relaxed) {
            drop(waiting);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.extend_from_slice(line);
        waiting.push(b'\n');
        drop(waiting);
        if self.shared.asleep.load(Ordering::SeqCst)
            && self.shared.asleep.swap(false, Ordering::SeqCst)
        {
            self.writer.unpark();
        }
    }

    /// How many lines were left out because the writer could not keep up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Writes what waits, then ends the writer. A reader that does not read is not waited for.
    pub fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.writer.unpark();
        // The writer's end of this channel is dropped when it has written everything.
        if self.ended.lock().recv_timeout(LAST_WORDS) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the last lines of the log were not read and are left out");
        }
    }
}

fn run(shared: &Shared) {
    let mut out = io::stdout();
    let mut taken = Vec::new();
    loop {
        // Asked before the buffer is looked at: what was appended before the end is written.
        let closed = shared.closed.load(Ordering::SeqCst);
        std::mem::swap(&mut taken, &mut *shared.waiting.lock());
        if !taken.is_empty() {
            // Nobody reads any more: requests go on, the log ends.
            if out.write_all(&taken).and_then(|()| out.flush()).is_err() {
                shared.closed.store(true, Ordering::SeqCst);
                return;
            }
            taken.clear();
            taken.shrink_to(KEPT_BYTES_MAX);
        } else if closed {
            return;
        }
        if closed {
            continue;
        }
        std::thread::park_timeout(GATHER);
        if shared.waiting.lock().is_empty() {
            shared.asleep.store(true, Ordering::SeqCst);
            // Whoever appended before the flag was up woke nobody.
            if shared.waiting.lock().is_empty() && !shared.closed.load(Ordering::SeqCst) {
                std::thread::park();
            }
            shared.asleep.store(false, Ordering::SeqCst);
        }
    }
}
