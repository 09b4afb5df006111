//! One lane: where it is read, what is under way, how far everything is settled.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use model::{Event, EventId, Timestamp};
use store::{DueDelivery, LaneEntry, LaneState, Position, Store, StoreError};

use crate::plan::LanePlan;

/// Entries read ahead; memory is by lane, never by what is waiting.
const AHEAD_MAX: usize = 256;
/// Retries held in memory; the others stay in the store until these are done.
const RETRIES_HELD: usize = 256;

/// One delivery about to be attempted.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) event: Event,
    /// The chunk of the lane in which it stands.
    pub(crate) chunk: u64,
    /// Its place, for a first try; none for a retry, whose place is behind the cursor.
    pub(crate) position: Option<Position>,
    /// When it was put on the lane.
    pub(crate) since: Timestamp,
    /// Attempts made since then.
    pub(crate) tries: u32,
    /// Attempts made in all.
    pub(crate) attempts: u32,
}

/// A lane in use.
pub(crate) struct Lane {
    pub(crate) plan: LanePlan,
    store: Arc<dyn Store>,
    /// Where the next read begins.
    next: Position,
    /// Read, not yet begun.
    ahead: VecDeque<LaneEntry>,
    /// Whether the last read found everything there was.
    at_end: bool,
    /// Read and not settled on disk.
    unsettled: BTreeSet<Position>,
    /// Settled beyond the cursor before the last start.
    settled: BTreeSet<Position>,
    cursor: Position,
    cursor_saved: Position,
    retries: BTreeMap<(Timestamp, u64), DueDelivery>,
    /// Whether the store has more retries than are held.
    more_retries: bool,
    /// Deliveries under way or not yet settled on disk.
    busy: HashSet<u64>,
}

impl Lane {
    /// Opens a lane where it was left.
    pub(crate) async fn open(plan: LanePlan, store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let LaneState { cursor, settled } = store.open_lane(plan.id).await?;
        let mut lane = Self {
            plan,
            store,
            next: cursor,
            ahead: VecDeque::new(),
            at_end: false,
            unsettled: BTreeSet::new(),
            settled,
            cursor,
            cursor_saved: cursor,
            retries: BTreeMap::new(),
            more_retries: true,
            busy: HashSet::new(),
        };
        lane.refill().await?;
        Ok(lane)
    }

    /// Says that something was appended.
    pub(crate) fn wake(&mut self) {
        self.at_end = false;
    }

    /// Reads on when little is left to do.
    pub(crate) async fn refill(&mut self) -> Result<(), StoreError> {
        // What waits for its settlement holds memory too: no reading on above the bound.
        while self.ahead.is_empty() && !self.at_end && self.unsettled.len() < 4 * AHEAD_MAX {
            let entries = self.store.read_lane(self.plan.id, self.next, AHEAD_MAX).await?;
            self.at_end = entries.is_empty();
            for entry in entries {
                let Position { chunk, index } = entry.position;
                self.next = Position { chunk, index: index + 1 };
                if !self.settled.remove(&entry.position) {
                    self.unsettled.insert(entry.position);
                    self.ahead.push_back(entry);
                }
            }
        }
        if self.retries.is_empty() && self.more_retries {
            // Room for those under way, which are still in the store, and one to see whether there
            // are more.
            let limit = RETRIES_HELD + self.busy.len() + 1;
            let due = self.store.due(self.plan.id, None, limit).await?;
            self.more_retries = due.len() == limit;
            for delivery in due {
                if !self.busy.contains(&delivery.event.id.seq) {
                    self.retries.insert((delivery.due, delivery.event.id.seq), delivery);
                }
            }
        }
        self.advance();
        Ok(())
    }

    /// The next delivery: a retry that is due, else a new one. A paused lane gives none.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<Delivery> {
        if self.plan.paused { None } else { self.pop(now) }
    }

    fn pop(&mut self, now: Timestamp) -> Option<Delivery> {
        if let Some(entry) = self.retries.first_entry()
            && entry.key().0 <= now
        {
            let due = entry.remove();
            self.busy.insert(due.event.id.seq);
            let DueDelivery { chunk, event, tries, since, attempts, .. } = due;
            return Some(Delivery { event, chunk, position: None, since, tries, attempts });
        }
        let entry = self.ahead.pop_front()?;
        self.busy.insert(entry.event.id.seq);
        let LaneEntry { position, event, since, attempts_before } = entry;
        let (chunk, position) = (position.chunk, Some(position));
        Some(Delivery { event, chunk, position, since, tries: 0, attempts: attempts_before })
    }

    /// A delivery that has become too old to be tried: it costs no permit and waits for no breaker,
    /// and no pause keeps it young.
    pub(crate) fn take_expired(&mut self, now: Timestamp) -> Option<Delivery> {
        let expired = |since: Timestamp| retry::too_old(&self.plan.retry, since.ms(), now.ms());
        let retry = self
            .retries
            .first_key_value()
            .is_some_and(|((due, _), delivery)| *due <= now && expired(delivery.since));
        let new = self.ahead.front().is_some_and(|entry| expired(entry.since));
        if retry || (new && self.earliest().is_none_or(|due| due > now)) {
            return self.pop(now);
        }
        None
    }

    /// The cursor as it will be when these places are settled too.
    pub(crate) fn cursor_after(&self, settling: &BTreeSet<Position>) -> Position {
        let first = self.unsettled.iter().find(|place| !settling.contains(place));
        self.cursor.max(first.copied().unwrap_or(self.next))
    }

    /// Whether there is something to try now.
    pub(crate) fn has_work(&self, now: Timestamp) -> bool {
        !self.plan.paused
            && (!self.ahead.is_empty() || self.earliest().is_some_and(|due| due <= now))
    }

    /// When the earliest retry is due; never, while the lane is paused.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.earliest().filter(|_| !self.plan.paused)
    }

    fn earliest(&self) -> Option<Timestamp> {
        self.retries.first_key_value().map(|((due, _), _)| *due)
    }

    /// An outcome is on disk: the delivery is done, dead, or waits in the retries.
    pub(crate) fn settled(
        &mut self,
        event: EventId,
        at: Option<Position>,
        again: Option<DueDelivery>,
    ) {
        self.busy.remove(&event.seq);
        if let Some(position) = at {
            self.unsettled.remove(&position);
        }
        if let Some(delivery) = again {
            let latest = self.retries.last_key_value().map(|((due, _), _)| *due);
            // Held ones must stay the earliest: beyond the bound, or behind what was left in the
            // store, it is read from there in its turn.
            let fits = self.retries.len() < RETRIES_HELD
                && (!self.more_retries || latest.is_some_and(|latest| delivery.due <= latest));
            if fits {
                self.retries.insert((delivery.due, delivery.event.id.seq), delivery);
            } else {
                self.more_retries = true;
            }
        }
        self.advance();
    }

    /// The cursor, if it moved since it was saved last.
    pub(crate) fn unsaved_cursor(&self) -> Option<Position> {
        (self.cursor > self.cursor_saved).then_some(self.cursor)
    }

    /// The cursor is on disk.
    pub(crate) fn saved(&mut self, cursor: Position) {
        self.cursor_saved = self.cursor_saved.max(cursor);
    }

    /// Everything before the first unsettled place is settled.
    fn advance(&mut self) {
        let first = self.unsettled.first().copied();
        self.cursor = self.cursor.max(first.unwrap_or(self.next));
    }
}
