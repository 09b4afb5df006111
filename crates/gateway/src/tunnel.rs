//! What goes on after `101 Switching Protocols`: bytes both ways, a WebSocket's for example, until
//! one side ends or both are silent for too long.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use listener::OnUpgrade;
use outbound::Switched;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::record::Recorder;
use crate::service::UnderWay;

/// How long both sides may be silent: as long as API Gateway's `WebSockets` may.
const IDLE: Duration = Duration::from_mins(10);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Carries bytes between a caller and a service. The request's record is told at the end.
pub(crate) async fn carry(
    (caller, service): (OnUpgrade, Switched),
    recorder: Box<Recorder>,
    under_way: UnderWay,
) {
    let Some(caller) = caller.connection().await else {
        tracing::debug!("an upgraded connection did not come about");
        return;
    };
    let told = Told { recorder, from_caller: Arc::default(), from_service: Arc::default() };
    let mut caller = Counted { inner: caller, read: Arc::clone(&told.from_caller) };
    let mut service = Counted { inner: service, read: Arc::clone(&told.from_service) };
    let passed =
        || told.from_caller.load(Ordering::Relaxed) + told.from_service.load(Ordering::Relaxed);
    let silence = async {
        let (mut before, mut silent) = (0, Duration::ZERO);
        while silent < IDLE {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = passed();
            silent = if now == before { silent + LOOK_EVERY } else { Duration::ZERO };
            before = now;
        }
    };
    tokio::select! {
        ended = tokio::io::copy_bidirectional(&mut caller, &mut service) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "an upgraded connection ended early");
            }
        }
        () = silence => tracing::debug!("an upgraded connection was silent for too long"),
    }
    drop(told);
    drop(under_way);
}

/// Tells of an upgraded connection however it ends: the end of the program's patience may cut it.
struct Told {
    recorder: Box<Recorder>,
    from_caller: Arc<AtomicU64>,
    from_service: Arc<AtomicU64>,
}

impl Drop for Told {
    fn drop(&mut self) {
        let bytes_in = self.from_caller.load(Ordering::Relaxed);
        let bytes_out = self.from_service.load(Ordering::Relaxed);
        self.recorder.carried(bytes_in, bytes_out);
    }
}

/// A byte stream that counts what is read of it.
struct Counted<T> {
    inner: T,
    read: Arc<AtomicU64>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let count = buffer.filled().len().saturating_sub(before) as u64;
        self.read.fetch_add(count, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
