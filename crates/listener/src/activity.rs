//! What passes on a connection, and when it has been silent, slow or stuck for too long.
//!
//! One look every few seconds instead of a timer per read: a bound is kept to within a third.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Looks per bound.
const LOOKS: u32 = 3;

/// What has passed on one connection.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Requests whose answer has not ended.
    under_way: AtomicU32,
    read: AtomicU64,
    written: AtomicU64,
    /// What had been read when the last request ended.
    read_then: AtomicU64,
    /// Whether the other side takes nothing more for now.
    blocked: AtomicBool,
}

impl Activity {
    /// Whether a request has come so far.
    pub(crate) fn was_asked(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0 || self.read_then.load(Ordering::Relaxed) > 0
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Activity>);

impl InFlight {
    pub(crate) fn begin(activity: &Arc<Activity>) -> Self {
        activity.under_way.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.read_then.store(self.0.read.load(Ordering::Relaxed), Ordering::Relaxed);
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a connection should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is asked on it.
    Idle,
    /// A request's head does not come to its end.
    HeadLate,
    /// The other side does not take its answer.
    Stuck,
    /// A request is under way, and nothing has passed in either direction for very long.
    Silent,
}

/// The bounds of a connection's silences.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) idle: Duration,
    pub(crate) head: Duration,
    pub(crate) stuck: Duration,
    pub(crate) silent: Duration,
}

/// Looks at a connection from time to time. Pure but for the sleep: see [`Watch::look`].
pub(crate) struct Watch {
    activity: Arc<Activity>,
    bounds: Bounds,
    every: Duration,
    /// HTTP/2 has traffic of its own, so bytes say nothing of a request's head.
    multiplexed: bool,
    idle: Duration,
    head: Duration,
    stuck: Duration,
    silent: Duration,
    written: u64,
    read: u64,
}

impl Watch {
    pub(crate) fn new(activity: Arc<Activity>, bounds: Bounds, multiplexed: bool) -> Self {
        let every = bounds.head.min(bounds.idle).min(bounds.stuck) / LOOKS;
        let none = Duration::ZERO;
        let (idle, head, stuck, silent) = (none, none, none, none);
        let (written, read) = (0, 0);
        Self { activity, bounds, every, multiplexed, idle, head, stuck, silent, written, read }
    }

    /// Waits until something is wrong.
    pub(crate) async fn verdict(&mut self) -> Verdict {
        loop {
            tokio::time::sleep(self.every).await;
            if let Some(verdict) = self.look() {
                return verdict;
            }
        }
    }

    /// One look; each is `every` after the one before.
    fn look(&mut self) -> Option<Verdict> {
        let activity = &self.activity;
        let written = activity.written.load(Ordering::Relaxed);
        let moved = std::mem::replace(&mut self.written, written) != written;
        let read = activity.read.load(Ordering::Relaxed);
        let came = std::mem::replace(&mut self.read, read) != read;
        if activity.under_way.load(Ordering::Relaxed) > 0 {
            (self.idle, self.head) = (Duration::ZERO, Duration::ZERO);
            let stuck = activity.blocked.load(Ordering::Relaxed) && !moved;
            self.stuck = if stuck { self.stuck + self.every } else { Duration::ZERO };
            let silent = !moved && !came;
            self.silent = if silent { self.silent + self.every } else { Duration::ZERO };
            return match () {
                () if self.stuck >= self.bounds.stuck => Some(Verdict::Stuck),
                () if self.silent >= self.bounds.silent => Some(Verdict::Silent),
                () => None,
            };
        }
        (self.stuck, self.silent) = (Duration::ZERO, Duration::ZERO);
        let begun = read > activity.read_then.load(Ordering::Relaxed) && !self.multiplexed;
        if begun {
            self.idle = Duration::ZERO;
            self.head += self.every;
            return (self.head >= self.bounds.head).then_some(Verdict::HeadLate);
        }
        self.head = Duration::ZERO;
        self.idle += self.every;
        (self.idle >= self.bounds.idle).then_some(Verdict::Idle)
    }
}

/// A byte stream that tells what passes.
pub(crate) struct Watched<T> {
    inner: T,
    activity: Arc<Activity>,
}

impl<T> Watched<T> {
    pub(crate) fn new(inner: T, activity: Arc<Activity>) -> Self {
        Self { inner, activity }
    }

