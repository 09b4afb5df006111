//! Where lanes stand: cursor, what is settled behind it, retries, how much waits.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{DueDelivery, DuePlace, LaneId, LaneState, Position};

use crate::files;
use crate::log::{carried, each_chunk, read_event};
use crate::segment::Segment;
use crate::{signed, unsigned};

/// A lane's cursor: everything before it is settled, but for retries. None where no segment that
/// there still is has one.
pub(crate) fn cursor(
    segments: &[Arc<Segment>],
    lane: LaneId,
) -> rusqlite::Result<Option<Position>> {
    // It only ever moves on, and lies in the segment of its chunk.
    for segment in segments.iter().rev() {
        let found = segment.with(|connection| {
            connection
                .prepare_cached("SELECT chunk, idx FROM cursor WHERE lane = ? AND chunk > 0")?
                .query_row([lane], |row| {
                    Ok(Position { chunk: unsigned(row.get(0)?), index: row.get(1)? })
                })
                .optional()
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Reads the chunks from the cursor to the last one that has an outcome and finds which of their
/// entries are settled: delivered, waiting in the retries, or given up.
pub(super) fn open_lane(segments: &[Arc<Segment>], lane: LaneId) -> rusqlite::Result<LaneState> {
    let cursor = match cursor(segments, lane)? {
        Some(cursor) => cursor,
        None => begin(segments, lane)?,
    };
    let mut settled = BTreeSet::new();
    for segment in &segments[files::index_of(segments, cursor.chunk)..] {
        segment.with(|connection| {
            let touched = touched(connection, lane)?;
            each_chunk(connection, (lane, cursor.chunk), |chunk| {
                if chunk.number > touched {
                    return Ok(false);
                }
                for (index, seq) in (0_u32..).zip(chunk.seqs) {
                    let position = Position { chunk: chunk.number, index };
                    if position >= cursor && is_settled(connection, lane, chunk.number, seq)? {
                        settled.insert(position);
                    }
                }
                Ok(true)
            })
        })?;
    }
    Ok(LaneState { cursor, settled })
}

/// Where a lane without a cursor begins: in the first segment that holds something of it, or at the
/// end of the log. Not before, so that reading it need not look through all segments each time.
fn begin(segments: &[Arc<Segment>], lane: LaneId) -> rusqlite::Result<Position> {
    for segment in segments {
        let holds = segment.with(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM delivery WHERE lane = ?)")?
                .query_row([lane], |row| row.get(0))
        })?;
        if holds {
            return Ok(Position { chunk: segment.first, index: 0 });
        }
    }
    let last = segments.last().map_or(0, |segment| segment.first);
    Ok(Position { chunk: last, index: 0 })
}

/// The last chunk of a lane here of which an entry has an outcome.
fn touched(connection: &Connection, lane: LaneId) -> rusqlite::Result<u64> {
    let touched: Option<i64> = connection
        .prepare_cached("SELECT touched FROM cursor WHERE lane = ?")?
        .query_row([lane], |row| row.get(0))
        .optional()?;
    Ok(unsigned(touched.unwrap_or(0)))
}

fn is_settled(
    connection: &Connection,
    lane: LaneId,
    chunk: u64,
    seq: u64,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempt
                 WHERE seq = ?2 AND lane = ?1 AND chunk = ?3 AND outcome = 0)
               OR EXISTS (SELECT 1 FROM retry WHERE lane = ?1 AND seq = ?2 AND chunk = ?3)
               OR EXISTS (SELECT 1 FROM dead WHERE lane = ?1 AND seq = ?2 AND chunk = ?3)",
        )?
        .query_row(params![lane, signed(seq), signed(chunk)], |row| row.get(0))
}

/// A retry as it lies in its segment.
struct Waiting {
    place: DuePlace,
    tries: u32,
    since: Timestamp,
    attempts: u32,
}

/// The retries of a lane, the earliest due first. Reads on behind those whose events are gone, so
/// that fewer than `limit` are the last ones.
pub(super) fn due(
    segments: &[Arc<Segment>],
    lane: LaneId,
    after: Option<DuePlace>,
    limit: usize,
) -> rusqlite::Result<Vec<DueDelivery>> {
    let (mut deliveries, mut after) = (Vec::new(), after);
    loop {
        let page = waiting(segments, lane, after, limit)?;
        let is_last = page.len() < limit;
        for Waiting { place, tries, since, attempts } in page {
            after = Some(place);
            let DuePlace { due, seq, chunk } = place;
            let home = files::of(segments, seq);
            let Some(event) = home.with(|connection| read_event(connection, seq))? else {
                continue;
            };
            deliveries.push(DueDelivery { chunk, event, due, tries, since, attempts });
            if deliveries.len() == limit {
                return Ok(deliveries);
            }
        }
        if is_last {
            return Ok(deliveries);
        }
    }
}

