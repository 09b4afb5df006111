//! The event log: appending in one commit, lanes in chunks, reading by position.

mod repeats;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Event, EventDraft, EventFields, EventId, LaneKey, SYSTEM_BUS, Timestamp};
use parking_lot::RwLock;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store::{
    Answer, Appended, Entry, EventLog, LaneEntry, LaneId, LaneWaker, Position, StoreError,
};
use tokio::sync::oneshot;

use crate::{SqliteStore, error, execute, signed, unreadable, unsigned};
use repeats::Mark;

/// One read of a lane ends when its events have so many bytes together.
const READ_BYTES_MAX: usize = 4 * 1024 * 1024;

type Also = Box<dyn FnOnce(&Connection) -> rusqlite::Result<()> + Send>;

/// Events of one caller, waiting for the next commit.
pub(crate) struct Append {
    accepted_at: Timestamp,
    entries: Vec<Entry>,
    /// For each entry what is kept of its id, if it carries one.
    marks: Vec<Option<Mark>>,
    /// A write that belongs to the same event: that a schedule fired.
    also: parking_lot::Mutex<Option<Also>>,
    reply: oneshot::Sender<Result<Vec<Appended>, StoreError>>,
}

impl Append {
    pub(crate) fn refuse(self, cause: &StoreError) {
        // A caller that no longer waits is told nothing.
        drop(self.reply.send(Err(cause.clone())));
    }
}

/// Appends all waiting events together and wakes their lanes.
pub(crate) struct Appender {
    next: Arc<AtomicU64>,
    waker: Arc<RwLock<Option<Arc<dyn LaneWaker>>>>,
}

impl Appender {
    pub(crate) fn new(
        next: Arc<AtomicU64>,
        waker: Arc<RwLock<Option<Arc<dyn LaneWaker>>>>,
    ) -> Self {
        Self { next, waker }
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
        write(connection, appends, first).map_err(error)
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
        if let Some(waker) = self.waker.read().as_ref() {
            waker.wake(&lanes);
        }
    }
}

fn write(
    connection: &Connection,
    appends: &[Append],
    first: u64,
) -> rusqlite::Result<Vec<Vec<Appended>>> {
    let mut seq = first;
    let mut lanes: BTreeMap<LaneId, Vec<u64>> = BTreeMap::new();
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
            // What this transaction has written is found too: a repetition within one commit.
            let before = match mark {
                Some(mark) => repeats::find(connection, mark, append.accepted_at)?,
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
            outcomes.push(Appended::New(id));
            seq += 1;
        }
        if let Some(also) = append.also.lock().take() {
            also(connection)?;
        }
        all.push(outcomes);
    }
    for (lane, seqs) in &lanes {
        insert_chunk(connection, *lane, first, since, &Chunk { redrive: false, seqs })?;
    }
    Ok(all)
}

/// The places one chunk of a lane lists.
pub(crate) struct Chunk<'a> {
    pub(crate) redrive: bool,
    pub(crate) seqs: &'a [u64],
}

pub(crate) fn insert_chunk(
    connection: &Connection,
    lane: LaneId,
    number: u64,
    ts: Timestamp,
    chunk: &Chunk<'_>,
) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO delivery(lane, chunk, ts, redrive, n, seqs) VALUES(?, ?, ?, ?, ?, ?)",
        params![lane, signed(number), ts.ms(), chunk.redrive, chunk.seqs.len(), pack(chunk.seqs)],
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

/// The first number that no event and no chunk ever had: retention may have dropped the events that
/// had the highest ones, and a number given twice would lie behind a lane's cursor.
pub(crate) fn next_number(connection: &Connection) -> rusqlite::Result<u64> {
    let highest: Option<i64> = connection.query_row(
        "SELECT max(n) FROM (SELECT max(seq) AS n FROM event
         UNION ALL SELECT value FROM meta WHERE name = 'number'
         UNION ALL SELECT max(chunk) FROM cursor
         UNION ALL SELECT (SELECT max(chunk) FROM delivery WHERE lane = lane.id) FROM lane
         UNION ALL SELECT (SELECT max(seq) FROM attempt WHERE lane = lane.id) FROM lane)",
        [],
        |row| row.get(0),
    )?;
    Ok(unsigned(highest.unwrap_or(0)) + 1)
}

