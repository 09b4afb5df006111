//! Retention: what is settled and older than it is kept is dropped, and ids of entries are forgotten
//! after their time, in pieces. Sealing the log's segments comes with it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use model::{Clock as _, Definitions, LaneKey, SYSTEM_BUS, Timestamp};
use store::{Dropped, Keep, LaneId, StoreError};

use super::Parts;

/// How often is looked.
const EVERY: Duration = Duration::from_mins(1);
/// Ids forgotten in one write.
const PIECE: usize = 500;
/// Pieces of one look: what is more waits for the next.
const PIECES_MAX: usize = 200;
/// How long the program's own events are kept: a day.
const SYSTEM_KEEP_MS: i64 = 86_400_000;
/// How long events of buses that are no longer defined are kept: as long as of one that says
/// nothing.
const OTHERS_KEEP_MS: i64 = 7 * 86_400_000;

/// Drops what need not be kept, until stopped.
pub(super) async fn run(parts: Parts, definitions: Arc<ArcSwap<Definitions>>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = parts.stop.cancelled() => return,
        }
        forget_entries(&parts).await;
        match drop_old(&parts, &definitions.load_full()).await {
            Ok(dropped) if dropped == Dropped::default() => {}
            Ok(Dropped { events, attempts, bytes, .. }) => {
                parts.telemetry.dropped(events, attempts);
                tracing::info!(
                    events,
                    attempts,
                    bytes,
                    "dropped what was settled and past its time"
                );
            }
            Err(error) => tracing::error!(%error, "what is past its time could not be dropped"),
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

async fn drop_old(parts: &Parts, definitions: &Definitions) -> Result<Dropped, StoreError> {
    let now = parts.clock.now();
    let keep = keep(definitions, now, in_use(parts, definitions).await?);
    let mut all = Dropped::default();
    loop {
        let dropped = parts.store.drop_old(keep.clone()).await?;
        all.events += dropped.events;
        all.attempts += dropped.attempts;
        all.bytes += dropped.bytes;
        if !dropped.more || parts.stop.is_cancelled() {
            return Ok(all);
        }
    }
}

/// The lanes of the definitions, and those of replays.
async fn in_use(parts: &Parts, definitions: &Definitions) -> Result<Vec<LaneId>, StoreError> {
    let mut in_use = parts.store.lanes(bus::lane_keys(definitions)).await?;
    let replays = parts.store.replays().await?;
    let lives = |key: &LaneKey| match key {
        LaneKey::Replay { replay, .. } => replays.iter().any(|one| one.spec.name == *replay),
        _ => false,
    };
    let all = parts.store.all_lanes().await?;
    in_use.extend(all.iter().filter(|(key, _)| lives(key)).map(|(_, lane)| *lane));
    Ok(in_use)
}

fn keep(definitions: &Definitions, now: Timestamp, in_use: Vec<LaneId>) -> Keep {
    let of_buses = definitions.buses.values().map(|bus| (bus.name.to_string(), bus.keep_ms));
    let own = [(SYSTEM_BUS.to_owned(), SYSTEM_KEEP_MS)];
    let before = |keep_ms: i64| now.plus_ms(keep_ms.saturating_neg());
    Keep {
        now,
        buses: of_buses.chain(own).map(|(bus, keep_ms)| (bus, before(keep_ms))).collect(),
        others: before(OTHERS_KEEP_MS),
        attempts: before(definitions.history_keep_ms),
        in_use,
    }
}
