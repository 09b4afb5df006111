//! Appending: all events of a commit together, one chunk per lane, ids of entries in the same write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{EventDraft, EventId, Timestamp};
use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;
use rusqlite::params;
use store::{Appended, Entry, LaneId, LaneWaker, StoreError};
use tokio::sync::oneshot;

use super::chunk::{Chunk, Kind, insert_chunk};
use super::repeats::{self, Mark};
use crate::{error, execute, signed};

/// A write that belongs to an append.
pub(super) type Also = Box<dyn FnOnce(&Connection) -> rusqlite::Result<()> + Send>;

/// Events of one caller, waiting for the next commit.
pub(crate) struct Append {
    accepted_at: Timestamp,
    entries: Vec<Entry>,
    /// For each entry what is kept of its id, if it carries one.
    marks: Vec<Option<Mark>>,
    /// A write that belongs to the same event: that a schedule fired.
    also: Mutex<Option<Also>>,
    reply: oneshot::Sender<Result<Vec<Appended>, StoreError>>,
}

impl Append {
    pub(super) fn new(
        accepted_at: Timestamp,
        entries: Vec<Entry>,
        also: Option<Also>,
        reply: oneshot::Sender<Result<Vec<Appended>, StoreError>>,
    ) -> Self {
        // Digests are made by the caller: the writer is one thread for all.
        let mark = |entry: &Entry| entry.once.as_ref().map(|once| Mark::new(once, &entry.draft));
        let marks = entries.iter().map(mark).collect();
        Self { accepted_at, entries, marks, also: Mutex::new(also), reply }
    }

    pub(crate) fn refuse(self, cause: &StoreError) {
        // A caller that no longer waits is told nothing.
        drop(self.reply.send(Err(cause.clone())));
    }
}

/// Appends all waiting events together and wakes their lanes.
pub(crate) struct Appender {
    next: Arc<AtomicU64>,
    waker: Arc<RwLock<Option<Arc<dyn LaneWaker>>>>,
    /// Earlier segments, the latest first, with the moment when their last id is forgotten.
    marked: Mutex<Vec<(Timestamp, Connection)>>,
}

/// What is known of a bus after a commit.
struct Span {
    events: u64,
    last: Timestamp,
}

impl Appender {
    pub(crate) fn new(
        next: Arc<AtomicU64>,
        waker: Arc<RwLock<Option<Arc<dyn LaneWaker>>>>,
        before: Vec<Connection>,
    ) -> rusqlite::Result<Self> {
        let mut marked = Vec::new();
        for connection in before {
            if let Some(end) = repeats::end(&connection)? {
                marked.push((end, connection));
            }
        }
        Ok(Self { next, waker, marked: Mutex::new(marked) })
    }

    /// Writes the events and one chunk per lane; gives each caller what became of its entries.
    pub(crate) fn append(
        &self,
        connection: &Connection,
        appends: &[Append],
    ) -> Result<Vec<Vec<Appended>>, StoreError> {
        // Entries that are repetitions leave their numbers unused.
        let count = appends.iter().map(|append| append.entries.len() as u64).sum();
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        self.write(connection, appends, first).map_err(error)
    }

    pub(crate) fn answer(&self, appends: Vec<Append>, outcomes: Vec<Vec<Appended>>) {
        let mut lanes: Vec<LaneId> = Vec::new();
        for (append, outcomes) in appends.into_iter().zip(outcomes) {
            let entries = append.entries.iter().zip(&outcomes);
            let new = entries.filter(|(_, outcome)| matches!(outcome, Appended::New(_)));
            lanes.extend(new.flat_map(|(entry, _)| entry.lanes.iter().copied()));
            // A publisher that no longer waits has its events on disk all the same.
            drop(append.reply.send(Ok(outcomes)));
        }
        lanes.sort_unstable();
        lanes.dedup();
        // A commit of outcomes alone wakes nobody.
        if lanes.is_empty() {
            return;
        }
        if let Some(waker) = self.waker.read().as_ref() {
            waker.wake(&lanes);
        }
    }

