//! Quotas: leases debited up front. Usage: one row for each grain, period and key, to which the next
//! counts are added.

use limit::{Quota, Window};
use model::{Grain, LATENCY_BUCKETS, Latency, Timestamp, UsageBy, UsageCounts, UsageKey};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use store::{Answer, Lease, Usage, UsageQuery, UsageRow};

use crate::{SqliteStore, error, execute, signed, unsigned};

const MINUTE_MS: i64 = 60_000;

/// So many rows are dropped at once, and what more belongs to the last of their periods: few enough
/// that a lease of a quota does not wait for long behind it.
const TRIMMED_AT_ONCE: i64 = 5000;

/// The columns that are summed up beside the buckets of latencies, in the order of [`numbers`].
const SUMS: [&str; 10] = [
    "s2xx",
    "s3xx",
    "s4xx",
    "s5xx",
    "other",
    "refused",
    "limited",
    "bytes_in",
    "bytes_out",
    "upstream_us",
];

/// How many columns are counts.
const NUMBERS: usize = SUMS.len() + LATENCY_BUCKETS;

fn leased(connection: &Connection, key: &str, window: Window) -> rusqlite::Result<u64> {
    let leased: Option<i64> = connection
        .prepare_cached("SELECT leased FROM quota WHERE key = ? AND start_ms = ?")?
        .query_row(params![key, window.start_ms], |row| row.get(0))
        .optional()?;
    Ok(unsigned(leased.unwrap_or(0)))
}

fn set(connection: &Connection, key: &str, window: Window, leased: u64) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO quota(key, start_ms, end_ms, leased) VALUES(?, ?, ?, ?)
         ON CONFLICT(key, start_ms) DO UPDATE SET leased = excluded.leased",
        params![key, window.start_ms, window.end_ms, signed(leased)],
    )?;
    // Periods that ended before this one began are usage history no quota needs any more.
    execute(
        connection,
        "DELETE FROM quota WHERE key = ? AND end_ms < ?",
        params![key, window.start_ms],
    )
    .map(drop)
}

impl Usage for SqliteStore {
    fn lease(&self, key: String, quota: Quota, window: Window) -> Answer<'_, Lease> {
        self.core.write(move |connection| {
            let leased = leased(connection, &key, window).map_err(error)?;
            let remaining = quota.limit().saturating_sub(leased);
            let granted = Quota::lease(remaining);
            if granted > 0 {
                set(connection, &key, window, leased + granted).map_err(error)?;
            }
            Ok(Lease { granted, beyond: remaining - granted })
        })
    }

    fn give_back(&self, key: String, window: Window, unspent: u64) -> Answer<'_, ()> {
        self.core.write(move |connection| {
            let leased = leased(connection, &key, window).map_err(error)?;
            set(connection, &key, window, leased.saturating_sub(unspent)).map_err(error)
        })
    }

    fn spent(&self, key: String, window: Window) -> Answer<'_, u64> {
        self.core_readers.read(move |connection| leased(connection, &key, window))
    }

    fn record_usage(&self, rows: Vec<UsageRow>) -> Answer<'_, ()> {
        self.core.write(move |connection| record(connection, &rows).map_err(error))
    }

    fn usage(&self, query: UsageQuery) -> Answer<'_, Vec<UsageRow>> {
        self.core_readers.read(move |connection| {
            let (sql, values) = question(&query);
            connection.prepare_cached(&sql)?.query_map(params_from_iter(values), row_of)?.collect()
        })
    }

    fn trim_usage(&self, now: Timestamp) -> Answer<'_, u64> {
        self.core.write(move |connection| trim(connection, now).map_err(error))
    }
}

/// The number that stands for a grain.
fn code(grain: Grain) -> i64 {
    match grain {
        Grain::Minute => 0,
        Grain::Hour => 1,
        Grain::Day => 2,
    }
}

/// Whole minutes since 1970.
fn minutes(at: Timestamp) -> i64 {
    at.ms().div_euclid(MINUTE_MS)
}

/// The names of all columns that are counts.
fn columns() -> Vec<String> {
    let buckets = (0..LATENCY_BUCKETS).map(|bucket| format!("h{bucket}"));
    SUMS.iter().map(|name| (*name).to_owned()).chain(buckets).collect()
}

/// Counts as they stand in the columns.
fn numbers(counts: &UsageCounts) -> Vec<i64> {
    let sums =
        [counts.refused, counts.limited, counts.bytes_in, counts.bytes_out, counts.upstream_us];
    let all = counts.statuses.iter().chain(&sums).chain(counts.latency.counts());
    all.map(|number| signed(*number)).collect()
}

/// The way back of [`numbers`], from the columns behind a row's first six.
fn counts_of(row: &Row<'_>) -> rusqlite::Result<UsageCounts> {
    let mut numbers = [0; NUMBERS];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = unsigned(row.get(6 + at)?);
    }
    let [s2, s3, s4, s5, other, refused, limited, bytes_in, bytes_out, upstream_us, latency @ ..] =
        numbers;
    Ok(UsageCounts {
        statuses: [s2, s3, s4, s5, other],
        refused,
        limited,
        bytes_in,
        bytes_out,
        upstream_us,
        latency: Latency::of(latency),
    })
}

