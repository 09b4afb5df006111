//! One request and its answer in HTTP/1.1, on a connection that belongs to them until the end.
//!
//! No task of its own: whoever waits for the answer sends the request, and whoever reads the
//! answer's body reads the connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use http_body::{Body, SizeHint};
use http1::{AnswerHead, Decoder, Fault, Frame, Framing, Piece};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pool::Lent;
use crate::transport::Transport;
use crate::wire::Wire;

/// How much of a request is gathered before it is sent.
const GATHERED_MAX: usize = 64 * 1024;
/// How many interim answers (1xx) may come before the answer; nobody has a use for more.
pub(crate) const INTERIM_MAX: u32 = 16;

/// Any error of a body.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a call broke.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The other side ended the connection before an answer began.
    #[error("the connection was closed before an answer began")]
    Closed,
    /// The connection broke.
    #[error("the connection broke")]
    Io(#[from] std::io::Error),
    /// The answer cannot be read, or broke off.
    #[error("the answer cannot be read: {0}")]
    Fault(#[from] Fault),
    /// Interim answers without end.
    #[error("more than {INTERIM_MAX} interim answers (1xx) came before the answer")]
    Interim,
    /// The request's own body broke.
    #[error("the request's body broke off")]
    Body(#[source] BoxError),
    /// The request's own body is not as long as its head says.
    #[error("the request's body is not as long as its head says")]
    Length,
}

/// A call without an answer.
#[derive(Debug)]
pub struct NotAnswered<B> {
    /// Why.
    pub error: CallError,
    /// The request or its body, where the other side has taken nothing of it.
    pub unsent: Option<B>,
    /// Whether something came that is no answer.
    pub answering: bool,
    /// Whether the connection had served a request before: it may have been closed meanwhile.
    pub reused: bool,
}

impl<B> NotAnswered<B> {
    /// The same with something else of what was not sent.
    pub fn map<T>(self, change: impl FnOnce(B) -> T) -> NotAnswered<T> {
        let Self { error, unsent, answering, reused } = self;
        NotAnswered { error, unsent: unsent.map(change), answering, reused }
    }
}

/// An answer.
#[derive(Debug)]
pub enum Answered<B> {
    /// Its body comes.
    Coming(Response<Arriving<B>>),
    /// The connection goes on in another protocol (101).
    Switched(Response<()>, Switched),
}

/// A request's body on its way.
#[derive(Debug)]
struct Sending<B> {
    body: B,
    /// Nothing more comes of the body.
    is_over: bool,
    framing: Framing,
    sent: u64,
    /// Which fields may stand behind the body.
    announced: Vec<HeaderName>,
}

impl<B> Sending<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    /// Sends what there is; ready when all of the request is sent.
    fn poll(&mut self, wire: &mut Wire, context: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        loop {
            let waits = self.gather(wire, context)?;
            ready!(wire.poll_flush(context))?;
            match (self.is_over, waits) {
                (true, _) => return Poll::Ready(Ok(())),
                (false, true) => return Poll::Pending,
                (false, false) => {}
            }
        }
    }

    fn gather(&mut self, wire: &mut Wire, context: &mut Context<'_>) -> Result<bool, CallError> {
        while !self.is_over {
            if !wire.has_room(GATHERED_MAX) {
                return Ok(false);
            }
            let body = &mut self.body;
            let polled = if body.is_end_stream() {
                Poll::Ready(None)
            } else {
                Pin::new(body).poll_frame(context)
            };
            match polled {
                Poll::Pending => return Ok(true),
                Poll::Ready(Some(Err(error))) => return Err(CallError::Body(error.into())),
                Poll::Ready(None) => self.ended(wire, None)?,
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.put(wire, &data)?,
                    Err(frame) => self.ended(wire, frame.into_trailers().ok())?,
                },
            }
        }
        Ok(false)
    }

    fn put(&mut self, wire: &mut Wire, data: &[u8]) -> Result<(), CallError> {
        self.sent += data.len() as u64;
        match self.framing {
            Framing::Chunked => http1::chunk(&mut wire.write, data),
            Framing::Length(length) if self.sent <= length => wire.write.extend_from_slice(data),
            Framing::None if data.is_empty() => {}
            _ => return Err(CallError::Length),
        }
        Ok(())
    }

    fn ended(&mut self, wire: &mut Wire, trailers: Option<HeaderMap>) -> Result<(), CallError> {
        self.is_over = true;
        match (self.framing, trailers) {
            (Framing::Length(length), _) if self.sent < length => return Err(CallError::Length),
            (Framing::Chunked, Some(trailers)) => {
                http1::trailers(&mut wire.write, &trailers, &self.announced);
            }
            (Framing::Chunked, None) => http1::last_chunk(&mut wire.write),
            _ => {}
        }
        Ok(())
    }
}

