//! A pool of HTTP/1.1 connections to one origin.
//!
//! The connection object itself is pooled: it is given back when an answer's body has ended, and
//! asked whether it is ready before it is used again.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt as _;
use http_body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::dial::{DialError, Origin, dial};
use crate::guard::Guard;

/// Connections to one origin.
pub struct Pool<B> {
    origin: Origin,
    guard: Guard,
    idle: Arc<Mutex<VecDeque<SendRequest<B>>>>,
    idle_max: usize,
    tracker: TaskTracker,
}

/// A connection taken from the pool. [`Lent::give_back`] returns it; dropping it closes it.
pub struct Lent<B> {
    /// The connection.
    pub sender: SendRequest<B>,
    /// Whether it had served a request before: an error on it may only mean that the other side
    /// closed it while it was idle.
    pub reused: bool,
    idle: Arc<Mutex<VecDeque<SendRequest<B>>>>,
    idle_max: usize,
}

impl<B> Lent<B> {
    /// Returns the connection; to be called when the answer's body has ended.
    pub fn give_back(self) {
        if self.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.len() < self.idle_max {
            idle.push_back(self.sender);
        }
    }
}

impl<B> Pool<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// An empty pool; connections run on `tracker` and are known to whoever shuts down.
    pub fn new(origin: Origin, guard: Guard, idle_max: usize, tracker: TaskTracker) -> Self {
        Self { origin, guard, idle: Arc::default(), idle_max, tracker }
    }

    /// Where its connections lead.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// An idle connection that is ready, the one used last first (the others may rest and close).
    pub fn idle(&self) -> Option<Lent<B>> {
        loop {
            let mut sender = self.idle.lock().pop_back()?;
            match sender.ready().now_or_never() {
                Some(Ok(())) => return Some(self.lend(sender, true)),
                // Its task has not yet seen the end of the last answer: it will be ready soon, but
                // whoever asks now should not wait for it.
                None if !sender.is_closed() => return self.put_first(sender),
                _ => {}
            }
        }
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Lent<B>, DialError> {
        let (stream, _) = dial(&self.origin, &self.guard).await?;
        let (sender, connection) =
            http1::Builder::new().handshake(TokioIo::new(stream)).await.map_err(DialError::Http)?;
        self.tracker.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "an outgoing connection ended early");
            }
        });
        Ok(self.lend(sender, false))
    }

    fn put_first(&self, sender: SendRequest<B>) -> Option<Lent<B>> {
        let mut idle = self.idle.lock();
        idle.push_front(sender);
        // Another one may be ready; one look at the next is enough.
        let mut next = idle.pop_back()?;
        drop(idle);
        match next.ready().now_or_never() {
            Some(Ok(())) => Some(self.lend(next, true)),
            None if !next.is_closed() => {
                self.idle.lock().push_front(next);
                None
            }
            _ => None,
        }
    }

    fn lend(&self, sender: SendRequest<B>, reused: bool) -> Lent<B> {
        Lent { sender, reused, idle: Arc::clone(&self.idle), idle_max: self.idle_max }
    }
}
