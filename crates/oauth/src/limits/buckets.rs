//! Token buckets by key, of which so many are remembered, and what of an address is a key.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use limit::{Bucket, Limit, Taken};
use parking_lot::Mutex;

/// Addresses, and pairs of an address and a client, that are remembered of each kind.
pub(crate) const KEPT_MAX: usize = 8192;

/// Whoever has an IPv6 address has its whole /64.
pub(crate) fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A bucket for each of some keys, of which so many are remembered.
pub(crate) struct Buckets<K>(pub(crate) Mutex<HashMap<K, Bucket>>);

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn take(&self, key: K, limit: Limit, ticks_ns: u64) -> Result<Taken, Duration> {
        let mut buckets = self.0.lock();
        if buckets.len() >= KEPT_MAX && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| !bucket.is_full(ticks_ns));
            if buckets.len() >= KEPT_MAX {
                buckets.clear();
            }
        }
        buckets.entry(key).or_default().take(limit, ticks_ns)
    }

    /// How long until there is a permit; what is not remembered has all of them.
    pub(crate) fn wait(&self, key: &K, limit: Limit, ticks_ns: u64) -> Duration {
        let buckets = self.0.lock();
        buckets.get(key).map_or(Duration::ZERO, |bucket| bucket.wait(limit, ticks_ns))
    }
}
