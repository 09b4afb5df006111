//! Which delivery begins next: where there is work, room and permission.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{LaneKey, Name, Order, Timestamp};
use retry::{Gate, Passage};

use super::{Delivery, Now, Scheduler, Start, until};
use crate::plan::LanePlan;

impl Scheduler {
    /// An attempt to begin, if there is work, room and permission.
    pub(super) fn start(&mut self, now: Now) -> Option<Start> {
        let one = self.plan.destination.order == Order::Strict;
        let in_flight_max = if one { 1 } else { self.plan.destination.in_flight_max as usize };
        let room = self.under_way < in_flight_max && self.has_room();
        if self.condition.is_off() || !room {
            return None;
        }
        if now.at < self.paused_until {
            return self.not_before(until(self.paused_until, now.at));
        }
        let permit = self.bucket.wait(self.limit, now.ticks_ns);
        if !permit.is_zero() {
            return self.not_before(permit);
        }
        match self.breaker.wait_ms(now.at.ms()) {
            Some(0) => {}
            Some(ms) => return self.not_before(Duration::from_millis(ms.unsigned_abs())),
            None => return None,
        }
        let delivery = self.choose(now.at)?;
        let taken = self.bucket.take(self.limit, now.ticks_ns);
        debug_assert!(taken.is_ok(), "nobody else takes from this bucket since it was asked");
        let gate = self.breaker.gate(now.at.ms());
        debug_assert!(matches!(gate, Gate::Pass(_)), "the breaker was asked at this moment");
        let passage = if let Gate::Pass(passage) = gate { passage } else { Passage::Normal };
        self.under_way += 1;
        Some(Start { delivery, passage, began: now.at })
    }

    fn not_before(&mut self, wait: Duration) -> Option<Start> {
        self.wait = self.wait.min(wait);
        None
    }

    /// The next delivery: the lanes take turns, so that none starves.
    fn choose(&mut self, now: Timestamp) -> Option<Delivery> {
        let in_order = self.keeps_order();
        while let Some(at) = self.active.pop_front() {
            let lane = &mut self.lanes[at];
            lane.active = false;
            let mut delivery = lane.take_retry(now);
            if delivery.is_none() && !in_order {
                delivery = lane.take_new();
            }
            self.touch(at, now);
            if delivery.is_some() {
                return delivery;
            }
        }
        if in_order { self.choose_in_order(now) } else { None }
    }

    /// The next delivery in the order of the log whose key nobody holds. None begins before all
    /// that wait for another attempt are known.
    fn choose_in_order(&mut self, now: Timestamp) -> Option<Delivery> {
        if let Some(delivery) = self.ready.pop_front() {
            return Some(delivery);
        }
        if !self.lanes.iter().all(|lane| lane.paused || lane.knows_retries()) {
            return None;
        }
        while self.keys.has_room() && self.has_room() {
            let at = self.head(now)?;
            let delivery = self.lanes[at].take_new()?;
            self.touch(at, now);
            if self.lanes[at].is_too_old(&delivery, now) {
                self.bury(delivery, now);
            } else if let Some(delivery) = self.keys.admit(delivery) {
                return Some(delivery);
            }
        }
        None
    }

    /// The lane whose new delivery comes first: of the lanes of one order the earliest, orders by
    /// turns.
    fn head(&mut self, now: Timestamp) -> Option<usize> {
        let count = self.groups.len();
        for offset in 0..count {
            let turn = (self.turn + offset) % count;
            let group = std::mem::take(&mut self.groups[turn]);
            let head = self.head_of(&group, now);
            self.groups[turn] = group;
            if head.is_some() {
                self.turn = (turn + 1) % count;
                return head;
            }
        }
        None
    }

    /// The earliest of these lanes, if it is known that none of the others has something earlier.
    fn head_of(&mut self, group: &[usize], now: Timestamp) -> Option<usize> {
        let heads = group.iter().filter_map(|at| {
            let (rank, read) = self.lanes[*at].head()?;
            Some((rank, *at, read))
        });
        let (_, first, read) = heads.min()?;
        let mut known = true;
        for at in group {
            if !self.lanes[*at].has_new() && !self.lanes[*at].is_empty_since(read) {
                known = false;
                self.touch(*at, now);
            }
        }
        known.then_some(first)
    }
}

/// The lanes that are kept in one order. A lane that stands still holds nobody up.
pub(super) fn groups(lanes: &[LanePlan]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<Option<&Name>, Vec<usize>> = BTreeMap::new();
    for (at, lane) in lanes.iter().enumerate().filter(|(_, lane)| !lane.paused) {
        let replay = match &lane.key {
            LaneKey::Replay { replay, .. } => Some(replay),
            LaneKey::Target { .. } | LaneKey::Schedule(_) => None,
        };
        groups.entry(replay).or_default().push(at);
    }
    groups.into_values().collect()
}
