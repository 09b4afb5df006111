//! What became of deliveries: positions, retries, attempts, dead letters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use model::{Attempt, DeadLetter, DeadReason, DeliveryId, EventId, Name, Outcome, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store::{
    Answer, AttemptFilter, AttemptRow, DeadFilter, Deliveries, DueDelivery, LaneId, LaneState,
    Position, Settlement, Then,
};

use crate::log::{Chunk, insert_chunk, lane_key, read_event, spend_number, unpack};
use crate::{SqliteStore, error, execute, signed, unreadable, unsigned};

/// One listing gives so many rows at the most.
const LIST_MAX: usize = 1000;
/// One redrive or purge moves so many at once; callers repeat it.
const MOVE_MAX: usize = 10_000;

impl Deliveries for SqliteStore {
    fn open_lane(&self, lane: LaneId) -> Answer<'_, LaneState> {
        self.log_readers.read(move |connection| open_lane(connection, lane))
    }

    fn settle(
        &self,
        settlements: Vec<Settlement>,
        cursors: Vec<(LaneId, Position)>,
    ) -> Answer<'_, ()> {
        self.log.write(move |connection| {
            settlements.iter().try_for_each(|one| settle(connection, one)).map_err(error)?;
            cursors.iter().try_for_each(|(lane, at)| advance(connection, *lane, *at)).map_err(error)
        })
    }

    fn due(
        &self,
        lane: LaneId,
        after: Option<(Timestamp, u64)>,
        limit: usize,
    ) -> Answer<'_, Vec<DueDelivery>> {
        self.log_readers.read(move |connection| due(connection, lane, after, limit))
    }

    fn backlog(&self, lane: LaneId) -> Answer<'_, u64> {
        self.log_readers.read(move |connection| {
            let at = cursor(connection, lane)?;
            let unread: i64 = connection
                .prepare_cached(
                    "SELECT coalesce(sum(n), 0) FROM delivery WHERE lane = ? AND chunk >= ?",
                )?
                .query_row(params![lane, signed(at.chunk)], |row| row.get(0))?;
            let at_cursor: Option<i64> = connection
                .prepare_cached("SELECT n FROM delivery WHERE lane = ? AND chunk = ?")?
                .query_row(params![lane, signed(at.chunk)], |row| row.get(0))
                .optional()?;
            let read = at_cursor.map_or(0, |n| n.min(i64::from(at.index)));
            let retries: i64 = connection
                .prepare_cached("SELECT count(*) FROM retry WHERE lane = ?")?
                .query_row([lane], |row| row.get(0))?;
            Ok(unsigned(unread - read + retries))
        })
    }

    fn oldest(&self, lane: LaneId) -> Answer<'_, Option<Timestamp>> {
        self.log_readers.read(move |connection| {
            let at = cursor(connection, lane)?;
            // Chunks ascend in time, so the first unread one is the oldest.
            let unread: Option<i64> = connection
                .prepare_cached(
                    "SELECT ts FROM delivery
                     WHERE lane = ?1 AND chunk >= ?2 AND (chunk > ?2 OR n > ?3)
                     ORDER BY chunk LIMIT 1",
                )?
                .query_row(params![lane, signed(at.chunk), at.index], |row| row.get(0))
                .optional()?;
            let retry: Option<i64> = connection
                .prepare_cached("SELECT min(since) FROM retry WHERE lane = ?")?
                .query_row([lane], |row| row.get(0))?;
            Ok(unread.into_iter().chain(retry).min().map(Timestamp::from_ms))
        })
    }

    fn dead_letters(&self, filter: DeadFilter) -> Answer<'_, Vec<DeadLetter>> {
        self.log_readers.read(move |connection| {
            let filter = DeadFilter { limit: filter.limit.min(LIST_MAX), ..filter };
            dead_letters(connection, &filter)
        })
    }

    fn dead_counts(&self) -> Answer<'_, Vec<(Name, u64)>> {
        self.log_readers.read(|connection| {
            connection
                .prepare_cached("SELECT queue, count(*) FROM dead WHERE NOT purged GROUP BY queue ORDER BY queue")?
                .query_map([], |row| Ok((name(row, 0)?, unsigned(row.get(1)?))))?
                .collect()
        })
    }

    fn redrive(&self, filter: DeadFilter, now: Timestamp) -> Answer<'_, u64> {
        let (waker, next) = (self.waker.clone(), self.next.clone());
        let written = self.log.write(move |connection| {
            // Taken on the writer's thread, so that a chunk never lies before one already read.
            let number = next.fetch_add(1, Ordering::Relaxed);
            redrive(connection, &filter, now, number).map_err(error)
        });
        Box::pin(async move {
            let lanes = written.await?;
            let count = lanes.values().sum();
            let lanes: Vec<LaneId> = lanes.into_keys().collect();
            if let Some(waker) = waker.read().as_ref() {
                waker.wake(&lanes);
            }
            Ok(count)
        })
    }

    fn purge(&self, filter: DeadFilter) -> Answer<'_, u64> {
        self.log.write(move |connection| {
            let filter = DeadFilter { limit: filter.limit.min(MOVE_MAX), ..filter };
            let letters = dead_letters(connection, &filter).map_err(error)?;
            // Marked, not deleted: behind a cursor that has not come by, its row is what says that
            // the delivery is settled. Retention deletes it with the event.
            for letter in &letters {
                execute(
                    connection,
                    "UPDATE dead SET purged = 1 WHERE lane = ? AND seq = ?",
                    params![letter.id.lane, signed(letter.id.event.seq)],
                )
                .map_err(error)?;
            }
            Ok(letters.len() as u64)
        })
    }

    fn attempts(&self, filter: AttemptFilter) -> Answer<'_, Vec<AttemptRow>> {
        self.log_readers.read(move |connection| attempts(connection, &filter))
    }
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<Name> {
    Name::new(row.get_ref(column)?.as_str()?).map_err(|_| unreadable("a name"))
}

