//! A connection in HTTP/1.1 or HTTP/1.0 (RFC 9112): one request after the other, on one task.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, TE};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use http1::{Fault, Frame, Framing, RequestHead, announced};
use model::Clock;
use parking_lot::Mutex;

use crate::accept::Handler;
use crate::activity::Watched;
use crate::body::Body;
use crate::connection::Shared;
use crate::date::date;
use crate::incoming::Incoming;
use crate::problem::unreadable;
use crate::transport::Transport;
use crate::upgrade::OnUpgrade;
use crate::wire::{Broken, Wire};

/// How much of an answer is gathered before it is sent.
const GATHERED_MAX: usize = 64 * 1024;
/// How much of a body that nobody wanted is read so that the connection can go on.
const DRAIN_BYTES_MAX: usize = 64 * 1024;
/// How much is read, and how long, of what a caller still sends when it has been told the end: closing
/// at once would take the answer from it (RFC 9112 §9.6).
const LINGER_BYTES_MAX: usize = 1024 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// One connection.
pub(crate) struct One {
    wire: Arc<Mutex<Wire>>,
    leaves: AtomicBool,
    clock: Arc<dyn Clock>,
}

/// How serving a connection came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    ToItsEnd,
    /// It goes on, on another core.
    Moves,
}

/// What an answer depends on of its request.
struct Asked {
    method: Method,
    version: Version,
    keeps_open: bool,
    /// Whether fields behind the body are taken (RFC 9110 §6.5.1).
    trailers: bool,
}

impl One {
    pub(crate) fn new(
        io: Watched<Transport>,
        head_bytes_max: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let wire = Arc::new(Mutex::new(Wire::new(io, head_bytes_max)));
        Self { wire, leaves: AtomicBool::new(false), clock }
    }

    /// Ends the connection as soon as no request is under way. Whoever calls this polls on.
    pub(crate) fn leave(&self) {
        self.leaves.store(true, Ordering::Relaxed);
    }

    /// The connection's bytes, when it moves.
    pub(crate) fn give_up(&self) -> Option<Transport> {
        Some(self.wire.lock().give_up()?.io.into_inner())
    }

    /// Gives back the memory that nobody needs now.
    pub(crate) fn rest(&self) {
        self.wire.lock().rest();
    }

    /// Serves the connection to its end, or until it is to move.
    pub(crate) async fn serve<H: Handler>(&self, shared: &Shared<H>) -> Result<Served, Broken> {
        let mut noted = usize::MAX;
        loop {
            let leaves = || self.leaves.load(Ordering::Relaxed);
            let next = poll_fn(|context| self.wire.lock().poll_turn(context, leaves())).await;
            let (head, turn) = match next {
                Ok(Some(next)) => next,
                Ok(None) => return self.end().await.map(|()| Served::ToItsEnd),
                Err(Broken::Fault(Fault::CutOff)) => return Err(Broken::Gone),
                Err(Broken::Fault(fault)) => return self.refuse(fault).await,
                Err(broken) => return Err(broken),
            };
            shared.note_asked(&mut noted);
            if !self.turn(head, turn, shared).await? {
                return Ok(Served::ToItsEnd);
            }
            if shared.moves() && !leaves() && self.wire.lock().is_between() {
                return Ok(Served::Moves);
            }
        }
    }

