//! The days on which credentials were used are handed to the store in batches: see `store::UseBook`.

use std::time::Duration;

use super::Parts;

/// How often: so much is lost at a kill, and noted again at the next use.
const EVERY: Duration = Duration::from_secs(10);
/// How many are written at once.
const PIECE: usize = 500;

/// Keeps what was noted until stopped, and then the last of it.
pub(super) async fn run(parts: Parts) {
    let mut refused = false;
    while !parts.stop.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = parts.stop.cancelled() => {}
        }
        let mut uses = parts.uses.drain();
        let mut error = None;
        while error.is_none() && !uses.is_empty() {
            let rest = uses.split_off(PIECE.min(uses.len()));
            let piece = std::mem::replace(&mut uses, rest);
            if let Err(refusal) = parts.store.note_uses(piece.clone()).await {
                parts.uses.put_back(piece);
                error = Some(refusal);
            }
        }
        parts.uses.put_back(uses);
        if let Some(error) = error.as_ref().filter(|_| !refused) {
            tracing::warn!(%error, "the last use of credentials cannot be kept; it waits");
        }
        refused = error.is_some();
    }
}
