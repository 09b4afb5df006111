//! How many tokens a client may get in an hour and in a day: counted in memory, out of leases that are
//! durable before any of them is spent. A crash costs at most what is left of one lease of each.

use limit::{Period, Quota, Window};
use model::Timestamp;
use parking_lot::Mutex;
use store::{Lease, Store, StoreError};

/// A quota of one period and of one client.
pub(crate) struct Leased {
    /// Its name in the store; no API key's, for those have a `/` and no `:`.
    key: String,
    length_ms: i64,
    held: Mutex<Option<Held>>,
    /// One lease is fetched at a time; the others wait for it.
    fetching: tokio::sync::Mutex<()>,
}

/// What is left of a lease.
#[derive(Debug, Clone, Copy)]
struct Held {
    limit: u64,
    window: Window,
    left: u64,
    beyond: u64,
}

/// What one look at the held lease says.
enum Look {
    Debited(Left),
    Spent(Window),
    Fetch(Window),
}

/// What is left after a debit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) left: u64,
    pub(crate) window: Window,
}

/// Why nothing was debited.
#[derive(Debug)]
pub(crate) enum NotDebited {
    /// The period's quota is spent.
    Spent(Window),
    /// Nobody knows.
    Store(StoreError),
}

impl Leased {
    /// Without a lease, for the client and periods of that length, which begin with 1970 (UTC).
    pub(crate) fn new(client: &str, period: &str, length_ms: i64) -> Self {
        Self {
            key: format!("token:{client}:{period}"),
            length_ms,
            held: Mutex::new(None),
            fetching: tokio::sync::Mutex::new(()),
        }
    }

    /// Debits one token of the quota of `limit`.
    pub(crate) async fn debit(
        &self,
        limit: u64,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Left, NotDebited> {
        loop {
            match self.look(limit, now) {
                Look::Debited(left) => return Ok(left),
                Look::Spent(window) => return Err(NotDebited::Spent(window)),
                Look::Fetch(_) => {}
            }
            let _one = self.fetching.lock().await;
            // Somebody else may have fetched it meanwhile.
            let window = match self.look(limit, now) {
                Look::Debited(left) => return Ok(left),
                Look::Spent(window) => return Err(NotDebited::Spent(window)),
                Look::Fetch(window) => window,
            };
            // What is left of another quota's lease, or of the last period's, goes back first.
            self.give_back(store).await.map_err(NotDebited::Store)?;
            // A lease is as large as a hundredth of what is left; the period is the window's to say.
            let quota = Quota::new(limit, Period::Day, 0);
            let lease = store.lease(self.key.clone(), quota, window).await;
            let Lease { granted, beyond } = lease.map_err(NotDebited::Store)?;
            *self.held.lock() = Some(Held { limit, window, left: granted, beyond });
        }
    }

    /// Gives one token back: the request was refused after all.
    pub(crate) fn refund(&self, window: Window) {
        if let Some(held) = self.held.lock().as_mut().filter(|held| held.window == window) {
            held.left += 1;
        }
    }

    /// Gives the rest of the lease back to the store.
    pub(crate) async fn give_back(&self, store: &dyn Store) -> Result<(), StoreError> {
        let Some(held) = self.held.lock().take().filter(|held| held.left > 0) else {
            return Ok(());
        };
        store.give_back(self.key.clone(), held.window, held.left).await
    }

    fn look(&self, limit: u64, now: Timestamp) -> Look {
        let mut held = self.held.lock();
        match &mut *held {
            // A quota that was changed is counted anew at once, from what the store knows.
            Some(held)
                if held.limit == limit
                    && now.ms() >= held.window.start_ms
                    && now.ms() < held.window.end_ms =>
            {
                if held.left > 0 {
                    held.left -= 1;
                    Look::Debited(Left { left: held.left + held.beyond, window: held.window })
                } else if held.beyond == 0 {
                    Look::Spent(held.window)
                } else {
                    Look::Fetch(held.window)
                }
            }
            _ => Look::Fetch(self.window(now)),
        }
    }

    fn window(&self, now: Timestamp) -> Window {
        let start_ms = now.ms().div_euclid(self.length_ms) * self.length_ms;
        Window { start_ms, end_ms: start_ms + self.length_ms }
    }
}

#[cfg(test)]
mod tests {
    use testkit::MemStore;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(500_000 * HOUR_MS + ms)
    }

    #[tokio::test]
    async fn of_a_quota_so_many_are_given_and_in_the_next_period_as_many_again() {
        let store = MemStore::new();
        let quota = Leased::new("car-orders", "hour", HOUR_MS);
        for left in (0..250).rev() {
            assert_eq!(quota.debit(250, &store, at(5)).await.unwrap().left, left);
        }
        let spent = quota.debit(250, &store, at(HOUR_MS - 1)).await;
        let Err(NotDebited::Spent(window)) = spent else { panic!("{spent:?}") };
        assert_eq!((window.start_ms, window.end_ms), (at(0).ms(), at(HOUR_MS).ms()));
        assert_eq!(quota.debit(250, &store, at(HOUR_MS)).await.unwrap().left, 249);
    }

    #[tokio::test]
    async fn what_is_given_back_can_be_spent_again_after_an_orderly_end() {
        let store = MemStore::new();
        let quota = Leased::new("car-orders", "hour", HOUR_MS);
        let left = quota.debit(1000, &store, at(0)).await.unwrap();
        quota.debit(1000, &store, at(1)).await.unwrap();
        quota.refund(left.window);
        quota.give_back(&store).await.unwrap();
        let again = Leased::new("car-orders", "hour", HOUR_MS);
        assert_eq!(again.debit(1000, &store, at(2)).await.unwrap().left, 998);
        // Another client's is another one, and so is another period's.
        let other = Leased::new("car", "hour", HOUR_MS);
        assert_eq!(other.debit(1000, &store, at(2)).await.unwrap().left, 999);
    }

    #[tokio::test]
    async fn a_quota_that_is_raised_counts_what_was_spent() {
        let store = MemStore::new();
        let quota = Leased::new("car-orders", "hour", HOUR_MS);
        quota.debit(1, &store, at(0)).await.unwrap();
        assert!(quota.debit(1, &store, at(0)).await.is_err());
        assert_eq!(quota.debit(3, &store, at(0)).await.unwrap().left, 1);
    }
}
