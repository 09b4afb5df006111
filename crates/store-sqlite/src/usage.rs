//! Quotas: leases debited up front.

use limit::{Quota, Window};
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{Answer, Lease, Usage};

use crate::{SqliteStore, error, execute, signed, unsigned};

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
}
