//! Callers that keep their connections and know exactly what became of each request.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::program::Program;

/// How long a caller waits before it takes a request for failed.
const LONGEST: Duration = Duration::from_secs(30);
/// How long each caller pauses between its requests: some ask all the time, some now and then.
const PAUSES_MS: [u64; 8] = [0, 0, 2, 5, 20, 50, 120, 300];

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Answered with 200.
    pub(crate) answered: u64,
    /// Sent once more on another connection, as HTTP clients do with what is idempotent, because
    /// theirs was closed before a byte of the answer came (RFC 9110 §9.2.2).
    pub(crate) repeated: u64,
    /// What went wrong.
    pub(crate) failed: Vec<String>,
    /// How long the slowest took.
    pub(crate) slowest: Duration,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.repeated += other.repeated;
        self.failed.extend(other.failed);
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// Callers at work.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    callers: JoinSet<Tally>,
}

impl Load {
    /// Begins to call a path at the public door.
    pub(crate) fn begin(program: &Program, path: &str, headers: &[(&str, &str)]) -> Self {
        let address = program.public.trim_start_matches("http://").to_owned();
        let fields: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let fields = fields.concat();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{fields}\r\n");
        let stop = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for pause_ms in PAUSES_MS {
            let caller =
                Caller { address: address.clone(), request: request.clone(), connection: None };
            callers.spawn(caller.call(Arc::clone(&stop), Duration::from_millis(pause_ms)));
        }
        Self { stop, callers }
    }

    /// Ends it.
    pub(crate) async fn end(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        while let Some(one) = self.callers.join_next().await {
            all.add(one.unwrap());
        }
        all
    }
}

struct Caller {
    address: String,
    request: String,
    connection: Option<TcpStream>,
}

impl Caller {
    async fn call(mut self, stop: Arc<AtomicBool>, pause: Duration) -> Tally {
        let mut tally = Tally::default();
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            let asked = tokio::time::timeout(LONGEST, self.ask(&mut tally.repeated)).await;
            match asked.unwrap_or_else(|_| Err("no answer came".to_owned())) {
                Ok(()) => tally.answered += 1,
                Err(what) => tally.failed.push(what),
            }
            tally.slowest = tally.slowest.max(began.elapsed());
            tokio::time::sleep(pause).await;
        }
        tally
    }

    async fn ask(&mut self, repeated: &mut u64) -> Result<(), String> {
        // A connection that is known to be closed is not used.
        let kept = self.connection.take().filter(is_open);
        if let Some(stream) = kept {
            let mut answer = Vec::new();
            match self.exchange(stream, &mut answer).await {
                Err(_) if answer.is_empty() => *repeated += 1,
                exchanged => return judge(exchanged, &answer),
            }
        }
        let stream = TcpStream::connect(&self.address).await;
        let stream = stream.map_err(|error| format!("connecting: {error}"))?;
        let mut answer = Vec::new();
        let exchanged = self.exchange(stream, &mut answer).await;
        judge(exchanged, &answer)
    }

    /// Sends the request and reads until the answer is whole; keeps the connection if it may.
    async fn exchange(&mut self, mut stream: TcpStream, answer: &mut Vec<u8>) -> io::Result<()> {
        stream.write_all(self.request.as_bytes()).await?;
        while !is_whole(answer) {
            if stream.read_buf(answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if !head(answer).contains("connection: close") {
            self.connection = Some(stream);
        }
        Ok(())
    }
}

fn judge(exchanged: io::Result<()>, answer: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(answer);
    match exchanged {
        Ok(()) if text.starts_with("HTTP/1.1 200 ") => Ok(()),
        Ok(()) => Err(text.into_owned()),
        Err(error) => Err(format!("{error} after {text:?}")),
    }
}

/// Whether nothing has been said on an idle connection, not even its end.
fn is_open(stream: &TcpStream) -> bool {
    let looked = stream.try_read(&mut [0]);
    looked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// The head in lower case; empty when it is not whole.
fn head(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    text.split_once("\r\n\r\n").map(|(head, _)| head.to_ascii_lowercase()).unwrap_or_default()
}

fn is_whole(answer: &[u8]) -> bool {
    let head = head(answer);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
    !head.is_empty() && answer.len() >= head.len() + 4 + length
}
