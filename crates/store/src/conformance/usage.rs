//! What holds of quotas, told as claims.

use limit::{Quota, Window};

use super::Bench;

/// Leases never add up to more than the quota, and the period's end is exact.
pub async fn leases_never_exceed_the_quota<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let quota = Quota::parse("250/day").expect("a quota");
    let window = Window { start_ms: 0, end_ms: 86_400_000 };
    let key = || "key".to_owned();
    let first = store.lease(key(), quota, window).await.expect("a lease");
    assert_eq!((first.granted, first.beyond), (2, 248));
    store.give_back(key(), window, 1).await.expect("given back");
    drop(store);
    let store = bench.open().await;
    let mut granted = 1;
    loop {
        let lease = store.lease(key(), quota, window).await.expect("a lease");
        granted += lease.granted;
        if lease.granted == 0 {
            break;
        }
    }
    assert_eq!(granted, 250);
    assert_eq!(store.spent(key(), window).await, Ok(250));
    let next = Window { start_ms: 86_400_000, end_ms: 172_800_000 };
    assert_eq!(store.lease(key(), quota, next).await.expect("a lease").granted, 2);
}
