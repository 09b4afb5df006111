//! What a connection in HTTP/1.1 has read and not yet taken, and written and not yet sent.
//!
//! Shared by the connection and the body of its present request: whoever wants more of a body reads
//! the connection for it, so no byte goes through a channel. Both run on one task, as a rule.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http1::{Decoder, Fault, Framing, Piece, RequestHead, Scan};
use tokio::io::AsyncWrite as _;
use tokio_util::io::poll_read_buf;

use crate::activity::Watched;
use crate::incoming::BodyError;
use crate::transport::{Transport, break_off};
use crate::upgrade::Upgraded;

/// Room for a read at first; it doubles where reads fill it.
const ROOM: usize = 4 * 1024;
const ROOM_MAX: usize = 64 * 1024;
/// With less room than this no read is begun.
const ROOM_MIN: usize = 1024;
/// How much of the next requests may be read while one is under way.
const AHEAD_MAX: usize = 16 * 1024;

/// A connection's two buffers.
#[derive(Debug)]
pub(crate) struct Wire {
    /// None when the connection has gone on in another protocol.
    io: Option<Watched<Transport>>,
    read: BytesMut,
    room: usize,
    /// The other side sends nothing more.
    ended: bool,
    scan: Scan,
    head_bytes_max: usize,
    /// The body of the present request.
    decoder: Decoder,
    /// How many requests there have been.
    turn: u64,
    /// Whether the caller waits for `100 Continue`.
    expects: bool,
    /// Whether the present request's answer is being written: what waits to be sent is the
    /// connection's then, and no longer that of whoever reads the body.
    answering: bool,
    /// Whoever waits for more of the present request's body, maybe on another task.
    waits: Option<Waker>,
    write: Vec<u8>,
    sent: usize,
}

