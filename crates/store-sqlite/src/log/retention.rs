//! Retention: segments whose time is over are removed whole; of those in which something is still
//! kept, what need not be is deleted, on their own writers, so that no publisher waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{Dropped, Keep, LaneId, StoreError};

use super::chunk::{self, Kind};
use crate::deliveries::cursor;
use crate::files;
use crate::segment::Segment;
use crate::{Sealing, SqliteStore, error, execute, schema, signed, unsigned};

/// What is kept longest is in so many segments at least, so that it does not stay for twice its time.
const SEGMENTS_MIN: i64 = 32;
/// So many places of a segment are swept in one write.
const SWEPT_AT_ONCE: u64 = 2_000;

/// What a segment holds of one bus.
struct Span {
    bus: String,
    events: u64,
    last: Timestamp,
    swept: bool,
}

/// What a segment holds, and whether its time is over.
struct Held {
    spans: Vec<Span>,
    attempts: u64,
    last_attempt: Timestamp,
    attempts_swept: bool,
    /// When the last id of an entry is forgotten.
    ids_end: Option<Timestamp>,
}

impl Held {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let spans = connection
            .prepare_cached("SELECT bus, n, last_ts, swept FROM span")?
            .query_map([], |row| {
                Ok(Span {
                    bus: row.get(0)?,
                    events: unsigned(row.get(1)?),
                    last: Timestamp::from_ms(row.get(2)?),
                    swept: row.get(3)?,
                })
            })?
            .collect::<rusqlite::Result<_>>()?;
        let history = connection
            .prepare_cached("SELECT n, last_ts, swept FROM history")?
            .query_row([], |row| Ok((unsigned(row.get(0)?), row.get(1)?, row.get(2)?)))
            .optional()?;
        let (attempts, last, attempts_swept) = history.unwrap_or((0, 0, true));
        let (last_attempt, ids_end) = (Timestamp::from_ms(last), super::repeats::end(connection)?);
        Ok(Self { spans, attempts, last_attempt, attempts_swept, ids_end })
    }

    /// The buses whose events are to be deleted.
    fn over(&self, keep: &Keep) -> BTreeSet<String> {
        let over = self.spans.iter().filter(|span| !span.swept && is_over(span, keep));
        over.map(|span| span.bus.clone()).collect()
    }

    fn attempts_are_over(&self, keep: &Keep) -> bool {
        self.last_attempt < keep.attempts
    }

    fn is_wholly_over(&self, keep: &Keep) -> bool {
        self.attempts_are_over(keep)
            && self.spans.iter().all(|span| is_over(span, keep))
            && self.ids_end.is_none_or(|end| end <= keep.now)
    }
}

fn is_over(span: &Span, keep: &Keep) -> bool {
    span.last < keep.buses.get(&span.bus).copied().unwrap_or(keep.others)
}

/// What is done with a segment.
enum Verdict {
    Remove { events: u64, attempts: u64 },
    Sweep(Sweep),
}

/// What is deleted of a segment.
struct Sweep {
    /// The buses whose events are.
    buses: BTreeSet<String>,
    /// Whether attempts are.
    attempts: bool,
    /// The places of which everything is kept, ascending.
    kept: Arc<Vec<u64>>,
}

impl SqliteStore {
    pub(super) async fn retain(&self, keep: Keep) -> Result<Dropped, StoreError> {
        let keep = Arc::new(keep);
        if self.seals(&keep).await?
            && let Err(error) = self.log.rotate().await
        {
            // A full disk is freed by what follows.
            tracing::error!(%error, "the log goes on in the segment it has");
        }
        let (mut dropped, sweep) = self.remove(&keep).await?;
        // One at a time, so that whoever asks can stop.
        if let Some((segment, verdict)) = sweep {
            let before = segment.bytes();
            let swept = sweep_segment(&segment, verdict).await?;
            dropped.events += swept.events;
            dropped.attempts += swept.attempts;
            dropped.bytes += before.saturating_sub(segment.bytes());
            dropped.more = true;
        }
        Ok(dropped)
    }

