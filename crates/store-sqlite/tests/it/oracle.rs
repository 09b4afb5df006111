//! SQLite's files against the store in memory, and deliveries through their lives, with restarts and
//! retention between.

use std::sync::Arc;

use proptest::prelude::*;
use store::Store;
use store::conformance::Bench;
use store_sqlite::{Sealing, SqliteStore};
use testkit::agreement::{agree, operations};
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