impl Lent {
    /// Where the head of a request is written before [`Self::call`].
    pub fn head(&mut self) -> &mut Vec<u8> {
        &mut self.line.wire.write
    }

    /// Sends a request in HTTP/1.1 and waits for the answer's head. The request's target must be in
    /// origin form.
    pub async fn send<B>(
        mut self,
        request: Request<B>,
    ) -> Result<Answered<B>, NotAnswered<Request<B>>>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let frame = Frame::of_request(&parts.headers, body.size_hint().exact());
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        http1::request_head(self.head(), (&parts.method, target), &parts.headers, frame);
        let announced = http1::announced(&parts.headers);
        let answered = self.call(&parts.method, (frame.framing, announced), body).await;
        answered.map_err(|failed| failed.map(|body| Request::from_parts(parts, body)))
    }

    /// Sends the request whose head has been written, with a body that ends as that head says, and
    /// with those trailers that it announces; waits for the answer's head.
    pub async fn call<B>(
        mut self,
        asked: &Method,
        (framing, announced): (Framing, Vec<HeaderName>),
        body: B,
    ) -> Result<Answered<B>, NotAnswered<B>>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        self.line.wire.taken = false;
        let sending = Sending { body, is_over: false, framing, sent: 0, announced };
        let mut call = Calling { sending, is_sent: false, interim: 0, asked };
        let answered = poll_fn(|context| call.poll(&mut self.line.wire, context)).await;
        let Calling { sending, is_sent, interim, .. } = call;
        match answered {
            Ok(head) => Ok(self.answered(head, (!is_sent).then(|| Box::new(sending)))),
            Err(error) => {
                let answering = interim > 0 || matches!(error, CallError::Fault(_));
                // Nothing was taken of the body, and the other side has taken nothing of the head.
                let untouched = matches!(error, CallError::Closed | CallError::Io(_))
                    && sending.sent == 0
                    && !self.line.wire.taken;
                let unsent = untouched.then_some(sending.body);
                Err(NotAnswered { error, unsent, answering, reused: self.reused })
            }
        }
    }

    fn answered<B>(mut self, head: AnswerHead, sending: Option<Box<Sending<B>>>) -> Answered<B> {
        let AnswerHead { answer, framing, keeps_open } = head;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Wire { io, read, .. } = self.line.wire;
            return Answered::Switched(answer, Switched { io, ahead: read });
        }
        let wire = &mut self.line.wire;
        wire.decoder = Decoder::new(framing, wire.head_bytes_max);
        let mut arriving = Arriving { lent: Some(self), sending, keeps_open, is_over: false };
        arriving.end_if_over();
        Answered::Coming(answer.map(|()| arriving))
    }
}

/// A call that waits for its answer's head.
struct Calling<'a, B> {
    sending: Sending<B>,
    is_sent: bool,
    interim: u32,
    asked: &'a Method,
}