    /// Removes the segments that nothing needs; gives one that is to be swept. Meanwhile no letter is
    /// redriven: it would be neither among the letters nor yet on its lane.
    async fn remove(
        &self,
        keep: &Arc<Keep>,
    ) -> Result<(Dropped, Option<(Arc<Segment>, Sweep)>), StoreError> {
        let _one = self.moving_letters.lock().await;
        let judged = {
            let keep = Arc::clone(keep);
            self.log.read(move |segments| judge(segments, &keep)).await?
        };
        let (mut dropped, mut to_sweep) = (Dropped::default(), None);
        for (segment, verdict) in judged {
            match verdict {
                Verdict::Remove { events, attempts } => {
                    self.hand_on(&segment).await?;
                    dropped.bytes += segment.bytes();
                    self.log.remove(&segment).await?;
                    dropped.events += events;
                    dropped.attempts += attempts;
                }
                Verdict::Sweep(sweep) => {
                    to_sweep.get_or_insert((segment, sweep));
                }
            }
        }
        Ok((dropped, to_sweep))
    }

    /// Moves cursors that lie in a segment about to be removed to the beginning of the next one:
    /// without them, an earlier segment's would be taken for the lane's.
    async fn hand_on(&self, leaving: &Segment) -> Result<(), StoreError> {
        let first = leaving.first;
        let numbers = |core: &Connection| {
            core.prepare_cached("SELECT id FROM lane")?.query_map([], |row| row.get(0))?.collect()
        };
        let lanes: Vec<LaneId> = self.core_readers.read(numbers).await?;
        let moving = move |segments: &[Arc<Segment>]| {
            let next = segments.iter().find(|segment| segment.first > first).cloned();
            let Some(next) = next else { return Ok(None) };
            let mut moving = Vec::new();
            for lane in lanes {
                let at = cursor(segments, lane)?.unwrap_or_default().chunk;
                if at >= first && at < next.first {
                    moving.push(lane);
                }
            }
            Ok(Some((next, moving)))
        };
        let Some((next, moving)) = self.log.read(moving).await? else { return Ok(()) };
        if moving.is_empty() {
            return Ok(());
        }
        let begin = signed(next.first);
        let write = move |connection: &Connection| {
            for lane in moving {
                let sql = "INSERT INTO cursor(lane, chunk, idx, touched) VALUES(?, ?, 0, 0)
                     ON CONFLICT(lane) DO UPDATE SET chunk = excluded.chunk, idx = 0
                     WHERE chunk < excluded.chunk";
                execute(connection, sql, params![lane, begin]).map_err(error)?;
            }
            Ok(())
        };
        next.write(write).await
    }

    /// Whether the last segment is to be sealed: it is large or old, or something in it is over, and
    /// what is over goes with sealed segments only.
    async fn seals(&self, keep: &Arc<Keep>) -> Result<bool, StoreError> {
        let (keep, sealing) = (Arc::clone(keep), self.sealing);
        self.log
            .read(move |segments| {
                let last = segments.last().expect("there is one at least");
                last.with(|connection| is_full(connection, last.bytes(), &keep, sealing))
            })
            .await
    }
}

fn is_full(
    connection: &Connection,
    bytes: u64,
    keep: &Keep,
    sealing: Sealing,
) -> rusqlite::Result<bool> {
    let first: Option<i64> = connection
        .query_row("SELECT ts FROM event ORDER BY seq LIMIT 1", [], |row| row.get(0))
        .optional()?;
    let Some(first) = first.map(Timestamp::from_ms) else { return Ok(false) };
    let held = Held::read(connection)?;
    let last = held.spans.iter().map(|span| span.last).max().unwrap_or(first);
    if bytes >= sealing.bytes || last.since_ms(first) >= sealing.age_ms {
        return Ok(true);
    }
    let time = |span: &Span| keep.buses.get(&span.bus).copied().unwrap_or(keep.others);
    let latest = held.spans.iter().map(time).max().unwrap_or_default();
    let over_ms = latest.since_ms(first);
    // Attempts may be kept for long where events are not: no more than a few dozen files of them.
    let longest_ms = keep.now.since_ms(earliest(&held, keep));
    let long_enough =
        last.since_ms(first) >= longest_ms / SEGMENTS_MIN || bytes >= sealing.bytes / 4;
    let is_over = over_ms > 0 && (bytes >= sealing.over_bytes || over_ms >= sealing.over_ms);
    Ok(is_over && (long_enough || keep.now.since_ms(first) >= longest_ms / SEGMENTS_MIN))
}

