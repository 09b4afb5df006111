//! A waker of its own for what a task waits for beside its work: the task is woken often, and asks
//! the rest only when it has called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// Stands between a task and what seldom wakes it.
pub(crate) struct Bell {
    shared: Arc<Shared>,
    /// That waker again, so that it is not made for each poll.
    own: Waker,
    /// Whom it wakes, as told last.
    task: Option<Waker>,
}

struct Shared {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Default for Bell {
    /// One that has rung: what is behind it has not been asked yet.
    fn default() -> Self {
        let shared = Arc::new(Shared { rung: AtomicBool::new(true), task: Mutex::default() });
        Self { own: Waker::from(Arc::clone(&shared)), shared, task: None }
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        let task = self.task.lock().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl Bell {
    /// Asks what is behind the bell if it has rung since, and wakes the task of `context` when it
    /// rings again.
    pub(crate) fn answer<T>(
        &mut self,
        context: &mut Context<'_>,
        ask: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            self.task = Some(context.waker().clone());
            self.shared.task.lock().clone_from(&self.task);
        }
        // Before it is asked: what rings meanwhile is heard the next time. Looked at first, for a swap
        // costs much more than a look that finds nothing.
        if !self.shared.rung.load(Ordering::Relaxed)
            || !self.shared.rung.swap(false, Ordering::AcqRel)
        {
            return Poll::Pending;
        }
        let answer = ask(&mut Context::from_waker(&self.own));
        if answer.is_ready() {
            // Not all that is behind it need have been asked.
            self.shared.rung.store(true, Ordering::Release);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicU32);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_is_behind_it_is_asked_once_and_then_when_it_has_called() {
        let task = Arc::new(Counting::default());
        let waker = Waker::from(Arc::clone(&task));
        let mut context = Context::from_waker(&waker);
        let (mut bell, mut asked, mut inner) = (Bell::default(), 0, None);
        for _ in 0..3 {
            let polled: Poll<()> = bell.answer(&mut context, |context| {
                asked += 1;
                inner = Some(context.waker().clone());
                Poll::Pending
            });
            assert!(polled.is_pending());
        }
        assert_eq!((asked, task.0.load(Ordering::Relaxed)), (1, 0));
        inner.unwrap().wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1, "the task is woken");
        assert_eq!(bell.answer(&mut context, |_| Poll::Ready(7)), Poll::Ready(7));
        // After an answer the rest is asked again.
        assert_eq!(bell.answer(&mut context, |_| Poll::Ready(8)), Poll::Ready(8));
    }

    #[test]
    fn it_wakes_whoever_has_polled_last() {
        let (first, second) = (Arc::new(Counting::default()), Arc::new(Counting::default()));
        let (mut bell, mut inner) = (Bell::default(), None);
        for task in [&first, &second] {
            let waker = Waker::from(Arc::clone(task));
            let _pending: Poll<()> = bell.answer(&mut Context::from_waker(&waker), |context| {
                inner = Some(context.waker().clone());
                Poll::Pending
            });
        }
        inner.unwrap().wake();
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
    }
}
