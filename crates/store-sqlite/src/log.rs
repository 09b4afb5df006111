//! The event log: appending in one commit, lanes in chunks, reading by position, in files that are
//! dropped whole.

mod append;
mod chunk;
mod event;
mod repeats;
mod retention;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Event, EventId, LaneKey, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{
    Answer, Appended, Dropped, Entry, EventLog, EventPage, EventRange, Keep, LaneEnd, LaneId,
    LanePage, LaneWaker, Position, StoreError,
};
use tokio::sync::oneshot;

use crate::{SqliteStore, error, execute, signed, unreadable, unsigned};

pub(crate) use append::{Append, Appender};
pub(crate) use chunk::{Chunk, Kind, carried, each_chunk, entries, insert_chunk};
pub(crate) use event::{place_at, read_event};

use append::Also;

/// The first number that no event and no chunk of this segment ever had; none of an earlier segment
/// is as high.
pub(crate) fn next_number(connection: &Connection) -> rusqlite::Result<u64> {
    let highest: Option<i64> = connection.query_row(
        "SELECT max(n) FROM (SELECT max(seq) AS n FROM event
         UNION ALL SELECT value FROM meta WHERE name = 'number')",
        [],
        |row| row.get(0),
    )?;
    Ok(unsigned(highest.unwrap_or(0)) + 1)
}

/// Notes that a number is spent on a chunk, though no event has it.
pub(crate) fn spend_number(connection: &Connection, number: u64) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO meta(name, value) VALUES('number', ?)
         ON CONFLICT(name) DO UPDATE SET value = max(value, excluded.value)",
        [signed(number)],
    )
    .map(drop)
}

/// What a new segment begins with: when schedules fired last, and where each lane ended.
pub(crate) fn seed(new: &Connection, before: &Connection) -> rusqlite::Result<()> {
    new.execute_batch("BEGIN IMMEDIATE")?;
    let mut schedules = before.prepare("SELECT name, fired_at FROM schedule")?;
    let mut rows = schedules.query([])?;
    while let Some(row) = rows.next()? {
        let (name, fired_at): (String, i64) = (row.get(0)?, row.get(1)?);
        execute(new, "INSERT INTO schedule(name, fired_at) VALUES(?, ?)", params![name, fired_at])?;
    }
    // One by one along the key: there may be millions of chunks.
    let mut lane = before.prepare(
        "SELECT min(lane) FROM (SELECT min(lane) AS lane FROM carried WHERE lane > ?1
         UNION ALL SELECT min(lane) FROM delivery WHERE lane > ?1)",
    )?;
    let mut last = -1;
    while let Some(next) = lane.query_row([last], |row| row.get::<_, Option<i64>>(0))? {
        let lane = LaneId::try_from(next).unwrap_or(LaneId::MAX);
        let end = chunk::end(before, lane)?.unwrap_or_default();
        let values = params![next, signed(end.entries), end.last.map(signed)];
        execute(new, "INSERT INTO carried(lane, before, last) VALUES(?, ?, ?)", values)?;
        last = next;
    }
    new.execute_batch("COMMIT")
}