/// The moment before which nothing of a segment is kept.
fn earliest(held: &Held, keep: &Keep) -> Timestamp {
    let time = |span: &Span| keep.buses.get(&span.bus).copied().unwrap_or(keep.others);
    held.spans.iter().map(time).fold(keep.attempts, Timestamp::min)
}

/// What is to be done with segments in which something is over. The last one is left alone.
fn judge(segments: &[Arc<Segment>], keep: &Keep) -> rusqlite::Result<Vec<(Arc<Segment>, Verdict)>> {
    let mut candidates = Vec::new();
    for (index, segment) in segments.iter().enumerate().take(segments.len().saturating_sub(1)) {
        let held = segment.with(Held::read)?;
        let attempts = held.attempts_are_over(keep) && !held.attempts_swept;
        let to_sweep = !held.over(keep).is_empty() || attempts;
        // What only its letters hold is asked about them, not all segments each time.
        let removable = held.is_wholly_over(keep) && !segment.with(has_letters)?;
        if to_sweep || removable {
            candidates.push((index, held));
        }
    }
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let Needed { unread, pointed_at, with_letters, kept } = Needed::read(segments, &keep.in_use)?;
    let kept = Arc::new(kept);
    let mut judged = Vec::new();
    for (index, held) in candidates {
        let segment = &segments[index];
        let end = segments[index + 1].first;
        if unread < end || pointed_at.contains(&segment.first) {
            continue;
        }
        let begin = kept.partition_point(|seq| *seq < segment.first);
        let none_kept = kept.get(begin).is_none_or(|seq| *seq >= end);
        let holds_letters = with_letters.contains(&segment.first);
        let removable = held.is_wholly_over(keep) && none_kept && !holds_letters;
        let verdict = if removable && !points_at_kept(segments, segment)? {
            let events = held.spans.iter().map(|span| span.events).sum();
            Verdict::Remove { events, attempts: held.attempts }
        } else {
            let buses = held.over(keep);
            let attempts = held.attempts_are_over(keep) && !held.attempts_swept;
            if buses.is_empty() && !attempts {
                continue;
            }
            Verdict::Sweep(Sweep { buses, attempts, kept: Arc::clone(&kept) })
        };
        judged.push((Arc::clone(segment), verdict));
    }
    Ok(judged)
}

/// Whether a lane has an entry here whose event is in another segment, and still there. As long as it
/// is, so is the entry.
fn points_at_kept(segments: &[Arc<Segment>], segment: &Segment) -> rusqlite::Result<bool> {
    let mut last_of: BTreeMap<u64, Option<u64>> = BTreeMap::new();
    segment.with(|connection| {
        let mut chunks = connection.prepare_cached("SELECT seqs FROM delivery WHERE kind <> 0")?;
        let mut rows = chunks.query([])?;
        while let Some(row) = rows.next()? {
            for seq in chunk::unpack(row.get_ref(0)?.as_blob()?) {
                let home = files::of(segments, seq);
                // Also what was before all segments is gone.
                if home.first == segment.first || seq < home.first {
                    continue;
                }
                let last = match last_of.get(&home.first) {
                    Some(last) => *last,
                    None => *last_of.entry(home.first).or_insert(home.with(last_event)?),
                };
                // One behind the last was in a segment that is gone.
                if last.is_some_and(|last| seq <= last) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    })
}

fn last_event(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT max(seq) FROM event")?
        .query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.map(unsigned)))
}

fn has_letters(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM dead WHERE state = 0)")?
        .query_row([], |row| row.get(0))
}

