//! Who begins after whom when plans change. A worker begins when those before it have ended that
//! had its destination or one of its lanes, and waits for no others: one that is held up by its
//! receiver holds up nobody else's next plan.

use std::collections::{BTreeMap, BTreeSet};

use model::Name;
use store::LaneId;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The workers at work, and those that are asked to end and have not yet.
pub(crate) struct Turns<R> {
    tracker: TaskTracker,
    running: BTreeMap<Name, Turn<R>>,
    ending: Vec<Turn<R>>,
}

/// One worker's time.
struct Turn<R> {
    name: Name,
    lanes: BTreeSet<LaneId>,
    stop: CancellationToken,
    /// Cancelled before `stop` where no other one follows.
    gone: CancellationToken,
    /// Cancelled when it has ended, however it did.
    over: CancellationToken,
    /// What it leaves, until somebody waits for it.
    done: Option<JoinHandle<R>>,
}

/// What tells a worker to end.
#[derive(Clone)]
pub(crate) struct Stop {
    /// It is to end.
    pub(crate) stop: CancellationToken,
    /// Nothing leads to its destination any more; known at the latest when `stop` is.
    pub(crate) gone: CancellationToken,
}

impl<R: Default + Send + 'static> Turns<R> {
    pub(crate) fn new(tracker: TaskTracker) -> Self {
        Self { tracker, running: BTreeMap::new(), ending: Vec::new() }
    }

    /// Asks a worker to end; `gone` where no other one follows.
    pub(crate) fn end(&mut self, name: &Name, gone: bool) {
        let Some(turn) = self.running.remove(name) else { return };
        if gone {
            turn.gone.cancel();
        }
        turn.stop.cancel();
        self.ending.push(turn);
    }

    /// Begins a worker when those before it have ended. It goes on with what the last one of its
    /// destination left. It may be asked to end before it begins, and is begun all the same: what
    /// was left is handed on.
    pub(crate) fn begin<W, F>(&mut self, name: Name, lanes: BTreeSet<LaneId>, work: W)
    where
        W: FnOnce(Stop, R) -> F + Send + 'static,
        F: Future<Output = R> + Send,
    {
        let last = self.ending.iter_mut().rev().find(|turn| turn.name == name);
        let last = last.and_then(|turn| turn.done.take());
        self.ending.retain(|turn| !turn.over.is_cancelled());
        let shares = |turn: &&Turn<R>| turn.name == name || !turn.lanes.is_disjoint(&lanes);
        let before: Vec<_> =
            self.ending.iter().filter(shares).map(|turn| turn.over.clone()).collect();
        let [stop, gone, over] = [(); 3].map(|()| CancellationToken::new());
        let given = Stop { stop: stop.clone(), gone: gone.clone() };
        let ended = over.clone().drop_guard();
        let of = name.clone();
        let done = self.tracker.spawn(async move {
            let _ended = ended;
            let mut remains = R::default();
            if let Some(last) = last {
                if let Ok(left) = last.await {
                    remains = left;
                } else {
                    tracing::error!(destination = %of, "its worker ended in a panic");
                }
            }
            for one in before {
                one.cancelled().await;
            }
            work(given, remains).await
        });
        let done = Some(done);
        self.running.insert(name.clone(), Turn { name, lanes, stop, gone, over, done });
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    /// Workers that end when they are told to and when their receivers let them.
    struct Bench {
        turns: Turns<Vec<&'static str>>,
        told: mpsc::Sender<(&'static str, Vec<&'static str>)>,
        begun: mpsc::Receiver<(&'static str, Vec<&'static str>)>,
    }

    impl Bench {
        fn new() -> Self {
            let (told, begun) = mpsc::channel(16);
            Self { turns: Turns::new(TaskTracker::new()), told, begun }
        }

        /// Begins one that leaves its own name; it is held up until the sender is dropped.
        fn begin(&mut self, of: &str, lanes: &[LaneId], own: &'static str) -> oneshot::Sender<()> {
            let (held_up, freed) = oneshot::channel::<()>();
            let told = self.told.clone();
            self.turns.begin(
                name(of),
                lanes.iter().copied().collect(),
                move |stop, mut left| async move {
                    told.send((own, left.clone())).await.unwrap();
                    stop.stop.cancelled().await;
                    freed.await.unwrap_err();
                    left.push(own);
                    left
                },
            );
            held_up
        }

        async fn next(&mut self) -> (&'static str, Vec<&'static str>) {
            let next = tokio::time::timeout(std::time::Duration::from_secs(10), self.begun.recv());
            next.await.expect("one begins").unwrap()
        }

        async fn nothing_begins(&mut self) {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert!(self.begun.try_recv().is_err());
        }
    }

    #[tokio::test]
    async fn one_that_is_held_up_holds_up_its_own_successors_only() {
        let mut bench = Bench::new();
        let hangs = bench.begin("hangs", &[1], "hangs 1");
        drop(bench.begin("fast", &[2], "fast 1"));
        assert_eq!((bench.next().await.0, bench.next().await.0), ("hangs 1", "fast 1"));
        for of in ["hangs", "fast"] {
            bench.turns.end(&name(of), false);
        }
        drop(bench.begin("hangs", &[1], "hangs 2"));
        drop(bench.begin("fast", &[2], "fast 2"));
        assert_eq!(bench.next().await, ("fast 2", vec!["fast 1"]));
        bench.nothing_begins().await;
        // Another plan comes before the first one's end.
        bench.turns.end(&name("hangs"), false);
        drop(bench.begin("hangs", &[1], "hangs 3"));
        bench.nothing_begins().await;
        drop(hangs);
        assert_eq!(bench.next().await, ("hangs 2", vec!["hangs 1"]));
        assert_eq!(bench.next().await, ("hangs 3", vec!["hangs 1", "hangs 2"]));
    }

    #[tokio::test]
    async fn a_lane_that_moves_is_never_read_by_two() {
        let mut bench = Bench::new();
        let before = bench.begin("a", &[1, 2], "a 1");
        assert_eq!(bench.next().await.0, "a 1");
        bench.turns.end(&name("a"), false);
        drop(bench.begin("a", &[1], "a 2"));
        drop(bench.begin("b", &[2, 3], "b 1"));
        drop(bench.begin("c", &[4], "c 1"));
        assert_eq!(bench.next().await, ("c 1", vec![]));
        bench.nothing_begins().await;
        drop(before);
        let mut both = [bench.next().await, bench.next().await];
        both.sort();
        assert_eq!(both, [("a 2", vec!["a 1"]), ("b 1", vec![])]);
    }

    #[tokio::test]
    async fn one_that_panics_is_over() {
        let mut bench = Bench::new();
        bench.turns.begin(name("a"), BTreeSet::from([1]), |_, _| async { panic!("a fault") });
        bench.turns.end(&name("a"), true);
        drop(bench.begin("a", &[1], "a 2"));
        assert_eq!(bench.next().await, ("a 2", vec![]));
    }
}
