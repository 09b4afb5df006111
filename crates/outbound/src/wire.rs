//! What an outgoing connection has read and not yet taken, and written and not yet sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures_util::task::noop_waker_ref;
use http::Method;
use http1::{AnswerHead, Decoder, Fault, Scan};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio_util::either::Either;
use tokio_util::io::poll_read_buf;

use crate::transport::Transport;

/// Room for a read at first; it doubles where reads fill it.
const ROOM: usize = 4 * 1024;
const ROOM_MAX: usize = 64 * 1024;
/// With less room than this no read is begun.
const ROOM_MIN: usize = 1024;

/// A connection's two buffers.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) io: Transport,
    pub(crate) read: BytesMut,
    room: usize,
    ended: bool,
    scan: Scan,
    pub(crate) decoder: Decoder,
    pub(crate) write: Vec<u8>,
    sent: usize,
    /// Whether the other side has taken anything of the present request.
    pub(crate) taken: bool,
    /// The most bytes of an answer's head, and of what stands behind its chunks.
    pub(crate) head_bytes_max: usize,
}

impl Wire {
    pub(crate) fn new(io: Transport, head_bytes_max: usize) -> Self {
        Self {
            io,
            read: BytesMut::new(),
            room: ROOM,
            ended: false,
            scan: Scan::default(),
            decoder: Decoder::done(),
            write: Vec::new(),
            sent: 0,
            taken: false,
            head_bytes_max,
        }
    }

    /// Whether nothing speaks against another request: the other side has said nothing since the
    /// last answer, neither that it ends nor anything else. Costs no call of the system as long as
    /// nothing has happened.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0; 1];
        let says_nothing = match &mut self.io {
            // Nobody waits for it, so nobody is put down as waiting.
            Either::Left(stream) => {
                let read = stream.try_read(&mut byte);
                read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
            Either::Right(stream) => {
                let mut context = Context::from_waker(noop_waker_ref());
                Pin::new(stream).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
            }
        };
        !self.ended && self.read.is_empty() && says_nothing
    }

    /// Whether the answer has come to its end and nothing is left over.
    pub(crate) fn is_done(&self) -> bool {
        self.decoder.is_done() && self.read.is_empty() && self.write.is_empty() && !self.ended
    }

    pub(crate) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        if self.read.capacity() - self.read.len() < ROOM_MIN {
            self.read.reserve(self.room);
        }
        let room = self.read.capacity() - self.read.len();
        let count = ready!(poll_read_buf(Pin::new(&mut self.io), context, &mut self.read))?;
        self.ended = count == 0;
        if count == room {
            self.room = (self.room * 2).min(ROOM_MAX);
        }
        Poll::Ready(Ok(count))
    }

    /// The next answer's head in what has come.
    pub(crate) fn head(&mut self, asked: &Method) -> Result<Option<AnswerHead>, Fault> {
        AnswerHead::take(&mut self.read, &mut self.scan, (self.head_bytes_max, asked))
    }

    /// Whether more may be gathered: not while a part of what was gathered has gone out and the rest
    /// waits, or whoever takes little at a time would make us hold everything.
    pub(crate) fn has_room(&self, most: usize) -> bool {
        self.sent == 0 && self.write.len() <= most
    }

    /// Sends what waits.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.write.len() {
            let rest = &self.write[self.sent..];
            let count = ready!(Pin::new(&mut self.io).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
            self.taken = true;
        }
        self.write.clear();
        self.sent = 0;
        Pin::new(&mut self.io).poll_flush(context)
    }

    /// Gives back the memory that a connection needs only while something is asked on it.
    pub(crate) fn rest(&mut self) {
        self.room = ROOM;
        self.read = BytesMut::new();
        if self.write.capacity() > ROOM {
            self.write = Vec::new();
        }
    }
}
