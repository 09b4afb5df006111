//! The audit of tokens: a row per entry, numbered by its moment, and a dictionary of the texts that
//! entries have in common.
//!
//! A row's number is its moment in milliseconds and, in the last [`PLACE_BITS`], its place among those
//! of that moment: what is asked for by time is a stretch of the table, and so is what is dropped.

use std::collections::HashMap;
use std::net::IpAddr;

use model::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use store::{Answer, TokenAct, TokenAudit, TokenEntry, TokenOutcome, TokenQuery, TokenRow};

use crate::{SqliteStore, error, execute, signed, unreadable, unsigned};

/// A million entries of one millisecond: far more than are ever handed over.
const PLACE_BITS: u32 = 20;
const DAY_MS: i64 = 86_400_000;
/// So many rows are dropped at once: few enough that a lease of a quota does not wait for long behind
/// it.
const TRIMMED_AT_ONCE: i64 = 5000;
/// The columns that hold numbers of texts, in the order in which rows are read.
const TEXTS: [&str; 11] = [
    "client",
    "partner",
    "method",
    "scope",
    "audience",
    "kid",
    "refusal",
    "observed",
    "issuer",
    "subject",
    "credential",
];

impl TokenAudit for SqliteStore {
    fn record_tokens(&self, entries: Vec<TokenEntry>) -> Answer<'_, ()> {
        self.core.write(move |connection| record(connection, &entries).map_err(error))
    }

    fn tokens(&self, query: TokenQuery) -> Answer<'_, Vec<TokenRow>> {
        self.core_readers.read(move |connection| {
            let Some((sql, values)) = question(connection, &query)? else { return Ok(Vec::new()) };
            connection.prepare_cached(&sql)?.query_map(params_from_iter(values), row_of)?.collect()
        })
    }

    fn trim_tokens(&self, before: Timestamp) -> Answer<'_, u64> {
        self.core.write(move |connection| trim(connection, before).map_err(error))
    }
}

/// The first number of a moment.
fn first_of(at: Timestamp) -> i64 {
    at.ms().clamp(0, i64::MAX >> PLACE_BITS) << PLACE_BITS
}

fn record(connection: &Connection, entries: &[TokenEntry]) -> rusqlite::Result<()> {
    let mut known = HashMap::new();
    for entry in entries {
        let day = entry.at.ms().div_euclid(DAY_MS);
        let mut numbers = [None; TEXTS.len()];
        for (number, text) in numbers.iter_mut().zip(texts_of(entry)) {
            if let Some(text) = text {
                *number = Some(number_of(connection, &mut known, (text, day))?);
            }
        }
        let [
            client,
            partner,
            method,
            scope,
            audience,
            kid,
            refusal,
            observed,
            issuer,
            subject,
            credential,
        ] = numbers;
        let id = next(connection, entry.at)?;
        let address = match entry.address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        execute(
            connection,
            "INSERT INTO token_audit(id, act, client, partner, method, credential, issuer, subject,
               scope, audience, address, kid, token_id, refusal, observed, times)
             VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                id,
                number_of_act(entry.act),
                client,
                partner,
                method,
                credential,
                issuer,
                subject,
                scope,
                audience,
                address,
                kid,
                entry.token_id,
                refusal,
                observed,
                signed(entry.times)
            ],
        )?;
    }
    Ok(())
}

/// The texts of an entry, in the order of [`TEXTS`].
fn texts_of(entry: &TokenEntry) -> [Option<&str>; TEXTS.len()] {
    [
        entry.client.as_deref(),
        entry.partner.as_deref(),
        entry.method.as_deref(),
        entry.scope.as_deref(),
        entry.audience.as_deref(),
        entry.kid.as_deref(),
        entry.refusal.as_deref(),
        entry.observed.as_deref(),
        entry.issuer.as_deref(),
        entry.subject.as_deref(),
        entry.credential.as_deref(),
    ]
}

/// The next free number of a moment.
fn next(connection: &Connection, at: Timestamp) -> rusqlite::Result<i64> {
    let first = first_of(at);
    let last: Option<i64> = connection
        .prepare_cached("SELECT MAX(id) FROM token_audit WHERE id BETWEEN ? AND ?")?
        .query_row([first, first | ((1 << PLACE_BITS) - 1)], |row| row.get(0))?;
    Ok(last.map_or(first, |last| last + 1))
}

