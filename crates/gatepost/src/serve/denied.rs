//! Tokens that another process on the same store has revoked are refused here too, within a second;
//! what has ended is forgotten.

use std::time::Duration;

use model::Clock as _;

use super::Parts;

/// How often is looked: a revocation elsewhere is in force here after so long, and a read. The read
/// is by number and finds nothing as a rule.
const EVERY: Duration = Duration::from_millis(250);
/// After so many looks, what has ended is forgotten: about once a minute.
const FORGET_AFTER: u32 = 240;

/// Follows what is revoked until it is stopped. What was revoked before is read when the program
/// starts, before a door opens.
pub(super) async fn run(parts: Parts) {
    let (mut looks, mut is_failing) = (0, false);
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = parts.stop.cancelled() => return,
        }
        let now = parts.clock.now();
        match parts.denied.follow(&*parts.store, now).await {
            Ok(()) => is_failing = false,
            // Told once, and not four times a second.
            Err(_) if is_failing => {}
            Err(error) => {
                is_failing = true;
                tracing::error!(%error, "what others have revoked cannot be read; it is tried again");
            }
        }
        looks += 1;
        if looks >= FORGET_AFTER {
            looks = 0;
            parts.denied.forget(now);
        }
    }
}
