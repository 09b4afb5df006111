//! How the doors of a program close together, so that no request is lost by it.
//!
//! A client that keeps its connections sends the next request whenever it likes. If that is the
//! moment in which the idle connection is closed, the client sees a reset and cannot know whether
//! its request was done. So doors close in two steps. In the *grace* everything is answered, on new
//! connections too, and each HTTP/1.1 answer says `Connection: close`: whoever asks now and then
//! learns by an answer that its connection ends (RFC 9112 §9.6). Then no more connections are
//! taken, those on which nobody asked for the whole grace close, and HTTP/2 ends by GOAWAY, which
//! loses nothing by itself (RFC 9113 §6.8).
//!
//! Why connections are taken in the grace: where another process has the socket too, what is not
//! taken waits for that process, and that process waits for this one. It is the time between the
//! two steps' end and the other's start that callers notice, and the grace is not part of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How long the grace is. Who asks at least once a second on a connection learns of the end; who
/// asks less often meets the moment of closing once in thousands of ends, and its client library
/// tries again. Longer only keeps an operator waiting, and lets everybody connect anew for each
/// request meanwhile.
pub const GRACE: Duration = Duration::from_secs(1);

/// The end of a program's doors; all of them hold the same one.
#[derive(Debug, Clone, Default)]
pub struct Closing {
    /// Whether answers say that their connection closes. Each of them looks: no lock.
    leaving: Arc<AtomicBool>,
    /// Cancelled when no more connections are taken.
    stop: CancellationToken,
    /// The open connections of all doors.
    connections: TaskTracker,
}

impl Closing {
    /// Closes the doors: after the grace, or sooner once no connection is open on any of them.
    /// Requests under way go on; a door's own future says when they have ended.
    pub async fn close(&self, grace: Duration) {
        self.leaving.store(true, Ordering::Relaxed);
        self.connections.close();
        if tokio::time::timeout(grace, self.connections.wait()).await.is_err() {
            tracing::debug!(connections = self.connections.len(), "the doors close");
        }
        self.stop.cancel();
    }

    /// Whether answers say that their connection closes.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Waits until no more connections are taken.
    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// The same with a signal of its own, which follows this one: connections look at it often, and
    /// cores should not meet there.
    pub(crate) fn alone(&self) -> Self {
        Self { stop: self.stop.child_token(), ..self.clone() }
    }

    /// Counts an open connection as long as it is held.
    pub(crate) fn connection(&self) -> TaskTrackerToken {
        self.connections.token()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test may take.
    const LONG: Duration = Duration::from_mins(10);
    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn doors_without_a_connection_close_at_once() {
        let closing = Closing::default();
        assert!(!closing.is_leaving());
        drop(closing.connection());
        closing.close(LONG).await;
        assert!(closing.is_leaving() && closing.stop.is_cancelled());
    }

    #[tokio::test]
    async fn an_open_connection_is_waited_for_and_no_longer_than_the_grace() {
        let closing = Closing::default();
        let (open, core) = (closing.connection(), closing.alone());
        let waiting = tokio::time::timeout(SHORT, closing.close(LONG)).await;
        assert!(waiting.is_err() && core.is_leaving() && !core.stop.is_cancelled());
        closing.close(SHORT).await;
        core.stopped().await;
        drop(open);
    }

    #[tokio::test]
    async fn the_last_connection_ends_the_grace() {
        let closing = Closing::default();
        let open = closing.connection();
        tokio::join!(closing.close(LONG), async {
            tokio::time::sleep(SHORT).await;
            drop(open);
        });
        assert!(closing.stop.is_cancelled());
    }
}
