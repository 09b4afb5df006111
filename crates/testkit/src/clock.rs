//! The clock of receivers that measure how long they were listened to.

use tokio::time::Instant;

/// This moment.
pub(crate) fn now() -> Instant {
    Instant::now()
}
