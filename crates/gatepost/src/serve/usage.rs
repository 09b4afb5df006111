//! Usage: what the gateway counted is kept each second and at the end, and what is past its grain's
//! time is dropped each hour (`keeping.rs`). What the store did not take waits and is added up.

use std::collections::BTreeMap;
use std::sync::Arc;

use gateway::UsageBook;
use model::{Grain, Timestamp, UsageCounts, UsageKey};
use store::{StoreError, UsageRow};

use super::Parts;
use super::keeping::{Gathered, PIECE, TRIMS_MAX};
use super::retention::drop_pieces;

/// Rows that may wait for a store that refuses; what comes under other keys then is added up by hours.
const WAITING_MAX: usize = 50_000;

/// What the gateway counted.
pub(super) struct Counted {
    book: Arc<UsageBook>,
    waiting: Waiting,
    /// How many requests had lost their key when that was told last.
    folded: u64,
}

impl Counted {
    /// What is counted in this book from now on.
    pub(super) fn of(book: Arc<UsageBook>) -> Self {
        Self { book, waiting: Waiting::default(), folded: 0 }
    }

    /// Tells how many requests have lost their key since that was told last.
    fn tell_folded(&mut self) {
        let folded = self.book.folded().saturating_add(self.waiting.folded);
        let requests = folded.saturating_sub(self.folded);
        if requests > 0 {
            tracing::warn!(
                requests,
                "there are too many routes, clients and keys in use at once to count each by \
                 itself; these requests are in the usage as `{}`",
                UsageKey::OTHERS
            );
        }
        self.folded = folded;
    }
}

impl Gathered for Counted {
    const NAME: &'static str = "usage";

    async fn keep(&mut self, parts: &Parts) -> Result<(), StoreError> {
        self.waiting.add(self.book.drain());
        loop {
            let piece = self.waiting.take(PIECE);
            if piece.is_empty() {
                return Ok(());
            }
            if let Err(error) = parts.store.record_usage(piece.clone()).await {
                self.waiting.add(piece);
                return Err(error);
            }
        }
    }

    async fn trim(&mut self, parts: &Parts, now: Timestamp) {
        let store = &*parts.store;
        let dropped = drop_pieces(parts, TRIMS_MAX, || store.trim_usage(now)).await;
        if let Err(error) = dropped {
            tracing::error!(%error, "usage that is past its time could not be dropped");
        }
        self.tell_folded();
    }

    fn tell_lost(&self, error: &StoreError) {
        let requests = self.waiting.requests();
        tracing::error!(%error, requests, "the usage of the last requests is lost");
    }
}

/// What was counted and is not kept yet, added up by minute and key.
#[derive(Default)]
struct Waiting {
    rows: BTreeMap<(Timestamp, UsageKey), UsageCounts>,
    /// Requests that lost their key and minute because too much waited.
    folded: u64,
}

impl Waiting {
    fn add(&mut self, rows: Vec<UsageRow>) {
        for UsageRow { start, key, counts } in rows {
            let mut place = (start, key);
            if self.rows.len() >= WAITING_MAX && !self.rows.contains_key(&place) {
                place = (Grain::Hour.start(start), UsageKey::others());
                self.folded = self.folded.saturating_add(counts.requests());
            }
            self.rows.entry(place).or_default().merge(&counts);
        }
    }

    /// Takes out the oldest rows.
    fn take(&mut self, most: usize) -> Vec<UsageRow> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(((start, key), counts)) = self.rows.pop_first()
        {
            taken.push(UsageRow { start, key, counts });
        }
        taken
    }

    fn requests(&self) -> u64 {
        self.rows.values().fold(0, |sum, counts| sum.saturating_add(counts.requests()))
    }
}

#[cfg(test)]
mod tests {
    use model::{AnsweredBy, UsageSample};

    use super::*;

    fn row(start_ms: i64, partner: &str) -> UsageRow {
        let mut counts = UsageCounts::default();
        counts.count(&UsageSample {
            status: 200,
            answered_by: AnsweredBy::Service,
            bytes_in: 0,
            bytes_out: 0,
            took_us: 1,
            upstream_us: 0,
        });
        let key = UsageKey { partner: partner.into(), ..UsageKey::default() };
        UsageRow { start: Timestamp::from_ms(start_ms), key, counts }
    }

    #[test]
    fn rows_of_one_key_and_minute_wait_as_one_and_leave_in_order() {
        let mut waiting = Waiting::default();
        waiting.add(vec![row(60_000, "b"), row(0, "b"), row(60_000, "b"), row(60_000, "a")]);
        let first = waiting.take(2);
        let rest = waiting.take(2);
        let shown = |rows: Vec<UsageRow>| -> Vec<_> {
            let row = |row: UsageRow| {
                (row.start.ms(), row.key.partner.to_string(), row.counts.requests())
            };
            rows.into_iter().map(row).collect()
        };
        assert_eq!(shown(first), [(0, "b".to_owned(), 1), (60_000, "a".to_owned(), 1)]);
        assert_eq!(shown(rest), [(60_000, "b".to_owned(), 2)]);
        assert!(waiting.take(2).is_empty());
    }

    #[test]
    fn what_waits_has_a_bound_and_no_request_is_lost_by_it() {
        let mut waiting = Waiting::default();
        let all = WAITING_MAX as u64 + 20;
        for number in 0..all {
            waiting.add(vec![row(7_200_000, &number.to_string())]);
        }
        waiting.add(vec![row(7_200_000, "0")]);
        assert_eq!(waiting.rows.len(), WAITING_MAX + 1);
        assert_eq!((waiting.requests(), waiting.folded), (all + 1, 20));
    }
}
