//! Counting against a quota in memory, out of leases that are durable before any of them is spent.
//!
//! The next lease is fetched while the last one is being spent ([`Leased::ahead`]), so that nobody waits
//! for it who does not come faster than the store. What is held of both together is no more than a
//! hundredth of what was left of the quota ([`Quota::lease`]), and that is the most a crash can cost.

use limit::{Quota, Window};
use model::Timestamp;
use parking_lot::Mutex;

use crate::{Lease, Store, StoreError};

/// What is left of one quota, of whoever has it.
pub struct Leased {
    /// Its name in the store.
    key: String,
    held: Mutex<Option<Held>>,
    /// One lease is fetched at a time; who finds nothing left waits for it.
    fetching: tokio::sync::Mutex<()>,
}

/// What is left of what was leased.
#[derive(Debug, Clone, Copy)]
struct Held {
    quota: Quota,
    window: Window,
    /// Of the lease that was fetched last.
    granted: u64,
    left: u64,
    /// What is left of the quota beside it.
    beyond: u64,
    /// Whether somebody was told to fetch the next one.
    is_asked: bool,
}

impl Held {
    fn of(quota: Quota, window: Window, Lease { granted, beyond }: Lease) -> Self {
        Self { quota, window, granted, left: granted, beyond, is_asked: false }
    }

    /// Takes one; somebody took care that there is one.
    fn debit(&mut self) -> Debited {
        self.left -= 1;
        let asks = self.is_low() && !self.is_asked;
        self.is_asked |= asks;
        Debited { left: self.left + self.beyond, window: self.window, is_low: asks }
    }

    /// Whether it is time for the next lease: not sooner than at a quarter of the last one, so that what
    /// is held stays within what a crash may cost.
    fn is_low(&self) -> bool {
        self.beyond > 0 && self.left <= self.granted / 4
    }

    fn add(&mut self, lease: Lease) {
        let left = self.left + lease.granted;
        *self = Self { left, ..Self::of(self.quota, self.window, lease) };
    }
}

/// What one look at the held lease says.
enum Look {
    Debited(Debited),
    Spent(Window),
    Fetch(Window),
}

/// One of the quota is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Debited {
    /// How many are left of the period.
    pub left: u64,
    /// The period.
    pub window: Window,
    /// Whether [`Leased::ahead`] is to be called now; one debit of each lease says so.
    pub is_low: bool,
}

/// Why nothing was debited.
#[derive(Debug)]
pub enum NotDebited {
    /// The period's quota is spent.
    Spent(Window),
    /// Nobody knows.
    Store(StoreError),
}

impl Leased {
    /// Without a lease, under that name in the store.
    pub fn new(key: String) -> Self {
        Self { key, held: Mutex::new(None), fetching: tokio::sync::Mutex::new(()) }
    }

    /// Debits one of the quota's period that holds `now`, which is `window`. Waits for the store only
    /// where nothing is left of what was leased.
    pub async fn debit(
        &self,
        quota: Quota,
        window: impl Fn() -> Window,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Debited, NotDebited> {
        match self.look(quota, &window, now) {
            Look::Debited(debited) => Ok(debited),
            Look::Spent(window) => Err(NotDebited::Spent(window)),
            // Few need it: it has a room of its own, and the others are small.
            Look::Fetch(_) => Box::pin(self.debit_of_next(quota, window, store, now)).await,
        }
    }

    /// Debits one of a lease that is fetched first, or that another one has fetched meanwhile.
    async fn debit_of_next(
        &self,
        quota: Quota,
        window: impl Fn() -> Window,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Debited, NotDebited> {
        loop {
            let _one = self.fetching.lock().await;
            // Somebody else may have fetched it meanwhile.
            let window = match self.look(quota, &window, now) {
                Look::Debited(debited) => return Ok(debited),
                Look::Spent(window) => return Err(NotDebited::Spent(window)),
                Look::Fetch(window) => window,
            };
            // What is left of another quota's lease, or of the last period's, goes back first.
            self.return_rest(store).await.map_err(NotDebited::Store)?;
            let lease = store.lease(self.key.clone(), quota, window).await;
            let lease = lease.map_err(NotDebited::Store)?;
            *self.held.lock() = Some(Held::of(quota, window, lease));
        }
    }

    /// Fetches the next lease before the last one is spent.
    pub async fn ahead(&self, store: &dyn Store) {
        let _one = self.fetching.lock().await;
        let present = *self.held.lock();
        // Whoever found nothing left may have been sooner.
        let Some(held) = present.filter(Held::is_low) else { return };
        // Where the store cannot answer, whoever finds nothing left asks again and says so.
        let Ok(lease) = store.lease(self.key.clone(), held.quota, held.window).await else {
            return;
        };
        // It is the same one still: another takes its place only with `fetching`.
        if let Some(held) = &mut *self.held.lock() {
            held.add(lease);
        }
    }

    /// Gives one of this period back: what it was for was refused after all.
    pub fn refund(&self, window: Window) {
        if let Some(held) = self.held.lock().as_mut().filter(|held| held.window == window) {
            held.left += 1;
        }
    }

    /// Gives the rest of the lease back to the store, at an orderly end.
    pub async fn give_back(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _one = self.fetching.lock().await;
        self.return_rest(store).await
    }

    async fn return_rest(&self, store: &dyn Store) -> Result<(), StoreError> {
        let Some(held) = self.held.lock().take().filter(|held| held.left > 0) else {
            return Ok(());
        };
        store.give_back(self.key.clone(), held.window, held.left).await
    }

    /// Whether it is known that the period's quota is spent.
    pub fn is_spent(&self, quota: Quota, now: Timestamp) -> bool {
        self.held.lock().as_ref().is_some_and(|held| {
            held.quota == quota && now.ms() < held.window.end_ms && held.left + held.beyond == 0
        })
    }

    fn look(&self, quota: Quota, window: impl Fn() -> Window, now: Timestamp) -> Look {
        let mut held = self.held.lock();
        match &mut *held {
            // A quota that was changed is counted anew at once, from what the store knows.
            Some(held)
                if held.quota == quota
                    && now.ms() >= held.window.start_ms
                    && now.ms() < held.window.end_ms =>
            {
                if held.left > 0 {
                    Look::Debited(held.debit())
                } else if held.beyond == 0 {
                    Look::Spent(held.window)
                } else {
                    Look::Fetch(held.window)
                }
            }
            _ => Look::Fetch(window()),
        }
    }
}