fn waiting(
    segments: &[Arc<Segment>],
    lane: LaneId,
    after: Option<DuePlace>,
    limit: usize,
) -> rusqlite::Result<Vec<Waiting>> {
    let (due, seq, chunk) = after.map_or((i64::MIN, -1, -1), |after| {
        (after.due.ms(), signed(after.seq), signed(after.chunk))
    });
    let mut all = Vec::new();
    for segment in segments {
        segment.with(|connection| {
            let mut rows = connection.prepare_cached(
                "SELECT due, seq, chunk, tries, since, attempts FROM retry
                 WHERE lane = ? AND (due, seq, chunk) > (?, ?, ?)
                 ORDER BY due, seq, chunk LIMIT ?",
            )?;
            let mut rows = rows.query(params![lane, due, seq, chunk, limit])?;
            while let Some(row) = rows.next()? {
                let due = Timestamp::from_ms(row.get(0)?);
                let (seq, chunk) = (unsigned(row.get(1)?), unsigned(row.get(2)?));
                all.push(Waiting {
                    place: DuePlace { due, seq, chunk },
                    tries: row.get(3)?,
                    since: Timestamp::from_ms(row.get(4)?),
                    attempts: row.get(5)?,
                });
            }
            Ok(())
        })?;
    }
    all.sort_by_key(|waiting| waiting.place);
    all.truncate(limit);
    Ok(all)
}

/// How many entries stand at the cursor or behind it, and wait in the retries. Counts no entries: a
/// lane that millions wait on is asked as quickly as an empty one.
pub(super) fn backlog(segments: &[Arc<Segment>], lane: LaneId) -> rusqlite::Result<u64> {
    let mut retries = 0;
    for segment in segments {
        retries += segment.with(|connection| {
            connection
                .prepare_cached("SELECT count(*) FROM retry WHERE lane = ?")?
                .query_row([lane], |row| row.get(0).map(unsigned))
        })?;
    }
    let entries = crate::log::lane_entries(segments, lane)?;
    let read = match cursor(segments, lane)? {
        Some(cursor) => read_until(segments, lane, cursor)?,
        None => match segments.first() {
            Some(first) => first.with(|connection| carried(connection, lane))?.unwrap_or(0),
            None => 0,
        },
    };
    Ok(entries.saturating_sub(read) + retries)
}

/// How many entries the lane had before a cursor.
fn read_until(segments: &[Arc<Segment>], lane: LaneId, cursor: Position) -> rusqlite::Result<u64> {
    // The chunk itself, or the next one that there is: the segment of the cursor may be gone.
    for segment in &segments[files::index_of(segments, cursor.chunk)..] {
        let found: Option<(u64, u64, u64)> = segment.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT chunk, before, n FROM delivery WHERE lane = ? AND chunk >= ?
                     ORDER BY chunk LIMIT 1",
                )?
                .query_row(params![lane, signed(cursor.chunk)], |row| {
                    Ok((unsigned(row.get(0)?), unsigned(row.get(1)?), unsigned(row.get(2)?)))
                })
                .optional()
        })?;
        if let Some((chunk, before, n)) = found {
            let read = if chunk == cursor.chunk { n.min(u64::from(cursor.index)) } else { 0 };
            return Ok(before + read);
        }
    }
    crate::log::lane_entries(segments, lane)
}

/// When the oldest entry that waits was put on the lane.
pub(super) fn oldest(
    segments: &[Arc<Segment>],
    lane: LaneId,
) -> rusqlite::Result<Option<Timestamp>> {
    let cursor = cursor(segments, lane)?.unwrap_or_default();
    let mut oldest: Option<i64> = None;
    for segment in segments {
        let retry: Option<i64> = segment.with(|connection| {
            connection
                .prepare_cached("SELECT min(since) FROM retry WHERE lane = ?")?
                .query_row([lane], |row| row.get(0))
        })?;
        oldest = oldest.into_iter().chain(retry).min();
    }
    for segment in &segments[files::index_of(segments, cursor.chunk)..] {
        // Chunks ascend in time, so the first unread one is the oldest.
        let unread: Option<i64> = segment.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT ts FROM delivery
                     WHERE lane = ?1 AND chunk >= ?2 AND (chunk > ?2 OR n > ?3)
                     ORDER BY chunk LIMIT 1",
                )?
                .query_row(params![lane, signed(cursor.chunk), cursor.index], |row| row.get(0))
                .optional()
        })?;
        if unread.is_some() {
            oldest = oldest.into_iter().chain(unread).min();
            break;
        }
    }
    Ok(oldest.map(Timestamp::from_ms))
}