/// The number of a text, which it is given at its first use; and notes that it was used that day.
fn number_of<'a>(
    connection: &Connection,
    known: &mut HashMap<(&'a str, i64), i64>,
    (text, day): (&'a str, i64),
) -> rusqlite::Result<i64> {
    if let Some(id) = known.get(&(text, day)) {
        return Ok(*id);
    }
    let found: Option<(i64, i64)> = connection
        .prepare_cached("SELECT id, day FROM token_text WHERE text = ?")?
        .query_row([text], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let id = match found {
        Some((id, used)) if used >= day => id,
        Some((id, _)) => {
            execute(connection, "UPDATE token_text SET day = ? WHERE id = ?", [day, id])?;
            id
        }
        None => {
            let sql = "INSERT INTO token_text(text, day) VALUES(?, ?)";
            execute(connection, sql, params![text, day])?;
            connection.last_insert_rowid()
        }
    };
    known.insert((text, day), id);
    Ok(id)
}

/// A question as SQL, and its values; nothing where it asks for a text that no entry has.
fn question(
    connection: &Connection,
    query: &TokenQuery,
) -> rusqlite::Result<Option<(String, Vec<Value>)>> {
    let (mut filters, mut values) = (Vec::new(), Vec::new());
    for (filter, text) in [
        ("token_audit.client = ?", &query.client),
        ("token_audit.partner = ?", &query.partner),
        ("token_audit.credential = ?", &query.credential),
        ("token_audit.issuer = ?", &query.issuer),
        ("token_audit.subject = ?", &query.subject),
    ] {
        let Some(text) = text else { continue };
        let id: Option<i64> = connection
            .prepare_cached("SELECT id FROM token_text WHERE text = ?")?
            .query_row([text], |row| row.get(0))
            .optional()?;
        let Some(id) = id else { return Ok(None) };
        filters.push(filter);
        values.push(Value::Integer(id));
    }
    if let Some(token_id) = &query.token_id {
        filters.push("token_audit.token_id = ?");
        values.push(Value::Text(token_id.clone()));
    }
    filters.extend(query.outcome.map(|outcome| match outcome {
        TokenOutcome::Issued => "token_audit.refusal IS NULL AND token_audit.act = 0",
        TokenOutcome::Refused => "token_audit.refusal IS NOT NULL",
        TokenOutcome::Revoked => "token_audit.refusal IS NULL AND token_audit.act = 1",
    }));
    let from = query.from.map(first_of).unwrap_or_default();
    let until = query.until.map_or(i64::MAX, first_of).min(query.before.map_or(i64::MAX, signed));
    if let Some(at) = query.issued {
        // Each by what it is ordered by, so that nothing else of a whole day is read.
        filters.push(
            "token_audit.id IN (SELECT id FROM token_audit WHERE id >= ? AND id < ?
               UNION ALL SELECT id FROM token_audit WHERE act = 1 AND id >= ? AND id < ?)",
        );
        let stretches = [first_of(at), first_of(at.plus_ms(1)), from, until];
        values.extend(stretches.map(Value::Integer));
    }
    filters.push("token_audit.id >= ? AND token_audit.id < ?");
    values.extend([from, until].map(Value::Integer));
    values.push(Value::Integer(i64::try_from(query.limit).unwrap_or(i64::MAX)));
    let text =
        |column: &str| format!("(SELECT text FROM token_text WHERE id = token_audit.{column})");
    let sql = format!(
        "SELECT id, {}, address, token_id, times, act
         FROM token_audit WHERE {} ORDER BY token_audit.id DESC LIMIT ?",
        TEXTS.map(text).join(", "),
        filters.join(" AND "),
    );
    Ok(Some((sql, values)))
}

fn row_of(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    let id: i64 = row.get(0)?;
    let address: Vec<u8> = row.get(12)?;
    Ok(TokenRow {
        place: unsigned(id),
        entry: TokenEntry {
            at: Timestamp::from_ms(id >> PLACE_BITS),
            act: act_of(row.get(15)?).ok_or_else(|| unreadable("what a client did"))?,
            client: row.get(1)?,
            partner: row.get(2)?,
            method: row.get(3)?,
            scope: row.get(4)?,
            audience: row.get(5)?,
            kid: row.get(6)?,
            refusal: row.get(7)?,
            observed: row.get(8)?,
            issuer: row.get(9)?,
            subject: row.get(10)?,
            credential: row.get(11)?,
            address: address_of(&address).ok_or_else(|| unreadable("an address"))?,
            token_id: row.get(13)?,
            times: unsigned(row.get(14)?),
        },
    })
}

/// What a client did, as it is stored.
fn number_of_act(act: TokenAct) -> i64 {
    match act {
        TokenAct::Asked => 0,
        TokenAct::Revoked => 1,
    }
}

fn act_of(number: i64) -> Option<TokenAct> {
    [TokenAct::Asked, TokenAct::Revoked].into_iter().find(|act| number_of_act(*act) == number)
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

fn trim(connection: &Connection, before: Timestamp) -> rusqlite::Result<u64> {
    let dropped = execute(
        connection,
        "DELETE FROM token_audit WHERE id IN (
           SELECT id FROM token_audit WHERE id < ? ORDER BY id LIMIT ?)",
        [first_of(before), TRIMMED_AT_ONCE],
    )?;
    if dropped == 0 {
        // A text's day is that of its last entry, and all entries of the days before are gone.
        let day = before.ms().div_euclid(DAY_MS);
        execute(connection, "DELETE FROM token_text WHERE day < ?", [day])?;
    }
    Ok(dropped as u64)
}