fn row_of(row: &Row<'_>) -> rusqlite::Result<UsageRow> {
    let start_min: i64 = row.get(0)?;
    Ok(UsageRow {
        start: Timestamp::from_ms(start_min.saturating_mul(MINUTE_MS)),
        key: UsageKey {
            partner: row.get(1)?,
            client: row.get(2)?,
            api_key: row.get(3)?,
            api: row.get(4)?,
            route: row.get(5)?,
        },
        counts: counts_of(row)?,
    })
}

fn record(connection: &Connection, rows: &[UsageRow]) -> rusqlite::Result<()> {
    let columns = columns();
    let sums: Vec<_> =
        columns.iter().map(|column| format!("{column} = {column} + excluded.{column}")).collect();
    let sql = format!(
        "INSERT INTO usage(grain, start_min, key, {}) VALUES(?, ?, ?{})
         ON CONFLICT(grain, start_min, key) DO UPDATE SET {}",
        columns.join(", "),
        ", ?".repeat(columns.len()),
        sums.join(", ")
    );
    for row in rows {
        let key = key_of(connection, &row.key)?;
        let numbers = numbers(&row.counts);
        for grain in Grain::ALL {
            let place = [code(grain), minutes(grain.start(row.start)), key];
            execute(connection, &sql, params_from_iter(place.iter().chain(&numbers)))?;
        }
    }
    Ok(())
}

/// The number of a key, which it is given at its first use.
fn key_of(connection: &Connection, key: &UsageKey) -> rusqlite::Result<i64> {
    let UsageKey { partner, client, api_key, api, route } = key;
    let texts = [partner, client, api_key, api, route].map(|text| &**text);
    let known: Option<i64> = connection
        .prepare_cached(
            "SELECT id FROM usage_key
             WHERE partner = ? AND client = ? AND api_key = ? AND api = ? AND route = ?",
        )?
        .query_row(texts, |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let sql = "INSERT INTO usage_key(partner, client, api_key, api, route) VALUES(?, ?, ?, ?, ?)";
    execute(connection, sql, texts)?;
    Ok(connection.last_insert_rowid())
}

/// A question as SQL, and its values.
fn question(query: &UsageQuery) -> (String, Vec<Value>) {
    let from = minutes(query.grain.start(query.from));
    // The first minute that begins at the end or later.
    let until = query.until.ms().saturating_add(MINUTE_MS - 1).div_euclid(MINUTE_MS);
    let mut values = [code(query.grain), from, until].map(Value::Integer).to_vec();
    let mut filters = String::new();
    for (by, text) in query.only.parts() {
        for piece in [" AND ", column(by), " = ?"] {
            filters.push_str(piece);
        }
        values.push(Value::Text(text.to_owned()));
    }
    let parts = UsageBy::ALL.iter().enumerate().map(|(at, by)| part(query, at, *by));
    let parts: Vec<_> = parts.collect();
    let mut behind = "";
    if let Some((start, key)) = &query.after {
        behind = "WHERE (g0, g1, g2, g3, g4, g5) > (?, ?, ?, ?, ?, ?)";
        values.push(Value::Integer(minutes(*start)));
        let texts = UsageBy::ALL.iter().filter_map(|by| key.part(*by));
        values.extend(texts.map(|text| Value::Text(text.to_string())));
    }
    values.push(Value::Integer(i64::try_from(query.limit).unwrap_or(i64::MAX)));
    let columns = columns();
    let sums: Vec<_> = columns.iter().map(|column| format!("SUM({column})")).collect();
    // A cross join is read in the order it is written in: the range of periods first, then the key of
    // each row, whatever the planner thinks of it.
    let sql = format!(
        "SELECT g0, g1, g2, g3, g4, g5, {} FROM (
           SELECT {}, {} FROM usage CROSS JOIN usage_key ON usage_key.id = usage.key
           WHERE usage.grain = ? AND usage.start_min >= ? AND usage.start_min < ?{filters}
         ) {behind}
         GROUP BY g0, g1, g2, g3, g4, g5 ORDER BY g0, g1, g2, g3, g4, g5 LIMIT ?",
        sums.join(", "),
        parts.join(", "),
        columns.join(", "),
    );
    (sql, values)
}

/// The column of a part.
fn column(by: UsageBy) -> &'static str {
    match by {
        UsageBy::Period => "usage.start_min",
        UsageBy::Partner => "usage_key.partner",
        UsageBy::Client => "usage_key.client",
        UsageBy::ApiKey => "usage_key.api_key",
        UsageBy::Api => "usage_key.api",
        UsageBy::Route => "usage_key.route",
    }
}

/// A part as a row shows it: what is not told apart is the same in all.
fn part(query: &UsageQuery, at: usize, by: UsageBy) -> String {
    if query.by.contains(&by) {
        format!("{} AS g{at}", column(by))
    } else if by == UsageBy::Period {
        format!("{} AS g{at}", minutes(query.grain.start(query.from)))
    } else {
        format!("'' AS g{at}")
    }
}

fn trim(connection: &Connection, now: Timestamp) -> rusqlite::Result<u64> {
    let mut dropped = 0;
    for grain in Grain::ALL {
        let Some(kept_from) = grain.kept_from(now) else { continue };
        dropped += execute(
            connection,
            "DELETE FROM usage WHERE grain = ?1 AND start_min <= (
               SELECT MAX(start_min) FROM (
                 SELECT start_min FROM usage WHERE grain = ?1 AND start_min < ?2
                 ORDER BY start_min LIMIT ?3))",
            [code(grain), minutes(kept_from), TRIMMED_AT_ONCE],
        )?;
    }
    Ok(dropped as u64)
}