    /// Answers one request; says whether the connection goes on.
    async fn turn<H: Handler>(
        &self,
        head: RequestHead,
        turn: u64,
        shared: &Shared<H>,
    ) -> Result<bool, Broken> {
        let asked = Asked::of(&head);
        let body = match head.framing {
            Framing::None => Incoming::default(),
            _ => Incoming::one(&self.wire, turn),
        };
        let mut request: Request<Incoming> = head.request.map(|()| body);
        let upgrade = head.upgrades.then(|| {
            let (sender, on_upgrade) = OnUpgrade::new();
            request.extensions_mut().insert(on_upgrade);
            sender
        });
        let mut answered = pin!(shared.answer(request));
        let answer = poll_fn(|context| match answered.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            Poll::Pending => self.wire.lock().poll_gone(context).map(|()| Err(Broken::Gone)),
        });
        let mut answer = answer.await?;
        // Until all of it is sent, and not only until its last byte is there.
        let under_way = answer.body_mut().release();
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.send(answer, &asked).await?;
            let upgraded = self.wire.lock().give_up();
            if let (Some(sender), Some(upgraded)) = (upgrade, upgraded) {
                drop(sender.send(upgraded));
            }
            return Ok(false);
        }
        let goes_on = self.send(answer, &asked).await?;
        let has_body = {
            let mut wire = self.wire.lock();
            wire.end_turn();
            if goes_on && wire.has_body() {
                drop(under_way);
                wire.note_ahead();
                return Ok(true);
            }
            wire.has_body()
        };
        if goes_on && self.drained().await {
            drop(under_way);
            self.wire.lock().note_ahead();
            return Ok(true);
        }
        drop(under_way);
        self.end().await?;
        if !has_body {
            self.linger().await;
        }
        Ok(false)
    }

    /// Drops what is still to come of a request's body, if that is little and comes soon; says whether
    /// it was.
    async fn drained(&self) -> bool {
        let mut left = DRAIN_BYTES_MAX;
        let over = poll_fn(|context| self.wire.lock().poll_over(context, &mut left));
        tokio::time::timeout(LINGER, over).await.unwrap_or(false)
    }

    /// Sends an answer; says whether, by it, the connection goes on.
    async fn send(&self, answer: Response<Body>, asked: &Asked) -> Result<bool, Broken> {
        let (parts, body) = answer.into_parts();
        let length = body.size_hint().exact();
        let asking = (&asked.method, asked.version);
        let frame = Frame::of_answer(asking, (parts.status, &parts.headers), length);
        let goes_on = {
            let mut wire = self.wire.lock();
            let goes_on = asked.keeps_open
                && frame.framing != Framing::ToEnd
                && !says_close(&parts.headers)
                && !wire.cannot_go_on(DRAIN_BYTES_MAX as u64);
            let connection = match (goes_on, asked.version) {
                _ if parts.status == StatusCode::SWITCHING_PROTOCOLS => None,
                (false, _) => Some("close"),
                (true, Version::HTTP_10) => Some("keep-alive"),
                (true, _) => None,
            };
            let first = (asked.version, parts.status);
            let rest = (frame, connection, &date(self.clock.now())[..]);
            http1::answer_head(wire.answers(), first, &parts.headers, rest);
            goes_on
        };
        let announced = if asked.trailers { announced(&parts.headers) } else { Vec::new() };
        let framing = frame.framing;
        let mut sending = Sending { body: Some(body), full: false, framing, sent: 0, announced };
        let sent = poll_fn(|context| sending.poll(&self.wire, context)).await;
        if sent.is_err() && frame.framing == Framing::ToEnd {
            self.wire.lock().break_off();
        }
        sent.map(|()| goes_on)
    }

    /// Answers what cannot be read; where a next request would begin is not known.
    async fn refuse(&self, fault: Fault) -> Result<Served, Broken> {
        let (method, version) = (Method::GET, Version::HTTP_11);
        let asked = Asked { method, version, keeps_open: false, trailers: false };
        self.send(unreadable(fault), &asked).await?;
        self.end().await?;
        self.linger().await;
        Err(fault.into())
    }

    async fn end(&self) -> Result<(), Broken> {
        Ok(poll_fn(|context| self.wire.lock().poll_shutdown(context)).await?)
    }

    async fn linger(&self) {
        let mut left = LINGER_BYTES_MAX;
        let dropped = poll_fn(|context| self.wire.lock().poll_drop(context, &mut left));
        drop(tokio::time::timeout(LINGER, dropped).await);
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.wire.lock().close();
    }
}

