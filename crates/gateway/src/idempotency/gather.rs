//! An answer that is kept while it is given: what passes is gathered, and the last of it waits until
//! all is on disk.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use listener::{Body, BoxError};
use store::{AnswerContent, KeptAnswer};
use tokio_util::task::TaskTracker;

use super::{ANSWER_BYTES_MAX, Keeping, head_of};

/// How long the rest of an answer is waited for whose caller has gone: as long as an orderly end
/// waits for what is under way.
const REST: Duration = Duration::from_secs(30);

/// Gives an answer on, and keeps it. A failure of the service's own (5xx) is not kept: the key is free
/// before the caller hears of it.
pub(super) async fn gather(response: Response<Body>, keeping: Keeping) -> Response<Body> {
    if response.status().is_server_error() {
        keeping.release().await;
        return response;
    }
    let gathering = Gathering {
        keeping,
        status: response.status().as_u16(),
        head: head_of(response.headers()),
        body: Some(BytesMut::new()),
    };
    if response.body().is_end_stream() {
        // Nobody asks a body that has ended for its end.
        gathering.keep().await;
        return response.map(|_| listener::empty());
    }
    let tasks = gathering.keeping.tasks.clone();
    response.map(|inner| {
        let (inner, gathering) = (Some(inner), Some(gathering));
        Body::new(Gathered { inner, gathering, keeping: None, held: None, tasks })
    })
}

/// What has come of an answer.
struct Gathering {
    keeping: Keeping,
    status: u16,
    head: Vec<u8>,
    /// None when it cannot be kept: it is too large, has trailers, or broke off.
    body: Option<BytesMut>,
}

impl Gathering {
    fn add(&mut self, frame: &Frame<Bytes>) {
        let room = ANSWER_BYTES_MAX.saturating_sub(self.head.len());
        let Some(body) = &mut self.body else { return };
        match frame.data_ref() {
            Some(data) if body.len() + data.len() <= room => body.extend_from_slice(data),
            _ => self.body = None,
        }
    }

    async fn keep(self) {
        let Self { keeping, status, head, body } = self;
        let content = body.map(|body| AnswerContent { head, body: body.to_vec() });
        keeping.keep(KeptAnswer { status, content }).await;
    }
}

/// A piece of the body, its end or what broke it.
type Piece = Option<Result<Frame<Bytes>, BoxError>>;

/// The body of an answer that is kept.
struct Gathered {
    inner: Option<Body>,
    /// None when the end has come.
    gathering: Option<Gathering>,
    /// Runs while it is written down.
    keeping: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// What the caller gets when it is.
    held: Piece,
    /// Where what goes on without the caller runs.
    tasks: TaskTracker,
}

impl http_body::Body for Gathered {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Piece> {
        let this = &mut *self;
        if this.keeping.is_none() {
            let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
            let piece = ready!(Pin::new(&mut *inner).poll_frame(context));
            let Some(mut gathering) = this.gathering.take() else { return Poll::Ready(piece) };
            let more = match &piece {
                Some(Ok(frame)) => {
                    gathering.add(frame);
                    !inner.is_end_stream()
                }
                Some(Err(_)) => {
                    gathering.body = None;
                    false
                }
                None => false,
            };
            if more {
                this.gathering = Some(gathering);
                return Poll::Ready(piece);
            }
            // With a length that was said in advance, this is the last that the caller waits for.
            this.held = piece;
            this.keeping = Some(Box::pin(gathering.keep()));
        }
        if let Some(keeping) = &mut this.keeping {
            ready!(keeping.as_mut().poll(context));
        }
        this.keeping = None;
        Poll::Ready(this.held.take())
    }

    fn is_end_stream(&self) -> bool {
        let ended = self.inner.as_ref().is_none_or(Body::is_end_stream);
        ended && self.gathering.is_none() && self.keeping.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Gathered {
    /// The caller has gone; it will be back for the answer, so the rest is gathered without it.
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if let (Some(inner), Some(gathering)) = (self.inner.take(), self.gathering.take()) {
            self.tasks.spawn_on(rest(inner, gathering), &runtime);
        }
        if let Some(keeping) = self.keeping.take() {
            self.tasks.spawn_on(keeping, &runtime);
        }
    }
}

async fn rest(mut inner: Body, mut gathering: Gathering) {
    let gathered = tokio::time::timeout(REST, async {
        // What cannot be kept need not be read.
        while gathering.body.is_some() {
            match inner.frame().await {
                Some(Ok(frame)) => gathering.add(&frame),
                Some(Err(_)) => gathering.body = None,
                None => return,
            }
        }
    });
    if gathered.await.is_err() {
        gathering.body = None;
    }
    gathering.keep().await;
}