/// Notes that a number is spent, though no event has it any more.
pub(crate) fn spend_number(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO meta(name, value) VALUES('number', ?)
         ON CONFLICT(name) DO UPDATE SET value = max(value, excluded.value)",
        [number],
    )
    .map(drop)
}

/// Ascending places as differences in seven-bit groups: a chunk of neighbours costs a byte each.
pub(crate) fn pack(seqs: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(seqs.len() + 8);
    let mut before = 0;
    for seq in seqs {
        let mut rest = seq - before;
        before = *seq;
        while rest >= 0x80 {
            bytes.push(low_bits(rest) | 0x80);
            rest >>= 7;
        }
        bytes.push(low_bits(rest));
    }
    bytes
}

/// The lowest seven bits.
fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

/// The way back of [`pack`]; bytes that end in the middle of a number lose that number.
pub(crate) fn unpack(bytes: &[u8]) -> Vec<u64> {
    let mut seqs = Vec::new();
    let (mut before, mut number, mut shift) = (0_u64, 0_u64, 0_u32);
    for byte in bytes {
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            before = before.saturating_add(number);
            seqs.push(before);
            (number, shift) = (0, 0);
        }
    }
    seqs
}

const EVENT_COLUMNS: &str =
    "seq, ts, bus, source, detail_type, time, resources, traceparent, detail";

pub(crate) fn read_event(connection: &Connection, seq: u64) -> rusqlite::Result<Option<Event>> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM event WHERE seq = ?");
    connection.prepare_cached(&sql)?.query_row([signed(seq)], event_of).optional()
}

fn event_of(row: &Row<'_>) -> rusqlite::Result<Event> {
    let resources: Option<String> = row.get(6)?;
    Ok(Event {
        id: EventId { accepted_at: Timestamp::from_ms(row.get(1)?), seq: unsigned(row.get(0)?) },
        bus: row.get(2)?,
        fields: EventFields {
            source: row.get(3)?,
            detail_type: row.get(4)?,
            time: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_ms),
            resources: resources
                .map(|text| serde_json::from_str(&text).map_err(|_| unreadable("resources")))
                .transpose()?
                .unwrap_or_default(),
            traceparent: row.get(7)?,
            detail: row.get(8)?,
        },
    })
}

impl EventLog for SqliteStore {
    fn lanes(&self, keys: Vec<LaneKey>) -> Answer<'_, Vec<LaneId>> {
        self.log.write(move |connection| {
            let number = |key: &LaneKey| {
                let key = key.to_string();
                execute(connection, "INSERT OR IGNORE INTO lane(key) VALUES(?)", [&key])?;
                connection
                    .prepare_cached("SELECT id FROM lane WHERE key = ?")?
                    .query_row([&key], |row| row.get(0))
            };
            keys.iter().map(number).collect::<rusqlite::Result<_>>().map_err(error)
        })
    }

    fn all_lanes(&self) -> Answer<'_, Vec<(LaneKey, LaneId)>> {
        self.log_readers.read(|connection| {
            let mut lanes = connection.prepare_cached("SELECT key, id FROM lane ORDER BY id")?;
            let mut rows = lanes.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let key = LaneKey::parse(row.get_ref(0)?.as_str()?);
                found.push((key.ok_or_else(|| unreadable("a lane's key"))?, row.get(1)?));
            }
            Ok(found)
        })
    }

    fn append(&self, accepted_at: Timestamp, entries: Vec<Entry>) -> Answer<'_, Vec<Appended>> {
        self.hand_over(accepted_at, entries, None)
    }

    fn forget_entries(&self, now: Timestamp, limit: usize) -> Answer<'_, usize> {
        self.log.write(move |connection| repeats::forget(connection, now, limit).map_err(error))
    }

    fn read_lane(&self, lane: LaneId, from: Position, limit: usize) -> Answer<'_, Vec<LaneEntry>> {
        self.log_readers.read(move |connection| read_lane(connection, lane, from, limit))
    }

    fn event(&self, id: EventId) -> Answer<'_, Option<Event>> {
        self.log_readers.read(move |connection| {
            Ok(read_event(connection, id.seq)?.filter(|event| event.id == id))
        })
    }

    fn wake_with(&self, waker: Arc<dyn LaneWaker>) {
        *self.waker.write() = Some(waker);
    }

    fn drop_before(
        &self,
        bus: String,
        before: Timestamp,
        in_use: Vec<LaneId>,
        limit: usize,
    ) -> Answer<'_, usize> {
        self.log.write(move |connection| {
            let pinned = pinned(connection, &in_use).map_err(error)?;
            let floor = pinned.first().copied().unwrap_or(u64::MAX);
            drop_before(connection, (&bus, before, floor), limit).map_err(error)
        })
    }

    fn last_fired(&self, schedule: String) -> Answer<'_, Option<Timestamp>> {
        self.log_readers.read(move |connection| {
            connection
                .prepare_cached("SELECT fired_at FROM schedule WHERE name = ?")?
                .query_row([schedule], |row| row.get(0).map(Timestamp::from_ms))
                .optional()
        })
    }

    fn fire(&self, schedule: String, accepted_at: Timestamp, entry: Entry) -> Answer<'_, EventId> {
        let also: Also = Box::new(move |connection| {
            execute(
                connection,
                "INSERT INTO schedule(name, fired_at) VALUES(?, ?)
                 ON CONFLICT(name) DO UPDATE SET fired_at = excluded.fired_at",
                params![schedule, accepted_at.ms()],
            )
            .map(drop)
        });
        let appended = self.hand_over(accepted_at, vec![entry], Some(also));
        Box::pin(async move {
            let appended = appended.await?;
            appended.first().copied().map(Appended::event).ok_or(StoreError::Closed)
        })
    }
}

