//! Answers that are kept under a key: a row for each request, in the order they began, and what a
//! partner's rows take, counted as they come and go.

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store::{
    ANSWERS_KEPT_MS, Answer, AnswerBounds, AnswerContent, AnswerKey, Beginning, Begun, KeptAnswer,
    KeptAnswers,
};

use crate::{SqliteStore, error, execute, signed, unsigned};

/// So many rows are dropped at once: with the largest bodies that is some hundred MiB of pages, and
/// a lease of a quota does not wait for long behind it.
const DROPPED_AT_ONCE: u64 = 100;

/// A row, as far as a request that begins is concerned.
struct Known {
    id: i64,
    fingerprint: Vec<u8>,
    begun_at: Timestamp,
    until: Timestamp,
    status: Option<u16>,
    bytes: i64,
    head: Option<Vec<u8>>,
    body: Option<Vec<u8>>,
}

impl Known {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            fingerprint: row.get(1)?,
            begun_at: Timestamp::from_ms(row.get(2)?),
            until: Timestamp::from_ms(row.get(3)?),
            status: row.get(4)?,
            bytes: row.get(5)?,
            head: row.get(6)?,
            body: row.get(7)?,
        })
    }

    /// What it says to whoever begins the same; nothing when its time is over.
    fn says(&mut self, beginning: &Beginning) -> Option<Begun> {
        if is_over(self.begun_at, beginning.now) {
            return None;
        }
        if self.fingerprint != beginning.fingerprint {
            return Some(Begun::Different);
        }
        if let Some(status) = self.status {
            let content = self.head.take().zip(self.body.take());
            let content = content.map(|(head, body)| AnswerContent { head, body });
            return Some(Begun::Answered(KeptAnswer { status, content }));
        }
        (beginning.now < self.until).then_some(Begun::UnderWay { until: self.until })
    }
}

fn is_over(begun_at: Timestamp, now: Timestamp) -> bool {
    begun_at.plus_ms(ANSWERS_KEPT_MS) <= now
}

impl KeptAnswers for SqliteStore {
    fn begin_answer(&self, beginning: Beginning, bounds: AnswerBounds) -> Answer<'_, Begun> {
        self.core.write(move |connection| begin(connection, &beginning, bounds).map_err(error))
    }

    fn keep_answer(
        &self,
        key: AnswerKey,
        request: String,
        kept: KeptAnswer,
        bounds: AnswerBounds,
    ) -> Answer<'_, bool> {
        self.core.write(move |connection| {
            keep(connection, (&key, &request), &kept, bounds).map_err(error)
        })
    }

    fn release_answer(&self, key: AnswerKey, request: String) -> Answer<'_, bool> {
        self.core.write(move |connection| release(connection, &key, &request).map_err(error))
    }

    fn trim_answers(&self, now: Timestamp) -> Answer<'_, u64> {
        self.core.write(move |connection| trim(connection, now).map_err(error))
    }
}

fn begin(
    connection: &Connection,
    beginning: &Beginning,
    bounds: AnswerBounds,
) -> rusqlite::Result<Begun> {
    let AnswerKey { partner, digest } = &beginning.key;
    let known = connection
        .prepare_cached(
            "SELECT id, fingerprint, begun_at, until_at, status, bytes, head, body
             FROM answer WHERE partner = ? AND digest = ?",
        )?
        .query_row(params![partner, digest], Known::of)
        .optional()?;
    if let Some(mut known) = known {
        if let Some(begun) = known.says(beginning) {
            return Ok(begun);
        }
        forget(connection, partner, (known.id, known.bytes))?;
    }
    execute(
        connection,
        "INSERT INTO answer(partner, digest, fingerprint, request, begun_at, until_at, bytes)
         VALUES(?, ?, ?, ?, ?, ?, 0)",
        params![
            partner,
            digest,
            beginning.fingerprint,
            beginning.request,
            beginning.now.ms(),
            beginning.until.ms()
        ],
    )?;
    execute(
        connection,
        "INSERT INTO answer_room(partner, n, bytes) VALUES(?, 1, 0)
         ON CONFLICT(partner) DO UPDATE SET n = n + 1",
        [partner],
    )?;
    make_room(connection, partner, bounds)?;
    Ok(Begun::Fresh)
}

