//! Quotas: leases of requests, debited up front. And what was counted of requests that are over, for
//! people who watch and for people who bill.

use limit::{Quota, Window};
use model::{Grain, Timestamp, UsageBy, UsageCounts, UsageKey};

use crate::Answer;

/// Requests that may be admitted without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// How many; 0 when the period's quota is spent.
    pub granted: u64,
    /// How many are left in the period beyond this lease.
    pub beyond: u64,
}

/// What was counted under a key in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// When: any moment of the period of what is recorded, the period's beginning of what is read. Of
    /// a row over several periods it is the first one's, whether or not anything was counted there.
    pub start: Timestamp,
    /// Under what.
    pub key: UsageKey,
    /// How much.
    pub counts: UsageCounts,
}

/// Which keys are asked for: those that have each of these texts as their part; an empty text asks
/// for those that have none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageOnly {
    /// Of this partner.
    pub partner: Option<String>,
    /// Of this client.
    pub client: Option<String>,
    /// Of this API key.
    pub api_key: Option<String>,
    /// Of this API.
    pub api: Option<String>,
    /// Of this route.
    pub route: Option<String>,
}

impl UsageOnly {
    /// Each part that is asked for, and what it is to be.
    pub fn parts(&self) -> impl Iterator<Item = (UsageBy, &str)> {
        let parts = [
            (UsageBy::Partner, &self.partner),
            (UsageBy::Client, &self.client),
            (UsageBy::ApiKey, &self.api_key),
            (UsageBy::Api, &self.api),
            (UsageBy::Route, &self.route),
        ];
        parts.into_iter().filter_map(|(by, text)| Some((by, text.as_deref()?)))
    }
}

/// A question about usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageQuery {
    /// From the period that holds this moment on.
    pub from: Timestamp,
    /// Up to the last period that begins before this moment.
    pub until: Timestamp,
    /// Counted in these periods. What is not kept so finely any more is not found.
    pub grain: Grain,
    /// Which keys.
    pub only: UsageOnly,
    /// What is told apart; everything else is added up.
    pub by: Vec<UsageBy>,
    /// Only rows behind this place, which is the start and key of a row that was read before with the
    /// same question.
    pub after: Option<(Timestamp, UsageKey)>,
    /// At most so many rows.
    pub limit: usize,
}

/// Counts against quotas, and of what was done.
pub trait Usage: Send + Sync {
    /// Takes a lease out of a key's quota; durable when it answers, so that a crash can cost the
    /// key at most what is leased and never admits more than the quota.
    fn lease(&self, key: String, quota: Quota, window: Window) -> Answer<'_, Lease>;

    /// Gives unspent requests of a lease back, at an orderly end.
    fn give_back(&self, key: String, window: Window, unspent: u64) -> Answer<'_, ()>;

    /// How many requests of the period are spent or leased.
    fn spent(&self, key: String, window: Window) -> Answer<'_, u64>;

    /// Adds to what was counted in the minute, the hour and the day of each row, all rows or none;
    /// durable when it answers. What the caller had not handed over yet is what a crash loses.
    /// Handing the same rows over again counts them again.
    fn record_usage(&self, rows: Vec<UsageRow>) -> Answer<'_, ()>;

    /// What was counted, ordered by start and key.
    fn usage(&self, query: UsageQuery) -> Answer<'_, Vec<UsageRow>>;

    /// Drops a piece of what is past its grain's time, the oldest first; how many rows, 0 when there
    /// is nothing more to drop.
    fn trim_usage(&self, now: Timestamp) -> Answer<'_, u64>;
}
