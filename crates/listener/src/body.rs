//! The one body type of answers: empty, whole, or streamed from somewhere else.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use crate::activity::InFlight;

/// Any error of a streamed body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
#[derive(Debug, Default)]
pub struct Body {
    inner: Inner,
    /// Held until the body has ended: its request is under way so long.
    under_way: Option<InFlight>,
}

#[derive(Debug, Default)]
enum Inner {
    #[default]
    Empty,
    Whole(Bytes),
    Streamed(UnsyncBoxBody<Bytes, BoxError>),
}

impl Body {
    /// A body that comes from somewhere else.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let inner = Inner::Streamed(body.map_err(Into::into).boxed_unsync());
        Self { inner, under_way: None }
    }

    pub(crate) fn hold(mut self, under_way: InFlight) -> Self {
        self.under_way = Some(under_way);
        self
    }

    /// Gives up what holds the request under way, to be held until the last byte is sent.
    pub(crate) fn release(&mut self) -> Option<InFlight> {
        self.under_way.take()
    }
}

/// No body.
pub fn empty() -> Body {
    Body::default()
}

/// A whole body.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Body { inner: Inner::Whole(bytes.into()), under_way: None }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = match &mut self.inner {
            Inner::Empty => Poll::Ready(None),
            Inner::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Streamed(body) => Pin::new(body).poll_frame(context),
        };
        if let Some(under_way) = &mut self.under_way {
            match &polled {
                Poll::Ready(Some(Ok(_))) => under_way.offers(),
                Poll::Ready(_) | Poll::Pending => under_way.waits(),
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Empty => true,
            Inner::Whole(bytes) => bytes.is_empty(),
            Inner::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Empty => SizeHint::with_exact(0),
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Streamed(body) => body.size_hint(),
        }
    }
}
