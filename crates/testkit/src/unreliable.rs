//! A receiver that misbehaves as receivers do: on raw sockets, so that it may also do what no HTTP
//! library lets it do. How it behaves is drawn for each request from a seed; what it has taken it
//! notes in a book, before it answers.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::{Chance, clock};

/// How many deliveries the book has room for; a test that sends more ends.
const BOOK_MAX: usize = 500_000;
/// How much of a request's body the book keeps, and how much of a request is read at all.
const BODY_KEPT_MAX: usize = 512;
const REQUEST_MAX: usize = 2 * 1024 * 1024;
/// How long a receiver that never answers holds a connection: longer than any attempt may take.
const SILENCE: Duration = Duration::from_mins(1);
/// What a huge answer consists of.
static BLOCK: [u8; 64 * 1024] = [b'.'; 64 * 1024];

/// How one request is treated.
#[derive(Debug, Clone)]
pub enum Conduct {
    /// Answered with a status, without a body.
    Status(u16),
    /// Answered with a status, some time later.
    Slow(u16, Duration),
    /// Answered with a status and `Retry-After` in seconds.
    RetryAfter(u16, u64),
    /// Answered with a status and `Location`.
    Redirect(u16, String),
    /// The connection is reset when a request begins to arrive.
    ResetUnread,
    /// The connection is reset when the request was read.
    ResetRead,
    /// The connection is reset in the middle of an answer with this status.
    ResetInAnswer(u16),
    /// The request is read and never answered.
    Silent,
    /// An answer whose body comes a byte at a time, so many in all.
    Drip(u16, usize, Duration),
    /// An answer with so many bytes.
    Huge(u16, u64),
    /// Headers without an end, as fast as they are taken.
    EndlessHeaders(u16),
    /// Our side is closed after the request, without an answer, and nothing more is said.
    HalfClosed,
}

/// Ways to behave, each with its weight.
pub type Manners = Vec<(u64, Conduct)>;

/// A mixture of what goes wrong between two companies: a little more than half is taken, so that no
/// breaker stays open for long. Time-outs are one second if `timeout` of the destination is.
pub fn everyday_trouble() -> Manners {
    vec![
        (56, Conduct::Status(204)),
        (4, Conduct::Slow(200, Duration::from_millis(30))),
        (8, Conduct::Status(500)),
        (3, Conduct::Status(503)),
        (8, Conduct::Status(409)),
        (2, Conduct::RetryAfter(429, 0)),
        (4, Conduct::ResetUnread),
        (4, Conduct::ResetRead),
        (2, Conduct::ResetInAnswer(200)),
        (1, Conduct::Silent),
        (1, Conduct::Drip(200, 3, Duration::from_millis(5))),
        (1, Conduct::Drip(200, 50, Duration::from_millis(100))),
        (2, Conduct::Huge(200, 1024 * 1024)),
        (1, Conduct::EndlessHeaders(200)),
        (2, Conduct::HalfClosed),
        (1, Conduct::Redirect(302, "http://169.254.169.254/latest/meta-data/".to_owned())),
    ]
}

/// What the book says of one delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// The body, cut.
    pub body: String,
    /// How often it arrived whole.
    pub seen: u32,
    /// How often it was answered with a success to the last byte.
    pub taken: u32,
}

/// The path, and the delivery's id out of `idempotency-key`, else `webhook-id`.
pub type NotedKey = (String, String);

#[derive(Default)]
struct Book {
    deliveries: BTreeMap<NotedKey, Noted>,
    /// By path: how it is treated; what is not listed, as `*`.
    manners: BTreeMap<String, Manners>,
}

struct Shared {
    book: Mutex<Book>,
    chance: Mutex<Chance>,
    connections: AtomicU64,
    open: AtomicU64,
    longest_ms: AtomicU64,
    sent_bytes: AtomicU64,
}

/// A running receiver; stops when dropped.
pub struct Unreliable {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// A request that was read.
struct Request {
    path: String,
    id: String,
    body: String,
}

impl Unreliable {
    /// Starts one that behaves so at every path.
    pub async fn start(seed: u64, manners: Manners) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut book = Book::default();
        book.manners.insert("*".to_owned(), manners);
        let shared = Arc::new(Shared {
            book: Mutex::new(book),
            chance: Mutex::new(Chance::from_seed(seed)),
            connections: AtomicU64::new(0),
            open: AtomicU64::new(0),
            longest_ms: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
        });
        #[expect(clippy::disallowed_methods, reason = "a test's own server; aborted on drop")]
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Behaves so from now on, wherever no path has manners of its own.
    pub fn behave(&self, manners: Manners) {
        self.behave_at("*", manners);
    }

    /// Behaves so at one path from now on.
    pub fn behave_at(&self, path: &str, manners: Manners) {
        self.shared.book.lock().manners.insert(path.to_owned(), manners);
    }

