//! Events: one by its place, and stretches of a bus.

use std::sync::Arc;

use model::{Event, EventFields, EventId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store::{EventPage, EventRange};

use crate::files;
use crate::segment::Segment;
use crate::{signed, unreadable, unsigned};

/// How many events one page looks at, at the most.
const LOOKED_AT_MAX: usize = 20_000;
/// One page ends when its events have so many bytes together.
const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How far a clock may have been set back while the log was written: events of so much earlier are
/// looked at too, and of so much later.
const CLOCK_MS: i64 = 60_000;

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

/// A page of a range, in the order of the log.
pub(crate) fn read_events(
    segments: &[Arc<Segment>],
    range: &EventRange,
    limit: usize,
) -> rusqlite::Result<EventPage> {
    let mut page = EventPage { looked_until: range.after.unwrap_or(0), ..EventPage::default() };
    let mut budget = (LOOKED_AT_MAX, PAGE_BYTES_MAX);
    let begin = range.after.map_or(0, |after| files::index_of(segments, after + 1));
    for segment in &segments[begin..] {
        if !segment
            .with(|connection| read_on(connection, range, limit, (&mut page, &mut budget)))?
        {
            return Ok(page);
        }
    }
    page.at_end = true;
    Ok(page)
}

/// Reads on in one segment; says whether the next one is to be looked at.
fn read_on(
    connection: &Connection,
    range: &EventRange,
    limit: usize,
    (page, (rows_left, bytes_left)): (&mut EventPage, &mut (usize, usize)),
) -> rusqlite::Result<bool> {
    let begin = match range.after {
        Some(after) => after + 1,
        None => place_at(connection, range.from.plus_ms(-CLOCK_MS))?,
    };
    let columns = EVENT_COLUMNS;
    let sql = format!("SELECT {columns} FROM event WHERE seq >= ? ORDER BY seq");
    let mut events = connection.prepare_cached(&sql)?;
    let mut rows = events.query([signed(begin)])?;
    while let Some(row) = rows.next()? {
        let accepted_at = Timestamp::from_ms(row.get(1)?);
        if accepted_at >= range.until.plus_ms(CLOCK_MS) {
            page.at_end = true;
            return Ok(false);
        }
        if page.events.len() >= limit || *rows_left == 0 || *bytes_left == 0 {
            return Ok(false);
        }
        *rows_left -= 1;
        page.looked_until = unsigned(row.get(0)?);
        let inside = accepted_at >= range.from && accepted_at < range.until;
        if inside && row.get_ref(2)?.as_str()? == range.bus {
            let event = event_of(row)?;
            *bytes_left = bytes_left.saturating_sub(event.fields.detail.len());
            page.events.push(event);
        }
    }
    Ok(true)
}

/// The first place of a segment whose event was accepted at a time or after it; events ascend in
/// time, but for a clock that was set back.
pub(crate) fn place_at(connection: &Connection, at: Timestamp) -> rusqlite::Result<u64> {
    // Two questions, each answered by one end of the table: together they would read all of it.
    let bounds = "SELECT (SELECT min(seq) FROM event), (SELECT max(seq) FROM event)";
    let (low, high): (Option<i64>, Option<i64>) =
        connection.prepare_cached(bounds)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (mut low, mut high) = (low.unwrap_or(0), high.unwrap_or(0) + 1);
    let mut first =
        connection.prepare_cached("SELECT seq, ts FROM event WHERE seq >= ? LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<(i64, i64)> =
            first.query_row(params![middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((seq, ts)) if ts < at.ms() => low = seq + 1,
            _ => high = middle,
        }
    }
    Ok(unsigned(low))
}
