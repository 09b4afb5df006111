//! Attempts, the newest events first, a page at a time.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{Attempt, DeliveryId, EventId, Outcome, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{AttemptFilter, AttemptPlace, AttemptRow, LaneId};

use crate::files;
use crate::log::{lane_key, place_at};
use crate::segment::Segment;
use crate::{signed, unreadable, unsigned};

/// One page gives so many rows at the most.
const PAGE_MAX: usize = 1000;
/// So many rows of a segment are looked at for one page.
const LOOKED_AT_MAX: usize = 100_000;

/// An attempt as it lies in its segment.
pub(super) struct Row {
    place: AttemptPlace,
    accepted_at: Timestamp,
    attempt: Attempt,
}

/// A page of attempts.
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    pub(super) next: Option<AttemptPlace>,
}

impl Row {
    /// With the name of its lane.
    pub(super) fn named(self, core: &Connection) -> rusqlite::Result<AttemptRow> {
        let event = EventId { accepted_at: self.accepted_at, seq: self.place.seq };
        let id = DeliveryId { lane: self.place.lane, event };
        Ok(AttemptRow { id, lane: lane_key(core, self.place.lane)?, attempt: self.attempt })
    }
}

/// The attempts of a filter. Each segment is read from its end; what one was not read down to, no
/// other is shown beyond.
pub(super) fn page(segments: &[Arc<Segment>], filter: &AttemptFilter) -> rusqlite::Result<Page> {
    let limit = filter.limit.clamp(1, PAGE_MAX);
    let mut rows: Vec<Row> = Vec::new();
    let mut floor: Option<AttemptPlace> = None;
    let begin = filter.event.map_or(0, |event| files::index_of(segments, event.seq));
    for (index, segment) in segments.iter().enumerate().skip(begin).rev() {
        // No attempt of a segment is for an event behind its end.
        let end = segments.get(index + 1).map_or(u64::MAX, |next| next.first);
        if floor.is_some_and(|floor| floor.seq >= end) {
            break;
        }
        let stopped = segment.with(|connection| read_down(connection, filter, limit, &mut rows))?;
        floor = floor.max(stopped);
    }
    if let Some(floor) = floor {
        rows.retain(|row| row.place >= floor);
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.place));
    if rows.len() >= limit {
        rows.truncate(limit);
        floor = rows.last().map(|row| row.place);
    }
    Ok(Page { rows, next: floor })
}

/// Reads one segment from its end; says where it stopped, if it did not come to the beginning.
fn read_down(
    connection: &Connection,
    filter: &AttemptFilter,
    limit: usize,
    rows: &mut Vec<Row>,
) -> rusqlite::Result<Option<AttemptPlace>> {
    let Some(range) = places(connection, filter)? else { return Ok(None) };
    let failed = if filter.failed_only { "AND outcome <> 0" } else { "" };
    let sql = format!(
        "SELECT seq, lane, n, ts, took_ms, status, outcome, address, error, response, accepted
         FROM attempt
         WHERE seq BETWEEN ? AND ? {failed} ORDER BY seq DESC, lane DESC, n DESC"
    );
    let mut attempts = connection.prepare_cached(&sql)?;
    let mut found = attempts.query(params![signed(*range.start()), signed(*range.end())])?;
    let (mut looked_at, mut taken) = (0, 0);
    let mut place = None;
    while let Some(row) = found.next()? {
        if looked_at >= LOOKED_AT_MAX || taken >= limit {
            return Ok(place);
        }
        looked_at += 1;
        let here =
            AttemptPlace { seq: unsigned(row.get(0)?), lane: row.get(1)?, number: row.get(2)? };
        place = Some(here);
        let behind = filter.after.is_none_or(|after| here < after);
        let at = Timestamp::from_ms(row.get(3)?);
        if behind && wanted(filter, here.lane, at, row.get(5)?) {
            taken += 1;
            let accepted_at = Timestamp::from_ms(row.get(10)?);
            rows.push(Row { place: here, accepted_at, attempt: attempt_of(row)? });
        }
    }
    Ok(None)
}

/// The places that attempts of a filter can be for; none if there are none in this segment.
fn places(
    connection: &Connection,
    filter: &AttemptFilter,
) -> rusqlite::Result<Option<RangeInclusive<u64>>> {
    if let Some(event) = filter.event {
        return Ok(Some(event.seq..=event.seq));
    }
    let last_attempt: Option<i64> = connection
        .prepare_cached("SELECT last_ts FROM history")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(last_attempt) = last_attempt else { return Ok(None) };
    if filter.from.is_some_and(|from| last_attempt < from.ms()) {
        return Ok(None);
    }
    let mut end = filter.after.map_or(u64::MAX, |after| after.seq);
    if let Some(until) = filter.until {
        // Nothing is attempted before it was accepted; a clock may have been set back a little.
        let first_later = place_at(connection, until.plus_ms(60_000))?;
        let last: Option<i64> =
            connection.query_row("SELECT max(seq) FROM event", [], |row| row.get(0))?;
        if last.is_some_and(|last| first_later <= unsigned(last)) {
            end = end.min(first_later);
        }
    }
    Ok(Some(0..=end))
}

fn wanted(filter: &AttemptFilter, lane: LaneId, at: Timestamp, status: Option<u16>) -> bool {
    let inside = |range: &RangeInclusive<u16>| status.is_some_and(|status| range.contains(&status));
    filter.lanes.as_ref().is_none_or(|lanes| lanes.contains(&lane))
        && filter.statuses.as_ref().is_none_or(inside)
        && filter.from.is_none_or(|from| at >= from)
        && filter.until.is_none_or(|until| at < until)
}

fn attempt_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Attempt> {
    let address: Option<String> = row.get(7)?;
    let address = address.map(|text| text.parse().map_err(|_| unreadable("an address")));
    Ok(Attempt {
        number: row.get(2)?,
        at: Timestamp::from_ms(row.get(3)?),
        took_ms: row.get(4)?,
        status: row.get(5)?,
        outcome: match row.get(6)? {
            0 => Outcome::Delivered,
            1 => Outcome::Retry,
            _ => Outcome::Dead,
        },
        address: address.transpose()?,
        error: row.get(8)?,
        response: row.get(9)?,
    })
}
