//! Retention: what is settled and older than it is kept is dropped, and ids of entries and answers
//! under a key are forgotten after their time, in pieces. Sealing the log's segments comes with it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use model::{Clock as _, Definitions, SYSTEM_BUS, Timestamp};
use store::{Answer, Dropped, Keep, LaneId, StoreError};

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
/// How long replays that are over are listed: 30 days.
const REPLAYS_KEEP_MS: i64 = 30 * 86_400_000;

/// Drops what need not be kept, from the start on and until stopped.
pub(super) async fn run(parts: Parts, definitions: Arc<ArcSwap<Definitions>>) {
    while !parts.stop.is_cancelled() {
        forget_entries(&parts).await;
        forget_replays(&parts).await;
        trim_answers(&parts).await;
        trim_denied(&parts).await;
        let mut dropped = Dropped::default();
        if let Err(error) = drop_old(&parts, &definitions.load_full(), &mut dropped).await {
            tracing::error!(%error, "what is past its time could not be dropped");
        }
        // Also what was dropped before that.
        let Dropped { events, attempts, bytes, .. } = dropped;
        if events + attempts + bytes > 0 {
            parts.telemetry.dropped(events, attempts);
            tracing::info!(events, attempts, bytes, "dropped what was settled and past its time");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = parts.stop.cancelled() => {}
        }
    }
}

/// Forgets ids of entries, of all buses: also of those that are no longer defined.
async fn forget_entries(parts: &Parts) {
    let (store, now) = (&*parts.store, parts.clock.now());
    let dropped = drop_pieces(parts, PIECES_MAX, || store.forget_entries(now, PIECE)).await;
    if let Err(error) = dropped {
        tracing::error!(%error, "ids of entries could not be forgotten");
    }
}

/// Forgets replays that were over long ago.
async fn forget_replays(parts: &Parts) {
    let before = parts.clock.now().plus_ms(-REPLAYS_KEEP_MS);
    if let Err(error) = parts.store.forget_replays(before).await {
        tracing::error!(%error, "replays that are over could not be forgotten");
    }
}

/// Forgets answers that are no longer given again.
async fn trim_answers(parts: &Parts) {
    let (store, now) = (&*parts.store, parts.clock.now());
    let dropped = drop_pieces(parts, PIECES_MAX, || store.trim_answers(now)).await;
    if let Err(error) = dropped {
        tracing::error!(%error, "answers that are past their time could not be dropped");
    }
}

/// Forgets revocations of tokens that have ended.
async fn trim_denied(parts: &Parts) {
    let (store, now) = (&*parts.store, parts.clock.now());
    let dropped = drop_pieces(parts, PIECES_MAX, || store.trim_denied(now)).await;
    if let Err(error) = dropped {
        tracing::error!(%error, "revocations that are over could not be dropped");
    }
}

/// Drops what is past its time piece by piece, until a piece has nothing: so many pieces at the
/// most, and none begun after the program is to stop.
pub(super) async fn drop_pieces<'a, T: Default + PartialEq>(
    parts: &Parts,
    most: usize,
    mut piece: impl FnMut() -> Answer<'a, T> + Send,
) -> Result<(), StoreError> {
    for _ in 0..most {
        if piece().await? == T::default() || parts.stop.is_cancelled() {
            break;
        }
    }
    Ok(())
}

async fn drop_old(
    parts: &Parts,
    definitions: &Definitions,
    all: &mut Dropped,
) -> Result<(), StoreError> {
    let now = parts.clock.now();
    let keep = keep(definitions, now, in_use(parts, definitions).await?);
    loop {
        let dropped = parts.store.drop_old(keep.clone()).await?;
        all.events += dropped.events;
        all.attempts += dropped.attempts;
        all.bytes += dropped.bytes;
        if !dropped.more || parts.stop.is_cancelled() {
            return Ok(());
        }
    }
}

/// The lanes of the definitions, and those of replays.
async fn in_use(parts: &Parts, definitions: &Definitions) -> Result<Vec<LaneId>, StoreError> {
    let mut keys = bus::lane_keys(definitions);
    keys.extend(bus::replay_keys(definitions, &parts.store.replays().await?));
    parts.store.lanes(keys).await
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