fn cursor(connection: &Connection, lane: LaneId) -> rusqlite::Result<Position> {
    let found = connection
        .prepare_cached("SELECT chunk, idx FROM cursor WHERE lane = ?")?
        .query_row([lane], |row| Ok(Position { chunk: unsigned(row.get(0)?), index: row.get(1)? }))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Reads the chunks at and after the cursor and finds which of their entries are settled already:
/// delivered, waiting in the retries, in the dead letters, or redriven further on.
fn open_lane(connection: &Connection, lane: LaneId) -> rusqlite::Result<LaneState> {
    let cursor = cursor(connection, lane)?;
    let mut chunks = connection.prepare_cached(
        "SELECT chunk, redrive, seqs FROM delivery WHERE lane = ? AND chunk >= ? ORDER BY chunk DESC",
    )?;
    let mut rows = chunks.query(params![lane, signed(cursor.chunk)])?;
    let mut settled = BTreeSet::new();
    let mut redriven_later = BTreeSet::new();
    // A lane that nobody attempted since its cursor needs no look at each entry: only chunks up to
    // the last attempted place can hold settled ones.
    let last_touched = last_touched(connection, lane)?;
    while let Some(row) = rows.next()? {
        let chunk = unsigned(row.get(0)?);
        let redrive: bool = row.get(1)?;
        let seqs = unpack(row.get_ref(2)?.as_blob()?);
        for (index, seq) in (0_u32..).zip(seqs) {
            let position = Position { chunk, index };
            let could_be = seq <= last_touched || redriven_later.contains(&seq);
            if position >= cursor
                && could_be
                && (redriven_later.contains(&seq) || is_settled(connection, lane, seq)?)
            {
                settled.insert(position);
            }
            if redrive {
                redriven_later.insert(seq);
            }
        }
    }
    Ok(LaneState { cursor, settled })
}

/// The highest place of a lane that has an attempt, a retry or a dead letter.
fn last_touched(connection: &Connection, lane: LaneId) -> rusqlite::Result<u64> {
    let last: Option<i64> = connection
        .prepare_cached(
            "SELECT max(seq) FROM (SELECT max(seq) AS seq FROM attempt WHERE lane = ?1
             UNION ALL SELECT max(seq) FROM retry WHERE lane = ?1
             UNION ALL SELECT max(seq) FROM dead WHERE lane = ?1)",
        )?
        .query_row([lane], |row| row.get(0))?;
    Ok(unsigned(last.unwrap_or(0)))
}

fn is_settled(connection: &Connection, lane: LaneId, seq: u64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempt WHERE lane = ?1 AND seq = ?2 AND outcome = 0)
               OR EXISTS (SELECT 1 FROM retry WHERE lane = ?1 AND seq = ?2)
               OR EXISTS (SELECT 1 FROM dead WHERE lane = ?1 AND seq = ?2)",
        )?
        .query_row(params![lane, signed(seq)], |row| row.get(0))
}