    /// Takes everything from now on, at every path.
    pub fn recover(&self) {
        let mut book = self.shared.book.lock();
        book.manners.clear();
        book.manners.insert("*".to_owned(), vec![(1, Conduct::Status(204))]);
    }

    /// What it has noted so far.
    pub fn noted(&self) -> BTreeMap<NotedKey, Noted> {
        self.shared.book.lock().deliveries.clone()
    }

    /// How many deliveries to a path were taken, each counted once.
    pub fn taken_at(&self, path: &str) -> usize {
        let book = self.shared.book.lock();
        book.deliveries.iter().filter(|((at, _), noted)| at == path && noted.taken > 0).count()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Connections on which something is being read or answered.
    pub fn open(&self) -> u64 {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// How long the longest answer took until it was whole or the caller had enough of it.
    pub fn longest_answer(&self) -> Duration {
        Duration::from_millis(self.shared.longest_ms.load(Ordering::Relaxed))
    }

    /// Bytes of bodies and endless headers that callers have taken.
    pub fn sent_bytes(&self) -> u64 {
        self.shared.sent_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Unreliable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        // A descriptor that is missing for a moment must not end the receiver.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (shared, _) = (Arc::clone(&shared), stream.set_nodelay(true));
        shared.connections.fetch_add(1, Ordering::Relaxed);
        connections.spawn(async move {
            // A caller that went away is what this receiver is for.
            drop(serve(stream, &shared).await);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Whether the connection serves another request.
#[derive(PartialEq, Eq)]
enum Connection {
    Goes,
    Ends,
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        if buffer.is_empty() && stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        // Before the path is known nothing but chance decides whether it is read at all.
        let unread = draw(shared, "*");
        if matches!(unread, Conduct::ResetUnread) {
            return stream.set_zero_linger();
        }
        let Some(request) = read(&mut stream, &mut buffer).await? else { return Ok(()) };
        note(shared, &request, |noted| noted.seen += 1);
        let conduct = draw(shared, &request.path);
        let began = clock::now();
        shared.open.fetch_add(1, Ordering::Relaxed);
        let answered = answer(&mut stream, shared, &request, conduct).await;
        shared.open.fetch_sub(1, Ordering::Relaxed);
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        shared.longest_ms.fetch_max(ms, Ordering::Relaxed);
        if answered? == Connection::Ends {
            return Ok(());
        }
    }
}

fn draw(shared: &Shared, path: &str) -> Conduct {
    let book = shared.book.lock();
    let manners = book.manners.get(path).or_else(|| book.manners.get("*"));
    let Some(manners) = manners else { return Conduct::Status(204) };
    let all = manners.iter().map(|(weight, _)| weight).sum();
    let mut at = shared.chance.lock().below(all);
    for (weight, conduct) in manners {
        if at < *weight {
            return conduct.clone();
        }
        at -= weight;
    }
    Conduct::Status(204)
}

fn note(shared: &Shared, request: &Request, change: impl FnOnce(&mut Noted)) {
    let mut book = shared.book.lock();
    let key = (request.path.clone(), request.id.clone());
    assert!(
        book.deliveries.len() < BOOK_MAX || book.deliveries.contains_key(&key),
        "the receiver's book is full"
    );
    let noted = book.deliveries.entry(key).or_default();
    noted.body.clone_from(&request.body);
    change(noted);
}

/// Reads one request with a length; none when the caller has gone.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        let end = buffer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let header = |name: &str| {
                head.lines().skip(1).find_map(|line| {
                    let (given, value) = line.split_once(':')?;
                    given.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
                })
            };
            let length: usize = header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
            if buffer.len() >= end + length {
                let body = &buffer[end..end + length.min(BODY_KEPT_MAX)];
                let body = String::from_utf8_lossy(body).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let id = header("idempotency-key").or_else(|| header("webhook-id"));
                buffer.drain(..end + length);
                return Ok(Some(Request { path, id: id.unwrap_or_default(), body }));
            }
        }
        if buffer.len() > REQUEST_MAX || stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

async fn answer(
    stream: &mut TcpStream,
    shared: &Shared,
    request: &Request,
    conduct: Conduct,
) -> io::Result<Connection> {
    let empty = "content-length: 0\r\n\r\n";
    let mut after = Connection::Goes;
    let status = match conduct {
        Conduct::Status(status) => send(stream, status, empty).await?,
        Conduct::Slow(status, pause) => {
            tokio::time::sleep(pause).await;
            send(stream, status, empty).await?
        }
        Conduct::RetryAfter(status, seconds) => {
            send(stream, status, &format!("retry-after: {seconds}\r\n{empty}")).await?
        }
        Conduct::Redirect(status, to) => {
            send(stream, status, &format!("location: {to}\r\n{empty}")).await?
        }
        Conduct::ResetUnread | Conduct::ResetRead => {
            stream.set_zero_linger()?;
            return Ok(Connection::Ends);
        }
        Conduct::ResetInAnswer(status) => {
            send(stream, status, "content-length: 100\r\n\r\nhalf of").await?;
            stream.set_zero_linger()?;
            return Ok(Connection::Ends);
        }
        Conduct::Silent => return silence(stream).await,
        Conduct::HalfClosed => {
            stream.shutdown().await?;
            return silence(stream).await;
        }
        Conduct::Drip(status, bytes, pause) => {
            send(stream, status, &format!("content-length: {bytes}\r\n\r\n")).await?;
            for _ in 0..bytes {
                while_there(stream, pause).await?;
                pour(stream, shared, b".").await?;
            }
            status
        }
        Conduct::Huge(status, bytes) => {
            after = Connection::Ends;
            send(stream, status, &format!("content-length: {bytes}\r\n\r\n")).await?;
            let whole = huge(stream, shared, bytes).await;
            // Success stands in the head: whoever reads no further has been told all the same.
            if whole.is_err() && (200..300).contains(&status) {
                note(shared, request, |noted| noted.taken += 1);
            }
            whole.map(|()| status)?
        }
        Conduct::EndlessHeaders(status) => {
            send(stream, status, "").await?;
            loop {
                pour(stream, shared, b"x-more: and more and more and more and more\r\n").await?;
            }
        }
    };
    if (200..300).contains(&status) {
        note(shared, request, |noted| noted.taken += 1);
    }
    Ok(after)
}

async fn huge(stream: &mut TcpStream, shared: &Shared, bytes: u64) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let now = left.min(BLOCK.len() as u64);
        pour(stream, shared, &BLOCK[..usize::try_from(now).unwrap_or(BLOCK.len())]).await?;
        left -= now;
    }
    Ok(())
}

/// The status line and what follows it; gives the status.
async fn send(stream: &mut TcpStream, status: u16, rest: &str) -> io::Result<u16> {
    let answer = format!("HTTP/1.1 {status} Whatever\r\n{rest}");
    stream.write_all(answer.as_bytes()).await?;
    Ok(status)
}

async fn pour(stream: &mut TcpStream, shared: &Shared, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    shared.sent_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    Ok(())
}

/// Waits, and ends with the caller.
async fn while_there(stream: &mut TcpStream, pause: Duration) -> io::Result<()> {
    match tokio::time::timeout(pause, stream.read_u8()).await {
        Err(_still_there) => Ok(()),
        Ok(Err(gone)) => Err(gone),
        // More of a request before the answer to the last one: this receiver has nothing to do with it.
        Ok(Ok(_)) => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Says nothing until the caller goes.
async fn silence(stream: &mut TcpStream) -> io::Result<Connection> {
    let mut rest = [0; 1024];
    let gone = async {
        while stream.read(&mut rest).await? > 0 {}
        Ok(Connection::Ends)
    };
    tokio::time::timeout(SILENCE, gone).await.unwrap_or(Ok(Connection::Ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn call(receiver: &Unreliable, id: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(receiver.address()).await?;
        let body = r#"{"order":"7"}"#;
        let request = format!(
            "POST /in HTTP/1.1\r\nIdempotency-Key: {id}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = vec![0; 100];
        let count = stream.read(&mut answer).await?;
        answer.truncate(count);
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    #[tokio::test]
    async fn it_takes_what_it_answers_well_and_nothing_else() {
        let receiver = Unreliable::start(1, vec![(1, Conduct::Status(500))]).await;
        assert!(call(&receiver, "a").await.unwrap().starts_with("HTTP/1.1 500 "));
        let noted = Noted { body: r#"{"order":"7"}"#.to_owned(), seen: 1, taken: 0 };
        let key = ("/in".to_owned(), "a".to_owned());
        assert_eq!(receiver.noted(), BTreeMap::from([(key.clone(), noted.clone())]));
        receiver.behave(vec![(1, Conduct::ResetRead)]);
        assert!(call(&receiver, "a").await.is_err());
        receiver.behave(vec![(1, Conduct::ResetUnread)]);
        assert!(call(&receiver, "a").await.is_err());
        receiver.behave(vec![(1, Conduct::HalfClosed)]);
        assert_eq!(call(&receiver, "a").await.unwrap(), "");
        assert_eq!(receiver.noted()[&key], Noted { seen: 3, ..noted.clone() });
        receiver.recover();
        call(&receiver, "a").await.unwrap();
        assert_eq!(receiver.noted()[&key], Noted { seen: 4, taken: 1, ..noted });
        assert_eq!(receiver.taken_at("/in"), 1);
    }

    #[tokio::test]
    async fn a_path_may_have_manners_of_its_own() {
        let receiver = Unreliable::start(1, vec![(1, Conduct::Status(500))]).await;
        receiver.behave_at("/in", vec![(1, Conduct::RetryAfter(429, 7))]);
        let answer = call(&receiver, "a").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("retry-after: 7"));
    }
}
