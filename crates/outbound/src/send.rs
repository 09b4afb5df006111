//! One whole call: request out, answer in, bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use crate::dial::DialError;
use crate::pool::{Lent, Pool};

/// The bounds of one call.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How long name, connection, sending and reading may take together.
    pub timeout: Duration,
    /// How much of the answer's body is read; the rest is left and the connection closed.
    pub answer_bytes_max: usize,
}

impl Bounds {
    /// So long, and 64 KiB of answer.
    pub fn within(timeout: Duration) -> Self {
        Self { timeout, answer_bytes_max: 64 * 1024 }
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
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
    /// Connecting, sending and reading took too long together.
    #[error("no whole answer within {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// Sends a request and reads the answer. One deadline covers name, connection, TLS, headers and
/// body, so that a dripped body cannot hold a place for ever.
///
/// A connection that the other side closed while it was idle is replaced once, for the request
/// cannot have been taken: hyper hands it back unsent.
pub async fn send_whole(
    pool: &Pool<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    bounds: Bounds,
) -> Result<Answer, SendError> {
    let exchange = exchange(pool, request, bounds.answer_bytes_max);
    match tokio::time::timeout(bounds.timeout, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(SendError::Timeout(bounds.timeout)),
    }
}

async fn exchange(
    pool: &Pool<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
) -> Result<Answer, SendError> {
    let mut request = request;
    loop {
        let mut lent = match pool.idle() {
            Some(lent) => lent,
            None => pool.connect().await?,
        };
        match lent.sender.try_send_request(request).await {
            Ok(response) => return read(response, lent, bytes_max).await,
            Err(mut error) => match error.take_message() {
                Some(unsent) if lent.reused => request = unsent,
                _ => return Err(SendError::Broken(error.into_error())),
            },
        }
    }
}

async fn read(
    response: http::Response<Incoming>,
    lent: Lent<Full<Bytes>>,
    bytes_max: usize,
) -> Result<Answer, SendError> {
    let (parts, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    let mut whole = true;
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(SendError::Broken)?.into_data() else { continue };
        let room = bytes_max - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            whole = false;
            break;
        }
    }
    if whole {
        lent.give_back();
    }
    Ok(Answer { status: parts.status, headers: parts.headers, body: body.into() })
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
