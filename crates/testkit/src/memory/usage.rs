//! Quotas: leases debited up front.

use std::collections::BTreeMap;

use limit::{Quota, Window};
use store::{Answer, Lease, Usage};

use super::MemStore;

/// By key and first millisecond of the period: its end, and what is spent or leased.
#[derive(Default)]
pub(super) struct Quotas(BTreeMap<(String, i64), (i64, u64)>);

impl Quotas {
    fn leased(&self, key: &str, window: Window) -> u64 {
        self.0.get(&(key.to_owned(), window.start_ms)).map_or(0, |(_, leased)| *leased)
    }

    fn set(&mut self, key: &str, window: Window, leased: u64) {
        self.0.insert((key.to_owned(), window.start_ms), (window.end_ms, leased));
        self.0.retain(|(other, _), (end_ms, _)| other != key || *end_ms >= window.start_ms);
    }
}

impl Usage for MemStore {
    fn lease(&self, key: String, quota: Quota, window: Window) -> Answer<'_, Lease> {
        self.call(move |tables| {
            let leased = tables.usage.leased(&key, window);
            let remaining = quota.limit().saturating_sub(leased);
            let granted = Quota::lease(remaining);
            if granted > 0 {
                tables.usage.set(&key, window, leased + granted);
            }
            Ok(Lease { granted, beyond: remaining - granted })
        })
    }

    fn give_back(&self, key: String, window: Window, unspent: u64) -> Answer<'_, ()> {
        self.call(move |tables| {
            let leased = tables.usage.leased(&key, window);
            tables.usage.set(&key, window, leased.saturating_sub(unspent));
            Ok(())
        })
    }

    fn spent(&self, key: String, window: Window) -> Answer<'_, u64> {
        self.call(move |tables| Ok(tables.usage.leased(&key, window)))
    }
}