fn settle(connection: &Connection, settlement: &Settlement) -> rusqlite::Result<()> {
    let (lane, seq) = (settlement.lane, signed(settlement.event.seq));
    let mut number = 0;
    if let Some(attempt) = &settlement.attempt {
        number = attempt.number;
        insert_attempt(connection, lane, seq, attempt)?;
    }
    match &settlement.then {
        Then::Done => {
            execute(
                connection,
                "DELETE FROM retry WHERE lane = ? AND seq = ?",
                params![lane, seq],
            )?;
        }
        Then::Retry { due, tries, since } => {
            execute(
                connection,
                "INSERT INTO retry(lane, seq, due, tries, since, attempts) VALUES(?, ?, ?, ?, ?, ?)
                 ON CONFLICT(lane, seq) DO UPDATE
                 SET due = excluded.due, tries = excluded.tries, attempts = excluded.attempts",
                params![lane, seq, due.ms(), tries, since.ms(), number],
            )?;
        }
        Then::Dead { queue, reason, attempts, at } => {
            execute(
                connection,
                "DELETE FROM retry WHERE lane = ? AND seq = ?",
                params![lane, seq],
            )?;
            execute(
                connection,
                "INSERT OR REPLACE INTO dead(lane, seq, queue, at, attempts, code, message, exhausted)
                 VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    lane,
                    seq,
                    queue.as_str(),
                    at.ms(),
                    attempts,
                    reason.code,
                    reason.message,
                    reason.exhausted
                ],
            )?;
        }
    }
    Ok(())
}

fn insert_attempt(
    connection: &Connection,
    lane: LaneId,
    seq: i64,
    attempt: &Attempt,
) -> rusqlite::Result<()> {
    let outcome = match attempt.outcome {
        Outcome::Delivered => 0,
        Outcome::Retry => 1,
        Outcome::Dead => 2,
    };
    execute(
        connection,
        "INSERT OR REPLACE INTO attempt(lane, seq, n, ts, took_ms, status, outcome, error, response)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            lane,
            seq,
            attempt.number,
            attempt.at.ms(),
            attempt.took_ms,
            attempt.status,
            outcome,
            attempt.error,
            attempt.response
        ],
    )
    .map(drop)
}

fn advance(connection: &Connection, lane: LaneId, at: Position) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO cursor(lane, chunk, idx) VALUES(?, ?, ?)
         ON CONFLICT(lane) DO UPDATE SET chunk = excluded.chunk, idx = excluded.idx",
        params![lane, signed(at.chunk), at.index],
    )
    .map(drop)
}

fn due(
    connection: &Connection,
    lane: LaneId,
    after: Option<(Timestamp, u64)>,
    limit: usize,
) -> rusqlite::Result<Vec<DueDelivery>> {
    let (due, seq) = after.map_or((i64::MIN, -1), |(due, seq)| (due.ms(), signed(seq)));
    let mut rows = connection.prepare_cached(
        "SELECT seq, due, tries, since, attempts FROM retry
         WHERE lane = ? AND (due, seq) > (?, ?) ORDER BY due, seq LIMIT ?",
    )?;
    let mut rows = rows.query(params![lane, due, seq, limit])?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(event) = read_event(connection, unsigned(row.get(0)?))? else { continue };
        deliveries.push(DueDelivery {
            chunk: 1,
            event,
            due: Timestamp::from_ms(row.get(1)?),
            tries: row.get(2)?,
            since: Timestamp::from_ms(row.get(3)?),
            attempts: row.get(4)?,
        });
    }
    Ok(deliveries)
}

