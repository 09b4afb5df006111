//! Servers that write what they are told, byte by byte, and pools that lead to them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Request;
use http_body_util::Full;
use outbound::{Guard, Origin, Pool, Resolver};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::TaskTracker;

pub(crate) type TestPool = Pool;

/// A server; `serve` is given each connection once a request's head has been read on it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// How many connections there were.
    pub(crate) accepted: Arc<AtomicUsize>,
    /// How many of them the client has closed.
    pub(crate) closed: Arc<AtomicUsize>,
    /// How many bytes one that writes without end has written.
    written: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start<F>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> BoxFuture<'static, io::Result<()>> + Send + Sync + 'static,
    {
        Self::start_at(Ipv4Addr::LOCALHOST, 0, serve).await
    }

    pub(crate) async fn start_at<F>(ip: Ipv4Addr, port: u16, serve: F) -> Self
    where
        F: Fn(TcpStream) -> BoxFuture<'static, io::Result<()>> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind((ip, port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, closed) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (counted, ended, serve) = (Arc::clone(&accepted), Arc::clone(&closed), Arc::new(serve));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let (serve, ended) = (Arc::clone(&serve), Arc::clone(&ended));
                tokio::spawn(async move {
                    // An error is a client that went away, as is the end of what it sends.
                    drop(serve(stream).await);
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, accepted, closed, written: Arc::default() }
    }

    /// One that reads a request, writes `first`, then `then` again and again, with a pause before
    /// each.
    pub(crate) async fn endless(first: &'static str, then: &'static [u8], pause: Duration) -> Self {
        let written = Arc::<AtomicUsize>::default();
        let counting = Arc::clone(&written);
        let serve = move |mut stream: TcpStream| {
            let written = Arc::clone(&counting);
            async move {
                read_request(&mut stream).await?;
                stream.write_all(first.as_bytes()).await?;
                loop {
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                    stream.write_all(then).await?;
                    written.fetch_add(then.len(), Ordering::SeqCst);
                }
            }
            .boxed()
        };
        Self { written, ..Self::start(serve).await }
    }

    pub(crate) fn written(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }

    pub(crate) fn pool(&self) -> TestPool {
        pool(&format!("http://{}", self.address), &["127.0.0.1/32"])
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Waits until the client has closed so many connections.
    pub(crate) async fn closed(&self, count: usize) {
        testkit::until("the client closes its connection", async || {
            (self.closed.load(Ordering::SeqCst) >= count).then_some(())
        })
        .await;
    }
}

pub(crate) fn pool(url: &str, allow: &[&str]) -> TestPool {
    let origin = Origin::of(&url.parse().unwrap()).unwrap();
    let allow = allow.iter().map(|range| range.parse().unwrap()).collect();
    Pool::new(origin, Guard::Public { allow }, 4, TaskTracker::new())
}

pub(crate) fn request() -> Request<Full<Bytes>> {
    Request::post("/in").header("host", "receiver.test").body(Full::from("{}")).unwrap()
}

/// Reads a whole small request.
pub(crate) async fn read_request(stream: &mut TcpStream) -> io::Result<()> {
    let mut read = Vec::new();
    while !read.ends_with(b"{}") {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Answers each request of a connection with `answer`, until the client closes it.
pub(crate) fn answering(
    answer: &'static str,
) -> impl Fn(TcpStream) -> BoxFuture<'static, io::Result<()>> + Send + Sync {
    move |mut stream| {
        async move {
            loop {
                read_request(&mut stream).await?;
                stream.write_all(answer.as_bytes()).await?;
            }
        }
        .boxed()
    }
}

/// An address that swallows every packet: a listener that takes nobody in, and whose queue is full.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    /// At an address of its own, at this port.
    pub(crate) async fn at(port: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 4], port));
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(1).unwrap();
        let mut queued = Vec::new();
        while let Some(stream) = connected(address).await {
            queued.push(stream);
            assert!(queued.len() < 100, "the queue does not fill");
        }
        Self { address, _listener: listener, _queued: queued }
    }

    pub(crate) async fn accepts_nobody(&self) -> bool {
        connected(self.address).await.is_none()
    }
}

/// A connection, if there is one at once.
async fn connected(address: SocketAddr) -> Option<TcpStream> {
    let connecting = TcpStream::connect(address);
    let connected = tokio::time::timeout(Duration::from_millis(200), connecting).await;
    connected.ok().map(|stream| stream.unwrap())
}

/// A name service that gives one answer after the other, the last one for ever.
pub(crate) struct Answers {
    answers: Vec<Vec<SocketAddr>>,
    pub(crate) asked: AtomicUsize,
}

impl Answers {
    pub(crate) fn new(answers: Vec<Vec<SocketAddr>>) -> Arc<Self> {
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }
}

impl Resolver for Answers {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[asked.min(self.answers.len() - 1)].clone();
        async move { Ok(answer) }.boxed()
    }
}

/// A name service that never answers.
pub(crate) struct Silent;

impl Resolver for Silent {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        std::future::pending().boxed()
    }
}
