//! Lanes in chunks: one row per lane and commit that lists its places; reading them by position.

use std::sync::Arc;

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{LaneEnd, LaneEntry, LaneId, LanePage, Position};

use super::event::read_event;
use crate::files;
use crate::segment::Segment;
use crate::{execute, signed, unreadable, unsigned};

/// One read of a lane ends when its events have so many bytes together.
const READ_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One read passes over so many entries whose events are gone.
const PASSED_OVER_MAX: usize = 10_000;

/// Why a chunk was put on its lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its events were accepted.
    First,
    /// They were dead letters, each with so many attempts made before.
    Redriven(Vec<u32>),
    /// They are sent once more.
    Again,
}

impl Kind {
    fn number(&self) -> i64 {
        match self {
            Self::First => 0,
            Self::Redriven(_) => 1,
            Self::Again => 2,
        }
    }

    fn attempts(&self) -> Option<Vec<u8>> {
        match self {
            Self::Redriven(attempts) => Some(pack_all(attempts.iter().map(|n| u64::from(*n)))),
            Self::First | Self::Again => None,
        }
    }

    fn of(number: i64, attempts: Option<&[u8]>) -> rusqlite::Result<Self> {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        match (number, attempts) {
            (0, _) => Ok(Self::First),
            (1, Some(bytes)) => Ok(Self::Redriven(unpack_all(bytes).map(small).collect())),
            (2, _) => Ok(Self::Again),
            _ => Err(unreadable("a chunk's kind")),
        }
    }

    /// How many attempts were made for one of its entries before.
    fn attempts_before(&self, index: u32) -> u32 {
        match self {
            Self::Redriven(attempts) => attempts.get(index as usize).copied().unwrap_or(0),
            Self::First | Self::Again => 0,
        }
    }
}

/// A chunk to be written.
pub(crate) struct Chunk<'a> {
    pub(crate) number: u64,
    pub(crate) since: Timestamp,
    pub(crate) kind: Kind,
    pub(crate) seqs: &'a [u64],
}

/// Writes a chunk at the end of its lane.
pub(crate) fn insert_chunk(
    connection: &Connection,
    lane: LaneId,
    chunk: &Chunk<'_>,
) -> rusqlite::Result<()> {
    let before = entries(connection, lane)?;
    execute(
        connection,
        "INSERT INTO delivery(lane, chunk, ts, kind, before, n, seqs, attempts)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            lane,
            signed(chunk.number),
            chunk.since.ms(),
            chunk.kind.number(),
            signed(before),
            chunk.seqs.len(),
            pack(chunk.seqs),
            chunk.kind.attempts()
        ],
    )
    .map(drop)
}

/// The end of a lane, as far as this segment knows; none where it holds nothing of the lane and the
/// segments before it did not either.
pub(crate) fn end(connection: &Connection, lane: LaneId) -> rusqlite::Result<Option<LaneEnd>> {
    let last = connection
        .prepare_cached(
            "SELECT before + n, seqs FROM delivery WHERE lane = ? ORDER BY chunk DESC LIMIT 1",
        )?
        .query_row([lane], |row| {
            let last = unpack(row.get_ref(1)?.as_blob()?).last().copied();
            Ok(LaneEnd { entries: unsigned(row.get(0)?), last })
        })
        .optional()?;
    if last.is_some() {
        return Ok(last);
    }
    connection
        .prepare_cached("SELECT before, last FROM carried WHERE lane = ?")?
        .query_row([lane], |row| {
            let last = row.get::<_, Option<i64>>(1)?.map(unsigned);
            Ok(LaneEnd { entries: unsigned(row.get(0)?), last })
        })
        .optional()
}

/// How many entries a lane ever had, as far as this segment knows.
pub(crate) fn entries(connection: &Connection, lane: LaneId) -> rusqlite::Result<u64> {
    let entries: Option<u64> = connection
        .prepare_cached(
            "SELECT before + n FROM delivery WHERE lane = ? ORDER BY chunk DESC LIMIT 1",
        )?
        .query_row([lane], |row| row.get(0).map(unsigned))
        .optional()?;
    match entries {
        Some(entries) => Ok(entries),
        None => Ok(carried(connection, lane)?.unwrap_or(0)),
    }
}

/// How many entries a lane had before this segment; none if it had none.
pub(crate) fn carried(connection: &Connection, lane: LaneId) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT before FROM carried WHERE lane = ?")?
        .query_row([lane], |row| row.get(0).map(unsigned))
        .optional()
}

