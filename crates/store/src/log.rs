//! The event log and its lanes: append once, read from a position.
//!
//! Publishing writes the event and, for every lane it matched, its place in a chunk of that lane.
//! A lane is read by position; being behind costs nothing but the position.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{EntryId, Event, EventDraft, EventId, LaneKey, Timestamp};

use crate::Answer;

/// A lane's number in this store; stays the same as long as the store lives.
pub type LaneId = u32;

/// An event to append, and the lanes it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event.
    pub draft: EventDraft,
    /// Its lanes.
    pub lanes: Vec<LaneId>,
    /// By what a repetition of it is recognised; where there is none, it is always new.
    pub once: Option<Once>,
}

/// Asks that an entry is appended once, however often it is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The id its publisher gave it; unique on its bus.
    pub id: EntryId,
    /// How long it is remembered, from its acceptance.
    pub window_ms: i64,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log, under this id.
    New(EventId),
    /// It repeats an entry; nothing was appended.
    Duplicate {
        /// The event of the first time.
        first: EventId,
        /// How many lanes that one went to.
        lanes: usize,
    },
    /// Its id is that of an entry with another content; nothing was appended.
    Mismatch {
        /// The event of the first time.
        first: EventId,
    },
}

impl Appended {
    /// The event that stands under the entry's id: its own, or the first one.
    pub fn event(self) -> EventId {
        match self {
            Self::New(event) => event,
            Self::Duplicate { first, .. } | Self::Mismatch { first } => first,
        }
    }
}

/// A place in a lane: the chunk, and how many entries of it come before. Orders as it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// The chunk; from 1.
    pub chunk: u64,
    /// The entry in the chunk, from 0.
    pub index: u32,
}

/// One entry of a lane, ready to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneEntry {
    /// Its place.
    pub position: Position,
    /// The event.
    pub event: Event,
    /// When it was put on the lane: at acceptance, or at the redrive. Its age counts from here.
    pub since: Timestamp,
    /// Attempts made before it was redriven; 0 for a first delivery.
    pub attempts_before: u32,
}

/// A stretch of a bus, by when its events were accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRange {
    /// The bus.
    pub bus: String,
    /// At or after.
    pub from: Timestamp,
    /// Before.
    pub until: Timestamp,
    /// Behind this place of the log; none begins at the first one.
    pub after: Option<u64>,
}

/// Some events of a range, in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventPage {
    /// The events; none need not mean that there are none further on.
    pub events: Vec<Event>,
    /// The place up to which the log was looked through.
    pub looked_until: u64,
    /// Whether the range ends there, as far as the log goes now.
    pub at_end: bool,
}

/// What was ever put on a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneEnd {
    /// How many entries.
    pub entries: u64,
    /// The place of the last one's event.
    pub last: Option<u64>,
}

/// How long what is settled is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keep {
    /// The present moment: ids of entries are kept as long as their windows last.
    pub now: Timestamp,
    /// Events of these buses that were accepted before are not kept.
    pub buses: BTreeMap<String, Timestamp>,
    /// Events of all other buses that were accepted before are not kept.
    pub others: Timestamp,
    /// Attempts made before are not kept.
    pub attempts: Timestamp,
    /// The lanes that are in use: what waits on another one keeps nothing.
    pub in_use: Vec<LaneId>,
}

/// What was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Events.
    pub events: u64,
    /// Attempts.
    pub attempts: u64,
    /// Bytes given back to the file system.
    pub bytes: u64,
    /// Whether there may be more to drop at once.
    pub more: bool,
}

/// Some entries of a lane, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LanePage {
    /// The entries.
    pub entries: Vec<LaneEntry>,
    /// Where the next read begins: behind the last entry, and behind those that were passed over
    /// because their events are gone.
    pub next: Position,
    /// Whether the lane ends there, as far as it goes now.
    pub at_end: bool,
}

/// Is told which lanes have something new. A hint: whoever misses one finds the entries anyway.
pub trait LaneWaker: Send + Sync {
    /// These lanes have new entries.
    fn wake(&self, lanes: &[LaneId]);
}

/// The event log.
pub trait EventLog: Send + Sync {
    /// The numbers of lanes, made where there is none yet; in the order asked.
    fn lanes(&self, keys: Vec<LaneKey>) -> Answer<'_, Vec<LaneId>>;

    /// Every lane there ever was, with its number, in the order of numbers.
    fn all_lanes(&self) -> Answer<'_, Vec<(LaneKey, LaneId)>>;

    /// Appends events to the log and to their lanes, all or none; on disk when it answers. Callers
    /// at the same time share one flush. Says what became of each entry, in their order.
    ///
    /// An entry whose id was appended to the same bus less than its window ago, by whomever and also
    /// earlier in this call, is not appended again. Two entries have the same content if source,
    /// detail-type, detail, resources and time are the same. The id is kept in the write that appends
    /// the event, so a crash leaves both or neither.
    fn append(&self, accepted_at: Timestamp, entries: Vec<Entry>) -> Answer<'_, Vec<Appended>>;

    /// Forgets up to `limit` ids of entries whose window is over at `now`, the window they were
    /// appended with. Gives how many; one that was given again since may count for both.
    fn forget_entries(&self, now: Timestamp, limit: usize) -> Answer<'_, usize>;

    /// Up to `limit` entries of a lane at `from` and after it, in order, at least one if there is
    /// one; fewer when their bytes add up, or when many were passed over.
    fn read_lane(&self, lane: LaneId, from: Position, limit: usize) -> Answer<'_, LanePage>;

    /// One event.
    fn event(&self, id: EventId) -> Answer<'_, Option<Event>>;

    /// Who is to be told of new entries.
    fn wake_with(&self, waker: Arc<dyn LaneWaker>);

    /// Up to `limit` events of a range. Looks through a bounded part of the log at once, so a page
    /// may be empty and not the last.
    fn read_events(&self, range: EventRange, limit: usize) -> Answer<'_, EventPage>;

    /// Puts events that are in the log, by their places in ascending order, at the end of lanes once
    /// more, all or none; on disk when it answers. Their age there counts from `now`.
    fn extend_lanes(&self, lanes: Vec<(LaneId, Vec<u64>)>, now: Timestamp) -> Answer<'_, ()>;

    /// What was ever put on a lane.
    fn lane_end(&self, lane: LaneId) -> Answer<'_, LaneEnd>;

    /// Drops some of what need not be kept: events that no lane in use still needs and no dead
    /// letter points at, and attempts. Gives what was dropped; to be called again while there is
    /// more.
    fn drop_old(&self, keep: Keep) -> Answer<'_, Dropped>;

    /// When a schedule fired last.
    fn last_fired(&self, schedule: String) -> Answer<'_, Option<Timestamp>>;

    /// Notes that a schedule fired, in the same flush as its event.
    fn fire(&self, schedule: String, accepted_at: Timestamp, entry: Entry) -> Answer<'_, EventId>;
}
