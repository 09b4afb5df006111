//! Tokens that are refused before their end: a row for each entry, with a number that is never given
//! twice.

use model::{Name, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store::{Answer, AuditEntry, Denied, DeniedTokens, DenyBounds, DenyEntry};

use crate::definitions::note;
use crate::{SqliteStore, error, execute, signed, unreadable, unsigned};

/// So many rows are dropped at once.
const DROPPED_AT_ONCE: u64 = 1_000;

/// The kinds of entries, as they are stored.
const TOKEN: i64 = 0;
const CLIENT: i64 = 1;
const CREDENTIAL: i64 = 2;

impl DeniedTokens for SqliteStore {
    fn deny(
        &self,
        entry: DenyEntry,
        bounds: DenyBounds,
        audit: Option<AuditEntry>,
    ) -> Answer<'_, Option<DenyEntry>> {
        self.core.write(move |connection| {
            let kept = deny(connection, entry, bounds).map_err(error)?;
            if let (Some(_), Some(audit)) = (&kept, &audit) {
                note(connection, audit).map_err(error)?;
            }
            Ok(kept)
        })
    }

    fn denied(&self, after: u64, now: Timestamp, limit: u32) -> Answer<'_, Vec<(u64, DenyEntry)>> {
        self.core_readers.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT n, kind, id, client, at, until_at FROM denied
                     WHERE n > ? AND until_at > ? ORDER BY n LIMIT ?",
                )?
                .query_map(params![signed(after), now.ms(), limit], numbered)?
                .collect()
        })
    }

    fn trim_denied(&self, now: Timestamp) -> Answer<'_, u64> {
        self.core.write(move |connection| {
            let dropped = execute(
                connection,
                "DELETE FROM denied WHERE n IN
                 (SELECT n FROM denied WHERE until_at <= ? ORDER BY until_at LIMIT ?)",
                params![now.ms(), signed(DROPPED_AT_ONCE)],
            );
            dropped.map(|dropped| dropped as u64).map_err(error)
        })
    }
}

fn deny(
    connection: &Connection,
    entry: DenyEntry,
    bounds: DenyBounds,
) -> rusqlite::Result<Option<DenyEntry>> {
    let Some(mut entry) = fitting(connection, entry, bounds)? else { return Ok(None) };
    let (kind, id, client) = columns(&entry.what);
    let (id, client) = (id.to_owned(), client.to_owned());
    let known: Option<(i64, i64)> = connection
        .prepare_cached("SELECT at, until_at FROM denied WHERE kind = ? AND id = ?")?
        .query_row(params![kind, id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((at, until)) = known {
        entry.at = entry.at.max(Timestamp::from_ms(at));
        entry.until = entry.until.max(Timestamp::from_ms(until));
        // It comes back under a new number, so that whoever follows the numbers sees it.
        execute(connection, "DELETE FROM denied WHERE kind = ? AND id = ?", params![kind, id])?;
    }
    execute(
        connection,
        "INSERT INTO denied(kind, id, client, at, until_at) VALUES(?, ?, ?, ?, ?)",
        params![kind, id, client, entry.at.ms(), entry.until.ms()],
    )?;
    if kind == CLIENT {
        let sql = "DELETE FROM denied WHERE client = ? AND kind = ?";
        execute(connection, sql, params![client, TOKEN])?;
    }
    Ok(Some(entry))
}

/// The entry as it can be kept: where there is no room for one more token, all of its client's; if
/// that is not known, none.
fn fitting(
    connection: &Connection,
    entry: DenyEntry,
    bounds: DenyBounds,
) -> rusqlite::Result<Option<DenyEntry>> {
    let (id, client) = match &entry.what {
        Denied::Token { id, client } => (id.clone(), client.clone()),
        Denied::Client { .. } | Denied::Credential { .. } => return Ok(Some(entry)),
    };
    let known = "SELECT COUNT(*) FROM denied WHERE kind = ? AND id = ?";
    if count(connection, known, params![TOKEN, id])? > 0 {
        return Ok(Some(entry));
    }
    let is_live = entry.at.ms();
    let in_all = "SELECT COUNT(*) FROM denied WHERE kind = ? AND until_at > ?";
    let of_client = "SELECT COUNT(*) FROM denied WHERE client = ? AND kind = ? AND until_at > ?";
    let Some(client) = client else {
        let is_full = count(connection, in_all, params![TOKEN, is_live])? >= bounds.in_all;
        return Ok((!is_full).then_some(entry));
    };
    let values = params![client.as_str(), TOKEN, is_live];
    let is_full = count(connection, of_client, values)? >= bounds.of_client
        || count(connection, in_all, params![TOKEN, is_live])? >= bounds.in_all;
    Ok(Some(if is_full { DenyEntry::of_client(client, entry.at) } else { entry }))
}

fn count(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<u64> {
    let found: i64 = connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
    Ok(unsigned(found))
}

/// Kind, id and client of an entry; the client is empty where it is not known.
fn columns(what: &Denied) -> (i64, &str, &str) {
    match what {
        Denied::Token { id, client } => {
            (TOKEN, id.as_str(), client.as_ref().map_or("", Name::as_str))
        }
        Denied::Client { client } => (CLIENT, client.as_str(), client.as_str()),
        Denied::Credential { id, client } => (CREDENTIAL, id.as_str(), client.as_str()),
    }
}

fn numbered(row: &Row<'_>) -> rusqlite::Result<(u64, DenyEntry)> {
    let (kind, id): (i64, String) = (row.get(1)?, row.get(2)?);
    let client: String = row.get(3)?;
    let client = match client.as_str() {
        "" => None,
        // One of another server's may begin as no other name does.
        text => Some(Name::client_id(text).map_err(|_| unreadable("a client's id"))?),
    };
    let what = match (kind, client) {
        (TOKEN, client) => Denied::Token { id, client },
        (CLIENT, Some(client)) => Denied::Client { client },
        (CREDENTIAL, Some(client)) => Denied::Credential { id, client },
        _ => return Err(unreadable("a denied token")),
    };
    let (at, until) = (Timestamp::from_ms(row.get(4)?), Timestamp::from_ms(row.get(5)?));
    Ok((unsigned(row.get(0)?), DenyEntry { what, at, until }))
}
