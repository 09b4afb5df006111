//! How many tokens a client may get in an hour and in a day: counted in memory, out of leases that are
//! durable before any of them is spent. A crash costs at most what is held of each.

use limit::{Period, Quota, Window};
use model::Timestamp;
use store::{Debited, Leased, NotDebited, Store, StoreError};

/// A quota of one period and of one client.
pub(crate) struct Periodic {
    leased: Leased,
    length_ms: i64,
}

impl Periodic {
    /// Without a lease, for the client and periods of that length, which begin with 1970 (UTC).
    pub(crate) fn new(client: &str, period: &str, length_ms: i64) -> Self {
        // No API key's name, for those have a `/` and no `:`.
        Self { leased: Leased::new(format!("token:{client}:{period}")), length_ms }
    }

    /// Debits one token of the quota of `limit`.
    pub(crate) async fn debit(
        &self,
        limit: u64,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Debited, NotDebited> {
        // Only its limit counts; the period is the window's to say.
        let quota = Quota::new(limit, Period::Day, 0);
        self.leased.debit(quota, || self.window(now), store, now).await
    }

    /// Fetches the next lease, when a debit said that it is time.
    pub(crate) async fn ahead(&self, store: &dyn Store) {
        self.leased.ahead(store).await;
    }

    /// Gives one token back: the request was refused after all.
    pub(crate) fn refund(&self, window: Window) {
        self.leased.refund(window);
    }

    /// Gives the rest of the lease back to the store.
    pub(crate) async fn give_back(&self, store: &dyn Store) -> Result<(), StoreError> {
        self.leased.give_back(store).await
    }

    fn window(&self, now: Timestamp) -> Window {
        let start_ms = now.ms().div_euclid(self.length_ms) * self.length_ms;
        Window { start_ms, end_ms: start_ms + self.length_ms }
    }
}

#[cfg(test)]
mod tests {
    use store::Usage as _;
    use testkit::MemStore;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(500_000 * HOUR_MS + ms)
    }

    #[tokio::test]
    async fn of_a_quota_so_many_are_given_and_in_the_next_period_as_many_again() {
        let store = MemStore::new();
        let quota = Periodic::new("car-orders", "hour", HOUR_MS);
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
        let quota = Periodic::new("car-orders", "hour", HOUR_MS);
        let left = quota.debit(1000, &store, at(0)).await.unwrap();
        quota.debit(1000, &store, at(1)).await.unwrap();
        quota.refund(left.window);
        quota.give_back(&store).await.unwrap();
        let again = Periodic::new("car-orders", "hour", HOUR_MS);
        assert_eq!(again.debit(1000, &store, at(2)).await.unwrap().left, 998);
        // Another client's is another one, and so is another period's.
        let other = Periodic::new("car", "hour", HOUR_MS);
        assert_eq!(other.debit(1000, &store, at(2)).await.unwrap().left, 999);
    }

    #[tokio::test]
    async fn a_quota_that_is_raised_counts_what_was_spent() {
        let store = MemStore::new();
        let quota = Periodic::new("car-orders", "hour", HOUR_MS);
        quota.debit(1, &store, at(0)).await.unwrap();
        assert!(quota.debit(1, &store, at(0)).await.is_err());
        assert_eq!(quota.debit(3, &store, at(0)).await.unwrap().left, 1);
    }

    #[tokio::test]
    async fn the_next_lease_is_there_in_time_and_no_more_is_held_than_a_crash_may_cost() {
        const QUOTA: u64 = 20_000;
        let store = MemStore::new();
        let quota = Periodic::new("car-orders", "hour", HOUR_MS);
        let key = || "token:car-orders:hour".to_owned();
        for spent in 1..=QUOTA {
            let debited = quota.debit(QUOTA, &store, at(0)).await.unwrap();
            assert_eq!(debited.left, QUOTA - spent);
            let known = store.spent(key(), debited.window).await.unwrap();
            if debited.is_low {
                quota.ahead(&store).await;
                // Somebody else who was told so too.
                quota.ahead(&store).await;
                let ahead = store.spent(key(), debited.window).await.unwrap();
                assert!(ahead > known, "nothing was fetched at {spent}");
                let cost = (QUOTA - spent).div_ceil(100).min(1000);
                assert!(ahead - spent <= cost.max(1), "{} are held at {spent}", ahead - spent);
            } else if spent > 1 {
                assert!(known > spent || debited.left == 0, "nothing was left at {spent}");
            }
        }
        assert!(matches!(quota.debit(QUOTA, &store, at(1)).await, Err(NotDebited::Spent(_))));
        assert_eq!(store.spent(key(), quota.window(at(0))).await, Ok(QUOTA));
    }

    #[tokio::test]
    async fn what_was_fetched_ahead_is_given_back_too_and_one_who_fetches_has_no_second() {
        let store = MemStore::new();
        let quota = Periodic::new("car-orders", "hour", HOUR_MS);
        let key = || "token:car-orders:hour".to_owned();
        let mut low = 0;
        let debited = loop {
            let debited = quota.debit(20_000, &store, at(0)).await.unwrap();
            low += u32::from(debited.is_low);
            if debited.left == 20_000 - 150 {
                break debited;
            }
        };
        assert_eq!(low, 1, "the first lease has 160, and one is told to fetch the next");
        quota.ahead(&store).await;
        let known = store.spent(key(), debited.window).await.unwrap();
        assert!(known > 300, "two leases: {known}");
        quota.give_back(&store).await.unwrap();
        assert_eq!(store.spent(key(), debited.window).await, Ok(150));
    }
}