impl SqliteStore {
    /// Hands entries to the writer; answers when they are on disk.
    fn hand_over(
        &self,
        accepted_at: Timestamp,
        entries: Vec<Entry>,
        also: Option<Also>,
    ) -> Answer<'_, Vec<Appended>> {
        // Digests are made by the caller: the writer is one thread for all.
        let mark = |entry: &Entry| entry.once.as_ref().map(|once| Mark::new(once, &entry.draft));
        let marks = entries.iter().map(mark).collect();
        let (reply, answer) = oneshot::channel();
        let also = parking_lot::Mutex::new(also);
        let append = Append { accepted_at, entries, marks, also, reply };
        Box::pin(async move {
            self.log.append(append).await?;
            answer.await.map_err(|_| StoreError::Closed)?
        })
    }
}

fn read_lane(
    connection: &Connection,
    lane: LaneId,
    from: Position,
    limit: usize,
) -> rusqlite::Result<Vec<LaneEntry>> {
    let mut chunks = connection.prepare_cached(
        "SELECT chunk, ts, redrive, seqs FROM delivery WHERE lane = ? AND chunk >= ? ORDER BY chunk",
    )?;
    let mut rows = chunks.query(params![lane, signed(from.chunk)])?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let chunk = unsigned(row.get(0)?);
        let since = Timestamp::from_ms(row.get(1)?);
        let redrive: bool = row.get(2)?;
        let skip = if chunk == from.chunk { from.index } else { 0 };
        let seqs = unpack(row.get_ref(3)?.as_blob()?);
        for (index, seq) in (0_u32..).zip(seqs).skip(skip as usize) {
            if entries.len() >= limit || bytes >= READ_BYTES_MAX {
                return Ok(entries);
            }
            // An event that is gone (dropped by retention) has nothing left to deliver.
            let Some(event) = read_event(connection, seq)? else { continue };
            bytes += event.fields.detail.len();
            let attempts_before = if redrive { attempts_made(connection, lane, seq)? } else { 0 };
            let position = Position { chunk, index };
            entries.push(LaneEntry { position, event, since, attempts_before });
        }
    }
    Ok(entries)
}

pub(crate) fn attempts_made(
    connection: &Connection,
    lane: LaneId,
    seq: u64,
) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("SELECT coalesce(max(n), 0) FROM attempt WHERE lane = ? AND seq = ?")?
        .query_row(params![lane, signed(seq)], |row| row.get(0))
}

