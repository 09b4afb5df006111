//! Accepting entries: checked, matched, appended once; answered only when durable.

use std::sync::Arc;

use arc_swap::ArcSwap;
use model::{
    Clock, ENTRIES_BYTES_MAX, ENTRIES_MAX, EntryError, EntryId, EventDraft, EventFields, EventId,
    Timestamp,
};
use parking_lot::Mutex;
use store::{Appended, Once, Store, StoreError};

use crate::rules::Rules;

/// What the bus needs of its surroundings.
#[derive(Clone)]
pub struct World {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where events are kept.
    pub store: Arc<dyn Store>,
    /// Who is told of every event.
    pub observer: Arc<dyn Observer>,
}

/// What a publisher hands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The id by which a repetition is recognised; where there is none, the entry is always new.
    pub id: Option<EntryId>,
    /// What it says about the event.
    pub fields: EventFields,
}

/// One entry of a publishing request, or why the door could not read it.
pub type Entry = Result<Submission, EntryError>;

/// What a publisher learns of an accepted entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The event's id; of a repetition, that of the first time.
    pub id: EventId,
    /// How many targets it goes to; none means that no rule of the bus matched it.
    pub matched: usize,
    /// Whether it had been accepted before, so that nothing was appended now.
    pub duplicate: bool,
}

/// One accepted event as the log and the metrics see it.
#[derive(Debug, Clone)]
pub struct Published {
    /// When it was accepted.
    pub at: Timestamp,
    /// Its id.
    pub id: EventId,
    /// The bus.
    pub bus: String,
    /// Where it comes from.
    pub source: String,
    /// What happened.
    pub detail_type: String,
    /// How many lanes it goes to.
    pub lanes: usize,
    /// Its trace.
    pub traceparent: Option<String>,
}

/// Is told of every event. Must not block.
pub trait Observer: Send + Sync {
    /// An event has been accepted.
    fn published(&self, event: Published);
    /// An entry repeats one that was accepted before, as this event; there is no new one.
    fn duplicate(&self, bus: &str, first: EventId);
    /// An entry has been refused.
    fn refused(&self, bus: &str, error: &EntryError);
}

/// Why a whole publishing request is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// No entries, or too many.
    #[error("a request carries 1 to {ENTRIES_MAX} entries; this one has {0}")]
    Count(usize),
    /// The entries are too large together.
    #[error("Total size of the entries in the request is over the limit.")]
    TooLarge,
    /// They could not be made durable; nothing was taken.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The bus: takes events.
#[derive(Clone)]
pub struct Bus {
    rules: Arc<ArcSwap<Rules>>,
    world: World,
    /// What matching needs, for the next who publishes; no more of them than ever matched at once.
    scratches: Arc<Mutex<Vec<pattern::Scratch>>>,
}

impl Bus {
    /// A bus over rules that somebody else swaps.
    pub fn new(rules: Arc<ArcSwap<Rules>>, world: World) -> Self {
        Self { rules, world, scratches: Arc::default() }
    }

    /// Takes entries for a bus. Each has its own result, in order; those that are taken are on disk
    /// when this answers (EventBridge, `PutEvents`). One that repeats an entry of the same id is
    /// answered as that one was, and not taken again.
    pub async fn put(
        &self,
        bus: &str,
        entries: Vec<Entry>,
    ) -> Result<Vec<Result<Accepted, EntryError>>, PutError> {
        if entries.is_empty() || entries.len() > ENTRIES_MAX {
            return Err(PutError::Count(entries.len()));
        }
        let size: usize = entries.iter().flatten().map(|entry| size(&entry.fields)).sum();
        if size > ENTRIES_BYTES_MAX {
            return Err(PutError::TooLarge);
        }
        // The time first: what was matched with the rules of before is not younger than what the rules
        // after them matched.
        let now = self.world.clock.now();
        let rules = self.rules.load();
        let known = rules.bus(bus);
        let mut scratch = self.scratches.lock().pop().unwrap_or_default();
        let checked: Vec<Result<store::Entry, EntryError>> = entries
            .into_iter()
            .map(|entry| {
                let (bus, window_ms) =
                    known.clone().ok_or_else(|| EntryError::UnknownBus(bus.to_owned()))?;
                let Submission { id, fields } = entry?;
                let draft = EventDraft::new(bus, fields)?;
                let id = id.filter(|_| window_ms > 0);
                let once = id.map(|id| Once { id, window_ms });
                Ok(store::Entry { lanes: rules.lanes(&draft, now, &mut scratch), draft, once })
            })
            .collect();
        let taken: Vec<store::Entry> = checked.iter().flatten().cloned().collect();
        drop(rules);
        self.scratches.lock().push(scratch);
        let appended =
            if taken.is_empty() { Vec::new() } else { self.world.store.append(now, taken).await? };
        Ok(self.told(bus, checked, appended.into_iter()))
    }

    fn told(
        &self,
        bus: &str,
        checked: Vec<Result<store::Entry, EntryError>>,
        mut appended: impl Iterator<Item = Appended>,
    ) -> Vec<Result<Accepted, EntryError>> {
        let observer = &self.world.observer;
        let tell = |entry: Result<store::Entry, EntryError>| {
            let result = entry.and_then(|entry| {
                match appended.next().expect("the store answers for every entry it was handed") {
                    Appended::New(id) => {
                        let matched = entry.lanes.len();
                        observer.published(published(bus, id, &entry));
                        Ok(Accepted { id, matched, duplicate: false })
                    }
                    Appended::Duplicate { first, lanes } => {
                        observer.duplicate(bus, first);
                        Ok(Accepted { id: first, matched: lanes, duplicate: true })
                    }
                    Appended::Mismatch { first } => Err(EntryError::IdempotencyMismatch(first)),
                }
            });
            result.inspect_err(|error| observer.refused(bus, error))
        };
        checked.into_iter().map(tell).collect()
    }
}

fn published(bus: &str, id: EventId, entry: &store::Entry) -> Published {
    let fields = entry.draft.fields();
    Published {
        at: id.accepted_at,
        id,
        bus: bus.to_owned(),
        source: fields.source.clone(),
        detail_type: fields.detail_type.clone(),
        lanes: entry.lanes.len(),
        traceparent: fields.traceparent.clone(),
    }
}

/// The size of an entry as EventBridge counts it (`PutEvents`, "Calculating `PutEvents` event entry
/// size").
fn size(fields: &EventFields) -> usize {
    let time = if fields.time.is_some() { 14 } else { 0 };
    let resources: usize = fields.resources.iter().map(String::len).sum();
    time + fields.source.len() + fields.detail_type.len() + fields.detail.len() + resources
}
