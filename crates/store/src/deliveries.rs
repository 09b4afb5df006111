//! What became of deliveries: positions, retries, attempts, dead letters.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use model::{
    Attempt, DeadLetter, DeadReason, DeliveryId, Event, EventId, LaneKey, Name, Timestamp,
};

use crate::{Answer, LaneId, Position};

/// The outcome of one attempt, to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The lane.
    pub lane: LaneId,
    /// The chunk of the lane in which it stands: what is kept of it is kept beside that.
    pub chunk: u64,
    /// The event.
    pub event: EventId,
    /// What happened; none when nothing could be attempted (an input that cannot be rendered).
    pub attempt: Option<Attempt>,
    /// What follows.
    pub then: Then,
}

/// What follows from an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Nothing: it was delivered.
    Done,
    /// Another attempt.
    Retry {
        /// Not before.
        due: Timestamp,
        /// Attempts made so far since it was put on the lane.
        tries: u32,
        /// When it was put on the lane.
        since: Timestamp,
    },
    /// The dead letters.
    Dead {
        /// Their queue.
        queue: Name,
        /// Why.
        reason: DeadReason,
        /// Attempts made in all.
        attempts: u32,
        /// When it was given up.
        at: Timestamp,
    },
}

/// Where a lane stands, after a start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LaneState {
    /// Everything before is settled.
    pub cursor: Position,
    /// Places of the log, at the cursor or after it, that are settled all the same.
    pub settled: BTreeSet<Position>,
}

/// A delivery that waits for another attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDelivery {
    /// The chunk of the lane in which it stands.
    pub chunk: u64,
    /// The event.
    pub event: Event,
    /// When it is due.
    pub due: Timestamp,
    /// Attempts made so far since it was put on the lane.
    pub tries: u32,
    /// When it was put on the lane.
    pub since: Timestamp,
    /// Attempts made in all.
    pub attempts: u32,
}

/// Where a retry stands among those of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuePlace {
    /// When it is due.
    pub due: Timestamp,
    /// Its event.
    pub seq: u64,
    /// The chunk of the lane in which it stands: an event may stand in several.
    pub chunk: u64,
}

impl DueDelivery {
    /// Where it stands.
    pub fn place(&self) -> DuePlace {
        DuePlace { due: self.due, seq: self.event.id.seq, chunk: self.chunk }
    }
}

/// Which dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadFilter {
    /// Of this queue.
    pub queue: Option<Name>,
    /// Of these lanes.
    pub lanes: Option<Vec<LaneId>>,
    /// Of this one delivery.
    pub delivery: Option<DeliveryId>,
    /// With this error code.
    pub code: Option<String>,
    /// Given up at or after.
    pub from: Option<Timestamp>,
    /// Given up before.
    pub until: Option<Timestamp>,
    /// After this one, in the order of listing.
    pub after: Option<(LaneId, u64)>,
    /// At most so many.
    pub limit: usize,
}

/// Which attempts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttemptFilter {
    /// Of this event.
    pub event: Option<EventId>,
    /// Of these lanes.
    pub lanes: Option<Vec<LaneId>>,
    /// Only those that failed.
    pub failed_only: bool,
    /// Answered with one of these statuses.
    pub statuses: Option<RangeInclusive<u16>>,
    /// Begun at or after.
    pub from: Option<Timestamp>,
    /// Begun before.
    pub until: Option<Timestamp>,
    /// Behind this one, in the order of listing.
    pub after: Option<AttemptPlace>,
    /// At most so many.
    pub limit: usize,
}

/// Where an attempt stands in a listing: newest events first, of one event the highest lane first,
/// of one delivery the last attempt first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptPlace {
    /// The place of its event in the log.
    pub seq: u64,
    /// Its lane.
    pub lane: LaneId,
    /// Its number.
    pub number: u32,
}

/// Some attempts, newest events first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttemptPage {
    /// The attempts; none need not mean that there are none further on.
    pub rows: Vec<AttemptRow>,
    /// Where to go on; none at the end.
    pub next: Option<AttemptPlace>,
}

/// One attempt with what it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// The delivery.
    pub id: DeliveryId,
    /// Its lane.
    pub lane: LaneKey,
    /// The attempt.
    pub attempt: Attempt,
}

/// Keeps what became of deliveries.
pub trait Deliveries: Send + Sync {
    /// Where a lane stands. Reads only what lies after its cursor.
    fn open_lane(&self, lane: LaneId) -> Answer<'_, LaneState>;

    /// Keeps outcomes and positions, all or none; on disk when it answers.
    fn settle(
        &self,
        settlements: Vec<Settlement>,
        cursors: Vec<(LaneId, Position)>,
    ) -> Answer<'_, ()>;

    /// Up to `limit` deliveries of a lane that wait for another attempt, the earliest due first,
    /// behind `after`; fewer than `limit` only where there are no more.
    fn due(
        &self,
        lane: LaneId,
        after: Option<DuePlace>,
        limit: usize,
    ) -> Answer<'_, Vec<DueDelivery>>;

    /// How many entries of a lane are not settled: those after the cursor and those waiting for
    /// another attempt.
    fn backlog(&self, lane: LaneId) -> Answer<'_, u64>;

    /// When the oldest entry of a lane that is not settled was put on it: of those after the cursor
    /// and those waiting for another attempt.
    fn oldest(&self, lane: LaneId) -> Answer<'_, Option<Timestamp>>;

    /// Dead letters in the order of lane and event.
    fn dead_letters(&self, filter: DeadFilter) -> Answer<'_, Vec<DeadLetter>>;

    /// How many dead letters each queue has.
    fn dead_counts(&self) -> Answer<'_, Vec<(Name, u64)>>;

    /// Puts dead letters back on their lanes, to be tried as if accepted at `now`. Gives how many.
    fn redrive(&self, filter: DeadFilter, now: Timestamp) -> Answer<'_, u64>;

    /// Forgets dead letters. Gives how many.
    fn purge(&self, filter: DeadFilter) -> Answer<'_, u64>;

    /// Attempts, newest events first. Looks through a bounded part of the history at once.
    fn attempts(&self, filter: AttemptFilter) -> Answer<'_, AttemptPage>;
}
