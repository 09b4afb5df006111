//! The store in memory: the port as simply as it can be right, to hold other adapters against.
//!
//! Plain maps under one lock; every question is answered by looking at everything. It promises what
//! the port promises but for durability: what must survive a restart survives [`MemStore::reopen`],
//! and what must not (who listens, who is woken) does not. The files are named after the port's.

mod answers;
mod definitions;
mod deliveries;
mod denied;
mod keys;
mod log;
mod replays;
mod states;
mod token_audit;
mod usage;

use std::sync::Arc;

use model::Revision;
use parking_lot::{Mutex, RwLock};
use store::conformance::Bench;
use store::{Answer, LaneId, LaneWaker, Store, StoreError};
use tokio::sync::watch;

pub use deliveries::Standing;
pub use log::Droppable;

/// A handle on a store in memory.
pub struct MemStore {
    tables: Arc<Mutex<Tables>>,
    revisions: watch::Sender<Revision>,
    waker: RwLock<Option<Arc<dyn LaneWaker>>>,
}

/// What survives a restart.
#[derive(Default)]
struct Tables {
    definitions: definitions::Definitions,
    keys: keys::Credentials,
    log: log::Log,
    deliveries: deliveries::Outcomes,
    usage: usage::Quotas,
    counted: usage::Counted,
    states: states::Marks,
    replays: replays::Book,
    answers: answers::Book,
    denied: denied::Book,
    tokens: token_audit::Tokens,
}

impl MemStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::over(Arc::default())
    }

    /// The same store as after a restart. The handle before may go on; that no two processes use one
    /// store is what a real adapter sees to.
    #[must_use]
    pub fn reopen(&self) -> Self {
        Self::over(Arc::clone(&self.tables))
    }

    fn over(tables: Arc<Mutex<Tables>>) -> Self {
        let revision = tables.lock().definitions.revision;
        Self { tables, revisions: watch::Sender::new(revision), waker: RwLock::new(None) }
    }

    /// A call: what it does is done when its answer is waited for, at once and whole.
    fn call<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut Tables) -> Result<T, StoreError> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let answer = work(&mut self.tables.lock())?;
            self.tell();
            Ok(answer)
        })
    }

    /// A call that puts something on lanes, and which.
    fn put<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut Tables) -> (T, Vec<LaneId>) + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move {
            let (answer, mut lanes) = work(&mut self.tables.lock());
            lanes.sort_unstable();
            lanes.dedup();
            if let Some(waker) = self.waker.read().as_ref() {
                waker.wake(&lanes);
            }
            Ok(answer)
        })
    }

    /// Tells a new revision, if there is one.
    fn tell(&self) {
        let revision = self.tables.lock().definitions.revision;
        self.revisions.send_if_modified(|seen| {
            let newer = revision > *seen;
            *seen = revision.max(*seen);
            newer
        });
    }
}

impl Default for MemStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench for MemStore {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.reopen())
    }
}
