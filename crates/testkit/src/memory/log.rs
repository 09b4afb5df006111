//! The event log: events by their places, lanes as chunks of places.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Event, EventDraft, EventId, LaneKey, Timestamp};
use store::{
    Answer, Appended, Dropped, Entry, EventLog, EventPage, EventRange, Keep, LaneEnd, LaneEntry,
    LaneId, LanePage, LaneWaker, Once, Position, StoreError,
};

use super::deliveries::Standing;
use super::{MemStore, Tables};

#[derive(Default)]
pub(super) struct Log {
    /// The number that was given last: places of events and names of chunks come from one row.
    last: u64,
    events: BTreeMap<u64, Event>,
    /// A lane's number is its place here, from 1.
    lanes: Vec<LaneKey>,
    chunks: BTreeMap<(LaneId, u64), Chunk>,
    /// By bus and id.
    firsts: BTreeMap<(String, String), First>,
    fired: BTreeMap<String, Timestamp>,
}

/// Some entries of a lane that were put on it together.
struct Chunk {
    since: Timestamp,
    /// The places of their events, and how many attempts were made before.
    entries: Vec<(u64, u32)>,
}

/// The first entry of an id.
struct First {
    event: EventId,
    draft: EventDraft,
    lanes: usize,
    window_ms: i64,
}

/// What a store may drop, named as the store in memory names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Droppable {
    /// The places of events.
    pub events: BTreeSet<u64>,
    /// Attempts, by where they were made and their numbers.
    pub attempts: BTreeSet<(Standing, u32)>,
}

impl Log {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn lane_key(&self, lane: LaneId) -> Option<&LaneKey> {
        self.lanes.get(usize::try_from(lane.checked_sub(1)?).ok()?)
    }

    pub(super) fn event(&self, seq: u64) -> Option<&Event> {
        self.events.get(&seq)
    }

    /// What lies on a lane from a position on: where, the event's place, since when, and how many
    /// attempts were made before.
    pub(super) fn entries(
        &self,
        lane: LaneId,
        from: Position,
    ) -> impl Iterator<Item = (Position, u64, Timestamp, u32)> {
        let chunks = self.chunks.range((lane, 0)..=(lane, u64::MAX));
        let entries = chunks.flat_map(|((_, number), chunk)| {
            (0_u32..).zip(&chunk.entries).map(|(index, (seq, attempts))| {
                (Position { chunk: *number, index }, *seq, chunk.since, *attempts)
            })
        });
        entries.filter(move |(position, ..)| *position >= from)
    }

    /// Puts one chunk at the end of each of these lanes.
    pub(super) fn extend(
        &mut self,
        lanes: BTreeMap<LaneId, Vec<(u64, u32)>>,
        since: Timestamp,
    ) -> Vec<LaneId> {
        let number = self.number();
        self.put_chunks(number, lanes, since)
    }

    fn put_chunks(
        &mut self,
        number: u64,
        lanes: BTreeMap<LaneId, Vec<(u64, u32)>>,
        since: Timestamp,
    ) -> Vec<LaneId> {
        let woken = lanes.keys().copied().collect();
        for (lane, entries) in lanes {
            self.chunks.insert((lane, number), Chunk { since, entries });
        }
        woken
    }

    fn append(
        &mut self,
        accepted_at: Timestamp,
        entries: Vec<Entry>,
    ) -> (Vec<Appended>, Vec<LaneId>) {
        let mut lanes: BTreeMap<LaneId, Vec<(u64, u32)>> = BTreeMap::new();
        let mut appended = Vec::new();
        let chunk = self.last + 1;
        for Entry { draft, lanes: to, once } in entries {
            if let Some(before) = self.repeated(&draft, once.as_ref(), accepted_at) {
                appended.push(before);
                continue;
            }
            let event = EventId { accepted_at, seq: self.number() };
            let (bus, fields) = (draft.bus().to_string(), draft.fields().clone());
            for lane in &to {
                lanes.entry(*lane).or_default().push((event.seq, 0));
            }
            if let Some(Once { id, window_ms }) = once {
                let key = (bus.clone(), id.as_str().to_owned());
                let first = First { event, draft, lanes: to.len(), window_ms };
                self.firsts.insert(key, first);
            }
            self.events.insert(event.seq, Event { id: event, bus, fields });
            appended.push(Appended::New(event));
        }
        (appended, self.put_chunks(chunk, lanes, accepted_at))
    }

