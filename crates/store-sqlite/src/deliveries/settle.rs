//! Writing outcomes and positions into one segment.

use std::collections::BTreeMap;

use model::{Attempt, Outcome, Timestamp};
use rusqlite::{Connection, params};
use store::{LaneId, Position, Settlement, Then};

use crate::{execute, signed};

/// What is written into one segment.
#[derive(Default)]
pub(super) struct Part {
    pub(super) settlements: Vec<Settlement>,
    pub(super) cursors: Vec<(LaneId, Position)>,
}

impl Part {
    pub(super) fn is_empty(&self) -> bool {
        self.settlements.is_empty() && self.cursors.is_empty()
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut touched: BTreeMap<LaneId, u64> = BTreeMap::new();
        let (mut attempts, mut last) = (0, Timestamp::default());
        for one in &self.settlements {
            settle(connection, one)?;
            let chunk = touched.entry(one.lane).or_default();
            *chunk = one.chunk.max(*chunk);
            if let Some(attempt) = &one.attempt {
                (attempts, last) = (attempts + 1, last.max(attempt.at));
            }
        }
        for (lane, chunk) in touched {
            touch(connection, lane, chunk)?;
        }
        if attempts > 0 {
            note_attempts(connection, attempts, last)?;
        }
        self.cursors.iter().try_for_each(|(lane, at)| advance(connection, *lane, *at))
    }
}

fn settle(connection: &Connection, settlement: &Settlement) -> rusqlite::Result<()> {
    let key = (settlement.lane, signed(settlement.event.seq), signed(settlement.chunk));
    let mut number = 0;
    if let Some(attempt) = &settlement.attempt {
        number = attempt.number;
        insert_attempt(connection, key, settlement.event.accepted_at, attempt)?;
    }
    let (lane, seq, chunk) = key;
    match &settlement.then {
        Then::Done => forget_retry(connection, key),
        Then::Retry { due, tries, since } => execute(
            connection,
            "INSERT INTO retry(lane, seq, chunk, due, tries, since, attempts)
             VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(lane, seq, chunk) DO UPDATE
             SET due = excluded.due, tries = excluded.tries, attempts = excluded.attempts",
            params![lane, seq, chunk, due.ms(), tries, since.ms(), number],
        )
        .map(drop),
        Then::Dead { queue, reason, attempts, at } => {
            forget_retry(connection, key)?;
            execute(
                connection,
                // A write that is repeated after a half of it failed must not bring back a letter that
                // was redriven since.
                "INSERT INTO dead(lane, seq, chunk, queue, at, attempts, code, message, exhausted)
                 VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(lane, seq, chunk) DO NOTHING",
                params![
                    lane,
                    seq,
                    chunk,
                    queue.as_str(),
                    at.ms(),
                    attempts,
                    reason.code,
                    reason.message,
                    reason.exhausted
                ],
            )
            .map(drop)
        }
    }
}

fn forget_retry(connection: &Connection, key: (LaneId, i64, i64)) -> rusqlite::Result<()> {
    let (lane, seq, chunk) = key;
    execute(
        connection,
        "DELETE FROM retry WHERE lane = ? AND seq = ? AND chunk = ?",
        params![lane, seq, chunk],
    )
    .map(drop)
}

fn insert_attempt(
    connection: &Connection,
    (lane, seq, chunk): (LaneId, i64, i64),
    accepted_at: Timestamp,
    attempt: &Attempt,
) -> rusqlite::Result<()> {
    let outcome = match attempt.outcome {
        Outcome::Delivered => 0,
        Outcome::Retry => 1,
        Outcome::Dead => 2,
    };
    execute(
        connection,
        "INSERT OR REPLACE INTO attempt(seq, lane, chunk, n, accepted, ts, took_ms, status, outcome, address, error, response)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            seq,
            lane,
            chunk,
            attempt.number,
            accepted_at.ms(),
            attempt.at.ms(),
            attempt.took_ms,
            attempt.status,
            outcome,
            attempt.address.map(|address| address.to_string()),
            attempt.error,
            attempt.response
        ],
    )
    .map(drop)
}

/// Notes the last chunk of a lane of which an entry has an outcome.
fn touch(connection: &Connection, lane: LaneId, chunk: u64) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO cursor(lane, chunk, idx, touched) VALUES(?, 0, 0, ?)
         ON CONFLICT(lane) DO UPDATE SET touched = max(touched, excluded.touched)",
        params![lane, signed(chunk)],
    )
    .map(drop)
}

/// Notes how many attempts there are and when the last one was made, so that nobody need look at
/// each to know whether their time is over.
fn note_attempts(connection: &Connection, count: u64, last: Timestamp) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO history(id, n, last_ts) VALUES(1, ?, ?) ON CONFLICT(id) DO UPDATE
         SET n = n + excluded.n, last_ts = max(last_ts, excluded.last_ts)",
        params![signed(count), last.ms()],
    )
    .map(drop)
}

fn advance(connection: &Connection, lane: LaneId, at: Position) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO cursor(lane, chunk, idx, touched) VALUES(?, ?, ?, 0)
         ON CONFLICT(lane) DO UPDATE SET chunk = excluded.chunk, idx = excluded.idx",
        params![lane, signed(at.chunk), at.index],
    )
    .map(drop)
}
