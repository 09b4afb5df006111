//! Quotas: leases debited up front. Usage: what was counted of requests that are over.

use std::collections::BTreeMap;

use limit::{Quota, Window};
use model::{Grain, Timestamp, UsageBy, UsageCounts, UsageKey};
use store::{Answer, Lease, Usage, UsageQuery, UsageRow};

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

/// By grain, beginning of the period and key.
#[derive(Default)]
pub(super) struct Counted(BTreeMap<(Grain, Timestamp, UsageKey), UsageCounts>);

impl Counted {
    fn record(&mut self, rows: &[UsageRow]) {
        for row in rows {
            for grain in Grain::ALL {
                let place = (grain, grain.start(row.start), row.key.clone());
                self.0.entry(place).or_default().merge(&row.counts);
            }
        }
    }

    fn find(&self, query: &UsageQuery) -> Vec<UsageRow> {
        let from = query.grain.start(query.from);
        let mut groups: BTreeMap<(Timestamp, UsageKey), UsageCounts> = BTreeMap::new();
        for ((grain, start, key), counts) in &self.0 {
            let in_time = *grain == query.grain && *start >= from && *start < query.until;
            let fits =
                |(by, text): (UsageBy, &str)| key.part(by).is_some_and(|part| **part == *text);
            if in_time && query.only.parts().all(fits) {
                let start = if query.by.contains(&UsageBy::Period) { *start } else { from };
                groups.entry((start, key.only(&query.by))).or_default().merge(counts);
            }
        }
        let behind =
            |place: &(Timestamp, UsageKey)| query.after.as_ref().is_none_or(|after| place > after);
        let rows = groups.into_iter().filter(|(place, _)| behind(place)).take(query.limit);
        rows.map(|((start, key), counts)| UsageRow { start, key, counts }).collect()
    }

    fn trim(&mut self, now: Timestamp) -> u64 {
        let before = self.0.len();
        self.0.retain(|(grain, start, _), _| {
            grain.kept_from(now).is_none_or(|kept_from| *start >= kept_from)
        });
        (before - self.0.len()) as u64
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

    fn record_usage(&self, rows: Vec<UsageRow>) -> Answer<'_, ()> {
        self.call(move |tables| {
            tables.counted.record(&rows);
            Ok(())
        })
    }

    fn usage(&self, query: UsageQuery) -> Answer<'_, Vec<UsageRow>> {
        self.call(move |tables| Ok(tables.counted.find(&query)))
    }

    fn trim_usage(&self, now: Timestamp) -> Answer<'_, u64> {
        self.call(move |tables| Ok(tables.counted.trim(now)))
    }
}
