//! Dead letters: finding, redriving, purging.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{DeadLetter, DeadReason, DeliveryId, EventId, Name, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store::{DeadFilter, LaneId, StoreError};

use crate::files::{self, Files};
use crate::log::{Chunk, Kind, insert_chunk, spend_number};
use crate::segment::Segment;
use crate::{SqliteStore, error, execute, signed, unreadable, unsigned};

/// One listing gives so many rows at the most.
const LIST_MAX: usize = 1000;
/// One redrive or purge moves so many at once; callers repeat it.
const MOVE_MAX: usize = 10_000;

/// What a letter that is none any more is marked with. Its row stays: it says that the entry is
/// settled, behind a cursor that has not come by.
#[derive(Clone, Copy)]
enum Mark {
    Purged = 1,
    Redriven = 2,
}

/// A dead letter as it lies in its segment.
pub(super) struct Found {
    /// The first number of its segment.
    segment: u64,
    lane: LaneId,
    seq: u64,
    chunk: u64,
    queue: Name,
    at: Timestamp,
    attempts: u32,
    reason: DeadReason,
}

/// The filter of a listing, with its bound.
pub(super) fn listing(filter: DeadFilter) -> DeadFilter {
    DeadFilter { limit: filter.limit.min(LIST_MAX), ..filter }
}

/// The letters of a filter, in the order of lane and event.
pub(super) fn find(segments: &[Arc<Segment>], filter: &DeadFilter) -> rusqlite::Result<Vec<Found>> {
    let mut found = Vec::new();
    for segment in segments {
        segment.with(|connection| find_in(connection, segment.first, filter, &mut found))?;
    }
    found.sort_by_key(|letter| (letter.lane, letter.seq, letter.chunk));
    found.truncate(filter.limit);
    Ok(found)
}

fn find_in(
    connection: &Connection,
    segment: u64,
    filter: &DeadFilter,
    found: &mut Vec<Found>,
) -> rusqlite::Result<()> {
    let (lane, seq) = filter.after.map_or((-1, -1), |(lane, seq)| (i64::from(lane), signed(seq)));
    let lanes =
        filter.lanes.as_ref().map(|lanes| serde_json::Value::from(lanes.clone()).to_string());
    // One delivery is found by its key; a listing goes along the index of live letters, past those
    // that are none any more.
    let one = filter.delivery.map(|id| {
        format!("INDEXED BY dead_live WHERE lane = {} AND seq = {}", id.lane, signed(id.event.seq))
    });
    let all = "INDEXED BY dead_live WHERE 1".to_owned();
    let sql = format!(
        "SELECT lane, seq, chunk, queue, at, attempts, code, message, exhausted FROM dead
         {} AND state = 0 AND (lane, seq) > (?1, ?2) AND (?3 IS NULL OR queue = ?3)
           AND at >= ?4 AND at < ?5 AND (?6 IS NULL OR lane IN (SELECT value FROM json_each(?6)))
           AND (?7 IS NULL OR code = ?7)
         ORDER BY lane, seq LIMIT ?8",
        one.unwrap_or(all)
    );
    let mut rows = connection.prepare(&sql)?;
    let letters = rows.query_map(
        params![
            lane,
            seq,
            filter.queue.as_ref().map(Name::as_str),
            filter.from.map_or(i64::MIN, Timestamp::ms),
            filter.until.map_or(i64::MAX, Timestamp::ms),
            lanes,
            filter.code,
            filter.limit
        ],
        |row| letter_of(row, segment),
    )?;
    for letter in letters {
        found.push(letter?);
    }
    Ok(())
}

fn letter_of(row: &Row<'_>, segment: u64) -> rusqlite::Result<Found> {
    Ok(Found {
        segment,
        lane: row.get(0)?,
        seq: unsigned(row.get(1)?),
        chunk: unsigned(row.get(2)?),
        queue: name(row, 3)?,
        at: Timestamp::from_ms(row.get(4)?),
        attempts: row.get(5)?,
        reason: DeadReason { code: row.get(6)?, message: row.get(7)?, exhausted: row.get(8)? },
    })
}

impl Found {
    /// With the event's id, which lies in the event's own segment.
    pub(super) fn placed(self, segments: &[Arc<Segment>]) -> rusqlite::Result<(Self, EventId)> {
        let accepted_at: Option<i64> = files::of(segments, self.seq).with(|connection| {
            connection
                .prepare_cached("SELECT ts FROM event WHERE seq = ?")?
                .query_row([signed(self.seq)], |row| row.get(0))
                .optional()
        })?;
        let accepted_at = Timestamp::from_ms(accepted_at.unwrap_or(0));
        let event = EventId { accepted_at, seq: self.seq };
        Ok((self, event))
    }
}

/// How many attempts were made for an event on a lane, in whatever standing: numbers of attempts go
/// on from there.
fn attempts_made(segments: &[Arc<Segment>], lane: LaneId, seq: u64) -> rusqlite::Result<u32> {
    let mut made = 0;
    for segment in &segments[files::index_of(segments, seq)..] {
        let here: u32 = segment.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT coalesce(max(n), 0) FROM attempt WHERE seq = ? AND lane = ?",
                )?
                .query_row(params![signed(seq), lane], |row| row.get(0))
        })?;
        made = made.max(here);
    }
    Ok(made)
}