    /// What an entry is that repeats another one; none if it is the first within its window.
    fn repeated(
        &self,
        draft: &EventDraft,
        once: Option<&Once>,
        now: Timestamp,
    ) -> Option<Appended> {
        let once = once?;
        let first = self.firsts.get(&(draft.bus().to_string(), once.id.as_str().to_owned()))?;
        if now.since_ms(first.event.accepted_at) >= once.window_ms {
            return None;
        }
        let (mut one, mut other) = (draft.fields().clone(), first.draft.fields().clone());
        (one.traceparent, other.traceparent) = (None, None);
        Some(if one == other {
            Appended::Duplicate { first: first.event, lanes: first.lanes }
        } else {
            Appended::Mismatch { first: first.event }
        })
    }

    fn forget_entries(&mut self, now: Timestamp, limit: usize) -> usize {
        let over = |first: &First| now.since_ms(first.event.accepted_at) >= first.window_ms;
        let mut forgotten: Vec<_> = self
            .firsts
            .iter()
            .filter(|(_, first)| over(first))
            .map(|(key, _)| key.clone())
            .collect();
        forgotten.truncate(limit);
        for key in &forgotten {
            self.firsts.remove(key);
        }
        forgotten.len()
    }

    fn read_events(&self, range: &EventRange, limit: usize) -> EventPage {
        let after = range.after.unwrap_or(0);
        let is_in = |event: &&Event| {
            let at = event.id.accepted_at;
            event.bus == range.bus && at >= range.from && at < range.until && event.id.seq > after
        };
        let mut events: Vec<Event> =
            self.events.values().filter(is_in).take(limit.saturating_add(1)).cloned().collect();
        let at_end = events.len() <= limit;
        events.truncate(limit);
        let last = if at_end {
            self.events.keys().next_back().copied()
        } else {
            events.last().map(|event| event.id.seq)
        };
        EventPage { events, looked_until: last.unwrap_or(0).max(after), at_end }
    }

    fn lane_end(&self, lane: LaneId) -> LaneEnd {
        let entries = self.entries(lane, Position::default());
        entries.fold(LaneEnd::default(), |end, (_, seq, _, _)| LaneEnd {
            entries: end.entries + 1,
            last: Some(seq),
        })
    }
}

impl Tables {
    /// Everything that need not be kept.
    fn droppable(&self, keep: &Keep) -> Droppable {
        let mut needed: BTreeSet<u64> = self.deliveries.letters().map(|id| id.event.seq).collect();
        for lane in &keep.in_use {
            let waiting = self.log.entries(*lane, self.deliveries.cursor(*lane));
            needed.extend(waiting.filter_map(|(position, seq, _, _)| {
                let standing = Standing { lane: *lane, chunk: position.chunk, seq };
                (!self.deliveries.is_settled(standing)).then_some(seq)
            }));
            needed.extend(self.deliveries.retries(*lane).map(|(standing, _)| standing.seq));
        }
        let is_old = |event: &Event| {
            let before = keep.buses.get(&event.bus).copied().unwrap_or(keep.others);
            event.id.accepted_at < before && !needed.contains(&event.id.seq)
        };
        let old = self.log.events.values().filter(|event| is_old(event));
        let events: BTreeSet<u64> = old.map(|event| event.id.seq).collect();
        let attempts = self.deliveries.attempts_of(&events, keep.attempts);
        Droppable { events, attempts }
    }

    fn drop_exactly(&mut self, dropped: &Droppable) {
        for seq in &dropped.events {
            self.log.events.remove(seq);
        }
        self.deliveries.drop_attempts(&dropped.attempts);
    }
}

impl MemStore {
    /// All that [`EventLog::drop_old`] may drop, and would here. Another store may keep more of it,
    /// and may never drop anything else.
    pub fn droppable(&self, keep: &Keep) -> Droppable {
        self.tables.lock().droppable(keep)
    }

    /// Drops this and nothing else: what another store dropped that is held against this one.
    pub fn drop_exactly(&self, dropped: &Droppable) {
        self.tables.lock().drop_exactly(dropped);
    }
}

