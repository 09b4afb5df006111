//! The audit of tokens: what the token endpoint answered is kept each second, or sooner where much
//! waits, and at the end; what is past its time (`tokens.audit_keep`) is dropped each hour.
//!
//! A kill costs what was answered since the last second. A store that refuses costs nothing: what it
//! did not take waits here, within a bound.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use model::{Clock as _, Definitions, Timestamp};
use oauth::AuditBook;
use store::{StoreError, TokenEntry};
use tokio_util::sync::CancellationToken;

use super::{Parts, Task, ended, tokio_task};

/// How often what was answered is kept: this much is lost when the process is killed.
const EVERY: Duration = Duration::from_secs(1);
/// Entries of one write. The writer has leases of quotas to write too, and they wait behind it.
const PIECE: usize = 500;
/// Entries that may wait here for a store that refuses; as many more wait in the book.
const WAITING_MAX: usize = 50_000;
/// How often what is past its time is dropped.
const TRIM_EVERY_MS: i64 = 3_600_000;
/// Pieces of one dropping: what is more waits for the next hour.
const TRIMS_MAX: usize = 1000;
/// How often the last of it is tried to be kept, and how long is waited in between.
const LAST_TRIES: u32 = 5;
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// The task that keeps who got which token.
pub(super) struct Keeping {
    task: Task,
    no_more: CancellationToken,
}

impl Keeping {
    /// Begins to keep what the token endpoint tells.
    pub(super) fn begin(parts: &Parts, definitions: Arc<ArcSwap<Definitions>>) -> Self {
        let no_more = CancellationToken::new();
        let keeping = run(parts.clone(), definitions, no_more.clone());
        Self { task: tokio_task(parts, keeping), no_more }
    }

    /// Keeps the last of it; for when no request is under way any more.
    pub(super) async fn end(self) {
        self.no_more.cancel();
        ended(self.task.await);
    }
}

/// Tells of what was answered after the store was closed: it stands in the log's lines only.
pub(super) fn tell_of_the_rest(book: &AuditBook) {
    let entries = book.drain().len();
    if entries > 0 {
        tracing::warn!(entries, "the last token requests are not in the audit of tokens");
    }
}

async fn run(parts: Parts, definitions: Arc<ArcSwap<Definitions>>, no_more: CancellationToken) {
    let book = parts.telemetry.token_audit();
    let mut waiting = VecDeque::new();
    let mut trimmed_at: Option<Timestamp> = None;
    let mut refused = false;
    while !no_more.is_cancelled() {
        let kept = keep(&parts, &book, &mut waiting).await;
        tell(kept.as_ref().err(), &mut refused);
        let now = parts.clock.now();
        // The machine's clock may have been put back.
        if trimmed_at.is_none_or(|at| now.since_ms(at).saturating_abs() >= TRIM_EVERY_MS) {
            let keep_ms = definitions.load().tokens.audit_keep_ms;
            trim(&parts, now.plus_ms(keep_ms.saturating_neg())).await;
            trimmed_at = Some(now);
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // A store that refuses is not asked more often for that.
            () = book.filled(), if !refused => {}
            () = no_more.cancelled() => {}
        }
    }
    keep_the_last(&parts, &book, &mut waiting).await;
}

/// Hands everything over, piece by piece; what was not taken waits.
async fn keep(
    parts: &Parts,
    book: &AuditBook,
    waiting: &mut VecDeque<TokenEntry>,
) -> Result<(), StoreError> {
    if waiting.len() < WAITING_MAX {
        waiting.extend(book.drain());
    }
    while !waiting.is_empty() {
        let piece: Vec<_> = waiting.iter().take(PIECE).cloned().collect();
        let count = piece.len();
        parts.store.record_tokens(piece).await?;
        waiting.drain(..count);
    }
    Ok(())
}

async fn keep_the_last(parts: &Parts, book: &AuditBook, waiting: &mut VecDeque<TokenEntry>) {
    for left in (0..LAST_TRIES).rev() {
        match keep(parts, book, waiting).await {
            Ok(()) => return,
            Err(error) if left == 0 => {
                let entries = waiting.len();
                tracing::error!(%error, entries, "the last of the audit of tokens is lost");
            }
            Err(_) => tokio::time::sleep(LAST_PAUSE).await,
        }
    }
}

/// Tells when the store begins to refuse, and when it takes again.
fn tell(error: Option<&StoreError>, refused: &mut bool) {
    match error {
        Some(error) if !*refused => {
            tracing::error!(%error, "the audit of tokens cannot be kept; it waits, and is lost at a kill");
        }
        None if *refused => tracing::info!("the audit of tokens is kept again"),
        _ => {}
    }
    *refused = error.is_some();
}

async fn trim(parts: &Parts, before: Timestamp) {
    for _ in 0..TRIMS_MAX {
        match parts.store.trim_tokens(before).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "what is past its time in the audit of tokens could not be dropped");
                return;
            }
        }
        if parts.stop.is_cancelled() {
            return;
        }
    }
}
