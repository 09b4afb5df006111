//! How long a request may take, told by a timer that its connection keeps.
//!
//! Setting a timer and taking it back costs more than nearly all requests' other waiting. So one that
//! was set for an earlier request stays: when it goes off early it is set anew, which on a busy
//! connection is once per timeout and not once per request.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep};

/// A connection's timer. A copy is another connection's.
#[derive(Debug, Default)]
pub struct Timer(Mutex<Option<Armed>>);

/// One that was set, for whenever.
#[derive(Debug)]
struct Armed {
    sleep: Pin<Box<Sleep>>,
    /// Whom it wakes.
    task: Option<Waker>,
    /// A moment by the timer's time and by the caller's, so that the caller's is enough from then on.
    same: (Instant, u64),
}

impl Clone for Timer {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Timer {
    /// Waits for something, for so long from now, which is so many nanoseconds of a time that goes as
    /// the system's; none when the time is up.
    pub async fn within<F: Future>(
        &self,
        (now_ns, time): (u64, Duration),
        mut future: Pin<&mut F>,
    ) -> Option<F::Output> {
        let mut limit = Limit { timer: self, now_ns, time, running: None };
        let ended = poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => limit.poll(context).map(|()| None),
        });
        ended.await
    }

    /// Gives back the memory that nobody needs now.
    pub(crate) fn rest(&self) {
        drop(self.0.lock().take());
    }
}

/// A time that is running.
struct Limit<'a> {
    timer: &'a Timer,
    now_ns: u64,
    time: Duration,
    /// The timer and when the time is up. Taken from the connection as long as this one waits: another
    /// request on it takes its own.
    running: Option<(Armed, Instant)>,
}

impl Limit<'_> {
    fn begin(&self) -> (Armed, Instant) {
        let Self { timer, now_ns, time, .. } = *self;
        if let Some(armed) = timer.0.lock().take() {
            let (moment, moment_ns) = armed.same;
            let since = Duration::from_nanos(now_ns.saturating_sub(moment_ns));
            return (armed, moment + since + time);
        }
        let sleep = Box::pin(tokio::time::sleep(time));
        let deadline = sleep.deadline();
        // Taken when there is something to wait for: later than the caller's moment by what came
        // before, and so are the ends of later requests. A time that is as good as endless is cut off
        // where the runtime's ends.
        let moment = deadline.checked_sub(time).unwrap_or(deadline);
        (Armed { sleep, task: None, same: (moment, now_ns) }, deadline)
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.running.is_none() {
            self.running = Some(self.begin());
        }
        let Some((armed, deadline)) = &mut self.running else { return Poll::Pending };
        let wakes_us = armed.task.as_ref().is_some_and(|task| task.will_wake(context.waker()));
        if armed.sleep.deadline() > *deadline {
            armed.sleep.as_mut().reset(*deadline);
        } else if wakes_us && !armed.sleep.is_elapsed() {
            return Poll::Pending;
        }
        if !wakes_us {
            armed.task = Some(context.waker().clone());
        }
        loop {
            // Whatever the task's other work has left it to do: else the timer would not be set, and
            // nobody would look again.
            ready!(pin!(unconstrained(armed.sleep.as_mut())).poll(context));
            if armed.sleep.deadline() >= *deadline {
                return Poll::Ready(());
            }
            armed.sleep.as_mut().reset(*deadline);
        }
    }
}

impl Drop for Limit<'_> {
    fn drop(&mut self) {
        if let Some((armed, _)) = self.running.take() {
            *self.timer.0.lock() = Some(armed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const SHORT: Duration = Duration::from_millis(5);
    /// Longer than any test may take.
    const LONG: Duration = Duration::from_mins(10);

    /// The time, by another beginning than the timer's.
    fn now_ns() -> u64 {
        static BEGINNING: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        1_000 + u64::try_from(BEGINNING.elapsed().as_nanos()).unwrap()
    }

    /// Waits for what never comes; says how long.
    async fn takes(timer: &Timer, time: Duration) -> Duration {
        let began = Instant::now();
        assert_eq!(timer.within((now_ns(), time), pin!(pending::<()>())).await, None);
        began.elapsed()
    }

    /// Something comes in that time, and the timer stays set.
    async fn comes_within(timer: &Timer, time: Duration) {
        let soon = pin!(tokio::task::yield_now());
        assert_eq!(timer.within((now_ns(), time), soon).await, Some(()));
        assert!(timer.0.lock().is_some());
    }

    #[tokio::test]
    async fn each_request_has_its_own_time_whatever_the_timer_was_set_for() {
        let timer = Timer::default();
        assert!(takes(&timer, SHORT).await >= SHORT);
        assert!(takes(&timer, SHORT * 3).await >= SHORT * 3, "after one that has gone off");
        comes_within(&timer, SHORT).await;
        assert!(takes(&timer, SHORT * 3).await >= SHORT * 3, "with one set for earlier");
        comes_within(&timer, LONG).await;
        assert!(takes(&timer, SHORT).await < LONG, "with one set for later");
        timer.rest();
        assert!(takes(&timer, SHORT).await >= SHORT);
    }

    #[tokio::test]
    async fn a_task_that_had_much_to_do_has_its_time_all_the_same() {
        let timer = Timer::default();
        let busy = poll_fn(|context| {
            // Uses up what the runtime lets a task do in one go.
            while tokio::task::coop::poll_proceed(context)
                .map(|left| left.made_progress())
                .is_ready()
            {}
            Poll::<()>::Pending
        });
        let mut busy = pin!(busy);
        let within = tokio::time::timeout(LONG, timer.within((now_ns(), SHORT), busy.as_mut()));
        assert_eq!(within.await, Ok(None));
    }

    #[tokio::test]
    async fn requests_side_by_side_do_not_take_each_others_time() {
        let timer = Timer::default();
        let (mut long, mut short) = (pin!(takes(&timer, LONG)), pin!(takes(&timer, SHORT)));
        tokio::select! {
            biased;
            _ = &mut long => panic!("the other one's time"),
            took = &mut short => assert!(took >= SHORT),
        }
    }

    #[tokio::test]
    async fn a_timer_wakes_whoever_waits_now_and_not_whoever_set_it() {
        let timer = std::sync::Arc::new(Timer::default());
        comes_within(&timer, SHORT).await;
        let other = std::sync::Arc::clone(&timer);
        let tracker = tokio_util::task::TaskTracker::new();
        let waiting = tracker.spawn(async move { takes(&other, SHORT * 2).await });
        assert!(waiting.await.unwrap() >= SHORT * 2);
    }
}
