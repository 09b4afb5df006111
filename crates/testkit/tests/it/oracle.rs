//! The store in memory is held against itself, with other numbers, and against the lives of deliveries.

use std::sync::Arc;

use model::{EventDraft, EventFields, LaneKey, Name, Timestamp};
use proptest::prelude::*;
use store::conformance::Bench;
use store::{Entry, EventLog as _, Store};
use testkit::MemStore;
use testkit::agreement::{agree, operations};
use testkit::lives::{live, steps};

/// A store in memory in which numbers were given before.
struct Used(MemStore);

impl Bench for Used {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.reopen())
    }
}

async fn used() -> Used {
    let store = MemStore::new();
    let name = |text| Name::new(text).unwrap();
    let lanes = store.lanes(vec![LaneKey::Schedule(name("before"))]).await.unwrap();
    let fields = EventFields {
        source: "s".into(),
        detail_type: "t".into(),
        detail: "{}".into(),
        ..EventFields::default()
    };
    let draft = EventDraft::new(name("elsewhere"), fields).unwrap();
    let entry = Entry { draft, lanes, once: None };
    store.append(Timestamp::from_ms(1), vec![entry.clone(), entry]).await.unwrap();
    Used(store)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_store_agrees_with_itself(operations in operations()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { agree(&used().await, &operations).await });
    }

    #[test]
    fn nothing_acknowledged_vanishes(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { live(&used().await, &steps).await });
    }
}