/// How a connection broke.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("a request cannot be read: {0}")]
    Fault(#[from] Fault),
    #[error("the connection broke")]
    Io(#[from] io::Error),
    #[error("the caller went away before its answer")]
    Gone,
    #[error("the body of an answer broke off")]
    Body,
    #[error("the body of an answer is not as long as its head says")]
    Length,
}

impl Wire {
    pub(crate) fn new(io: Watched<Transport>, head_bytes_max: usize) -> Self {
        Self {
            io: Some(io),
            read: BytesMut::new(),
            room: ROOM,
            ended: false,
            scan: Scan::default(),
            head_bytes_max,
            decoder: Decoder::done(),
            turn: 0,
            expects: false,
            answering: false,
            waits: None,
            write: Vec::new(),
            sent: 0,
        }
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(io) = self.io.as_mut().filter(|_| !self.ended) else { return Poll::Ready(Ok(0)) };
        if self.read.capacity() - self.read.len() < ROOM_MIN {
            self.read.reserve(self.room);
        }
        let room = self.read.capacity() - self.read.len();
        let count = ready!(poll_read_buf(Pin::new(io), context, &mut self.read))?;
        self.ended = count == 0;
        if count == room {
            self.room = (self.room * 2).min(ROOM_MAX);
        }
        Poll::Ready(Ok(count))
    }

    /// The head of the next request and the number of its turn, which begins; none when there is no
    /// other.
    pub(crate) fn poll_turn(
        &mut self,
        context: &mut Context<'_>,
        leaves: bool,
    ) -> Poll<Result<Option<(RequestHead, u64)>, Broken>> {
        let head = ready!(self.poll_head(context, leaves))?;
        Poll::Ready(Ok(head.map(|head| {
            let turn = self.begin(head.framing, head.expects);
            (head, turn)
        })))
    }

    /// The head of the next request; none when there is no other: the caller has ended, or nothing
    /// has come of one and the connection is to end.
    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        leaves: bool,
    ) -> Poll<Result<Option<RequestHead>, Broken>> {
        loop {
            let taken = RequestHead::take(&mut self.read, &mut self.scan, self.head_bytes_max)?;
            if let Some(head) = taken {
                return Poll::Ready(Ok(Some(head)));
            }
            if leaves && self.read.is_empty() {
                return Poll::Ready(Ok(None));
            }
            if ready!(self.poll_fill(context))? == 0 {
                let whole = self.read.is_empty();
                return Poll::Ready(if whole { Ok(None) } else { Err(Fault::CutOff.into()) });
            }
        }
    }

    /// Begins a request's turn; gives its number.
    pub(crate) fn begin(&mut self, framing: Framing, expects: bool) -> u64 {
        self.decoder = Decoder::new(framing, self.head_bytes_max);
        self.expects = expects;
        self.answering = false;
        self.room = ROOM;
        self.turn += 1;
        self.turn
    }

    /// More of a request's body.
    pub(crate) fn poll_body(
        &mut self,
        context: &mut Context<'_>,
        turn: u64,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        if turn != self.turn {
            return Poll::Ready(Some(Err(BodyError::Over)));
        }
        self.waits = None;
        loop {
            match self.decoder.take(&mut self.read)? {
                Piece::Data(data) => return Poll::Ready(Some(Ok(data))),
                // RFC 9112 §7.1.2: whoever has no use for trailers may drop them.
                Piece::End | Piece::Trailers(_) => return Poll::Ready(None),
                Piece::More => {}
            }
            if std::mem::take(&mut self.expects) {
                self.write.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            if !self.write.is_empty() && !self.answering {
                ready!(self.poll_flush(context))?;
            }
            match self.poll_fill(context)? {
                Poll::Ready(0) => self.decoder.ended()?,
                Poll::Ready(_) => {}
                Poll::Pending => {
                    self.waits = Some(context.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }

    /// How many bytes of a request's body are missing, where that is known.
    pub(crate) fn missing(&self, turn: u64) -> Option<u64> {
        if turn == self.turn { self.decoder.missing() } else { Some(0) }
    }

    /// Waits until the caller has gone away, while its request is under way.
    pub(crate) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.decoder.is_done() && self.read.len() < AHEAD_MAX {
            match ready!(self.poll_fill(context)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
        Poll::Pending
    }

    /// Whether the connection can only end with the present answer: the caller waits for a word to
    /// send its body and will not get it, or has more of a body to send than is read for nothing.
    pub(crate) fn cannot_go_on(&self, drain_max: u64) -> bool {
        !self.decoder.is_done()
            && (self.expects || self.decoder.missing().is_some_and(|missing| missing > drain_max))
    }

    /// From here on an answer is written: it is too late for `100 Continue`.
    pub(crate) fn answers(&mut self) -> &mut Vec<u8> {
        self.expects = false;
        self.answering = true;
        &mut self.write
    }

    /// Drops what comes of the present request's body, as many bytes as are left to be dropped; says
    /// whether that was all of it. To be called behind [`Self::end_turn`].
    pub(crate) fn poll_over(&mut self, context: &mut Context<'_>, left: &mut usize) -> Poll<bool> {
        loop {
            match self.decoder.take(&mut self.read) {
                Ok(Piece::End | Piece::Trailers(_)) => return Poll::Ready(true),
                Ok(Piece::Data(data)) if data.len() <= *left => *left -= data.len(),
                Ok(Piece::Data(_)) | Err(_) => return Poll::Ready(false),
                Ok(Piece::More) => match ready!(self.poll_fill(context)) {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return Poll::Ready(false),
                },
            }
        }
    }

    /// Ends the present request's turn: whoever still waits for more of its body hears of it.
    pub(crate) fn end_turn(&mut self) {
        self.turn += 1;
        if let Some(waker) = self.waits.take() {
            waker.wake();
        }
    }

    /// Whether the present request's body has been read to its end.
    pub(crate) fn has_body(&self) -> bool {
        self.decoder.is_done()
    }

    /// What has been read of requests that follow is theirs: a head has begun.
    pub(crate) fn note_ahead(&self) {
        if let Some(io) = &self.io {
            io.unread(self.read.len());
        }
    }

    /// Ends the connection, also for whoever has still a body of it.
    pub(crate) fn close(&mut self) {
        self.io = None;
        self.end_turn();
    }

    /// Whether more may be gathered: not while a part of what was gathered has gone out and the rest
    /// waits, or whoever takes little at a time would make us hold everything.
    pub(crate) fn has_room(&self, most: usize) -> bool {
        self.sent == 0 && self.write.len() <= most
    }

    /// Sends what waits.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        while self.sent < self.write.len() {
            let count = ready!(Pin::new(&mut *io).poll_write(context, &self.write[self.sent..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
        }
        self.write.clear();
        self.sent = 0;
        Pin::new(io).poll_flush(context)
    }

    /// Says that nothing more will be sent.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Some(io) => Pin::new(io).poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Reads and drops what comes, to its end or up to so many bytes.
    pub(crate) fn poll_drop(&mut self, context: &mut Context<'_>, left: &mut usize) -> Poll<()> {
        while *left > 0 {
            self.read.clear();
            match ready!(self.poll_fill(context)) {
                Ok(0) | Err(_) => break,
                Ok(count) => *left = left.saturating_sub(count),
            }
        }
        Poll::Ready(())
    }

    /// Lets the caller see that its answer breaks off.
    pub(crate) fn break_off(&self) {
        if let Some(io) = &self.io {
            break_off(io.get());
        }
    }

    /// Gives back the memory that a connection needs only while something is asked on it.
    pub(crate) fn rest(&mut self) {
        if self.read.is_empty() {
            self.read = BytesMut::new();
        }
        if self.write.is_empty() {
            self.write = Vec::new();
        }
    }

    /// Whether nothing of a next request has been read.
    pub(crate) fn is_between(&self) -> bool {
        self.read.is_empty() && !self.ended
    }

    /// The connection itself, with what has been read ahead.
    pub(crate) fn give_up(&mut self) -> Option<Upgraded> {
        let io = self.io.take()?;
        Some(Upgraded { io, ahead: std::mem::take(&mut self.read) })
    }
}