fn keep(
    connection: &Connection,
    (key, request): (&AnswerKey, &str),
    kept: &KeptAnswer,
    bounds: AnswerBounds,
) -> rusqlite::Result<bool> {
    let content = kept.content.as_ref();
    let head = content.map(|content| content.head.as_slice());
    let body = content.map(|content| content.body.as_slice());
    let bytes = head.map_or(0, <[u8]>::len) + body.map_or(0, <[u8]>::len);
    let bytes = signed(bytes as u64);
    let changed = execute(
        connection,
        "UPDATE answer SET status = ?, bytes = ?, head = ?, body = ?
         WHERE partner = ? AND digest = ? AND request = ? AND status IS NULL",
        params![kept.status, bytes, head, body, key.partner, key.digest, request],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    let sql = "UPDATE answer_room SET bytes = bytes + ? WHERE partner = ?";
    execute(connection, sql, params![bytes, key.partner])?;
    make_room(connection, &key.partner, bounds)?;
    Ok(true)
}

fn release(connection: &Connection, key: &AnswerKey, request: &str) -> rusqlite::Result<bool> {
    let changed = execute(
        connection,
        "DELETE FROM answer WHERE partner = ? AND digest = ? AND request = ? AND status IS NULL",
        params![key.partner, key.digest, request],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    gone(connection, &key.partner, 0)?;
    Ok(true)
}

/// Deletes a row of so many bytes.
fn forget(connection: &Connection, partner: &str, (id, bytes): (i64, i64)) -> rusqlite::Result<()> {
    execute(connection, "DELETE FROM answer WHERE id = ?", [id])?;
    gone(connection, partner, bytes)
}

/// One row less.
fn gone(connection: &Connection, partner: &str, bytes: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE answer_room SET n = n - 1, bytes = bytes - ? WHERE partner = ?";
    execute(connection, sql, params![bytes, partner]).map(drop)
}

/// Forgets the oldest rows beyond the bound, then what the oldest said. A bound that was lowered is
/// kept to little by little.
fn make_room(connection: &Connection, partner: &str, bounds: AnswerBounds) -> rusqlite::Result<()> {
    let (n, _) = room(connection, partner)?;
    if n > bounds.keys {
        let many = (n - bounds.keys).min(DROPPED_AT_ONCE);
        let oldest: Vec<(i64, i64)> = connection
            .prepare_cached("SELECT id, bytes FROM answer WHERE partner = ? ORDER BY id LIMIT ?")?
            .query_map(params![partner, signed(many)], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for row in oldest {
            forget(connection, partner, row)?;
        }
    }
    for _ in 0..DROPPED_AT_ONCE {
        if room(connection, partner)?.1 <= bounds.bytes {
            break;
        }
        let oldest: Option<(i64, i64)> = connection
            .prepare_cached(
                "SELECT id, bytes FROM answer WHERE partner = ? AND bytes > 0 ORDER BY id LIMIT 1",
            )?
            .query_row([partner], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((id, bytes)) = oldest else { break };
        let sql = "UPDATE answer SET bytes = 0, head = NULL, body = NULL WHERE id = ?";
        execute(connection, sql, [id])?;
        let sql = "UPDATE answer_room SET bytes = bytes - ? WHERE partner = ?";
        execute(connection, sql, params![bytes, partner])?;
    }
    Ok(())
}

/// How many rows a partner has, and of how many bytes.
fn room(connection: &Connection, partner: &str) -> rusqlite::Result<(u64, u64)> {
    let room: Option<(i64, i64)> = connection
        .prepare_cached("SELECT n, bytes FROM answer_room WHERE partner = ?")?
        .query_row([partner], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(room.map_or((0, 0), |(n, bytes)| (unsigned(n), unsigned(bytes))))
}

/// Rows lie in the order they began, but for a clock that was put back: behind one that is not over,
/// those that are wait for it.
fn trim(connection: &Connection, now: Timestamp) -> rusqlite::Result<u64> {
    let oldest: Vec<(i64, String, i64, i64)> = connection
        .prepare_cached("SELECT id, partner, bytes, begun_at FROM answer ORDER BY id LIMIT ?")?
        .query_map([signed(DROPPED_AT_ONCE)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut dropped = 0;
    for (id, partner, bytes, begun_at) in oldest {
        if !is_over(Timestamp::from_ms(begun_at), now) {
            break;
        }
        forget(connection, &partner, (id, bytes))?;
        dropped += 1;
    }
    if dropped > 0 {
        execute(connection, "DELETE FROM answer_room WHERE n = 0", [])?;
    }
    Ok(dropped)
}
