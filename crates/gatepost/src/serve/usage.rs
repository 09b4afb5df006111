//! Usage: what the gateway counted is kept each second and at the end, and what is past its grain's
//! time is dropped each hour.
//!
//! A kill costs what was counted since the last second. A store that refuses costs nothing: what it
//! did not take waits here and is added up, within a bound.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gateway::UsageBook;
use model::{Clock as _, Grain, Timestamp, UsageCounts, UsageKey};
use store::{StoreError, UsageRow};
use tokio_util::sync::CancellationToken;

use super::{Parts, Task, ended, tokio_task};

/// How often what was counted is kept: this much is lost when the process is killed.
const EVERY: Duration = Duration::from_secs(1);
/// Rows of one write. The writer has leases of quotas to write too, and they wait behind it.
const PIECE: usize = 500;
/// Rows that may wait for a store that refuses; what comes under other keys then is added up by hours.
const WAITING_MAX: usize = 50_000;
/// How often what is past its time is dropped.
const TRIM_EVERY_MS: i64 = 3_600_000;
/// Pieces of one dropping: what is more waits for the next hour.
const TRIMS_MAX: usize = 1000;
/// How often the last of it is tried to be kept, and how long is waited in between.
const LAST_TRIES: u32 = 5;
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// The task that keeps what is counted.
pub(super) struct Keeping {
    task: Task,
    no_more: CancellationToken,
}

impl Keeping {
    /// Begins to keep what the gateway tells.
    pub(super) fn begin(parts: &Parts) -> Self {
        let no_more = CancellationToken::new();
        let keeping = run(parts.clone(), parts.telemetry.usage(), no_more.clone());
        Self { task: tokio_task(parts, keeping), no_more }
    }

    /// Keeps the last of it; for when no request is under way any more.
    pub(super) async fn end(self) {
        self.no_more.cancel();
        ended(self.task.await);
    }
}

/// Keeps what is counted until there are no more requests, and then the last of it.
async fn run(parts: Parts, book: Arc<UsageBook>, no_more: CancellationToken) {
    let mut waiting = Waiting::default();
    let mut trimmed_at: Option<Timestamp> = None;
    let mut folded = 0;
    let mut refused = false;
    while !no_more.is_cancelled() {
        let kept = keep(&parts, &book, &mut waiting).await;
        tell(kept.as_ref().err(), &mut refused);
        let now = parts.clock.now();
        // The machine's clock may have been put back.
        if trimmed_at.is_none_or(|at| now.since_ms(at).saturating_abs() >= TRIM_EVERY_MS) {
            trim(&parts, now).await;
            tell_folded(book.folded().saturating_add(waiting.folded), &mut folded);
            trimmed_at = Some(now);
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = no_more.cancelled() => {}
        }
    }
    keep_the_last(&parts, &book, &mut waiting).await;
}

/// Hands everything over, piece by piece; what was not taken waits.
async fn keep(parts: &Parts, book: &UsageBook, waiting: &mut Waiting) -> Result<(), StoreError> {
    waiting.add(book.drain());
    loop {
        let piece = waiting.take(PIECE);
        if piece.is_empty() {
            return Ok(());
        }
        if let Err(error) = parts.store.record_usage(piece.clone()).await {
            waiting.add(piece);
            return Err(error);
        }
    }
}

async fn keep_the_last(parts: &Parts, book: &UsageBook, waiting: &mut Waiting) {
    for left in (0..LAST_TRIES).rev() {
        match keep(parts, book, waiting).await {
            Ok(()) => return,
            Err(error) if left == 0 => {
                let requests = waiting.requests();
                tracing::error!(%error, requests, "the usage of the last requests is lost");
            }
            Err(_) => tokio::time::sleep(LAST_PAUSE).await,
        }
    }
}

/// Tells when the store begins to refuse, and when it takes again.
fn tell(error: Option<&StoreError>, refused: &mut bool) {
    match error {
        Some(error) if !*refused => {
            tracing::error!(%error, "usage cannot be kept; it waits, and is lost at a kill");
        }
        None if *refused => tracing::info!("usage is kept again"),
        _ => {}
    }
    *refused = error.is_some();
}

fn tell_folded(folded: u64, before: &mut u64) {
    let requests = folded.saturating_sub(*before);
    if requests > 0 {
        tracing::warn!(
            requests,
            "there are too many routes, clients and keys in use at once to count each by itself; \
             these requests are in the usage as `{}`",
            UsageKey::OTHERS
        );
    }
    *before = folded;
}

async fn trim(parts: &Parts, now: Timestamp) {
    for _ in 0..TRIMS_MAX {
        match parts.store.trim_usage(now).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "usage that is past its time could not be dropped");
                return;
            }
        }
        if parts.stop.is_cancelled() {
            return;
        }
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
