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
use tokio::time::Sleep;

/// Looks per bound.
const LOOKS: u32 = 3;
/// Requests that a caller may take back between two looks, if it lets fewer be answered: twice as
/// many as may be under way at once, so that one that gives up on all of them stays.
const TAKEN_BACK_MAX: u32 = 500;
/// What HTTP/2 may write between two looks without an answer's coming further: pings, and what
/// acknowledges them.
const CHATTER_BYTES: u64 = 1024;

/// What has passed on one connection.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// HTTP/2: many requests at once, each with a window of its own, and traffic beside them.
    multiplexed: bool,
    /// Requests whose answer has not ended.
    under_way: AtomicU32,
    /// Of those, the ones a part of whose answer waits until the caller has room for it. Counted
    /// where requests are multiplexed; elsewhere `blocked` tells.
    offered: AtomicU32,
    /// Parts of answers that were handed over so far; the same.
    given: AtomicU64,
    /// Requests since the last look whose caller took them back before there was an answer, and
    /// those that were answered; the same.
    taken_back: AtomicU32,
    answered: AtomicU32,
    /// Whether more requests were taken back than anybody has reason for.
    flooded: AtomicBool,
    read: AtomicU64,
    written: AtomicU64,
    /// What had been read when the last request ended.
    read_then: AtomicU64,
    /// Whether the other side takes nothing more for now.
    blocked: AtomicBool,
}

impl Activity {
    /// Whether it is that of an HTTP/2 connection.
    pub(crate) fn is_multiplexed(&self) -> bool {
        self.multiplexed
    }

    /// Whether a request has come so far.
    pub(crate) fn was_asked(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0 || self.read_then.load(Ordering::Relaxed) > 0
    }

    /// That of a connection on which a request has come before.
    pub(crate) fn asked() -> Self {
        Self { read: AtomicU64::new(1), read_then: AtomicU64::new(1), ..Self::default() }
    }

    /// That of an HTTP/2 connection.
    pub(crate) fn multiplexed() -> Self {
        Self { multiplexed: true, ..Self::default() }
    }

    /// A caller opened a stream and reset it: cheap for it and not for us (CVE-2023-44487). The
    /// library counts only those that were not looked at yet.
    fn take_back(&self) {
        let count = self.taken_back.fetch_add(1, Ordering::Relaxed) + 1;
        if count > TAKEN_BACK_MAX && count > self.answered.load(Ordering::Relaxed) {
            self.flooded.store(true, Ordering::Relaxed);
        }
    }
}

/// A request that is under way, until its answer has ended.
#[derive(Debug)]
pub(crate) struct InFlight {
    activity: Arc<Activity>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is no answer yet.
    Asked,
    /// The answer's next part is not there yet.
    Answering,
    /// A part of the answer waits until the caller has room for it.
    Offered,
}

impl InFlight {
    pub(crate) fn begin(activity: &Arc<Activity>) -> Self {
        activity.under_way.fetch_add(1, Ordering::Relaxed);
        Self { activity: Arc::clone(activity), stage: Stage::Asked }
    }

