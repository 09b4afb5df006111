//! One whole call: request out, answer in, bounded in time and size.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};

use crate::call::{Answered, Arriving, CallError, INTERIM_MAX};
use crate::dial::DialError;
use crate::pool::Pool;

/// How long a connection may take where nothing else is said: a packet lost twice is still within.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The bounds of one call.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How long name, connection, sending and reading may take together.
    pub timeout: Duration,
    /// How long name, connection and TLS may take together.
    pub connect_timeout: Duration,
    /// How long it may take from sending the request to the end of the answer's head.
    pub first_byte_timeout: Duration,
    /// How much of the answer's body is read; the rest is left and the connection closed.
    pub answer_bytes_max: usize,
}

impl Bounds {
    /// So long in all, at most 3 s of it to connect, and 64 KiB of answer.
    pub fn within(timeout: Duration) -> Self {
        let connect_timeout = timeout.min(CONNECT_TIMEOUT);
        let answer_bytes_max = 64 * 1024;
        Self { timeout, connect_timeout, first_byte_timeout: timeout, answer_bytes_max }
    }
}

/// What the other side answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, cut at its bound.
    pub body: Bytes,
    /// Who answered.
    pub peer: SocketAddr,
}

/// Which bound of time was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// That of the connection.
    Connect,
    /// That of the answer's head.
    FirstByte,
    /// That of the whole call.
    Whole,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection",
            Self::FirstByte => "no beginning of an answer",
            Self::Whole => "no whole answer",
        })
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] CallError),
    /// A bound of time was reached.
    #[error("{wait} within {} ms", .after.as_millis())]
    Timeout {
        /// Which.
        wait: Wait,
        /// How long it is.
        after: Duration,
    },
    /// Interim answers without end.
    #[error("more than {INTERIM_MAX} interim answers (1xx) came before the answer")]
    Interim,
}

/// A call without an answer.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unanswered {
    /// Why.
    #[source]
    pub error: SendError,
    /// Whom it reached; none if there was no connection.
    pub peer: Option<SocketAddr>,
}

/// Sends a request and reads the answer. One deadline covers name, connection, TLS, headers and
/// body, so that a dripped body cannot hold a place for ever; within it, the connection and the
/// answer's head have bounds of their own.
///
/// A connection that the other side closed while it was idle is replaced by the next, at last by a
/// new one, where the request cannot have been taken.
pub async fn send_whole(
    pool: &Pool,
    request: Request<Full<Bytes>>,
    bounds: Bounds,
) -> Result<Answer, Unanswered> {
    let mut peer = None;
    let exchange = exchange(pool, request, bounds, &mut peer);
    let answer = bounded(bounds.timeout, Wait::Whole, exchange).await;
    answer.and_then(|answer| answer).map_err(|error| {
        let dialled = match &error {
            SendError::Dial(error) => error.peer(),
            _ => None,
        };
        Unanswered { error, peer: dialled.or(peer) }
    })
}

async fn bounded<T>(
    after: Duration,
    wait: Wait,
    work: impl Future<Output = T>,
) -> Result<T, SendError> {
    let bounded = tokio::time::timeout(after, work).await;
    bounded.map_err(|_| SendError::Timeout { wait, after })
}

/// An inner bound, where it is tighter than the one around it.
async fn tighter<T>(
    bounds: Bounds,
    (after, wait): (Duration, Wait),
    work: impl Future<Output = T>,
) -> Result<T, SendError> {
    if after < bounds.timeout { bounded(after, wait, work).await } else { Ok(work.await) }
}

async fn exchange(
    pool: &Pool,
    mut request: Request<Full<Bytes>>,
    bounds: Bounds,
    peer: &mut Option<SocketAddr>,
) -> Result<Answer, SendError> {
    loop {
        // Whoever had closed an idle connection is not who the next one fails to reach.
        *peer = None;
        let lent = if let Some(lent) = pool.idle() {
            lent
        } else {
            let bound = (bounds.connect_timeout, Wait::Connect);
            tighter(bounds, bound, pool.connect()).await??
        };
        let reached = lent.peer();
        *peer = Some(reached);
        let bound = (bounds.first_byte_timeout, Wait::FirstByte);
        let failed = match tighter(bounds, bound, lent.send(request)).await? {
            Ok(Answered::Coming(response)) => {
                return read(response, reached, bounds.answer_bytes_max).await;
            }
            // An answer like any other to whoever did not ask for it.
            Ok(Answered::Switched(response, _)) => {
                let (status, headers) = (response.status(), response.headers().clone());
                return Ok(Answer { status, headers, body: Bytes::new(), peer: reached });
            }
            Err(failed) => failed,
        };
        match failed.unsent {
            Some(unsent) if failed.reused => request = unsent,
            _ => {
                return Err(match failed.error {
                    CallError::Interim => SendError::Interim,
                    error => SendError::Broken(error),
                });
            }
        }
    }
}

async fn read(
    response: http::Response<Arriving<Full<Bytes>>>,
    peer: SocketAddr,
    bytes_max: usize,
) -> Result<Answer, SendError> {
    let (parts, mut arriving) = response.into_parts();
    let mut body = Vec::new();
    while let Some(frame) = arriving.frame().await {
        let Ok(data) = frame.map_err(SendError::Broken)?.into_data() else { continue };
        let room = bytes_max - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            break;
        }
    }
    Ok(Answer { status: parts.status, headers: parts.headers, body: body.into(), peer })
}

/// An error with its causes in one line: "no connection to …: Connection refused".
pub fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