impl EventLog for SqliteStore {
    fn lanes(&self, keys: Vec<LaneKey>) -> Answer<'_, Vec<LaneId>> {
        Box::pin(async move {
            let sought = keys.clone();
            let known =
                self.core_readers.read(move |connection| known(connection, &sought)).await?;
            if known.len() == keys.len() {
                return Ok(known);
            }
            self.core.write(move |connection| number(connection, &keys).map_err(error)).await
        })
    }

    fn all_lanes(&self) -> Answer<'_, Vec<(LaneKey, LaneId)>> {
        self.core_readers.read(|connection| {
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
        Box::pin(async move {
            let mut forgotten = 0;
            for segment in self.log.all().iter() {
                let over = {
                    let segment = Arc::clone(segment);
                    let look =
                        move || segment.with(|connection| repeats::any_over(connection, now));
                    tokio::task::spawn_blocking(look).await.map_err(|_| StoreError::Closed)?
                };
                if forgotten < limit && over.map_err(error)? {
                    let rest = limit - forgotten;
                    let forget = move |connection: &Connection| {
                        repeats::forget(connection, now, rest).map_err(error)
                    };
                    forgotten += segment.write(forget).await?;
                }
            }
            Ok(forgotten)
        })
    }

    fn read_lane(&self, lane: LaneId, from: Position, limit: usize) -> Answer<'_, LanePage> {
        self.log.read(move |segments| chunk::read_lane(segments, lane, from, limit))
    }

    fn event(&self, id: EventId) -> Answer<'_, Option<Event>> {
        let home = self.log.of(id.seq);
        self.log.read(move |_| {
            let event = home.with(|connection| read_event(connection, id.seq))?;
            Ok(event.filter(|event| event.id == id))
        })
    }

    fn wake_with(&self, waker: Arc<dyn LaneWaker>) {
        *self.log.waker.write() = Some(waker);
    }

    fn read_events(&self, range: EventRange, limit: usize) -> Answer<'_, EventPage> {
        self.log.read(move |segments| event::read_events(segments, &range, limit))
    }

    fn extend_lanes(&self, lanes: Vec<(LaneId, Vec<u64>)>, now: Timestamp) -> Answer<'_, ()> {
        let lanes: Vec<_> = lanes.into_iter().filter(|(_, places)| !places.is_empty()).collect();
        Box::pin(async move {
            if lanes.is_empty() { Ok(()) } else { self.add_chunks(now, lanes).await }
        })
    }

    fn lane_end(&self, lane: LaneId) -> Answer<'_, LaneEnd> {
        self.log.read(move |segments| chunk::lane_end(segments, lane))
    }

    fn drop_old(&self, keep: Keep) -> Answer<'_, Dropped> {
        Box::pin(self.retain(keep))
    }

    fn last_fired(&self, schedule: String) -> Answer<'_, Option<Timestamp>> {
        self.log.read(move |segments| {
            // A segment begins with what the one before it knew.
            let last = segments.last().expect("there is one at least");
            last.with(|connection| {
                connection
                    .prepare_cached("SELECT fired_at FROM schedule WHERE name = ?")?
                    .query_row([schedule], |row| row.get(0).map(Timestamp::from_ms))
                    .optional()
            })
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
    /// Hands entries to the writer of the last segment; answers when they are on disk.
    fn hand_over(
        &self,
        accepted_at: Timestamp,
        entries: Vec<Entry>,
        also: Option<Also>,
    ) -> Answer<'_, Vec<Appended>> {
        let (reply, answer) = oneshot::channel();
        let append = Append::new(accepted_at, entries, also, reply);
        Box::pin(async move {
            {
                let (last, _stays) = self.log.last().await;
                last.append(append).await?;
            }
            answer.await.map_err(|_| StoreError::Closed)?
        })
    }

    /// Puts events that are in the log at the end of lanes, and wakes those; on disk when it answers.
    async fn add_chunks(
        &self,
        since: Timestamp,
        lanes: Vec<(LaneId, Vec<u64>)>,
    ) -> Result<(), StoreError> {
        let numbers: Vec<LaneId> = lanes.iter().map(|(lane, _)| *lane).collect();
        {
            let (last, _stays) = self.log.last().await;
            let next = Arc::clone(&self.log.next);
            last.write(move |connection| {
                // Taken on the writer's thread, so that a chunk never lies before one already read.
                let number = next.fetch_add(1, Ordering::Relaxed);
                let add = |(lane, seqs): &(LaneId, Vec<u64>)| {
                    let kind = Kind::Again;
                    insert_chunk(connection, *lane, &Chunk { number, since, kind, seqs })
                };
                lanes.iter().try_for_each(add).map_err(error)?;
                spend_number(connection, number).map_err(error)
            })
            .await?;
        }
        if let Some(waker) = self.log.waker.read().as_ref() {
            waker.wake(&numbers);
        }
        Ok(())
    }
}

/// A lane's key by its number, from the file of definitions.
pub(crate) fn lane_key(core: &Connection, lane: LaneId) -> rusqlite::Result<LaneKey> {
    let text: String = core
        .prepare_cached("SELECT key FROM lane WHERE id = ?")?
        .query_row([lane], |row| row.get(0))?;
    LaneKey::parse(&text).ok_or_else(|| unreadable("a lane's key"))
}

/// How many entries were ever put on a lane.
pub(crate) fn lane_entries(
    segments: &[Arc<crate::segment::Segment>],
    lane: LaneId,
) -> rusqlite::Result<u64> {
    // A segment begins with what those before it had.
    let last = segments.last().expect("there is one at least");
    last.with(|connection| entries(connection, lane))
}

/// The numbers of lanes that have one, up to the first that has none.
fn known(connection: &Connection, keys: &[LaneKey]) -> rusqlite::Result<Vec<LaneId>> {
    let mut lane = connection.prepare_cached("SELECT id FROM lane WHERE key = ?")?;
    let mut numbers = Vec::with_capacity(keys.len());
    for key in keys {
        let Some(id) = lane.query_row([key.to_string()], |row| row.get(0)).optional()? else {
            break;
        };
        numbers.push(id);
    }
    Ok(numbers)
}

fn number(connection: &Connection, keys: &[LaneKey]) -> rusqlite::Result<Vec<LaneId>> {
    for key in keys {
        execute(connection, "INSERT OR IGNORE INTO lane(key) VALUES(?)", [key.to_string()])?;
    }
    known(connection, keys)
}
