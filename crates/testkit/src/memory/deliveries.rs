//! What became of deliveries: positions, retries, attempts, dead letters.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use model::{Attempt, DeadLetter, DeadReason, DeliveryId, EventId, Name, Outcome, Timestamp};
use store::{
    Answer, AttemptFilter, AttemptPage, AttemptPlace, AttemptRow, DeadFilter, Deliveries,
    DueDelivery, DuePlace, LaneId, LaneState, Position, Settlement, Then,
};

use super::{MemStore, Tables};

/// Where one entry of a lane stands. The same event may stand on a lane several times, and each
/// standing is settled by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Standing {
    /// The lane.
    pub lane: LaneId,
    /// The chunk.
    pub chunk: u64,
    /// The place of the event in the log.
    pub seq: u64,
}

#[derive(Default)]
pub(super) struct Outcomes {
    cursors: BTreeMap<LaneId, Position>,
    /// By standing and number.
    attempts: BTreeMap<(Standing, u32), (EventId, Attempt)>,
    delivered: BTreeSet<Standing>,
    retries: BTreeMap<Standing, Retry>,
    dead: BTreeMap<Standing, Letter>,
}

#[derive(Clone, Copy)]
pub(super) struct Retry {
    due: Timestamp,
    tries: u32,
    since: Timestamp,
    attempts: u32,
}

struct Letter {
    event: EventId,
    queue: Name,
    reason: DeadReason,
    attempts: u32,
    at: Timestamp,
    /// Neither redriven nor purged.
    live: bool,
}

impl Outcomes {
    pub(super) fn cursor(&self, lane: LaneId) -> Position {
        self.cursors.get(&lane).copied().unwrap_or_default()
    }

    /// Whether nothing is to be read of it any more: delivered, waiting for another attempt, or a
    /// dead letter, also one that was purged or redriven since.
    pub(super) fn is_settled(&self, standing: Standing) -> bool {
        self.delivered.contains(&standing)
            || self.retries.contains_key(&standing)
            || self.dead.contains_key(&standing)
    }

    pub(super) fn retries(&self, lane: LaneId) -> impl Iterator<Item = (Standing, Retry)> {
        let of_lane = self.retries.iter().filter(move |(standing, _)| standing.lane == lane);
        of_lane.map(|(standing, retry)| (*standing, *retry))
    }

    /// All dead letters that were neither redriven nor purged.
    pub(super) fn letters(&self) -> impl Iterator<Item = DeliveryId> {
        let live = self.dead.iter().filter(|(_, letter)| letter.live);
        live.map(|(standing, letter)| DeliveryId { lane: standing.lane, event: letter.event })
    }

    /// The attempts of some events, and all made before.
    pub(super) fn attempts_of(
        &self,
        events: &BTreeSet<u64>,
        before: Timestamp,
    ) -> BTreeSet<(Standing, u32)> {
        let some = self.attempts.iter().filter(|((standing, _), (_, attempt))| {
            attempt.at < before || events.contains(&standing.seq)
        });
        some.map(|(key, _)| *key).collect()
    }

    pub(super) fn drop_attempts(&mut self, dropped: &BTreeSet<(Standing, u32)>) {
        self.attempts.retain(|key, _| !dropped.contains(key));
    }

    fn settle(&mut self, settlement: Settlement) {
        let Settlement { lane, chunk, event, attempt, then } = settlement;
        let standing = Standing { lane, chunk, seq: event.seq };
        let number = attempt.as_ref().map_or(0, |attempt| attempt.number);
        if let Some(attempt) = attempt {
            self.attempts.insert((standing, attempt.number), (event, attempt));
        }
        self.retries.remove(&standing);
        match then {
            Then::Done => {
                self.delivered.insert(standing);
            }
            Then::Retry { due, tries, since } => {
                self.retries.insert(standing, Retry { due, tries, since, attempts: number });
            }
            Then::Dead { queue, reason, attempts, at } => {
                let letter = Letter { event, queue, reason, attempts, at, live: true };
                self.dead.insert(standing, letter);
            }
        }
    }

