//! Replays, and how far each has come.

use limit::Rate;
use model::{Name, Timestamp};
use rusqlite::{Connection, Row, params};
use store::{Answer, AuditEntry, Replay, ReplayProgress, ReplaySpec, ReplayState, Replays, Turn};

use crate::definitions::{note, raise};
use crate::{SqliteStore, error, execute, signed, unreadable, unsigned};

const COLUMNS: &str =
    "name, bus, from_ts, until_ts, rules, pattern, destination, target, rate, created_at,
  state, looked_until, looked_at, found, ended_at, reason";

impl Replays for SqliteStore {
    fn replays(&self) -> Answer<'_, Vec<Replay>> {
        self.core_readers.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM replay ORDER BY created_at DESC, name");
            connection.prepare_cached(&sql)?.query_map([], replay_of)?.collect()
        })
    }

    fn add_replay(&self, spec: ReplaySpec, audit: AuditEntry) -> Answer<'_, bool> {
        self.revise_if(move |connection| {
            let added = add(connection, &spec)? > 0;
            if added {
                note(connection, &audit)?;
            }
            Ok(added)
        })
    }

    fn turn_replay(
        &self,
        name: Name,
        before: Vec<ReplayState>,
        after: Turn,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        self.revise_if(move |connection| {
            let before: Vec<_> = before.iter().map(|state| state.as_str()).collect();
            let before = serde_json::Value::from(before).to_string();
            let ended_at = after.state.is_over().then_some(after.at.ms());
            let turned = execute(
                connection,
                "UPDATE replay SET state = ?, ended_at = ?, reason = ?
                 WHERE name = ? AND state IN (SELECT value FROM json_each(?))",
                params![after.state.as_str(), ended_at, after.reason, name.as_str(), before],
            )? > 0;
            if turned {
                note(connection, &audit)?;
            }
            Ok(turned)
        })
    }

    fn note_replay(
        &self,
        name: Name,
        looked_until: u64,
        looked_at: u64,
        found: u64,
    ) -> Answer<'_, ()> {
        self.core.write(move |connection| {
            execute(
                connection,
                "UPDATE replay SET looked_until = ?, looked_at = ?, found = ?
                 WHERE name = ? AND state IN ('running', 'paused')",
                params![signed(looked_until), signed(looked_at), signed(found), name.as_str()],
            )
            .map(drop)
            .map_err(error)
        })
    }

    fn forget_replays(&self, before: Timestamp) -> Answer<'_, usize> {
        self.core.write(move |connection| {
            let sql = "DELETE FROM replay WHERE ended_at < ?";
            execute(connection, sql, [before.ms()]).map_err(error)
        })
    }
}

impl SqliteStore {
    /// Runs a write that makes a new revision if it says that something changed.
    fn revise_if(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<bool> + Send + 'static,
    ) -> Answer<'_, bool> {
        let revisions = std::sync::Arc::clone(&self.revisions);
        let written = self.core.write(move |connection| {
            let changed = write(connection).map_err(error)?;
            let revision = if changed { Some(raise(connection).map_err(error)?) } else { None };
            Ok(revision)
        });
        Box::pin(async move {
            let Some(revision) = written.await? else { return Ok(false) };
            revisions.send_if_modified(|seen| {
                let newer = revision > *seen;
                *seen = revision.max(*seen);
                newer
            });
            Ok(true)
        })
    }
}

fn add(connection: &Connection, spec: &ReplaySpec) -> rusqlite::Result<usize> {
    let rules: Vec<&str> = spec.rules.iter().map(Name::as_str).collect();
    execute(
        connection,
        "INSERT OR IGNORE INTO replay(name, bus, from_ts, until_ts, rules, pattern, destination,
           target, rate, created_at, state, looked_until, looked_at, found, reason)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', 0, 0, 0, '')",
        params![
            spec.name.as_str(),
            spec.bus.as_str(),
            spec.from.ms(),
            spec.until.ms(),
            serde_json::Value::from(rules).to_string(),
            spec.pattern,
            spec.destination.as_ref().map(Name::as_str),
            spec.to.as_ref().map(Name::as_str),
            spec.rate.map(|rate| format!("{}/{}", rate.count(), rate.window_seconds())),
            spec.created_at.ms()
        ],
    )
}

fn replay_of(row: &Row<'_>) -> rusqlite::Result<Replay> {
    let name = |text: &str| Name::new(text).map_err(|_| unreadable("a name"));
    let names: Vec<String> = serde_json::from_str(row.get_ref(4)?.as_str()?)
        .map_err(|_| unreadable("the rules of a replay"))?;
    let optional = |column: usize| -> rusqlite::Result<Option<Name>> {
        row.get::<_, Option<String>>(column)?.map(|text| name(&text)).transpose()
    };
    let time = |column: usize| row.get(column).map(Timestamp::from_ms);
    let spec = ReplaySpec {
        name: name(row.get_ref(0)?.as_str()?)?,
        bus: name(row.get_ref(1)?.as_str()?)?,
        from: time(2)?,
        until: time(3)?,
        rules: names.iter().map(|text| name(text)).collect::<rusqlite::Result<_>>()?,
        pattern: row.get(5)?,
        destination: optional(6)?,
        to: optional(7)?,
        rate: rate(row.get(8)?)?,
        created_at: time(9)?,
    };
    let state: String = row.get(10)?;
    let progress = ReplayProgress {
        state: ReplayState::parse(&state).ok_or_else(|| unreadable("a replay's state"))?,
        looked_until: unsigned(row.get(11)?),
        looked_at: unsigned(row.get(12)?),
        found: unsigned(row.get(13)?),
        ended_at: row.get::<_, Option<i64>>(14)?.map(Timestamp::from_ms),
        reason: row.get(15)?,
    };
    Ok(Replay { spec, progress })
}

fn rate(text: Option<String>) -> rusqlite::Result<Option<Rate>> {
    let Some(text) = text else { return Ok(None) };
    let parts = text.split_once('/');
    let parts =
        parts.and_then(|(count, seconds)| Some((count.parse().ok()?, seconds.parse().ok()?)));
    let (count, seconds) = parts.ok_or_else(|| unreadable("a rate"))?;
    Ok(Some(Rate::per_seconds(count, seconds)))
}
