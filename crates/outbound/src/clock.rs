//! The one place where outgoing connections read the time.

use tokio::time::Instant;

/// Now; a clock that never goes backwards, and that tests may stop.
pub(crate) fn now() -> Instant {
    Instant::now()
}
