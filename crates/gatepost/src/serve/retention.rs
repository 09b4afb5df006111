//! Retention: what has been delivered and is older than its bus keeps it is dropped, and ids of
//! entries are forgotten after their time, in small pieces.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use model::{Clock as _, Definitions, SYSTEM_BUS};

use super::Parts;

/// How often is looked.
const EVERY: Duration = Duration::from_mins(1);
/// Events dropped, or ids forgotten, in one write, so that publishers hardly wait for it.
const PIECE: usize = 500;
/// Pieces of one look: what is more waits for the next.
const PIECES_MAX: usize = 200;
/// How long the program's own events are kept: a day.
const SYSTEM_KEEP_MS: i64 = 86_400_000;

/// Drops what need not be kept, until stopped.
pub(super) async fn run(parts: Parts, definitions: Arc<ArcSwap<Definitions>>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = parts.stop.cancelled() => return,
        }
        forget_entries(&parts).await;
        let present = definitions.load_full();
        let in_use = match parts.store.lanes(bus::lane_keys(&present)).await {
            Ok(lanes) => lanes,
            Err(error) => {
                tracing::error!(%error, "the lanes in use are not known; nothing is dropped");
                continue;
            }
        };
        let mut buses: Vec<(String, i64)> =
            present.buses.values().map(|bus| (bus.name.to_string(), bus.keep_ms)).collect();
        buses.push((SYSTEM_BUS.to_owned(), SYSTEM_KEEP_MS));
        for (bus, keep_ms) in buses {
            drop_old(&parts, bus, keep_ms, &in_use).await;
        }
    }
}

/// Forgets ids of entries, of all buses: also of those that are no longer defined.
async fn forget_entries(parts: &Parts) {
    let now = parts.clock.now();
    for _ in 0..PIECES_MAX {
        match parts.store.forget_entries(now, PIECE).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(%error, "ids of entries could not be forgotten");
                break;
            }
        }
        if parts.stop.is_cancelled() {
            break;
        }
    }
}

async fn drop_old(parts: &Parts, bus: String, keep_ms: i64, in_use: &[store::LaneId]) {
    let before = parts.clock.now().plus_ms(-keep_ms);
    let mut dropped = 0;
    for _ in 0..PIECES_MAX {
        match parts.store.drop_before(bus.clone(), before, in_use.to_vec(), PIECE).await {
            Ok(0) => break,
            Ok(count) => dropped += count,
            Err(error) => {
                tracing::error!(%error, bus, "old events could not be dropped");
                break;
            }
        }
        if parts.stop.is_cancelled() {
            break;
        }
    }
    if dropped > 0 {
        tracing::info!(bus, dropped, before = %before, "dropped delivered events past their time");
    }
}
