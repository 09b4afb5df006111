//! Quotas: leases of requests, debited up front.

use limit::{Quota, Window};

use crate::Answer;

/// Requests that may be admitted without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// How many; 0 when the period's quota is spent.
    pub granted: u64,
    /// How many are left in the period beyond this lease.
    pub beyond: u64,
}

/// Counts against quotas.
pub trait Usage: Send + Sync {
    /// Takes a lease out of a key's quota; durable when it answers, so that a crash can cost the
    /// key at most one lease and never admits more than the quota.
    fn lease(&self, key: String, quota: Quota, window: Window) -> Answer<'_, Lease>;

    /// Gives unspent requests of a lease back, at an orderly end.
    fn give_back(&self, key: String, window: Window, unspent: u64) -> Answer<'_, ()>;

    /// How many requests of the period are spent or leased.
    fn spent(&self, key: String, window: Window) -> Answer<'_, u64>;
}