    fn wrote(&self, polled: &Poll<io::Result<usize>>) {
        // One task owns a connection, so nobody else writes these.
        let blocked = polled.is_pending();
        if self.activity.blocked.load(Ordering::Relaxed) != blocked {
            self.activity.blocked.store(blocked, Ordering::Relaxed);
        }
        if let Poll::Ready(Ok(count)) = polled {
            let so_far = self.activity.written.load(Ordering::Relaxed);
            self.activity.written.store(so_far.wrapping_add(*count as u64), Ordering::Relaxed);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let count = buffer.filled().len().saturating_sub(before) as u64;
        let so_far = self.activity.read.load(Ordering::Relaxed);
        self.activity.read.store(so_far.wrapping_add(count), Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.wrote(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(multiplexed: bool) -> (Arc<Activity>, Watch) {
        let activity = Arc::new(Activity::default());
        let seconds = Duration::from_secs;
        let bounds = Bounds {
            idle: seconds(75),
            head: seconds(15),
            stuck: seconds(60),
            silent: seconds(3900),
        };
        (Arc::clone(&activity), Watch::new(activity, bounds, multiplexed))
    }

    /// Looks until there is a verdict; gives the seconds that took.
    fn seconds_until_verdict(watch: &mut Watch, mut between: impl FnMut()) -> (u64, Verdict) {
        for look in 1..100 {
            between();
            if let Some(verdict) = watch.look() {
                return (look * watch.every.as_secs(), verdict);
            }
        }
        panic!("no verdict");
    }

    fn seconds_until_verdict_within(watch: &mut Watch, looks: u64) -> (u64, Verdict) {
        let every = watch.every.as_secs();
        let found = (1..looks).find_map(|look| Some((look * every, watch.look()?)));
        found.unwrap()
    }

    #[test]
    fn a_silent_connection_is_idle() {
        let (_, mut watch) = watch(false);
        assert_eq!(seconds_until_verdict(&mut watch, || {}), (75, Verdict::Idle));
    }

    #[test]
    fn a_head_that_drips_is_late_however_steadily_it_drips() {
        let (activity, mut watch) = watch(false);
        let drip = || {
            activity.read.fetch_add(1, Ordering::Relaxed);
        };
        assert_eq!(seconds_until_verdict(&mut watch, drip), (15, Verdict::HeadLate));
    }

    #[test]
    fn a_multiplexed_connections_own_traffic_is_no_head() {
        let (activity, mut watch) = watch(true);
        let ping = || {
            activity.read.fetch_add(17, Ordering::Relaxed);
        };
        assert_eq!(seconds_until_verdict(&mut watch, ping), (75, Verdict::Idle));
    }

    #[test]
    fn an_answer_that_nobody_takes_is_stuck_and_one_that_moves_is_not() {
        let (activity, mut watch) = watch(false);
        let under_way = InFlight::begin(&activity);
        activity.blocked.store(true, Ordering::Relaxed);
        for _ in 0..50 {
            activity.written.fetch_add(1, Ordering::Relaxed);
            assert_eq!(watch.look(), None);
        }
        assert_eq!(seconds_until_verdict(&mut watch, || {}), (60, Verdict::Stuck));
        drop(under_way);
        assert_eq!(watch.look(), None);
    }

    #[test]
    fn a_request_that_waits_for_its_answer_is_nothing_wrong() {
        let (activity, mut watch) = watch(false);
        let _under_way = InFlight::begin(&activity);
        activity.read.store(100, Ordering::Relaxed);
        assert!((0..700).all(|_| watch.look().is_none()));
        let (after, verdict) = seconds_until_verdict_within(&mut watch, 1000);
        assert_eq!((after + 700 * 5, verdict), (3905, Verdict::Silent));
    }
}
