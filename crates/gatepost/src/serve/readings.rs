//! What waits for each destination, and how it is: read now and then for the metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use courier::{Board, DestinationPlan, Plan};
use gateway::{AddressState, Snapshot};
use model::{Clock as _, Name, Timestamp};
use store::{Store, StoreError, SwitchState};
use tokio::sync::watch;

use super::Parts;
use crate::telemetry::Reading;

/// How often is read: more often than metrics are usually fetched.
const EVERY: Duration = Duration::from_secs(5);

/// Reads until stopped.
pub(super) async fn run(
    parts: Parts,
    plans: watch::Receiver<Arc<Plan>>,
    board: Arc<Board>,
    gateway: Arc<ArcSwap<Snapshot>>,
) {
    let mut shown: BTreeSet<Name> = BTreeSet::new();
    let mut addresses: BTreeSet<(Name, String)> = BTreeSet::new();
    let mut queues: BTreeSet<Name> = BTreeSet::new();
    loop {
        show_addresses(&parts, &gateway, &mut addresses);
        count_letters(&parts, &mut queues).await;
        let plan = Arc::clone(&plans.borrow());
        for (name, destination) in &plan.destinations {
            match read(&*parts.store, destination, &board, parts.clock.now()).await {
                Ok(reading) => parts.telemetry.reading(name, &reading),
                Err(error) => {
                    tracing::warn!(%error, destination = %name, "what waits cannot be read");
                }
            }
            shown.insert(name.clone());
        }
        shown.retain(|name| {
            let stays = plan.destinations.contains_key(name);
            if !stays {
                parts.telemetry.no_reading(name);
            }
            stays
        });
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = parts.stop.cancelled() => return,
        }
    }
}

/// Shows which addresses of services get no calls. One that several services of an API have is
/// shown as out if it is for one of them.
fn show_addresses(
    parts: &Parts,
    gateway: &ArcSwap<Snapshot>,
    shown: &mut BTreeSet<(Name, String)>,
) {
    let mut present: BTreeMap<(Name, String), bool> = BTreeMap::new();
    for AddressState { api, address, is_out } in gateway.load().addresses(parts.clock.ticks_ns()) {
        *present.entry((api, address)).or_default() |= is_out;
    }
    for (api, address) in shown.iter().filter(|place| !present.contains_key(*place)) {
        parts.telemetry.no_address(api, address);
    }
    *shown = present.keys().cloned().collect();
    for ((api, address), is_out) in present {
        parts.telemetry.address(&AddressState { api, address, is_out });
    }
}

/// Counts the dead letters of each queue that has or had any.
async fn count_letters(parts: &Parts, queues: &mut BTreeSet<Name>) {
    let counts: BTreeMap<Name, u64> = match parts.store.dead_counts().await {
        Ok(counts) => counts.into_iter().collect(),
        Err(error) => {
            tracing::warn!(%error, "the dead letters cannot be counted");
            return;
        }
    };
    queues.extend(counts.keys().cloned());
    for queue in queues.iter() {
        parts.telemetry.letters(queue, counts.get(queue).copied().unwrap_or(0));
    }
}

async fn read(
    store: &dyn Store,
    plan: &DestinationPlan,
    board: &Board,
    now: Timestamp,
) -> Result<Reading, StoreError> {
    let (mut waiting, mut oldest) = (0, None);
    for lane in &plan.lanes {
        waiting += store.backlog(lane.id).await?;
        oldest = store.oldest(lane.id).await?.into_iter().chain(oldest).min();
    }
    let switch = plan.switch.as_ref();
    let standing = board.standing(&plan.destination.name).unwrap_or_default();
    Ok(Reading {
        waiting,
        oldest_s: oldest.map_or(0, |oldest| now.since_ms(oldest).max(0) / 1000),
        disabled: switch.is_some_and(|switch| switch.state == SwitchState::Disabled),
        paused: standing.paused_until.is_some_and(|until| until > now),
        breaker_open: standing.breaker_open,
    })
}
