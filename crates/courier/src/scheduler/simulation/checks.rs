//! What must hold whenever something begins, and of what is held in memory.

use store::LaneId;

use super::Simulation;
use crate::plan::LanePlan;
use crate::scheduler::lane::{AHEAD_MAX, RETRIES_HELD, UNSETTLED_MAX};
use crate::scheduler::order::{OrderKey, PARKED_MAX};
use crate::scheduler::{ASKS_MAX, Delivery, OUTCOMES_MAX, Scheduler, Start, with_slack};

impl Simulation {
    /// Any n attempts take at least as long as the bucket needs for those beyond its burst.
    pub(super) fn check_rate(&self) {
        let limit = with_slack(self.plan.destination.rate);
        let (rate, burst) = (i64::from(limit.rate().count()), i64::from(limit.burst()));
        let last = self.begun_us.len() - 1;
        let mut count = 1_usize;
        while count <= last {
            let span_us = self.begun_us[last] - self.begun_us[last - count];
            let needed_us = (i64::try_from(count).unwrap() + 1 - burst) * (1_000_000 / rate);
            assert!(span_us >= needed_us, "seed {}: {count} in {span_us} µs", self.seed);
            count += 1 + count / 4;
        }
    }

    /// Nothing that was accepted before, on the same rules' lanes and with the same key, may still
    /// be open.
    pub(super) fn check_order(&self, start: &Start) {
        let Delivery { lane, event, key, .. } = &start.delivery;
        let order_key = OrderKey::new(&self.plan.destination.order);
        let id = self.plan.lanes[*lane].id;
        if key.is_none() || self.disk.is_moved(id, event.id.seq) {
            return;
        }
        let replayed = |plan: &LanePlan| plan.replay.is_some();
        let same =
            |plan: &&LanePlan| !plan.paused && replayed(plan) == replayed(&self.plan.lanes[*lane]);
        let lanes: Vec<LaneId> = self.plan.lanes.iter().filter(same).map(|lane| lane.id).collect();
        for (other, earlier) in self.disk.open_before(&lanes, event.id.seq) {
            // While the other rule was paused, this one did not wait for it; now both have begun.
            let begun = start.delivery.position.is_none() && self.were_paused.contains(&other);
            // What is too old is given up, be that on disk or not.
            let plan = self.plan.lanes.iter().find(|lane| lane.id == other).unwrap();
            let age_ms = self.now().at.since_ms(earlier.id.accepted_at);
            assert!(
                begun || age_ms > plan.retry.age_ms || order_key.of(earlier) != *key,
                "seed {}: lane {id} sends {} ({:?}) before lane {other} is done with {}, {:?}",
                self.seed,
                event.id.seq,
                start.delivery.position,
                earlier.id.seq,
                self.disk.last_state(other, earlier.id.seq)
            );
        }
    }

    pub(super) fn check_memory(&self, scheduler: &Scheduler) {
        for lane in &scheduler.lanes {
            let [ahead, ahead_bytes, retries, retries_bytes, unsettled] = lane.held();
            assert!(ahead <= AHEAD_MAX, "seed {}: {ahead} ahead", self.seed);
            // A read of so many begins below half a mebibyte; here it may bring 256 large ones.
            assert!(ahead_bytes <= 1024 * 1024 + AHEAD_MAX * 400_100, "seed {}", self.seed);
            assert!(retries <= RETRIES_HELD, "seed {}: {retries} retries", self.seed);
            let bytes = retries_bytes <= 1024 * 1024 || retries == 1;
            assert!(bytes, "seed {}: {retries_bytes} bytes of retries", self.seed);
            assert!(unsettled < UNSETTLED_MAX + AHEAD_MAX, "seed {}: {unsettled}", self.seed);
        }
        assert!(scheduler.keys.parked() <= PARKED_MAX);
        assert!(scheduler.settlements.len() <= OUTCOMES_MAX + 16);
        assert!(scheduler.asks <= ASKS_MAX);
    }
}
