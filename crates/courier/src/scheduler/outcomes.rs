//! Outcomes, and the destination's condition, on their way to the disk.

use std::collections::BTreeSet;

use model::Timestamp;
use store::{Settlement, Then};

use super::{
    Batch, CURSOR_EVERY_MS, Command, Delivery, GATHER_MAX, GATHER_MS, STORE_PAUSE_MS, Scheduler,
    Settling, Tell, is_due,
};
use crate::settle::too_old;

/// How often the last write is tried.
const LAST_TRIES: u32 = 3;
/// What the store may refuse at the end, as it is counted.
const OUTCOMES: usize = 0;
const CONDITION: usize = 1;

impl Scheduler {
    /// Buries what has become too old, before anything is asked for a permit: a recovered receiver
    /// is probed with something that can still be delivered.
    pub(super) fn bury_expired(&mut self, now: Timestamp) {
        while self.has_room() {
            let Some(at) = self.expiring.front().copied() else { break };
            if let Some(delivery) = self.lanes[at].take_expired(now) {
                self.bury(delivery, now);
            } else {
                self.expiring.pop_front();
                self.lanes[at].expiring = false;
                self.touch(at, now);
            }
        }
        while self.has_room()
            && let Some(delivery) = self.ready.pop_front()
        {
            if !self.lanes[delivery.lane].is_too_old(&delivery, now) {
                self.ready.push_front(delivery);
                break;
            }
            self.bury(delivery, now);
        }
    }

    pub(super) fn bury(&mut self, delivery: Delivery, now: Timestamp) {
        let settlement = too_old(&self.plan.lanes[delivery.lane], &delivery, now);
        self.keep(delivery, settlement, now);
    }

    pub(super) fn keep(&mut self, delivery: Delivery, settlement: Settlement, now: Timestamp) {
        if self.settlements.is_empty() {
            self.settling_since = now;
        }
        let (lane, event, standing) = (delivery.lane, delivery.event.id, delivery.standing());
        let (position, key) = (delivery.position, delivery.key);
        let again = match &settlement.then {
            Then::Done => None,
            Then::Retry { due, tries, .. } => {
                self.settling_bytes += delivery.bytes();
                self.lanes[lane].goes_again(standing);
                let (tries, attempts) = (*tries, delivery.attempts + 1);
                Some((*due, Delivery { position: None, tries, attempts, ..delivery }))
            }
            Then::Dead { reason, .. } => {
                self.tell(Tell::Buried { lane, event, code: reason.code.clone() });
                None
            }
        };
        self.settling.push(Settling { lane, standing, position, again, key });
        self.settlements.push(settlement);
    }

    /// Hands over what waits, if nothing is being written. The cursors that the outcomes lead to go
    /// into the same write.
    pub(super) fn write(&mut self, now: Timestamp) -> Option<Command> {
        let gathered = |until| is_due(until, now, GATHER_MS);
        if self.writing.is_none() && self.gathers_until().is_none_or(gathered) {
            self.writing = self.batch(now);
        }
        let batch = self.writing.as_mut()?;
        batch.at.take_if(|at| is_due(*at, now, STORE_PAUSE_MS))?;
        Some(Command::Write(batch.settlements.clone(), batch.cursors.clone()))
    }

    /// Until when outcomes wait for others; none when they do not. Where an order is kept, the next
    /// delivery waits for the last one's outcome, and at the end nothing does.
    pub(super) fn gathers_until(&self) -> Option<Timestamp> {
        let few = !self.settlements.is_empty() && self.settlements.len() < GATHER_MAX;
        let gathers = few && !self.stopping && !self.keeps_order();
        gathers.then(|| self.settling_since.plus_ms(GATHER_MS))
    }

    fn batch(&mut self, now: Timestamp) -> Option<Batch> {
        let settling = std::mem::take(&mut self.settling);
        let settlements = std::mem::take(&mut self.settlements);
        self.settling_bytes = 0;
        let mut moved = BTreeSet::new();
        for one in &settling {
            if let Some(place) = one.position {
                self.lanes[one.lane].settling(place);
            }
            moved.insert(one.lane);
        }
        if now.since_ms(self.cursors_saved_at).abs() >= CURSOR_EVERY_MS {
            self.cursors_saved_at = now;
            self.moved_on = false;
            moved.extend(0..self.lanes.len());
        }
        let mut cursor = |at: usize| {
            let cursor = self.lanes[at].take_moved()?;
            Some((self.plan.lanes[at].id, cursor))
        };
        // Once outcomes are lost, no cursor may pass them; other outcomes may be kept.
        let moved = moved.into_iter().filter(|_| !self.lost);
        let cursors: Vec<_> = moved.filter_map(&mut cursor).collect();
        let nothing = settlements.is_empty() && cursors.is_empty();
        (!nothing).then_some(Batch { settling, settlements, cursors, at: Some(now) })
    }

    pub(super) fn written(&mut self, done: bool, now: Timestamp) {
        let Some(mut batch) = self.writing.take() else { return };
        if !done && !self.gives_up(OUTCOMES) {
            batch.at = Some(now.plus_ms(STORE_PAUSE_MS));
            self.writing = Some(batch);
            return;
        }
        if done {
            self.failures[OUTCOMES] = 0;
        } else {
            self.lost = true;
        }
        let mut touched = BTreeSet::new();
        for Settling { lane, standing, again, key, .. } in batch.settling {
            let for_good = again.is_none();
            self.lanes[lane].settled(standing, again);
            if let Some(key) = key.filter(|_| for_good) {
                self.ready.extend(self.keys.release(key, (lane, standing)));
            }
            touched.insert(lane);
        }
        for lane in touched {
            self.touch(lane, now);
        }
    }

    /// Hands over what is new of the destination's condition, if nothing of it is being kept.
    pub(super) fn keep_condition(&mut self, now: Timestamp) -> Option<Command> {
        if self.keeping.is_none() {
            let keep = self.condition.take_unkept(now);
            let last = || self.last.then(|| self.condition.take_last()).flatten();
            self.keeping = keep.or_else(last).map(|keep| (keep, Some(now)));
        }
        let (keep, at) = self.keeping.as_mut()?;
        at.take_if(|at| is_due(*at, now, STORE_PAUSE_MS))?;
        Some(Command::Keep(keep.clone()))
    }

    pub(super) fn kept(&mut self, done: bool, now: Timestamp) {
        let gives_up = !done && self.gives_up(CONDITION);
        match &mut self.keeping {
            Some((_, at)) if !done && !gives_up => *at = Some(now.plus_ms(STORE_PAUSE_MS)),
            _ => self.keeping = None,
        }
    }

    /// Whether a store that has refused this is not to be asked again: at the program's end, after
    /// some tries.
    fn gives_up(&mut self, what: usize) -> bool {
        if !self.stopping || !self.hurried || self.under_way > 0 {
            return false;
        }
        self.failures[what] += 1;
        self.failures[what] >= LAST_TRIES
    }
}
