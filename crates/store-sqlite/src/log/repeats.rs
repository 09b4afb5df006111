//! Entries that were appended before: a row for each that carries an id, found by a digest.
//!
//! Rows are looked up and written in the transaction that appends the event, so a crash leaves both
//! or neither, and one of two publishers in a shared commit finds the other's. Rows lie in the order
//! they are made and end, by window; only the index, about thirty bytes a row, is written in places
//! far apart.

use aws_lc_rs::digest::{Context, SHA256};
use model::{EventDraft, EventId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{Appended, Once};

use crate::{execute, signed, unsigned};

/// Half a SHA-256: so short that rows stay small, so long that two of them are never the same by
/// chance, and by intent only at 2^64 tries.
const DIGEST_BYTES: usize = 16;

type Digest = [u8; DIGEST_BYTES];

/// What is kept of an entry that carries an id.
pub(super) struct Mark {
    /// Of its bus and id.
    id: Digest,
    content: Digest,
    window_ms: i64,
}

impl Mark {
    pub(super) fn new(once: &Once, draft: &EventDraft) -> Self {
        let fields = draft.fields();
        // A time takes eight bytes, so none is another content than any.
        let time = fields.time.map(|time| time.ms().to_be_bytes().to_vec()).unwrap_or_default();
        let single = [
            fields.source.as_bytes(),
            fields.detail_type.as_bytes(),
            fields.detail.as_bytes(),
            time.as_slice(),
        ];
        let resources = fields.resources.iter().map(String::as_bytes);
        Self {
            id: digest([draft.bus().as_str().as_bytes(), once.id.as_str().as_bytes()]),
            content: digest(single.into_iter().chain(resources)),
            window_ms: once.window_ms,
        }
    }
}

/// The digest of parts, each behind its length: no two lists of parts are the same bytes.
fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut half = [0; DIGEST_BYTES];
    half.copy_from_slice(&context.finish().as_ref()[..DIGEST_BYTES]);
    half
}

/// What an entry is that repeats another one; none if it is the first within its window.
pub(super) fn find(
    connection: &Connection,
    mark: &Mark,
    now: Timestamp,
) -> rusqlite::Result<Option<Appended>> {
    let row: Option<(EventId, usize, Digest)> = connection
        .prepare_cached("SELECT at, seq, lanes, content FROM entry WHERE id = ?")?
        .query_row(params![mark.id], |row| {
            let accepted_at = Timestamp::from_ms(row.get(0)?);
            let seq = unsigned(row.get(1)?);
            Ok((EventId { accepted_at, seq }, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let known = row.filter(|(first, _, _)| now.since_ms(first.accepted_at) < mark.window_ms);
    Ok(known.map(|(first, lanes, content)| {
        if content == mark.content {
            Appended::Duplicate { first, lanes }
        } else {
            Appended::Mismatch { first }
        }
    }))
}

/// Notes that an entry was appended, in place of one of the same id whose window is over.
pub(super) fn remember(
    connection: &Connection,
    mark: &Mark,
    event: EventId,
    lanes: usize,
) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT OR REPLACE INTO entry(window_ms, seq, id, content, at, lanes)
         VALUES(?, ?, ?, ?, ?, ?)",
        params![
            mark.window_ms,
            signed(event.seq),
            mark.id,
            mark.content,
            event.accepted_at.ms(),
            lanes
        ],
    )
    .map(drop)
}

/// When the last id of a segment is forgotten; none if it holds none.
pub(super) fn end(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let mut end = None;
    each_window(connection, |window_ms| {
        let last: i64 = connection
            .prepare_cached("SELECT at FROM entry WHERE window_ms = ? ORDER BY seq DESC LIMIT 1")?
            .query_row([window_ms], |row| row.get(0))?;
        end = end.max(Some(Timestamp::from_ms(last).plus_ms(window_ms)));
        Ok(())
    })?;
    Ok(end)
}

/// Whether there is an id to forget.
pub(super) fn any_over(connection: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    let mut any = false;
    each_window(connection, |window_ms| {
        let first: i64 = connection
            .prepare_cached("SELECT at FROM entry WHERE window_ms = ? ORDER BY seq LIMIT 1")?
            .query_row([window_ms], |row| row.get(0))?;
        any |= now.since_ms(Timestamp::from_ms(first)) >= window_ms;
        Ok(())
    })?;
    Ok(any)
}

/// Looks at each window that ids were appended with.
fn each_window(
    connection: &Connection,
    mut look: impl FnMut(i64) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut windows =
        connection.prepare_cached("SELECT min(window_ms) FROM entry WHERE window_ms > ?")?;
    let mut before = i64::MIN;
    while let Some(window_ms) = windows.query_row([before], |row| row.get::<_, Option<i64>>(0))? {
        look(window_ms)?;
        before = window_ms;
    }
    Ok(())
}

/// Forgets what is over: of each window the oldest rows, which end first. Reads no more rows than it
/// may forget.
pub(super) fn forget(
    connection: &Connection,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<usize> {
    let mut windows =
        connection.prepare_cached("SELECT min(window_ms) FROM entry WHERE window_ms > ?")?;
    let mut oldest = connection
        .prepare_cached("SELECT seq, at FROM entry WHERE window_ms = ? ORDER BY seq LIMIT ?")?;
    let (mut forgotten, mut window_before) = (0, i64::MIN);
    while forgotten < limit {
        let window_ms: Option<i64> = windows.query_row([window_before], |row| row.get(0))?;
        let Some(window_ms) = window_ms else { break };
        let rows: Vec<(i64, i64)> = oldest
            .query_map(params![window_ms, limit - forgotten], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let is_over = |at: i64| now.since_ms(Timestamp::from_ms(at)) >= window_ms;
        if let Some((last, _)) = rows.iter().take_while(|(_, at)| is_over(*at)).last() {
            let over = [window_ms, *last];
            forgotten +=
                execute(connection, "DELETE FROM entry WHERE window_ms = ? AND seq <= ?", over)?;
        }
        window_before = window_ms;
    }
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_one_another() {
        let check = |one: &[&str], other: &[&str], same: bool| {
            let digest = |parts: &[&str]| digest(parts.iter().map(|part| part.as_bytes()));
            assert_eq!(digest(one) == digest(other), same, "{one:?} {other:?}");
        };
        check(&["ab", "c"], &["ab", "c"], true);
        check(&["ab", "c"], &["a", "bc"], false);
        check(&["ab", ""], &["ab"], false);
        check(&["a", "b"], &["b", "a"], false);
    }
}
