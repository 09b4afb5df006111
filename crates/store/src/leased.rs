//! Counting against a quota in memory, out of leases that are durable before any of them is spent.
//!
//! The next lease is fetched while the last one is being spent, so that nobody waits for it who does not
//! come faster than the store; but near a quota's end, where leases are so small that one beside the
//! other would be more than a crash may cost. What is held is no more than a hundredth of what was left
//! of the quota ([`Quota::lease`]), and that is the most a crash can cost.
//!
//! Leases are fetched by errands of their own and not by whoever needs them: a caller who goes away
//! meanwhile would take what was leased along.

use std::pin::Pin;
use std::sync::Arc;

use limit::{Quota, Window};
use model::Timestamp;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{Lease, Store, StoreError};

/// Work that goes on whether or not anybody waits for it, to be run on a tracker that shutdown waits
/// for.
pub type Errand = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is left of one quota, of whoever has it.
#[derive(Clone)]
pub struct Leased(Arc<Account>);

struct Account {
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
    fn debit(&mut self) -> (Debited, bool) {
        self.left -= 1;
        let asks = self.is_low() && !self.is_asked;
        self.is_asked |= asks;
        (Debited { left: self.left + self.beyond, window: self.window }, asks)
    }

    /// Whether it is time for the next lease: not sooner than at a quarter of the last one, so that what
    /// is held stays within what a crash may cost. Of less than four a quarter would be nothing.
    fn is_low(&self) -> bool {
        self.beyond > 0 && self.granted >= AHEAD_MIN && self.left <= self.granted / 4
    }

    fn is_of(&self, quota: Quota, now: Timestamp) -> bool {
        let Window { start_ms, end_ms } = self.window;
        self.quota == quota && (start_ms..end_ms).contains(&now.ms())
    }

    /// Whether nothing of it is left, and of the quota something is.
    fn is_out(&self) -> bool {
        self.left == 0 && self.beyond > 0
    }

    fn add(&mut self, lease: Lease) {
        let left = self.left + lease.granted;
        *self = Self { left, ..Self::of(self.quota, self.window, lease) };
    }
}

/// Of smaller leases no next one is fetched ahead.
const AHEAD_MIN: u64 = 4;

/// What one look at the held lease says.
enum Look {
    /// And whether the next one is to be fetched: one debit of each lease says so.
    Debited(Debited, bool),
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
        let (held, fetching) = (Mutex::new(None), tokio::sync::Mutex::new(()));
        Self(Arc::new(Account { key, held, fetching }))
    }

    /// Debits one of the quota's period that holds `now`, which is `window`. Waits for the store only
    /// where nothing is left of what was leased; `run` takes errands to the store.
    pub async fn debit(
        &self,
        (quota, window): (Quota, impl Fn() -> Window),
        store: &Arc<dyn Store>,
        run: impl Fn(Errand),
        now: Timestamp,
    ) -> Result<Debited, NotDebited> {
        match self.0.look(quota, &window, now) {
            Look::Debited(debited, is_low) => {
                if is_low {
                    run(self.ahead(store));
                }
                Ok(debited)
            }
            Look::Spent(window) => Err(NotDebited::Spent(window)),
            // Few need it: it has a room of its own, and the others are small.
            Look::Fetch(window) => {
                Box::pin(self.debit_of_next((quota, window), store, run, now)).await
            }
        }
    }

    /// Debits one of a lease that is fetched first, or that another one has fetched meanwhile.
    async fn debit_of_next(
        &self,
        (quota, mut window): (Quota, Window),
        store: &Arc<dyn Store>,
        run: impl Fn(Errand),
        now: Timestamp,
    ) -> Result<Debited, NotDebited> {
        loop {
            let (account, of) = (Arc::clone(&self.0), Arc::clone(store));
            let (sender, fetched) = oneshot::channel();
            run(Box::pin(async move {
                drop(sender.send(account.next((quota, window), &*of, now).await));
            }));
            // An errand that ends without a word was cut off by the end of everything.
            let fetched = fetched.await.unwrap_or(Err(StoreError::Closed));
            fetched.map_err(NotDebited::Store)?;
            // Others were waiting too, and may have left nothing.
            window = match self.0.look(quota, || window, now) {
                Look::Debited(debited, is_low) => {
                    if is_low {
                        run(self.ahead(store));
                    }
                    return Ok(debited);
                }
                Look::Spent(window) => return Err(NotDebited::Spent(window)),
                Look::Fetch(window) => window,
            };
        }
    }

    fn ahead(&self, store: &Arc<dyn Store>) -> Errand {
        let (account, store) = (Arc::clone(&self.0), Arc::clone(store));
        Box::pin(async move { account.ahead(&*store).await })
    }

    /// Gives one of this period back: what it was for was refused after all.
    pub fn refund(&self, window: Window) {
        if let Some(held) = self.0.held.lock().as_mut().filter(|held| held.window == window) {
            held.left += 1;
        }
    }

    /// Gives the rest of the lease back to the store, at an orderly end.
    pub async fn give_back(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _one = self.0.fetching.lock().await;
        self.0.return_rest(store).await
    }

    /// Whether it is known that the period's quota is spent.
    pub fn is_spent(&self, quota: Quota, now: Timestamp) -> bool {
        self.0.held.lock().as_ref().is_some_and(|held| {
            held.quota == quota && now.ms() < held.window.end_ms && held.left + held.beyond == 0
        })
    }
}

impl Account {
    /// Fetches a lease where nothing is left, unless somebody else has meanwhile.
    async fn next(
        &self,
        (quota, window): (Quota, Window),
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let _one = self.fetching.lock().await;
        if self.held.lock().as_ref().is_some_and(|held| held.is_of(quota, now) && !held.is_out()) {
            return Ok(());
        }
        // What is left of another quota's lease, or of the last period's, goes back first.
        self.return_rest(store).await?;
        let lease = store.lease(self.key.clone(), quota, window).await?;
        *self.held.lock() = Some(Held::of(quota, window, lease));
        Ok(())
    }

    /// Fetches the next lease before the last one is spent.
    async fn ahead(&self, store: &dyn Store) {
        let _one = self.fetching.lock().await;
        let present = {
            let mut held = self.held.lock();
            let Some(held) = held.as_mut() else { return };
            // Whoever found nothing left may have been sooner; and what was given back may do for long.
            if !held.is_low() {
                held.is_asked = false;
                return;
            }
            *held
        };
        // Where the store cannot answer, whoever finds nothing left asks again and says so.
        let Ok(lease) = store.lease(self.key.clone(), present.quota, present.window).await else {
            return;
        };
        // It is the same one still: another takes its place only with `fetching`.
        if let Some(held) = &mut *self.held.lock() {
            held.add(lease);
        }
    }

    async fn return_rest(&self, store: &dyn Store) -> Result<(), StoreError> {
        let Some(held) = self.held.lock().take().filter(|held| held.left > 0) else {
            return Ok(());
        };
        store.give_back(self.key.clone(), held.window, held.left).await
    }

    fn look(&self, quota: Quota, window: impl Fn() -> Window, now: Timestamp) -> Look {
        let mut held = self.held.lock();
        match held.as_mut().filter(|held| held.is_of(quota, now)) {
            // A quota that was changed is counted anew at once, from what the store knows.
            None => Look::Fetch(window()),
            Some(held) if held.left > 0 => {
                let (debited, is_low) = held.debit();
                Look::Debited(debited, is_low)
            }
            Some(held) if held.is_out() => Look::Fetch(held.window),
            Some(held) => Look::Spent(held.window),
        }
    }
}
