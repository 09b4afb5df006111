//! The service behind the gateway and the receiver of events: answers everything with 200 at once,
//! and notes how long events were on their way. And one that never answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::load::micros;
use crate::report::Latencies;

/// What all connections of a receiver share.
struct Book {
    began: Instant,
    events: AtomicU64,
    latencies_us: Mutex<Vec<u32>>,
}

pub(crate) struct Receiver {
    address: SocketAddr,
    book: Arc<Book>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Book {
            began: Instant::now(),
            events: AtomicU64::new(0),
            latencies_us: Mutex::default(),
        });
        let shared = Arc::clone(&book);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        Self { address, book }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Events received so far.
    pub(crate) fn count(&self) -> u64 {
        self.book.events.load(Ordering::Relaxed)
    }

    /// A moment as this receiver counts it, for an event to carry.
    pub(crate) fn clock(&self) -> impl Fn(Instant) -> u64 + Send + Sync + 'static {
        let began = self.book.began;
        move |moment| moment.saturating_duration_since(began).as_micros() as u64
    }

    /// The latencies noted since this was last asked.
    pub(crate) fn take_latencies(&self) -> Latencies {
        Latencies::of(std::mem::take(&mut *self.book.latencies_us.lock().unwrap()))
    }

    /// Waits until so many events were received; gives how many there are when it takes too long.
    pub(crate) async fn wait_for(&self, count: u64, longest: Duration) -> u64 {
        let began = Instant::now();
        while self.count() < count && began.elapsed() < longest {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.count()
    }
}

async fn answer(mut stream: TcpStream, book: Arc<Book>) {
    let mut buffer = Vec::with_capacity(8192);
    loop {
        let empty = buffer.is_empty();
        if !stream.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
            return;
        }
        let first_byte = empty.then(Instant::now);
        while let Some(length) = whole(&buffer) {
            if buffer.starts_with(b"POST /events") {
                book.events.fetch_add(1, Ordering::Relaxed);
                note(&book, &buffer[..length], first_byte);
            }
            buffer.drain(..length);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}

/// Notes how long an event was on its way, if it says when it was sent.
fn note(book: &Book, request: &[u8], first_byte: Option<Instant>) {
    let text = String::from_utf8_lossy(request);
    let at = text.split(r#""at":"#).nth(1).and_then(|rest| rest.split(',').next());
    let at: u64 = at.and_then(|at| at.parse().ok()).unwrap_or(0);
    if at == 0 {
        return;
    }
    let now = first_byte.unwrap_or_else(Instant::now).duration_since(book.began);
    let took = micros(now.saturating_sub(Duration::from_micros(at)));
    book.latencies_us.lock().unwrap().push(took);
}

/// The length of the first request in the buffer, once it is whole.
fn whole(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let length: usize = length.unwrap_or("0").trim().parse().ok()?;
    (buffer.len() >= head + length).then_some(head + length)
}

/// Accepts every connection, holds it, and says nothing.
pub(crate) async fn black_hole() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut ignored = [0; 4096];
                while stream.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
            });
        }
    });
    address
}