/// What lanes in use and dead letters still need.
struct Needed {
    /// The lowest place that a lane has not come by.
    unread: u64,
    /// Segments whose events wait on a lane once more.
    pointed_at: BTreeSet<u64>,
    /// Segments that hold a dead letter, or a retry of a lane in use.
    with_letters: BTreeSet<u64>,
    /// The places of their events, ascending.
    kept: Vec<u64>,
}

impl Needed {
    fn read(segments: &[Arc<Segment>], in_use: &[LaneId]) -> rusqlite::Result<Self> {
        let mut needed = Self {
            unread: u64::MAX,
            pointed_at: BTreeSet::new(),
            with_letters: BTreeSet::new(),
            kept: Vec::new(),
        };
        for lane in in_use {
            needed.by_lane(segments, *lane)?;
        }
        for segment in segments {
            let here = needed.kept.len();
            segment.with(|connection| letters_and_retries(connection, in_use, &mut needed.kept))?;
            if needed.kept.len() > here {
                needed.with_letters.insert(segment.first);
            }
        }
        needed.kept.sort_unstable();
        needed.kept.dedup();
        Ok(needed)
    }

    /// Plain chunks ascend, so the first unread place of a lane is its lowest; the others point back
    /// and are all looked at.
    fn by_lane(&mut self, segments: &[Arc<Segment>], lane: LaneId) -> rusqlite::Result<()> {
        let at = cursor(segments, lane)?.unwrap_or_default();
        let mut found = false;
        for segment in &segments[files::index_of(segments, at.chunk)..] {
            segment.with(|connection| {
                if !found {
                    chunk::each_chunk(connection, (lane, at.chunk), |chunk| {
                        let skip = if chunk.number == at.chunk { at.index as usize } else { 0 };
                        if chunk.kind == Kind::First
                            && let Some(first) = chunk.seqs.get(skip)
                        {
                            self.unread = self.unread.min(*first);
                            found = true;
                        }
                        Ok(!found)
                    })?;
                }
                for (number, seqs) in again(connection, lane, at.chunk)? {
                    let skip = if number == at.chunk { at.index as usize } else { 0 };
                    let pointed = seqs.iter().skip(skip);
                    self.pointed_at.extend(pointed.map(|seq| files::of(segments, *seq).first));
                    // The chunk's own segment is needed too: its outcomes are to be kept there.
                    if seqs.len() > skip {
                        self.pointed_at.insert(segment.first);
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// The chunks of a lane, at its cursor or behind it, that point back.
fn again(
    connection: &Connection,
    lane: LaneId,
    from: u64,
) -> rusqlite::Result<Vec<(u64, Vec<u64>)>> {
    connection
        .prepare_cached(
            "SELECT chunk, seqs FROM delivery INDEXED BY delivery_again
             WHERE lane = ? AND chunk >= ? AND kind <> 0",
        )?
        .query_map(params![lane, signed(from)], |row| {
            Ok((unsigned(row.get(0)?), chunk::unpack(row.get_ref(1)?.as_blob()?)))
        })?
        .collect()
}

fn letters_and_retries(
    connection: &Connection,
    in_use: &[LaneId],
    kept: &mut Vec<u64>,
) -> rusqlite::Result<()> {
    // Retries first: one that is given up meanwhile is a letter then.
    let mut retries = connection.prepare_cached("SELECT seq FROM retry WHERE lane = ?")?;
    for lane in in_use {
        let mut rows = retries.query([lane])?;
        while let Some(row) = rows.next()? {
            kept.push(unsigned(row.get(0)?));
        }
    }
    let mut letters = connection.prepare_cached("SELECT seq FROM dead WHERE state = 0")?;
    let mut rows = letters.query([])?;
    while let Some(row) = rows.next()? {
        kept.push(unsigned(row.get(0)?));
    }
    Ok(())
}

/// Deletes events of buses, and attempts, but for what is kept; then gives the room back.
async fn sweep_segment(segment: &Arc<Segment>, sweep: Sweep) -> Result<Dropped, StoreError> {
    let Sweep { buses, attempts, kept } = sweep;
    let buses = Arc::new(buses);
    let mut dropped = Dropped::default();
    let mut from = 0;
    loop {
        let (buses, kept) = (Arc::clone(&buses), Arc::clone(&kept));
        let piece = move |connection: &Connection| {
            sweep_piece(connection, from, (&buses, attempts), &kept).map_err(error)
        };
        let (swept, next) = segment.write(piece).await?;
        dropped.events += swept.events;
        dropped.attempts += swept.attempts;
        match next {
            Some(next) => from = next,
            None => break,
        }
    }
    let done = move |connection: &Connection| {
        for bus in buses.iter() {
            execute(connection, "UPDATE span SET swept = 1 WHERE bus = ?", [bus]).map_err(error)?;
        }
        let sql = "UPDATE history SET swept = 1 WHERE ?";
        execute(connection, sql, [attempts]).map(drop).map_err(error)
    };
    segment.write(done).await?;
    give_back(segment).await?;
    Ok(dropped)
}

/// Sweeps the places from `from` on; gives where to go on.
fn sweep_piece(
    connection: &Connection,
    from: u64,
    (buses, attempts): (&BTreeSet<String>, bool),
    kept: &[u64],
) -> rusqlite::Result<(Dropped, Option<u64>)> {
    let mut dropped = Dropped::default();
    // Of events and of attempts, for both may be gone without the other.
    let next: Option<i64> = connection
        .prepare_cached(
            "SELECT min(seq) FROM (SELECT min(seq) AS seq FROM event WHERE seq >= ?1
             UNION ALL SELECT min(seq) FROM attempt WHERE seq >= ?1)",
        )?
        .query_row([signed(from)], |row| row.get(0))?;
    let Some(begin) = next.map(unsigned) else { return Ok((dropped, None)) };
    let end = begin + SWEPT_AT_ONCE;
    let is_kept = |seq: i64| kept.binary_search(&unsigned(seq)).is_ok();
    let range = [signed(begin), signed(end)];
    let mut gone: BTreeMap<String, u64> = BTreeMap::new();
    let events: Vec<(i64, String)> = connection
        .prepare_cached("SELECT seq, bus FROM event WHERE seq >= ? AND seq < ?")?
        .query_map(range, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (seq, bus) in events.into_iter().filter(|(seq, bus)| buses.contains(bus) && !is_kept(*seq))
    {
        execute(connection, "DELETE FROM event WHERE seq = ?", [seq])?;
        *gone.entry(bus).or_default() += 1;
    }
    for (bus, count) in gone {
        let values = params![signed(count), bus];
        execute(connection, "UPDATE span SET n = n - ? WHERE bus = ?", values)?;
        dropped.events += count;
    }
    if attempts {
        let seqs: Vec<i64> = connection
            .prepare_cached("SELECT DISTINCT seq FROM attempt WHERE seq >= ? AND seq < ?")?
            .query_map(range, |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for seq in seqs.into_iter().filter(|seq| !is_kept(*seq)) {
            let deleted = execute(connection, "DELETE FROM attempt WHERE seq = ?", [seq])?;
            dropped.attempts += deleted as u64;
        }
        let values = [signed(dropped.attempts)];
        execute(connection, "UPDATE history SET n = n - ?", values)?;
    }
    Ok((dropped, Some(end)))
}

/// Makes the file smaller, if most of it is free now.
async fn give_back(segment: &Arc<Segment>) -> Result<(), StoreError> {
    let segment = Arc::clone(segment);
    let compact = move || {
        let number = |connection: &Connection, what: &str| -> rusqlite::Result<i64> {
            connection.query_row(&format!("PRAGMA {what}"), [], |row| row.get(0))
        };
        let worth = segment.with(|connection| {
            // Its writer would have to wait for as long as this takes.
            let quiet: bool =
                connection
                    .query_row("SELECT NOT EXISTS (SELECT 1 FROM retry)", [], |row| row.get(0))?;
            let free = number(connection, "freelist_count")?;
            Ok(quiet && free * 2 > number(connection, "page_count")?)
        });
        if worth.map_err(error)? {
            let connection = schema::open_segment(segment.path())?;
            let sql = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)";
            connection.execute_batch(sql).map_err(error)?;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(compact).await.map_err(|_| StoreError::Closed)?
}