impl Asked {
    fn of(head: &RequestHead) -> Self {
        let request = &head.request;
        let te = request.headers().get_all(TE).iter();
        let trailers = te
            .filter_map(|value| value.to_str().ok())
            .any(|te| te.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers")));
        Self {
            method: request.method().clone(),
            version: request.version(),
            keeps_open: head.keeps_open,
            trailers,
        }
    }
}

fn says_close(headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// An answer's body on its way.
struct Sending {
    /// None when it has ended.
    body: Option<Body>,
    /// No more is gathered until what was gathered is sent.
    full: bool,
    framing: Framing,
    sent: u64,
    /// Which fields may stand behind the body.
    announced: Vec<HeaderName>,
}

impl Sending {
    fn poll(&mut self, wire: &Mutex<Wire>, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.framing == Framing::None {
            self.body = None;
        }
        loop {
            let next = self.next(context)?;
            let waits = matches!(next, Next::Waits);
            let mut wire = wire.lock();
            if let Next::Piece { data, trailers } = next {
                if let Some(data) = data {
                    self.put(&mut wire, &data)?;
                }
                if self.body.is_none() {
                    self.ended(&mut wire, trailers)?;
                } else if wire.has_room(GATHERED_MAX) {
                    continue;
                }
            }
            self.full = true;
            ready!(wire.poll_flush(context))?;
            self.full = false;
            if self.body.is_none() {
                return Poll::Ready(Ok(()));
            }
            if waits {
                return wire.poll_gone(context).map(|()| Err(Broken::Gone));
            }
        }
    }

    /// What comes next of the body. Without the wire's lock: a body may be made of the request's.
    fn next(&mut self, context: &mut Context<'_>) -> Result<Next, Broken> {
        let Some(body) = self.body.as_mut().filter(|_| !self.full) else {
            return Ok(Next::Nothing);
        };
        let mut next = Next::Piece { data: None, trailers: None };
        if !body.is_end_stream() {
            next = match Pin::new(&mut *body).poll_frame(context) {
                Poll::Pending => return Ok(Next::Waits),
                Poll::Ready(Some(Err(_))) => return Err(Broken::Body),
                Poll::Ready(None) => {
                    self.body = None;
                    return Ok(next);
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Next::Piece { data: Some(data), trailers: None },
                    Err(frame) => {
                        self.body = None;
                        let trailers = frame.into_trailers().ok().map(Box::new);
                        return Ok(Next::Piece { data: None, trailers });
                    }
                },
            };
        }
        if body.is_end_stream() {
            self.body = None;
        }
        Ok(next)
    }

    fn put(&mut self, wire: &mut Wire, data: &Bytes) -> Result<(), Broken> {
        self.sent += data.len() as u64;
        match self.framing {
            Framing::Chunked => http1::chunk(wire.answers(), data),
            Framing::Length(length) if self.sent > length => return Err(Broken::Length),
            Framing::None | Framing::Length(_) | Framing::ToEnd => {
                wire.answers().extend_from_slice(data);
            }
        }
        Ok(())
    }

    fn ended(&self, wire: &mut Wire, trailers: Option<Box<HeaderMap>>) -> Result<(), Broken> {
        match (self.framing, trailers) {
            (Framing::Length(length), _) if self.sent < length => return Err(Broken::Length),
            (Framing::Chunked, Some(trailers)) => {
                http1::trailers(wire.answers(), &trailers, &self.announced);
            }
            (Framing::Chunked, None) => http1::last_chunk(wire.answers()),
            _ => {}
        }
        Ok(())
    }
}

/// What comes next of an answer's body.
enum Next {
    /// Nothing, or nothing as long as what was gathered has not been sent.
    Nothing,
    /// It is not there yet.
    Waits,
    Piece {
        data: Option<Bytes>,
        trailers: Option<Box<HeaderMap>>,
    },
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt as _, stream};
    use http_body::Frame as Piece;
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::activity::Activity;

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> model::Timestamp {
            model::Timestamp::from_ms(0)
        }

        fn ticks_ns(&self) -> u64 {
            0
        }
    }

    /// A connection, and its caller.
    async fn connection() -> (One, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let io = Watched::new(Transport::Left(stream), Arc::<Activity>::default());
        (One::new(io, 1024, Arc::new(Stopped)), caller)
    }

    #[tokio::test]
    async fn an_answer_that_its_caller_does_not_take_is_not_gathered() {
        const PIECE: usize = 16 * 1024;
        let (one, _caller) = connection().await;
        let pieces = stream::repeat_with(|| {
            Ok::<_, Infallible>(Piece::data(Bytes::from_static(&[b'x'; PIECE])))
        });
        let body = Some(Body::new(StreamBody::new(pieces.boxed())));
        let (framing, announced) = (Framing::ToEnd, Vec::new());
        let mut sending = Sending { body, full: false, framing, sent: 0, announced };
        for _ in 0..2_000 {
            let polled = poll_fn(|context| Poll::Ready(sending.poll(&one.wire, context))).await;
            assert!(polled.is_pending());
            assert!(one.wire.lock().answers().len() <= GATHERED_MAX + PIECE);
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_ends_also_for_whoever_has_a_body_of_it() {
        let (one, mut caller) = connection().await;
        let turn = one.wire.lock().begin(Framing::Length(10), false);
        let mut body = Incoming::one(&one.wire, turn);
        let mut frame = body.frame();
        let waits = poll_fn(|context| Poll::Ready(Pin::new(&mut frame).poll(context).is_pending()));
        assert!(waits.await);
        drop(one);
        assert!(matches!(frame.await, Some(Err(_))));
        assert_eq!(caller.read(&mut [0; 1]).await.unwrap(), 0);
    }
}
