//! How many tokens a client may get in an hour and in a day: counted in memory, out of leases that are
//! durable before any of them is spent. A crash costs at most what is held of each.

use std::sync::Arc;

use limit::{Period, Quota, Window};
use model::Timestamp;
use store::{Debited, Leased, NotDebited, Store, StoreError};
use tokio_util::task::TaskTracker;

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

    /// Debits one token of the quota of `limit`; errands to the store run in `tasks`.
    pub(crate) async fn debit(
        &self,
        limit: u64,
        store: &Arc<dyn Store>,
        tasks: &TaskTracker,
        now: Timestamp,
    ) -> Result<Debited, NotDebited> {
        // Only its limit counts; the period is the window's to say.
        let quota = Quota::new(limit, Period::Day, 0);
        let counted_over = (quota, || self.window(now));
        self.leased.debit(counted_over, store, |errand| drop(tasks.spawn(errand)), now).await
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
    use std::sync::atomic::{AtomicU64, Ordering};

    use testkit::MemStore;
    use tokio::task::JoinSet;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(500_000 * HOUR_MS + ms)
    }

    /// A quota of a client, its store, and whoever runs its errands.
    struct Bench {
        quota: Periodic,
        store: Arc<dyn Store>,
        tasks: TaskTracker,
    }

    impl Bench {
        fn new() -> Self {
            Self::of("car-orders", Arc::new(MemStore::new()))
        }

        fn of(client: &str, store: Arc<dyn Store>) -> Self {
            Self { quota: Periodic::new(client, "hour", HOUR_MS), store, tasks: TaskTracker::new() }
        }

        async fn debit(&self, limit: u64, now: Timestamp) -> Result<Debited, NotDebited> {
            self.quota.debit(limit, &self.store, &self.tasks, now).await
        }

        /// How many are leased, once every errand is done.
        async fn leased(&self) -> u64 {
            self.tasks.close();
            self.tasks.wait().await;
            self.tasks.reopen();
            let key = "token:car-orders:hour".to_owned();
            self.store.spent(key, self.quota.window(at(0))).await.unwrap()
        }
    }

    #[tokio::test]
    async fn of_a_quota_so_many_are_given_and_in_the_next_period_as_many_again() {
        let bench = Bench::new();
        for left in (0..250).rev() {
            assert_eq!(bench.debit(250, at(5)).await.unwrap().left, left);
        }
        let spent = bench.debit(250, at(HOUR_MS - 1)).await;
        let Err(NotDebited::Spent(window)) = spent else { panic!("{spent:?}") };
        assert_eq!((window.start_ms, window.end_ms), (at(0).ms(), at(HOUR_MS).ms()));
        assert_eq!(bench.debit(250, at(HOUR_MS)).await.unwrap().left, 249);
    }

    #[tokio::test]
    async fn what_is_given_back_can_be_spent_again_after_an_orderly_end() {
        let bench = Bench::new();
        let left = bench.debit(1000, at(0)).await.unwrap();
        bench.debit(1000, at(1)).await.unwrap();
        bench.quota.refund(left.window);
        bench.quota.give_back(&*bench.store).await.unwrap();
        let again = Bench::of("car-orders", Arc::clone(&bench.store));
        assert_eq!(again.debit(1000, at(2)).await.unwrap().left, 998);
        // Another client's is another one, and so is another period's.
        let other = Bench::of("car", Arc::clone(&bench.store));
        assert_eq!(other.debit(1000, at(2)).await.unwrap().left, 999);
    }

    #[tokio::test]
    async fn a_quota_that_is_raised_counts_what_was_spent() {
        let bench = Bench::new();
        bench.debit(1, at(0)).await.unwrap();
        assert!(bench.debit(1, at(0)).await.is_err());
        assert_eq!(bench.debit(3, at(0)).await.unwrap().left, 1);
    }

    #[tokio::test]
    async fn the_next_lease_is_there_in_time_and_no_more_is_held_than_a_crash_may_cost() {
        const QUOTA: u64 = 20_000;
        let bench = Bench::new();
        for spent in 1..=QUOTA {
            let left = QUOTA - spent;
            assert_eq!(bench.debit(QUOTA, at(0)).await.unwrap().left, left);
            let held = bench.leased().await - spent;
            // What was left before this lease was taken is a little more than now.
            assert!(held <= (left + 1000) / 100, "{held} are held at {spent}");
            assert!(held > 0 || left < 500, "who comes next at {spent} waits");
        }
        assert!(matches!(bench.debit(QUOTA, at(1)).await, Err(NotDebited::Spent(_))));
        assert_eq!(bench.leased().await, QUOTA);
    }

    #[tokio::test]
    async fn of_a_small_quota_a_crash_costs_nothing() {
        let bench = Bench::new();
        for spent in 1..=10 {
            bench.debit(10, at(0)).await.unwrap();
            assert_eq!(bench.leased().await, spent);
        }
    }

    #[tokio::test]
    async fn what_was_fetched_ahead_is_given_back_too() {
        let bench = Bench::new();
        for _ in 0..150 {
            bench.debit(20_000, at(0)).await.unwrap();
        }
        assert_eq!(bench.leased().await, 318, "two leases, of 160 and of 158");
        bench.quota.give_back(&*bench.store).await.unwrap();
        assert_eq!(bench.leased().await, 150);
    }

    #[tokio::test]
    async fn who_goes_away_while_a_lease_is_fetched_takes_nothing_along() {
        let bench = Bench::new();
        let mut gone = Box::pin(bench.debit(20_000, at(0)));
        tokio::select! {
            biased;
            debited = &mut gone => panic!("nothing was leased: {debited:?}"),
            () = std::future::ready(()) => {}
        }
        drop(gone);
        assert_eq!(bench.leased().await, 160);
        assert_eq!(bench.debit(20_000, at(0)).await.unwrap().left, 19_999);
        assert_eq!(bench.leased().await, 160, "that lease is spent, and no other");
    }

    #[tokio::test]
    async fn who_waited_for_a_lease_has_the_next_one_fetched_too() {
        let bench = Arc::new(Bench::new());
        let mut callers = JoinSet::new();
        // As many as leave less than a quarter of the first lease.
        for _ in 0..130 {
            let bench = Arc::clone(&bench);
            callers.spawn(async move { bench.debit(20_000, at(0)).await.unwrap() });
        }
        callers.join_all().await;
        assert_eq!(bench.leased().await, 318);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_at_a_time_get_as_many_as_the_quota_has() {
        const QUOTA: u64 = 30_000;
        let (bench, given) = (Arc::new(Bench::new()), Arc::new(AtomicU64::new(0)));
        let mut callers = JoinSet::new();
        for number in 0..8 {
            let (bench, given) = (Arc::clone(&bench), Arc::clone(&given));
            callers.spawn(async move {
                let mut refunds = 0;
                while let Ok(debited) = bench.debit(QUOTA, at(0)).await {
                    given.fetch_add(1, Ordering::Relaxed);
                    if number == 0 && debited.left % 50 == 0 {
                        bench.quota.give_back(&*bench.store).await.unwrap();
                    }
                    if number == 1 && debited.left % 70 == 0 && refunds < 100 {
                        refunds += 1;
                        given.fetch_sub(1, Ordering::Relaxed);
                        bench.quota.refund(debited.window);
                    }
                }
            });
        }
        callers.join_all().await;
        assert_eq!(bench.leased().await, QUOTA);
        let given = given.load(Ordering::Relaxed);
        // A refund is lost while the next lease is fetched and there is nowhere to put it.
        assert!(given <= QUOTA && given > QUOTA - 50, "{given}");
    }
}
