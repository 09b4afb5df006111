//! The company's own service on a raw socket: notes every request as its bytes say it, and answers
//! with bytes that no HTTP library would send.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::wire::{self, Message, Side};

/// The path of the request that follows a row's own, as the upstream sees it: it is answered with
/// its own name whatever the row has the upstream answer.
pub(super) const FOLLOWING: &str = "/up/end-";

#[derive(Default)]
struct Book {
    seen: Vec<Message>,
    /// What could not be read, or in two ways.
    faults: Vec<String>,
    reply: Vec<u8>,
    reply_closes: bool,
}

/// A running upstream; stops when dropped.
pub(super) struct Upstream {
    address: SocketAddr,
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

impl Upstream {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::<Mutex<Book>>::default();
        let shared = Arc::clone(&book);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&shared)));
                // Those that have ended are forgotten.
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, book, task }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forgets what came, and answers so from now on.
    pub(super) fn begin(&self, reply: Vec<u8>, reply_closes: bool) {
        *self.book.lock() = Book { reply, reply_closes, ..Book::default() };
    }

    /// The whole requests that have come, or what was wrong with one.
    pub(super) fn seen(&self) -> Result<Vec<Message>, String> {
        let book = self.book.lock();
        match book.faults.first() {
            Some(fault) => Err(format!("the upstream cannot read what it gets: {fault}")),
            None => Ok(book.seen.clone()),
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, book: Arc<Mutex<Book>>) {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match wire::read(&bytes, Side::Request) {
            Ok(Some(message)) if message.whole => {
                bytes.drain(..message.length);
                let (reply, closes) = reply(message, &book);
                if stream.write_all(&reply).await.is_err() || closes {
                    return;
                }
            }
            Ok(_) => match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            },
            Err(fault) => {
                book.lock().faults.push(fault);
                return;
            }
        }
    }
}

/// Notes a request; gives the answer, and whether the connection ends with it.
fn reply(message: Message, book: &Mutex<Book>) -> (Vec<u8>, bool) {
    let path = message.start.split(' ').nth(1).unwrap_or_default();
    let following = path.strip_prefix(FOLLOWING).map(|number| format!("end-{number}"));
    let mut book = book.lock();
    book.seen.push(message);
    match following {
        Some(body) => {
            let length = body.len();
            let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
            (reply.into_bytes(), false)
        }
        None => (book.reply.clone(), book.reply_closes),
    }
}