/// How many letters each queue has.
pub(super) fn counts(segments: &[Arc<Segment>]) -> rusqlite::Result<Vec<(Name, u64)>> {
    let mut counts: BTreeMap<Name, u64> = BTreeMap::new();
    for segment in segments {
        segment.with(|connection| {
            let mut rows = connection.prepare_cached(
                "SELECT queue, count(*) FROM dead INDEXED BY dead_live
                 WHERE state = 0 GROUP BY queue",
            )?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                *counts.entry(name(row, 0)?).or_default() += unsigned(row.get(1)?);
            }
            Ok(())
        })?;
    }
    Ok(counts.into_iter().collect())
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<Name> {
    Name::new(row.get_ref(column)?.as_str()?).map_err(|_| unreadable("a name"))
}

fn mark(connection: &Connection, letters: &[Found], mark: Mark) -> rusqlite::Result<()> {
    for letter in letters {
        let key = params![mark as i64, letter.lane, signed(letter.seq), signed(letter.chunk)];
        let sql = "UPDATE dead SET state = ? WHERE lane = ? AND seq = ? AND chunk = ?";
        execute(connection, sql, key)?;
    }
    Ok(())
}

impl SqliteStore {
    /// Puts letters back on their lanes. Goes on to its end though nobody waits for it any more: a
    /// half of it would be delivered and stand in the listing all the same.
    pub(super) async fn redrive_letters(
        &self,
        filter: DeadFilter,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (log, one) = (Arc::clone(&self.log), Arc::clone(&self.moving_letters));
        let moved = async move {
            let _one = one.lock_owned().await;
            redrive(&log, filter, now).await
        };
        to_its_end(moved).await
    }

    pub(super) async fn purge_letters(&self, filter: DeadFilter) -> Result<u64, StoreError> {
        let (log, one) = (Arc::clone(&self.log), Arc::clone(&self.moving_letters));
        let moved = async move {
            let _one = one.lock_owned().await;
            let letters = taken(&log, filter).await?;
            let count = letters.values().map(|letters| letters.len() as u64).sum();
            mark_all(&log, letters, Mark::Purged).await?;
            Ok(count)
        };
        to_its_end(moved).await
    }
}

async fn to_its_end(
    work: impl Future<Output = Result<u64, StoreError>> + Send + 'static,
) -> Result<u64, StoreError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with a few writes, which the store waits for when it closes"
    )]
    let work = tokio::spawn(work);
    work.await.map_err(|_| StoreError::Closed)?
}

/// The letters of a filter, by segment.
async fn taken(log: &Files, filter: DeadFilter) -> Result<BTreeMap<u64, Vec<Found>>, StoreError> {
    let filter = DeadFilter { limit: filter.limit.min(MOVE_MAX), ..filter };
    let take = move |segments: &[Arc<Segment>]| {
        let mut letters = find(segments, &filter)?;
        for letter in &mut letters {
            let made = attempts_made(segments, letter.lane, letter.seq)?;
            letter.attempts = letter.attempts.max(made);
        }
        Ok(letters)
    };
    let letters = log.read(take).await?;
    let mut by_segment: BTreeMap<u64, Vec<Found>> = BTreeMap::new();
    for letter in letters {
        by_segment.entry(letter.segment).or_default().push(letter);
    }
    Ok(by_segment)
}

/// Appends, to each lane, one chunk that lists its redriven places, and marks the letters. Those of
/// other segments than the last are marked afterwards: a crash in between leaves a letter that is
/// delivered too, and none that is neither.
async fn redrive(log: &Arc<Files>, filter: DeadFilter, now: Timestamp) -> Result<u64, StoreError> {
    let mut letters = taken(log, filter).await?;
    // By place, each once: of one that died in two standings the attempts of both count.
    let mut lanes: BTreeMap<LaneId, BTreeMap<u64, u32>> = BTreeMap::new();
    for letter in letters.values().flatten() {
        let attempts = lanes.entry(letter.lane).or_default().entry(letter.seq).or_default();
        *attempts = letter.attempts.max(*attempts);
    }
    if lanes.is_empty() {
        return Ok(0);
    }
    let count = letters.values().map(|letters| letters.len() as u64).sum();
    let woken: Vec<LaneId> = lanes.keys().copied().collect();
    {
        let (last, _stays) = log.last().await;
        let here = letters.remove(&last.first).unwrap_or_default();
        let next = Arc::clone(&log.next);
        last.write(move |connection| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            for (lane, entries) in &lanes {
                let seqs: Vec<u64> = entries.keys().copied().collect();
                let kind = Kind::Redriven(entries.values().copied().collect());
                let chunk = Chunk { number, since: now, kind, seqs: &seqs };
                insert_chunk(connection, *lane, &chunk).map_err(error)?;
            }
            spend_number(connection, number).map_err(error)?;
            mark(connection, &here, Mark::Redriven).map_err(error)
        })
        .await?;
    }
    mark_all(log, letters, Mark::Redriven).await?;
    if let Some(waker) = log.waker.read().as_ref() {
        waker.wake(&woken);
    }
    Ok(count)
}

async fn mark_all(
    log: &Files,
    letters: BTreeMap<u64, Vec<Found>>,
    as_what: Mark,
) -> Result<(), StoreError> {
    for (first, letters) in letters {
        let write =
            move |connection: &Connection| mark(connection, &letters, as_what).map_err(error);
        log.of(first).write(write).await?;
    }
    Ok(())
}

/// A letter with the names that people know it by.
pub(super) fn named(
    core: &Connection,
    (letter, event): (Found, EventId),
) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: DeliveryId { lane: letter.lane, event },
        lane: crate::log::lane_key(core, letter.lane)?,
        queue: letter.queue,
        at: letter.at,
        attempts: letter.attempts,
        reason: letter.reason,
    })
}
