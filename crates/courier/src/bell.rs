//! Who is to be woken when something was appended to a lane.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use store::{LaneId, LaneWaker};
use tokio::sync::Notify;

/// Wakes the worker of a lane when something was appended to it.
#[derive(Default)]
pub struct Bell(Mutex<HashMap<LaneId, (Arc<Rope>, usize)>>);

/// What one worker is woken by: which of its lanes have something new.
#[derive(Default)]
pub(crate) struct Rope {
    pulled: Notify,
    /// Lanes by their places in the plan, so never more than those.
    lanes: Mutex<BTreeSet<usize>>,
}

impl Rope {
    /// Waits until something was appended to a lane; gives all that have something new since.
    pub(crate) async fn pulled(&self) -> Vec<usize> {
        self.pulled.notified().await;
        std::mem::take(&mut *self.lanes.lock()).into_iter().collect()
    }

    fn pull(&self, lane: usize) {
        self.lanes.lock().insert(lane);
        self.pulled.notify_one();
    }
}

impl Bell {
    /// From now on these lanes, in the order of their places in a plan, wake whoever holds the rope.
    pub(crate) fn tie(&self, lanes: impl Iterator<Item = LaneId>) -> Arc<Rope> {
        let rope = Arc::new(Rope::default());
        let ties = lanes.enumerate().map(|(at, lane)| (lane, (Arc::clone(&rope), at)));
        self.0.lock().extend(ties);
        rope
    }

    /// Nobody waits for these lanes any more.
    pub(crate) fn untie(&self, lanes: impl Iterator<Item = LaneId>) {
        let mut ties = self.0.lock();
        for lane in lanes {
            ties.remove(&lane);
        }
    }
}

impl LaneWaker for Bell {
    fn wake(&self, lanes: &[LaneId]) {
        let ties = self.0.lock();
        for (rope, at) in lanes.iter().filter_map(|lane| ties.get(lane)) {
            rope.pull(*at);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_worker_learns_which_of_its_lanes_have_something_new() {
        let bell = Bell::default();
        let (one, other) = (bell.tie([7, 8, 9].into_iter()), bell.tie([3].into_iter()));
        bell.wake(&[9, 7, 4]);
        bell.wake(&[9]);
        assert_eq!(one.pulled().now_or_never(), Some(vec![0, 2]));
        assert_eq!(other.pulled().now_or_never(), None);
        bell.untie([7].into_iter());
        bell.wake(&[7]);
        assert_eq!(one.pulled().now_or_never(), None);
        bell.wake(&[8, 3]);
        assert_eq!(one.pulled().now_or_never(), Some(vec![1]));
        assert_eq!(other.pulled().now_or_never(), Some(vec![0]));
    }
}
