//! What the clock fires: each firing is an event on the schedule's own lane, so it is delivered,
//! retried and kept like any other.
//!
//! A schedule whose last firing is still waiting to be delivered is not fired again: when the
//! called service was down for an hour, it is called once when it is back, not sixty times. A
//! firing that was due while the program was not running happens once at the start.

use std::sync::Arc;
use std::time::Duration;

use model::{Definitions, EventDraft, EventFields, LaneKey, Name, SYSTEM_BUS, Schedule, Timestamp};
use store::{LaneId, Store, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::put::World;
use crate::rules::LaneNumbers;

/// The longest sleep: a clock that was set is noticed within a minute.
const SLEEP_MAX_MS: i64 = 60_000;

/// What is fired, and into which lanes.
#[derive(Clone, Default, PartialEq)]
pub struct Schedules {
    entries: Vec<(Schedule, LaneId)>,
}

struct Next {
    schedule: Schedule,
    lane: LaneId,
    at: Option<Timestamp>,
}

impl Schedules {
    /// The schedules of the definitions; one whose lane has no number is left out.
    pub fn new(definitions: &Definitions, lanes: &LaneNumbers) -> Self {
        let entry = |schedule: &Schedule| {
            let lane = lanes.get(&LaneKey::Schedule(schedule.name.clone()))?;
            Some((schedule.clone(), *lane))
        };
        Self { entries: definitions.schedules.values().filter_map(entry).collect() }
    }

    /// Fires schedules until stopped; begins anew with every change.
    pub async fn run(
        mut schedules: watch::Receiver<Arc<Self>>,
        world: World,
        stop: CancellationToken,
    ) {
        loop {
            let present = Arc::clone(&schedules.borrow_and_update());
            let mut all = Vec::new();
            for (schedule, lane) in &present.entries {
                let at = first(&*world.store, schedule, world.clock.now()).await;
                all.push(Next { schedule: schedule.clone(), lane: *lane, at });
            }
            tokio::select! {
                () = fire_all(all, &world) => {}
                changed = schedules.changed() => if changed.is_err() { return },
                () = stop.cancelled() => return,
            }
        }
    }
}

/// The first firing after the last one that is known; at once when it was missed.
async fn first(store: &dyn Store, schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    let last = match store.last_fired(schedule.name.to_string()).await {
        Ok(last) => last,
        Err(error) => {
            tracing::error!(%error, schedule = %schedule.name, "when it fired last is not known");
            None
        }
    };
    let after = last.unwrap_or(now).min(now);
    schedule.when.next(after.ms(), 0).map(Timestamp::from_ms)
}

/// Fires what is due, for ever; never ends by itself.
async fn fire_all(mut all: Vec<Next>, world: &World) {
    loop {
        let now = world.clock.now();
        for next in all.iter_mut().filter(|next| next.at.is_some_and(|at| at <= now)) {
            if let Err(error) = fire(next, world, now).await {
                tracing::error!(%error, schedule = %next.schedule.name, "a firing was not kept");
            }
            next.at = next.schedule.when.next(now.ms(), 0).map(Timestamp::from_ms);
        }
        let soonest = all.iter().filter_map(|next| next.at).min();
        let wait = soonest.map_or(SLEEP_MAX_MS, |at| at.since_ms(world.clock.now()));
        let wait = u64::try_from(wait.clamp(1, SLEEP_MAX_MS)).unwrap_or(1);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

async fn fire(next: &Next, world: &World, now: Timestamp) -> Result<(), StoreError> {
    let name = &next.schedule.name;
    if world.store.backlog(next.lane).await? > 0 {
        tracing::warn!(schedule = %name, "not fired: the last firing still waits for delivery");
        return Ok(());
    }
    let fields = EventFields {
        source: "gatepost.schedule".to_owned(),
        detail_type: "Scheduled Event".to_owned(),
        detail: "{}".to_owned(),
        resources: vec![format!("schedule/{name}")],
        ..EventFields::default()
    };
    let bus = Name::new(SYSTEM_BUS).expect("a plain word is a name");
    let draft = EventDraft::new(bus, fields).expect("every field is given");
    let entry = store::Entry { draft, lanes: vec![next.lane], once: None };
    world.store.fire(name.to_string(), now, entry).await.map(drop)
}