    /// There is an answer.
    pub(crate) fn answered(&mut self) {
        self.stage = Stage::Answering;
        if self.activity.multiplexed {
            self.activity.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A part of the answer was handed over. No other is asked for until the caller has room for it.
    pub(crate) fn offers(&mut self) {
        if !self.activity.multiplexed {
            return;
        }
        self.activity.given.fetch_add(1, Ordering::Relaxed);
        if self.stage != Stage::Offered {
            self.stage = Stage::Offered;
            self.activity.offered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Another part was asked for and is not there yet.
    pub(crate) fn waits(&mut self) {
        if self.stage == Stage::Offered {
            self.stage = Stage::Answering;
            self.activity.offered.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let activity = &self.activity;
        match self.stage {
            Stage::Asked if activity.multiplexed => activity.take_back(),
            Stage::Asked | Stage::Answering => {}
            Stage::Offered => {
                activity.offered.fetch_sub(1, Ordering::Relaxed);
            }
        }
        activity.read_then.store(activity.read.load(Ordering::Relaxed), Ordering::Relaxed);
        activity.under_way.fetch_sub(1, Ordering::Relaxed);
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
    idle: Duration,
    head: Duration,
    stuck: Duration,
    silent: Duration,
    written: u64,
    read: u64,
    given: u64,
}

impl Watch {
    pub(crate) fn new(activity: Arc<Activity>, bounds: Bounds) -> Self {
        let every = bounds.head.min(bounds.idle).min(bounds.stuck) / LOOKS;
        let none = Duration::ZERO;
        let (idle, head, stuck, silent) = (none, none, none, none);
        let (written, read, given) = (0, 0, 0);
        Self { activity, bounds, every, idle, head, stuck, silent, written, read, given }
    }

    /// Waits until something is wrong. Where nothing is asked, `rest` is called now and then.
    pub(crate) fn poll_verdict(
        &mut self,
        context: &mut Context<'_>,
        mut pause: Pin<&mut Sleep>,
        rest: impl Fn(),
    ) -> Poll<Verdict> {
        loop {
            ready!(pause.as_mut().poll(context));
            pause.set(self.pause());
            if let Some(verdict) = self.look() {
                return Poll::Ready(verdict);
            }
            if self.idle > Duration::ZERO {
                rest();
            }
        }
    }

    /// The time until the next look.
    pub(crate) fn pause(&self) -> Sleep {
        tokio::time::sleep(self.every)
    }

    /// One look; each is `every` after the one before.
    fn look(&mut self) -> Option<Verdict> {
        let activity = &self.activity;
        let written = activity.written.load(Ordering::Relaxed);
        let wrote = written.wrapping_sub(std::mem::replace(&mut self.written, written));
        let moved = wrote > 0;
        let read = activity.read.load(Ordering::Relaxed);
        let came = std::mem::replace(&mut self.read, read) != read;
        let given = activity.given.load(Ordering::Relaxed);
        let gave = std::mem::replace(&mut self.given, given) != given;
        activity.taken_back.store(0, Ordering::Relaxed);
        activity.answered.store(0, Ordering::Relaxed);
        let under_way = activity.under_way.load(Ordering::Relaxed);
        if under_way > 0 {
            (self.idle, self.head) = (Duration::ZERO, Duration::ZERO);
            let full = activity.blocked.load(Ordering::Relaxed) && !moved;
            // A caller may pause one answer and take others (RFC 9113 §5.2): it is stuck when all of
            // them wait for it.
            let all_wait = activity.multiplexed
                && activity.offered.load(Ordering::Relaxed) >= under_way
                && !gave
                && wrote < CHATTER_BYTES;
            let stuck = full || all_wait;
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
        // HTTP/2 has traffic of its own, so bytes say nothing of a request's head.
        let begun = read > activity.read_then.load(Ordering::Relaxed) && !activity.multiplexed;
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
#[derive(Debug)]
pub(crate) struct Watched<T> {
    inner: T,
    activity: Arc<Activity>,
}

impl<T> Watched<T> {
    pub(crate) fn new(inner: T, activity: Arc<Activity>) -> Self {
        Self { inner, activity }
    }

    pub(crate) fn get(&self) -> &T {
        &self.inner
    }

    pub(crate) fn into_inner(self) -> T {
        self.inner
    }

    /// So many of the bytes that were read before the last request ended belong to the next.
    pub(crate) fn unread(&self, count: usize) {
        let then = self.activity.read_then.load(Ordering::Relaxed);
        self.activity.read_then.store(then.saturating_sub(count as u64), Ordering::Relaxed);
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
        if self.activity.flooded.load(Ordering::Relaxed) {
            let error = io::Error::other("its caller takes back more requests than it lets answer");
            return Poll::Ready(Err(error));
        }
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
        let activity = Arc::new(Activity { multiplexed, ..Activity::default() });
        let seconds = Duration::from_secs;
        let bounds = Bounds {
            idle: seconds(75),
            head: seconds(15),
            stuck: seconds(60),
            silent: seconds(3900),
        };
        (Arc::clone(&activity), Watch::new(activity, bounds))
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
    fn a_multiplexed_caller_is_stuck_when_all_its_answers_wait_for_it() {
        let (activity, mut watch) = watch(true);
        let ping = || {
            activity.written.fetch_add(17, Ordering::Relaxed);
        };
        let mut paused = InFlight::begin(&activity);
        paused.answered();
        paused.offers();
        let mut other = InFlight::begin(&activity);
        other.answered();
        other.waits();
        for _ in 0..50 {
            ping();
            assert_eq!(watch.look(), None, "the other one waits for its service");
        }
        other.offers();
        assert_eq!(watch.look(), None);
        assert_eq!(seconds_until_verdict(&mut watch, ping), (60, Verdict::Stuck));
        // What trickles is taken.
        for _ in 0..50 {
            activity.written.fetch_add(CHATTER_BYTES, Ordering::Relaxed);
            assert_eq!(watch.look(), None);
        }
        drop((paused, other));
        assert_eq!(activity.offered.load(Ordering::Relaxed), 0);
        assert_eq!(activity.under_way.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn who_takes_back_more_than_it_lets_answer_floods() {
        let flooded = |multiplexed, answered: u32, taken_back: u32| {
            let (activity, _watch) = watch(multiplexed);
            (0..answered).for_each(|_| InFlight::begin(&activity).answered());
            (0..taken_back).for_each(|_| drop(InFlight::begin(&activity)));
            activity.flooded.load(Ordering::Relaxed)
        };
        assert!(flooded(true, 0, TAKEN_BACK_MAX + 1));
        assert!(!flooded(true, 0, TAKEN_BACK_MAX));
        assert!(!flooded(true, 1000, 1000));
        assert!(!flooded(false, 0, 1000));
    }

    #[test]
    fn what_was_taken_back_is_forgotten_at_the_next_look() {
        let (activity, mut watch) = watch(true);
        for _ in 0..10 {
            (0..TAKEN_BACK_MAX).for_each(|_| drop(InFlight::begin(&activity)));
            assert_eq!(watch.look(), None);
        }
        assert!(!activity.flooded.load(Ordering::Relaxed));
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