fn drop_before(
    connection: &Connection,
    (bus, before, floor): (&str, Timestamp, u64),
    limit: usize,
) -> rusqlite::Result<usize> {
    let seqs: Vec<i64> = connection
        .prepare_cached(
            "SELECT seq FROM event WHERE bus = ? AND ts < ? AND seq < ?
               AND NOT EXISTS (SELECT 1 FROM dead WHERE dead.seq = event.seq AND NOT purged)
             ORDER BY ts LIMIT ?",
        )?
        .query_map(params![bus, before.ms(), signed(floor), limit], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let Some(highest) = seqs.iter().max() else { return Ok(0) };
    spend_number(connection, *highest)?;
    let lanes = lanes_of(connection, bus)?;
    for seq in &seqs {
        execute(connection, "DELETE FROM event WHERE seq = ?", [seq])?;
        for lane in &lanes {
            let row = [lane, seq];
            execute(connection, "DELETE FROM attempt WHERE lane = ? AND seq = ?", row)?;
            execute(connection, "DELETE FROM dead WHERE lane = ? AND seq = ? AND purged", row)?;
        }
    }
    for lane in lanes {
        execute(
            connection,
            "DELETE FROM delivery WHERE lane = ?1 AND chunk <= ?2
               AND chunk < (SELECT chunk FROM cursor WHERE lane = ?1)",
            params![lane, highest],
        )?;
    }
    Ok(seqs.len())
}

/// The lanes that events of a bus go to, in use or not.
fn lanes_of(connection: &Connection, bus: &str) -> rusqlite::Result<Vec<i64>> {
    let mut lanes = connection.prepare_cached("SELECT id, key FROM lane")?;
    let mut rows = lanes.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let is_of_bus = match LaneKey::parse(row.get_ref(1)?.as_str()?) {
            Some(LaneKey::Target { bus: own, .. }) => *own == *bus,
            Some(LaneKey::Schedule(_)) => bus == SYSTEM_BUS,
            Some(LaneKey::Replay { .. }) | None => false,
        };
        if is_of_bus {
            found.push(row.get(0)?);
        }
    }
    Ok(found)
}

/// The places that lanes still need: the first unread one of each, redriven ones, and retries.
fn pinned(connection: &Connection, in_use: &[LaneId]) -> rusqlite::Result<BTreeSet<u64>> {
    let mut pinned = BTreeSet::new();
    let mut cursor = connection.prepare_cached("SELECT chunk, idx FROM cursor WHERE lane = ?")?;
    // Plain chunks ascend, so the first unread place of a lane is its lowest; redriven chunks
    // point back and are all looked at.
    let mut unread = connection.prepare_cached(
        "SELECT chunk, seqs FROM delivery WHERE lane = ?1 AND chunk >= ?2
           AND (redrive OR chunk = ?2 OR chunk = (SELECT min(chunk) FROM delivery
             WHERE lane = ?1 AND chunk > ?2)) ORDER BY chunk",
    )?;
    let mut retries = connection.prepare_cached("SELECT min(seq) FROM retry WHERE lane = ?")?;
    for lane in in_use {
        let at = cursor.query_row([lane], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let (at, index): (i64, usize) = at.unwrap_or((0, 0));
        let mut chunks = unread.query(params![lane, at])?;
        while let Some(chunk) = chunks.next()? {
            let skip = if chunk.get::<_, i64>(0)? == at { index } else { 0 };
            let seqs = unpack(chunk.get_ref(1)?.as_blob()?);
            pinned.extend(seqs.into_iter().skip(skip).min());
        }
        let retry: Option<i64> = retries.query_row([lane], |row| row.get(0))?;
        pinned.extend(retry.map(unsigned));
    }
    Ok(pinned)
}

/// A lane's key by its number.
pub(crate) fn lane_key(connection: &Connection, lane: LaneId) -> rusqlite::Result<LaneKey> {
    let text: String = connection
        .prepare_cached("SELECT key FROM lane WHERE id = ?")?
        .query_row([lane], |row| row.get(0))?;
    LaneKey::parse(&text).ok_or_else(|| unreadable("a lane's key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_places_read_back() {
        for seqs in [vec![], vec![1], vec![1, 2, 3], vec![127, 128, 129, 70_000, u64::MAX / 4]] {
            assert_eq!(unpack(&pack(&seqs)), seqs);
        }
        assert_eq!(pack(&[1_000, 1_001, 1_002]).len(), 4);
        assert_eq!(unpack(&[0x80]), Vec::<u64>::new());
    }
}
