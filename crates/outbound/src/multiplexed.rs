//! One HTTP/2 connection to one origin, shared by all its requests.
//!
//! Spoken without TLS by prior knowledge (RFC 9113 §3.3), as gRPC services do. A connection that
//! has ended, or says that it will, is replaced when the next request comes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::dial::{DialError, Dialer, Origin};
use crate::guard::Guard;
use crate::resolve::SystemResolver;

/// How much of an answer's body may be on its way on one stream, and on all together.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// The most bytes of an answer's headers.
const HEAD_BYTES_MAX: u32 = 64 * 1024;
/// How often a quiet service is asked whether it is there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection that requests share.
pub struct Multiplexed<B> {
    origin: Origin,
    dialer: Dialer,
    present: Mutex<Option<Shared<B>>>,
    /// One connection is made at a time; the others wait for it.
    connecting: tokio::sync::Mutex<()>,
    tracker: TaskTracker,
}

/// A connection's sender, and whom it reaches.
pub struct Shared<B> {
    /// The connection.
    pub sender: SendRequest<B>,
    /// Whom it reaches.
    pub peer: SocketAddr,
}

impl<B> Clone for Shared<B> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), peer: self.peer }
    }
}

#[derive(Clone)]
struct Spawner(TaskTracker);

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

impl<B> Multiplexed<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// No connection yet; connections run on `tracker`.
    pub fn new(origin: Origin, guard: Guard, tracker: TaskTracker) -> Self {
        let dialer = Dialer { guard, resolver: Arc::new(SystemResolver), tls: None };
        let connecting = tokio::sync::Mutex::new(());
        Self { origin, dialer, present: Mutex::new(None), connecting, tracker }
    }

    /// The connection there is, if it still takes requests.
    pub fn present(&self) -> Option<Shared<B>> {
        self.present.lock().as_ref().filter(|shared| !shared.sender.is_closed()).cloned()
    }

    /// The connection there is, or a new one.
    pub async fn connect(&self) -> Result<Shared<B>, DialError> {
        let _one = self.connecting.lock().await;
        // Somebody else may have made it meanwhile.
        if let Some(shared) = self.present() {
            return Ok(shared);
        }
        let dialled = self.dialer.dial(&self.origin).await?;
        let handshake = http2::Builder::new(Spawner(self.tracker.clone()))
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEAD_BYTES_MAX)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .handshake(TokioIo::new(dialled.stream))
            .await;
        let (sender, connection) = handshake.map_err(DialError::Http)?;
        self.tracker.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a shared outgoing connection ended early");
            }
        });
        let shared = Shared { sender, peer: dialled.peer };
        *self.present.lock() = Some(shared.clone());
        Ok(shared)
    }
}