fn dead_letters(connection: &Connection, filter: &DeadFilter) -> rusqlite::Result<Vec<DeadLetter>> {
    let (lane, seq) = filter.after.map_or((-1, -1), |(lane, seq)| (i64::from(lane), signed(seq)));
    let only = filter.delivery.map(|id| (id.lane, signed(id.event.seq)));
    let mut rows = connection.prepare_cached(
        "SELECT lane, seq, queue, at, attempts, code, message, exhausted,
           (SELECT ts FROM event WHERE event.seq = dead.seq)
         FROM dead
         WHERE NOT purged AND (lane, seq) > (?1, ?2) AND (?3 IS NULL OR queue = ?3)
           AND (?4 IS NULL OR (lane = ?4 AND seq = ?5)) AND at >= ?6 AND at < ?7
           AND (?9 IS NULL OR lane IN (SELECT value FROM json_each(?9)))
         ORDER BY lane, seq LIMIT ?8",
    )?;
    rows.query_map(
        params![
            lane,
            seq,
            filter.queue.as_ref().map(Name::as_str),
            only.map(|only| only.0),
            only.map(|only| only.1),
            filter.from.map_or(i64::MIN, Timestamp::ms),
            filter.until.map_or(i64::MAX, Timestamp::ms),
            filter.limit,
            filter.lanes.as_ref().map(|lanes| serde_json::Value::from(lanes.clone()).to_string())
        ],
        |row| {
            let lane = row.get(0)?;
            let accepted_at = Timestamp::from_ms(row.get(8)?);
            let event = EventId { accepted_at, seq: unsigned(row.get(1)?) };
            Ok(DeadLetter {
                id: DeliveryId { lane, event },
                lane: lane_key(connection, lane)?,
                queue: name(row, 2)?,
                at: Timestamp::from_ms(row.get(3)?),
                attempts: row.get(4)?,
                reason: DeadReason {
                    code: row.get(5)?,
                    message: row.get(6)?,
                    exhausted: row.get(7)?,
                },
            })
        },
    )?
    .collect()
}

fn forget(connection: &Connection, letter: &DeadLetter) -> rusqlite::Result<()> {
    execute(
        connection,
        "DELETE FROM dead WHERE lane = ? AND seq = ?",
        params![letter.id.lane, signed(letter.id.event.seq)],
    )
    .map(drop)
}

/// Appends, to each lane, one chunk that lists its redriven places; gives how many per lane.
fn redrive(
    connection: &Connection,
    filter: &DeadFilter,
    now: Timestamp,
    number: u64,
) -> rusqlite::Result<BTreeMap<LaneId, u64>> {
    let filter = DeadFilter { limit: filter.limit.min(MOVE_MAX), ..filter.clone() };
    let mut lanes: BTreeMap<LaneId, Vec<u64>> = BTreeMap::new();
    for letter in dead_letters(connection, &filter)? {
        forget(connection, &letter)?;
        lanes.entry(letter.id.lane).or_default().push(letter.id.event.seq);
    }
    for (lane, seqs) in &lanes {
        insert_chunk(connection, *lane, number, now, &Chunk { redrive: true, seqs })?;
    }
    spend_number(connection, signed(number))?;
    Ok(lanes.into_iter().map(|(lane, seqs)| (lane, seqs.len() as u64)).collect())
}

fn attempts(connection: &Connection, filter: &AttemptFilter) -> rusqlite::Result<Vec<AttemptRow>> {
    let lanes: Vec<LaneId> = match filter.lane {
        Some(lane) => vec![lane],
        None => connection
            .prepare_cached("SELECT id FROM lane")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?,
    };
    let limit = filter.limit.min(LIST_MAX);
    let (low, high) = filter.event.map_or((0, i64::MAX), |id| (signed(id.seq), signed(id.seq)));
    let mut found = Vec::new();
    for lane in lanes {
        let key = lane_key(connection, lane)?;
        let mut rows = connection.prepare_cached(
            "SELECT seq, n, ts, took_ms, status, outcome, error, response,
               (SELECT ts FROM event WHERE event.seq = attempt.seq)
             FROM attempt WHERE lane = ? AND seq BETWEEN ? AND ? AND (? OR outcome <> 0)
             ORDER BY seq DESC, n DESC LIMIT ?",
        )?;
        let mut rows = rows.query(params![lane, low, high, !filter.failed_only, limit])?;
        while let Some(row) = rows.next()? {
            let accepted_at = Timestamp::from_ms(row.get::<_, Option<i64>>(8)?.unwrap_or(0));
            let event = EventId { accepted_at, seq: unsigned(row.get(0)?) };
            let id = DeliveryId { lane, event };
            found.push(AttemptRow { id, lane: key.clone(), attempt: attempt_of(row)? });
        }
    }
    found.sort_by_key(|row| std::cmp::Reverse((row.id.event.seq, row.attempt.number)));
    found.truncate(limit);
    Ok(found)
}

fn attempt_of(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        number: row.get(1)?,
        at: Timestamp::from_ms(row.get(2)?),
        took_ms: row.get(3)?,
        status: row.get(4)?,
        outcome: match row.get(5)? {
            0 => Outcome::Delivered,
            1 => Outcome::Retry,
            _ => Outcome::Dead,
        },
        error: row.get(6)?,
        address: None,
        response: row.get(7)?,
    })
}
