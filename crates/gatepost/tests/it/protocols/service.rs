//! A company's own service: speaks HTTP/1.1 or HTTP/2 and answers by the path.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

/// What `/many` answers.
pub(super) const MANY_BYTES: usize = 64 * 1024 * 1024;
/// Of so many bytes each.
const PART_BYTES: usize = 64 * 1024;

/// Which HTTP it speaks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Http {
    One,
    Two,
}

/// A body whose parts are told one by one.
pub(super) struct Parts(mpsc::Receiver<Frame<Bytes>>);

impl Parts {
    /// A body and who tells it.
    pub(super) fn new() -> (mpsc::Sender<Frame<Bytes>>, Self) {
        let (sender, receiver) = mpsc::channel(4);
        (sender, Self(receiver))
    }

    /// A body of nothing.
    pub(super) fn none() -> Self {
        Self::new().1
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_closed() && self.0.is_empty()
    }
}

/// What the service and its test share.
#[derive(Default)]
pub(super) struct Shared {
    /// Connections and requests that came so far.
    connections: AtomicUsize,
    came: AtomicUsize,
    /// Requests that are under way: their callers have neither been answered nor gone.
    held: AtomicUsize,
    /// Lets `/late` answer, and `/events` tell the next.
    pub(super) go: Notify,
}

impl Shared {
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }
}

/// A request that is under way.
struct Held(Arc<Shared>);

impl Held {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.held.fetch_add(1, Ordering::SeqCst);
        shared.came.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A running service; takes no more connections when dropped.
pub(super) struct Service {
    address: SocketAddr,
    http: Http,
    pub(super) shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Service {
    pub(super) async fn start(http: Http) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(serve(listener, http, Arc::clone(&shared)));
        Self { address, http, shared, task }
    }

    /// As `upstream` of an API has it.
    pub(super) fn upstream(&self) -> String {
        match self.http {
            Http::One => format!("http://{}", self.address),
            Http::Two => format!("{{ to: [\"http://{}\"], http: \"2\" }}", self.address),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, http: Http, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(&shared);
        let answers = service_fn(move |request: Request<Incoming>| {
            let held = Held::new(&shared);
            answer(request, held)
        });
        tokio::spawn(async move {
            let io = TokioIo::new(stream);
            match http {
                Http::One => drop(http1::Builder::new().serve_connection(io, answers).await),
                Http::Two => {
                    let server = http2::Builder::new(TokioExecutor::new());
                    drop(server.serve_connection(io, answers).await);
                }
            }
        });
    }
}

async fn answer(request: Request<Incoming>, held: Held) -> Result<Response<Parts>, Infallible> {
    let path = request.uri().path().to_owned();
    let (parts, body) = Parts::new();
    match path.as_str() {
        "/late" => {
            held.0.go.notified().await;
            say(&parts, "late").await;
        }
        "/never" => std::future::pending::<()>().await,
        "/many" => drop(tokio::spawn(many(parts, held))),
        "/events" => drop(tokio::spawn(events(parts, held))),
        "/count" => say(&parts, &count(request.into_body()).await.to_string()).await,
        "/trailers" => trailers(request, &parts).await,
        "/headers" => {
            let mut names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
            names.sort();
            say(&parts, &names.join(" ")).await;
        }
        _ => say(&parts, "ok").await,
    }
    Ok(Response::new(body))
}

async fn say(parts: &mpsc::Sender<Frame<Bytes>>, text: &str) {
    // The caller may have gone.
    drop(parts.send(Frame::data(Bytes::from(text.to_owned()))).await);
}

async fn many(parts: mpsc::Sender<Frame<Bytes>>, _held: Held) {
    let part = Bytes::from(vec![b'x'; PART_BYTES]);
    for _ in 0..MANY_BYTES / PART_BYTES {
        if parts.send(Frame::data(part.clone())).await.is_err() {
            return;
        }
    }
}

/// Three server-sent events, each but the first when it is let go.
async fn events(parts: mpsc::Sender<Frame<Bytes>>, held: Held) {
    for number in 0..3 {
        if number > 0 {
            held.0.go.notified().await;
        }
        say(&parts, &format!("data: {number}\n\n")).await;
    }
}

async fn count(mut body: Incoming) -> usize {
    let mut count = 0;
    while let Some(Ok(frame)) = body.frame().await {
        count += frame.data_ref().map_or(0, Bytes::len);
    }
    count
}

/// Answers with what came in the trailers, in the trailers.
async fn trailers(request: Request<Incoming>, parts: &mpsc::Sender<Frame<Bytes>>) {
    let Ok(collected) = request.into_body().collect().await else { return };
    let asked = collected.trailers().and_then(|trailers| trailers.get("x-asked").cloned());
    say(parts, "body").await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-heard", asked.unwrap_or(HeaderValue::from_static("nothing")));
    drop(parts.send(Frame::trailers(trailers)).await);
}
