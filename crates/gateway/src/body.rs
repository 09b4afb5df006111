//! A request's body before it goes on: left on its way, or collected because the whole of it must be
//! seen first.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use listener::Incoming;

use crate::denial::Denial;
use crate::record::Recorder;

/// The body of a request.
pub(crate) enum Given {
    /// Still with the caller, but for what has come already.
    Coming(Incoming),
    /// All of it.
    Whole(Bytes),
}

impl Given {
    /// Whether there is none.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Coming(body) => body.is_end_stream(),
            Self::Whole(bytes) => bytes.is_empty(),
        }
    }

    /// All of it, read within the time the route gives its service. An error is the caller's fault:
    /// the body is larger than `bytes_max`, comes too slowly, or breaks off.
    pub(crate) async fn whole(
        self,
        bytes_max: u64,
        timeout_ms: u64,
        recorder: &mut Recorder,
    ) -> Result<Bytes, Denial> {
        let body = match self {
            Self::Whole(bytes) if bytes.len() as u64 > bytes_max => {
                return Err(Denial::BodyTooLarge { bytes_max });
            }
            Self::Whole(bytes) => return Ok(bytes),
            Self::Coming(body) if body.is_end_stream() => return Ok(Bytes::new()),
            Self::Coming(body) => body,
        };
        let count = recorder.bytes_in();
        let collected = collect(body, bytes_max, &count);
        match tokio::time::timeout(Duration::from_millis(timeout_ms), collected).await {
            Ok(collected) => collected,
            Err(_) => Err(Denial::BodyTooSlow { timeout_ms }),
        }
    }
}

/// Reads a body to its end, and counts it. Nobody gets to see its trailers.
async fn collect(mut body: Incoming, bytes_max: u64, count: &AtomicU64) -> Result<Bytes, Denial> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Denial::CallerBroke)?;
        let Ok(data) = frame.into_data() else { continue };
        let length = data.len() as u64;
        let so_far = count.fetch_add(length, Ordering::Relaxed) + length;
        if so_far > bytes_max {
            return Err(Denial::BodyTooLarge { bytes_max });
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