/// The end of a lane.
pub(crate) fn lane_end(segments: &[Arc<Segment>], lane: LaneId) -> rusqlite::Result<LaneEnd> {
    // A segment begins with what the one before it knew, which may be gone by now.
    for segment in segments.iter().rev() {
        if let Some(end) = segment.with(|connection| end(connection, lane))? {
            return Ok(end);
        }
    }
    Ok(LaneEnd::default())
}

/// What a chunk lists.
pub(crate) struct Listed {
    pub(crate) number: u64,
    pub(crate) since: Timestamp,
    pub(crate) kind: Kind,
    pub(crate) seqs: Vec<u64>,
}

/// Looks at the chunks of a lane in this segment from a number on, until told to stop.
pub(crate) fn each_chunk(
    connection: &Connection,
    (lane, from): (LaneId, u64),
    mut look: impl FnMut(Listed) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    let mut chunks = connection.prepare_cached(
        "SELECT chunk, ts, kind, seqs, attempts FROM delivery
         WHERE lane = ? AND chunk >= ? ORDER BY chunk",
    )?;
    let mut rows = chunks.query(params![lane, signed(from)])?;
    while let Some(row) = rows.next()? {
        let listed = Listed {
            number: unsigned(row.get(0)?),
            since: Timestamp::from_ms(row.get(1)?),
            kind: Kind::of(row.get(2)?, row.get_ref(4)?.as_blob_or_null()?)?,
            seqs: unpack(row.get_ref(3)?.as_blob()?),
        };
        if !look(listed)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Up to `limit` entries of a lane from a position on.
pub(crate) fn read_lane(
    segments: &[Arc<Segment>],
    lane: LaneId,
    from: Position,
    limit: usize,
) -> rusqlite::Result<LanePage> {
    let mut page = LanePage { next: from, ..LanePage::default() };
    let (mut bytes, mut passed_over) = (0, 0);
    for segment in &segments[files::index_of(segments, from.chunk)..] {
        // Nothing of it lies before: the next read need not look through the segments behind again.
        page.next = page.next.max(Position { chunk: segment.first, index: 0 });
        let more = segment.with(|connection| {
            each_chunk(connection, (lane, from.chunk), |chunk| {
                let skip = if chunk.number == from.chunk { from.index as usize } else { 0 };
                for (index, seq) in (0_u32..).zip(&chunk.seqs).skip(skip) {
                    let full = page.entries.len() >= limit || bytes >= READ_BYTES_MAX;
                    if full || passed_over >= PASSED_OVER_MAX {
                        return Ok(false);
                    }
                    let position = Position { chunk: chunk.number, index };
                    page.next = Position { chunk: chunk.number, index: index + 1 };
                    let home = files::of(segments, *seq);
                    let event = if home.first == segment.first {
                        read_event(connection, *seq)?
                    } else {
                        home.with(|connection| read_event(connection, *seq))?
                    };
                    // An event that is gone (dropped by retention) has nothing left to deliver.
                    let Some(event) = event else {
                        passed_over += 1;
                        continue;
                    };
                    bytes += event.fields.detail.len();
                    let attempts_before = chunk.kind.attempts_before(index);
                    let since = chunk.since;
                    page.entries.push(LaneEntry { position, event, since, attempts_before });
                }
                Ok(true)
            })
        })?;
        if !more {
            return Ok(page);
        }
    }
    page.at_end = true;
    Ok(page)
}

/// Ascending places as differences: a chunk of neighbours costs a byte each.
fn pack(seqs: &[u64]) -> Vec<u8> {
    let mut before = 0;
    pack_all(seqs.iter().map(|seq| seq - std::mem::replace(&mut before, *seq)))
}

/// The way back of [`pack`].
pub(crate) fn unpack(bytes: &[u8]) -> Vec<u64> {
    let mut before = 0_u64;
    let place = |difference: u64| {
        before = before.saturating_add(difference);
        before
    };
    unpack_all(bytes).map(place).collect()
}

/// Numbers in seven-bit groups.
fn pack_all(numbers: impl Iterator<Item = u64>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.size_hint().0 + 8);
    for mut rest in numbers {
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

/// The way back of [`pack_all`]; bytes that end in the middle of a number lose that number.
fn unpack_all(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let (mut number, mut shift) = (0_u64, 0_u32);
    bytes.iter().filter_map(move |byte| {
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        let ends = byte & 0x80 == 0;
        ends.then(|| {
            shift = 0;
            std::mem::take(&mut number)
        })
    })
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