    fn write(
        &self,
        connection: &Connection,
        appends: &[Append],
        first: u64,
    ) -> rusqlite::Result<Vec<Vec<Appended>>> {
        let mut seq = first;
        let mut lanes: BTreeMap<LaneId, Vec<u64>> = BTreeMap::new();
        let mut spans: BTreeMap<&str, Span> = BTreeMap::new();
        let mut all = Vec::with_capacity(appends.len());
        let mut since = Timestamp::default();
        let mut insert = connection.prepare_cached(
            "INSERT INTO event(seq, ts, bus, source, detail_type, time, resources, traceparent, detail)
             VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for append in appends {
            let mut outcomes = Vec::with_capacity(append.entries.len());
            since = since.max(append.accepted_at);
            for (entry, mark) in append.entries.iter().zip(&append.marks) {
                let before = match mark {
                    Some(mark) => self.find(connection, mark, append.accepted_at)?,
                    None => None,
                };
                if let Some(before) = before {
                    outcomes.push(before);
                    continue;
                }
                let id = EventId { accepted_at: append.accepted_at, seq };
                insert_event(&mut insert, seq, append.accepted_at, &entry.draft)?;
                if let Some(mark) = mark {
                    repeats::remember(connection, mark, id, entry.lanes.len())?;
                }
                for lane in &entry.lanes {
                    lanes.entry(*lane).or_default().push(seq);
                }
                let empty = Span { events: 0, last: Timestamp::default() };
                let span = spans.entry(entry.draft.bus().as_str()).or_insert(empty);
                span.events += 1;
                span.last = span.last.max(append.accepted_at);
                outcomes.push(Appended::New(id));
                seq += 1;
            }
            if let Some(also) = append.also.lock().take() {
                also(connection)?;
            }
            all.push(outcomes);
        }
        for (lane, seqs) in &lanes {
            insert_chunk(
                connection,
                *lane,
                &Chunk { number: first, since, kind: Kind::First, seqs },
            )?;
        }
        spans.iter().try_for_each(|(bus, span)| note_span(connection, bus, span))?;
        Ok(all)
    }

    /// What an entry repeats. What this transaction has written is found too: a repetition within
    /// one commit; and what lies in earlier segments, as long as its window may last.
    fn find(
        &self,
        connection: &Connection,
        mark: &Mark,
        now: Timestamp,
    ) -> rusqlite::Result<Option<Appended>> {
        if let Some(found) = repeats::find(connection, mark, now)? {
            return Ok(Some(found));
        }
        let mut marked = self.marked.lock();
        marked.retain(|(end, _)| now < *end);
        for (_, before) in marked.iter() {
            if let Some(found) = repeats::find(before, mark, now)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

fn note_span(connection: &Connection, bus: &str, span: &Span) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO span(bus, n, last_ts) VALUES(?, ?, ?) ON CONFLICT(bus) DO UPDATE
         SET n = n + excluded.n, last_ts = max(last_ts, excluded.last_ts)",
        params![bus, signed(span.events), span.last.ms()],
    )
    .map(drop)
}

fn insert_event(
    insert: &mut rusqlite::CachedStatement<'_>,
    seq: u64,
    accepted_at: Timestamp,
    draft: &EventDraft,
) -> rusqlite::Result<()> {
    let fields = draft.fields();
    let resources = (!fields.resources.is_empty())
        .then(|| serde_json::Value::from(fields.resources.clone()).to_string());
    insert
        .execute(params![
            signed(seq),
            accepted_at.ms(),
            draft.bus().as_str(),
            fields.source,
            fields.detail_type,
            fields.time.map(Timestamp::ms),
            resources,
            fields.traceparent,
            fields.detail
        ])
        .map(drop)
}
