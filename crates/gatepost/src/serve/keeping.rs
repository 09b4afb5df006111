//! What is gathered in memory and kept by the store: handed over each second and at the end; what
//! is past its time is dropped each hour.
//!
//! A kill costs what was gathered since the last second. A store that refuses costs nothing: what
//! it did not take waits where it was gathered, within a bound.

use std::time::Duration;

use model::{Clock as _, Timestamp};
use store::StoreError;
use tokio_util::sync::CancellationToken;

use super::{Parts, Task, ended, tokio_task};

/// Rows of one write. The writer has leases of quotas to write too, and they wait behind it.
pub(super) const PIECE: usize = 500;
/// Pieces of one hour's dropping: what is more waits for the next.
pub(super) const TRIMS_MAX: usize = 1000;

/// How often what was gathered is kept: this much is lost when the process is killed.
const EVERY: Duration = Duration::from_secs(1);
/// How often what is past its time is dropped.
const TRIM_EVERY_MS: i64 = 3_600_000;
/// How often the last of it is tried to be kept, and how long is waited in between.
const LAST_TRIES: u32 = 5;
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// Something that is gathered in memory and kept by the store.
pub(super) trait Gathered: Send + Sync + 'static {
    /// What the log calls it.
    const NAME: &'static str;

    /// Hands everything over, piece by piece; what was not taken waits.
    fn keep(&mut self, parts: &Parts) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Drops what is past its time; once an hour.
    fn trim(&mut self, parts: &Parts, now: Timestamp) -> impl Future<Output = ()> + Send;

    /// Waits until there is so much of it that it is to be kept at once.
    fn filled(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Tells that what waits is lost.
    fn tell_lost(&self, error: &StoreError);
}

/// The task that keeps it.
pub(super) struct Keeping {
    task: Task,
    no_more: CancellationToken,
}

impl Keeping {
    /// Begins to keep what is gathered.
    pub(super) fn begin(parts: &Parts, gathered: impl Gathered) -> Self {
        let no_more = CancellationToken::new();
        let keeping = run(parts.clone(), gathered, no_more.clone());
        Self { task: tokio_task(parts, keeping), no_more }
    }

    /// Keeps the last of it; for when no request is under way any more.
    pub(super) async fn end(self) {
        self.no_more.cancel();
        ended(self.task.await);
    }
}

/// Keeps what is gathered until there is no more, and then the last of it.
async fn run<G: Gathered>(parts: Parts, mut gathered: G, no_more: CancellationToken) {
    let mut trimmed_at: Option<Timestamp> = None;
    let mut refused = false;
    while !no_more.is_cancelled() {
        let kept = gathered.keep(&parts).await;
        tell(G::NAME, kept.as_ref().err(), &mut refused);
        let now = parts.clock.now();
        // The machine's clock may have been put back.
        if trimmed_at.is_none_or(|at| now.since_ms(at).saturating_abs() >= TRIM_EVERY_MS) {
            gathered.trim(&parts, now).await;
            trimmed_at = Some(now);
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // A store that refuses is not asked more often for that.
            () = gathered.filled(), if !refused => {}
            () = no_more.cancelled() => {}
        }
    }
    keep_the_last(&parts, &mut gathered).await;
}

async fn keep_the_last<G: Gathered>(parts: &Parts, gathered: &mut G) {
    for left in (0..LAST_TRIES).rev() {
        match gathered.keep(parts).await {
            Ok(()) => return,
            Err(error) if left == 0 => gathered.tell_lost(&error),
            Err(_) => tokio::time::sleep(LAST_PAUSE).await,
        }
    }
}

/// Tells when the store begins to refuse, and when it takes again.
fn tell(name: &str, error: Option<&StoreError>, refused: &mut bool) {
    match error {
        Some(error) if !*refused => {
            tracing::error!(%error, "{name} cannot be kept; it waits, and is lost at a kill");
        }
        None if *refused => tracing::info!("{name} is kept again"),
        _ => {}
    }
    *refused = error.is_some();
}
