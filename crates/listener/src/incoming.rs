//! The body of a request, while it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;

use crate::wire::Wire;

/// The body of a request.
#[derive(Debug, Default)]
pub struct Incoming(Kind);

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Nothing,
    One(One),
    Two(hyper::body::Incoming),
}

/// Why a request's body did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It cannot be read, or breaks off.
    #[error("the body cannot be read: {0}")]
    Fault(#[from] http1::Fault),
    /// The connection broke.
    #[error("the connection broke")]
    Io(#[from] std::io::Error),
    /// The stream broke.
    #[error("the stream broke")]
    Stream(#[from] hyper::Error),
    /// The request has been answered, and the connection has gone on.
    #[error("the request has been answered")]
    Over,
}

/// That of HTTP/1.1: taken from the connection by whoever reads it.
#[derive(Debug)]
struct One {
    wire: Arc<Mutex<Wire>>,
    /// The number of its request on the connection.
    turn: u64,
    broken: bool,
}

impl Incoming {
    pub(crate) fn one(wire: &Arc<Mutex<Wire>>, turn: u64) -> Self {
        Self(Kind::One(One { wire: Arc::clone(wire), turn, broken: false }))
    }

    pub(crate) fn two(body: hyper::body::Incoming) -> Self {
        Self(Kind::Two(body))
    }
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Kind::Nothing => Poll::Ready(None),
            Kind::One(one) if one.broken => Poll::Ready(None),
            Kind::One(one) => {
                let polled = one.wire.lock().poll_body(context, one.turn);
                one.broken = matches!(polled, Poll::Ready(Some(Err(_))));
                polled.map_ok(Frame::data)
            }
            Kind::Two(body) => Pin::new(body).poll_frame(context).map_err(BodyError::Stream),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Nothing => true,
            Kind::One(one) => one.broken || one.wire.lock().missing(one.turn) == Some(0),
            Kind::Two(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Nothing => SizeHint::with_exact(0),
            Kind::One(one) => match one.wire.lock().missing(one.turn) {
                Some(missing) => SizeHint::with_exact(missing),
                None => SizeHint::default(),
            },
            Kind::Two(body) => body.size_hint(),
        }
    }
}