impl<B> Calling<'_, B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    fn poll(
        &mut self,
        wire: &mut Wire,
        context: &mut Context<'_>,
    ) -> Poll<Result<AnswerHead, CallError>> {
        let mut broken = None;
        if !self.is_sent {
            match self.sending.poll(wire, context) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.is_sent = true,
                // Whoever does not take all of a request may have answered it.
                Poll::Ready(Err(CallError::Io(error))) => broken = Some(error),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        loop {
            while let Some(head) = wire.head(self.asked)? {
                let status = head.answer.status();
                if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                    return Poll::Ready(Ok(head));
                }
                self.interim += 1;
                if self.interim > INTERIM_MAX {
                    return Poll::Ready(Err(CallError::Interim));
                }
            }
            match (wire.poll_fill(context), broken.take()) {
                (Poll::Pending, None) => return Poll::Pending,
                (Poll::Pending, Some(error)) | (Poll::Ready(Err(error)), _) => {
                    return Poll::Ready(Err(error.into()));
                }
                (Poll::Ready(Ok(0)), _) if wire.read.is_empty() && self.interim == 0 => {
                    return Poll::Ready(Err(CallError::Closed));
                }
                (Poll::Ready(Ok(0)), _) => return Poll::Ready(Err(Fault::CutOff.into())),
                (Poll::Ready(Ok(_)), kept) => broken = kept,
            }
        }
    }
}

/// The body of an answer. The connection returns to its pool when it has ended.
#[derive(Debug)]
pub struct Arriving<B> {
    lent: Option<Lent>,
    /// The rest of the request, where the answer came before its end.
    sending: Option<Box<Sending<B>>>,
    keeps_open: bool,
    is_over: bool,
}

impl<B> Arriving<B> {
    /// Gives the connection back where the answer has come to its end, or drops it where it cannot
    /// be used again.
    fn end_if_over(&mut self) {
        let Some(lent) = &self.lent else { return };
        if !lent.line.wire.decoder.is_done() {
            return;
        }
        let is_clean = lent.line.wire.is_done() && self.sending.is_none() && self.keeps_open;
        self.is_over = true;
        if let Some(lent) = self.lent.take().filter(|_| is_clean) {
            lent.give_back();
        }
    }
}

impl<B> Body for Arriving<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = CallError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, CallError>>> {
        let this = &mut *self;
        let Some(lent) = this.lent.as_mut().filter(|_| !this.is_over) else {
            return Poll::Ready(None);
        };
        let wire = &mut lent.line.wire;
        if let Some(sending) = &mut this.sending {
            match sending.poll(wire, context) {
                Poll::Ready(Ok(())) => this.sending = None,
                // The answer may be whole all the same. The connection is not used again: whoever
                // used it would send the rest of this request.
                Poll::Ready(Err(_)) => {
                    this.keeps_open = false;
                    this.sending = None;
                }
                Poll::Pending => {}
            }
        }
        let polled = poll_piece(wire, context);
        match ready!(polled) {
            Ok(Piece::Data(data)) => {
                this.end_if_over();
                Poll::Ready(Some(Ok(http_body::Frame::data(data))))
            }
            Ok(Piece::Trailers(trailers)) => {
                this.end_if_over();
                Poll::Ready(Some(Ok(http_body::Frame::trailers(trailers))))
            }
            Ok(Piece::End | Piece::More) => {
                this.end_if_over();
                Poll::Ready(None)
            }
            Err(error) => {
                this.is_over = true;
                this.lent = None;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        let missing = match &self.lent {
            Some(lent) if !self.is_over => lent.line.wire.decoder.missing(),
            _ => Some(0),
        };
        missing.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn poll_piece(wire: &mut Wire, context: &mut Context<'_>) -> Poll<Result<Piece, CallError>> {
    loop {
        match wire.decoder.take(&mut wire.read)? {
            Piece::More => {}
            piece => return Poll::Ready(Ok(piece)),
        }
        if ready!(wire.poll_fill(context))? == 0 {
            wire.decoder.ended()?;
        }
    }
}

/// A connection that goes on in another protocol.
#[derive(Debug)]
pub struct Switched {
    io: Transport,
    /// What had been read already.
    ahead: BytesMut,
}

impl AsyncRead for Switched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let count = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Switched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