    /// Letters in the order of listing.
    fn listed(&self, filter: &DeadFilter) -> Vec<(Standing, &Letter)> {
        let is_wanted = |standing: &Standing, letter: &Letter| {
            let delivery = DeliveryId { lane: standing.lane, event: letter.event };
            letter.live
                && filter.queue.as_ref().is_none_or(|queue| *queue == letter.queue)
                && filter.lanes.as_ref().is_none_or(|lanes| lanes.contains(&standing.lane))
                && filter.delivery.is_none_or(|only| only == delivery)
                && filter.code.as_ref().is_none_or(|code| *code == letter.reason.code)
                && filter.from.is_none_or(|from| letter.at >= from)
                && filter.until.is_none_or(|until| letter.at < until)
                && filter.after.is_none_or(|after| (standing.lane, standing.seq) > after)
        };
        let mut listed: Vec<_> = self
            .dead
            .iter()
            .filter(|(standing, letter)| is_wanted(standing, letter))
            .map(|(standing, letter)| (*standing, letter))
            .collect();
        listed.sort_by_key(|(standing, _)| (standing.lane, standing.seq, standing.chunk));
        listed.truncate(filter.limit);
        listed
    }

    /// Ends letters; gives where they stood, and how many attempts each had.
    fn end_letters(&mut self, filter: &DeadFilter) -> Vec<(Standing, u32)> {
        let listed = self.listed(filter).into_iter();
        let ended: Vec<_> = listed.map(|(standing, letter)| (standing, letter.attempts)).collect();
        for (standing, _) in &ended {
            if let Some(letter) = self.dead.get_mut(standing) {
                letter.live = false;
            }
        }
        ended
    }

    /// How many attempts were made of an event on a lane, wherever it stood.
    fn attempts_made(&self, lane: LaneId, seq: u64) -> u32 {
        let of_event = |standing: &Standing| standing.lane == lane && standing.seq == seq;
        let numbers = self.attempts.keys().filter(|(standing, _)| of_event(standing));
        numbers.map(|(_, number)| *number).max().unwrap_or(0)
    }
}

impl Tables {
    fn lane_state(&self, lane: LaneId) -> LaneState {
        let cursor = self.deliveries.cursor(lane);
        let entries = self.log.entries(lane, cursor);
        let settled = entries.filter(|(position, seq, ..)| {
            self.deliveries.is_settled(Standing { lane, chunk: position.chunk, seq: *seq })
        });
        LaneState { cursor, settled: settled.map(|(position, ..)| position).collect() }
    }

    fn redrive(&mut self, filter: &DeadFilter, now: Timestamp) -> (u64, Vec<LaneId>) {
        let ended = self.deliveries.end_letters(filter);
        let count = ended.len() as u64;
        let mut lanes: BTreeMap<LaneId, BTreeMap<u64, u32>> = BTreeMap::new();
        for (Standing { lane, seq, .. }, of_letter) in ended {
            // History may have been dropped meanwhile, but the letter knows.
            let attempts = self.deliveries.attempts_made(lane, seq).max(of_letter);
            // An event that died in two standings stands once in the new chunk.
            let entry = lanes.entry(lane).or_default().entry(seq).or_default();
            *entry = attempts.max(*entry);
        }
        let in_order = lanes.into_iter().map(|(lane, seqs)| (lane, seqs.into_iter().collect()));
        (count, self.log.extend(in_order.collect(), now))
    }

    fn attempts(&self, filter: &AttemptFilter) -> AttemptPage {
        let is_wanted = |lane: LaneId, event: EventId, attempt: &Attempt| {
            let place = AttemptPlace { seq: event.seq, lane, number: attempt.number };
            filter.event.is_none_or(|only| only == event)
                && filter.lanes.as_ref().is_none_or(|lanes| lanes.contains(&lane))
                && (!filter.failed_only || attempt.outcome != Outcome::Delivered)
                && filter.statuses.as_ref().is_none_or(|statuses| {
                    attempt.status.is_some_and(|status| statuses.contains(&status))
                })
                && filter.from.is_none_or(|from| attempt.at >= from)
                && filter.until.is_none_or(|until| attempt.at < until)
                && filter.after.is_none_or(|after| place < after)
        };
        let mut found: Vec<(AttemptPlace, u64, AttemptRow)> = Vec::new();
        for ((Standing { lane, chunk, seq }, number), (event, attempt)) in &self.deliveries.attempts
        {
            if let Some(key) = self.log.lane_key(*lane)
                && is_wanted(*lane, *event, attempt)
            {
                let place = AttemptPlace { seq: *seq, lane: *lane, number: *number };
                let id = DeliveryId { lane: *lane, event: *event };
                let row = AttemptRow { id, lane: key.clone(), attempt: attempt.clone() };
                found.push((place, *chunk, row));
            }
        }
        found.sort_by_key(|(place, chunk, _)| Reverse((*place, *chunk)));
        found.truncate(filter.limit);
        let last = found.last().map(|(place, ..)| *place);
        let next = last.filter(|_| found.len() == filter.limit);
        AttemptPage { rows: found.into_iter().map(|(.., row)| row).collect(), next }
    }
}

