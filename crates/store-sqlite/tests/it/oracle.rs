//! SQLite's files against the store in memory, and deliveries through their lives, with restarts and
//! retention between.

use std::sync::Arc;

use proptest::prelude::*;
use store::Store;
use store::conformance::Bench;
use store_sqlite::{Sealing, SqliteStore};
use testkit::agreement::{Draft, Fate, Operation, agree, operations};
use testkit::lives::{live, steps};

use crate::{Segmented, directory};

/// Segments are sealed as soon as they may be, and at each opening.
struct Small(tempfile::TempDir);

impl Bench for Small {
    async fn open(&self) -> Arc<dyn Store> {
        let sealing = Sealing { bytes: 1, age_ms: 1000, over_bytes: 1, over_ms: 1000 };
        let store = SqliteStore::open_with(self.0.path(), sealing).unwrap();
        store.seal().await.unwrap();
        Arc::new(store)
    }
}

fn small() -> Small {
    Small(tempfile::tempdir().unwrap())
}

fn run(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(work);
}

/// What a lane had last is known when its segment is gone, and a segment stays as long as an event that
/// it puts on a lane once more.
#[test]
fn a_lane_s_end_and_its_entries_outlive_their_segment() {
    let operations = |after_s| {
        [
            Operation::Append(vec![Draft { bus: 0, content: 0, id: None, lanes: 0 }]),
            Operation::Restart,
            Operation::Extend(vec![(2, vec![0])]),
            Operation::Restart,
            Operation::Settle { outcomes: vec![(0, Fate::Done)], moves: true },
            Operation::Wait(after_s),
            Operation::Drop { events: 11, orders: None, attempts: 0 },
            Operation::Drop { events: 11, orders: None, attempts: 0 },
        ]
    };
    for after_s in [1, 10, 12, 60] {
        run(async { agree(&small(), &operations(after_s)).await });
    }
}

/// An id whose window is over in an earlier segment is given again in a later one.
#[test]
fn an_id_that_was_given_again_is_forgotten_everywhere() {
    let append = || Operation::Append(vec![Draft { bus: 2, content: 0, id: Some(0), lanes: 0 }]);
    for limit in [1, 2, 100] {
        let operations = [
            append(),
            Operation::Restart,
            Operation::Wait(30),
            append(),
            Operation::Forget(limit),
            append(),
            Operation::Wait(30),
            Operation::Forget(limit),
            Operation::Forget(limit),
            append(),
        ];
        run(async { agree(&Segmented(tempfile::tempdir().unwrap()), &operations).await });
    }
}

proptest! {
    // Each case opens files and flushes them many times.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_file_agrees_with_the_store_in_memory(operations in operations()) {
        run(async { agree(&directory(), &operations).await });
    }

    #[test]
    fn segments_agree_with_the_store_in_memory(operations in operations()) {
        run(async { agree(&Segmented(tempfile::tempdir().unwrap()), &operations).await });
    }

    #[test]
    fn small_segments_agree_with_the_store_in_memory(operations in operations()) {
        run(async { agree(&small(), &operations).await });
    }

    #[test]
    fn nothing_acknowledged_vanishes(steps in steps()) {
        run(async { live(&small(), &steps).await });
    }
}