impl EventLog for MemStore {
    fn lanes(&self, keys: Vec<LaneKey>) -> Answer<'_, Vec<LaneId>> {
        self.call(move |tables| {
            let lanes = &mut tables.log.lanes;
            let number = |key: LaneKey| {
                let at = lanes.iter().position(|known| *known == key).unwrap_or_else(|| {
                    lanes.push(key);
                    lanes.len() - 1
                });
                LaneId::try_from(at + 1).unwrap_or(LaneId::MAX)
            };
            Ok(keys.into_iter().map(number).collect())
        })
    }

    fn all_lanes(&self) -> Answer<'_, Vec<(LaneKey, LaneId)>> {
        self.call(|tables| Ok(tables.log.lanes.iter().cloned().zip(1..).collect()))
    }

    fn append(&self, accepted_at: Timestamp, entries: Vec<Entry>) -> Answer<'_, Vec<Appended>> {
        self.put(move |tables| tables.log.append(accepted_at, entries))
    }

    fn forget_entries(&self, now: Timestamp, limit: usize) -> Answer<'_, usize> {
        self.call(move |tables| Ok(tables.log.forget_entries(now, limit)))
    }

    fn read_lane(&self, lane: LaneId, from: Position, limit: usize) -> Answer<'_, LanePage> {
        self.call(move |tables| {
            let log = &tables.log;
            let mut page = LanePage { next: from, at_end: true, ..LanePage::default() };
            for (position, seq, since, attempts_before) in log.entries(lane, from) {
                if page.entries.len() == limit {
                    page.at_end = false;
                    break;
                }
                page.next = Position { chunk: position.chunk, index: position.index + 1 };
                // An event that is gone has nothing left to deliver.
                let Some(event) = log.event(seq).cloned() else { continue };
                page.entries.push(LaneEntry { position, event, since, attempts_before });
            }
            Ok(page)
        })
    }

    fn event(&self, id: EventId) -> Answer<'_, Option<Event>> {
        self.call(move |tables| Ok(tables.log.event(id.seq).filter(|one| one.id == id).cloned()))
    }

    fn wake_with(&self, waker: Arc<dyn LaneWaker>) {
        *self.waker.write() = Some(waker);
    }

    fn read_events(&self, range: EventRange, limit: usize) -> Answer<'_, EventPage> {
        self.call(move |tables| Ok(tables.log.read_events(&range, limit)))
    }

    fn extend_lanes(&self, lanes: Vec<(LaneId, Vec<u64>)>, now: Timestamp) -> Answer<'_, ()> {
        self.put(move |tables| {
            let mut entries: BTreeMap<LaneId, Vec<(u64, u32)>> = BTreeMap::new();
            for (lane, places) in lanes {
                entries.entry(lane).or_default().extend(places.into_iter().map(|seq| (seq, 0)));
            }
            entries.retain(|_, places| !places.is_empty());
            ((), tables.log.extend(entries, now))
        })
    }

    fn lane_end(&self, lane: LaneId) -> Answer<'_, LaneEnd> {
        self.call(move |tables| Ok(tables.log.lane_end(lane)))
    }

    fn drop_old(&self, keep: Keep) -> Answer<'_, Dropped> {
        self.call(move |tables| {
            let dropped = tables.droppable(&keep);
            tables.drop_exactly(&dropped);
            Ok(Dropped {
                events: dropped.events.len() as u64,
                attempts: dropped.attempts.len() as u64,
                bytes: 0,
                more: false,
            })
        })
    }

    fn last_fired(&self, schedule: String) -> Answer<'_, Option<Timestamp>> {
        self.call(move |tables| Ok(tables.log.fired.get(&schedule).copied()))
    }

    fn fire(&self, schedule: String, accepted_at: Timestamp, entry: Entry) -> Answer<'_, EventId> {
        let appended = self.put(move |tables| {
            tables.log.fired.insert(schedule, accepted_at);
            tables.log.append(accepted_at, vec![entry])
        });
        Box::pin(async move {
            let appended = appended.await?;
            appended.first().copied().map(Appended::event).ok_or(StoreError::Closed)
        })
    }
}
