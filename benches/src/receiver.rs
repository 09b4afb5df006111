//! The service behind the gateway and the receiver of events: answers everything with 200 at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Receiver {
    address: SocketAddr,
    events: Arc<AtomicU64>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let events: Arc<AtomicU64> = Arc::default();
        let count = Arc::clone(&events);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(answer(stream, Arc::clone(&count)));
            }
        });
        Self { address, events }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Events received so far.
    pub(crate) fn count(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }
}

async fn answer(mut stream: TcpStream, events: Arc<AtomicU64>) {
    let mut buffer = Vec::with_capacity(8192);
    while stream.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
        while let Some(length) = whole(&buffer) {
            if buffer.starts_with(b"POST /events") {
                events.fetch_add(1, Ordering::Relaxed);
            }
            buffer.drain(..length);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}

/// The length of the first request in the buffer, once it is whole.
fn whole(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let length: usize = length.unwrap_or("0").trim().parse().ok()?;
    (buffer.len() >= head + length).then_some(head + length)
}