impl Deliveries for MemStore {
    fn open_lane(&self, lane: LaneId) -> Answer<'_, LaneState> {
        self.call(move |tables| Ok(tables.lane_state(lane)))
    }

    fn settle(
        &self,
        settlements: Vec<Settlement>,
        cursors: Vec<(LaneId, Position)>,
    ) -> Answer<'_, ()> {
        self.call(move |tables| {
            for settlement in settlements {
                tables.deliveries.settle(settlement);
            }
            tables.deliveries.cursors.extend(cursors);
            Ok(())
        })
    }

    fn due(
        &self,
        lane: LaneId,
        after: Option<DuePlace>,
        limit: usize,
    ) -> Answer<'_, Vec<DueDelivery>> {
        self.call(move |tables| {
            let retries = tables.deliveries.retries(lane).filter_map(|(standing, retry)| {
                let event = tables.log.event(standing.seq)?.clone();
                let Retry { due, tries, since, attempts } = retry;
                Some(DueDelivery { chunk: standing.chunk, event, due, tries, since, attempts })
            });
            let mut due: Vec<_> =
                retries.filter(|one| after.is_none_or(|after| one.place() > after)).collect();
            due.sort_by_key(DueDelivery::place);
            due.truncate(limit);
            Ok(due)
        })
    }

    fn backlog(&self, lane: LaneId) -> Answer<'_, u64> {
        self.call(move |tables| {
            let cursor = tables.deliveries.cursor(lane);
            let waiting = tables.log.entries(lane, cursor).count();
            Ok((waiting + tables.deliveries.retries(lane).count()) as u64)
        })
    }

    fn oldest(&self, lane: LaneId) -> Answer<'_, Option<Timestamp>> {
        self.call(move |tables| {
            let cursor = tables.deliveries.cursor(lane);
            let waiting = tables.log.entries(lane, cursor).map(|(_, _, since, _)| since);
            Ok(waiting.chain(tables.deliveries.retries(lane).map(|(_, retry)| retry.since)).min())
        })
    }

    fn dead_letters(&self, filter: DeadFilter) -> Answer<'_, Vec<DeadLetter>> {
        self.call(move |tables| {
            let listed = tables.deliveries.listed(&filter).into_iter();
            let letters = listed.filter_map(|(standing, letter)| {
                Some(DeadLetter {
                    id: DeliveryId { lane: standing.lane, event: letter.event },
                    lane: tables.log.lane_key(standing.lane)?.clone(),
                    queue: letter.queue.clone(),
                    at: letter.at,
                    attempts: letter.attempts,
                    reason: letter.reason.clone(),
                })
            });
            Ok(letters.collect())
        })
    }

    fn dead_counts(&self) -> Answer<'_, Vec<(Name, u64)>> {
        self.call(|tables| {
            let mut counts: BTreeMap<Name, u64> = BTreeMap::new();
            for letter in tables.deliveries.dead.values().filter(|letter| letter.live) {
                *counts.entry(letter.queue.clone()).or_default() += 1;
            }
            Ok(counts.into_iter().collect())
        })
    }

    fn redrive(&self, filter: DeadFilter, now: Timestamp) -> Answer<'_, u64> {
        self.put(move |tables| tables.redrive(&filter, now))
    }

    fn purge(&self, filter: DeadFilter) -> Answer<'_, u64> {
        self.call(move |tables| Ok(tables.deliveries.end_letters(&filter).len() as u64))
    }

    fn attempts(&self, filter: AttemptFilter) -> Answer<'_, AttemptPage> {
        self.call(move |tables| Ok(tables.attempts(&filter)))
    }
}
