//! Exporting trace spans, from the start to what the last request left.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Task, ended};
use crate::telemetry::Exporter;

/// How long the last spans may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The task that exports, where anything is exported. It is not among the program's others: what
/// those tell while they end is exported too.
pub(super) struct Exporting(Option<(Task, CancellationToken)>);

impl Exporting {
    pub(super) fn begin(exporter: Option<Exporter>) -> Self {
        Self(exporter.map(|exporter| {
            let no_more = CancellationToken::new();
            (TaskTracker::new().spawn(exporter.run(no_more.clone())), no_more)
        }))
    }

    /// Exports what waits; for when nothing happens any more.
    pub(super) async fn end(self) {
        let Some((mut task, no_more)) = self.0 else { return };
        no_more.cancel();
        if let Ok(joined) = tokio::time::timeout(LAST_WORDS, &mut task).await {
            ended(joined);
        } else {
            tracing::warn!("the last spans were not taken in time and are dropped");
            task.abort();
        }
    }
}
