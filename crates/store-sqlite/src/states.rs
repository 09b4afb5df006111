//! What destinations and rules go through beside their definitions.

use model::{Name, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store::{
    Answer, AuditEntry, DestinationNote, DestinationState, PausedRule, States, Switch, SwitchState,
    Trouble,
};

use crate::definitions::note;
use crate::{SqliteStore, error, execute, unreadable};

const COLUMNS: &str = "name, state, reason, since, trouble_since, notices, last_success";

impl States for SqliteStore {
    fn destination_state(&self, name: Name) -> Answer<'_, Option<DestinationState>> {
        self.core_readers.read(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM destination_state WHERE name = ?");
            connection.prepare_cached(&sql)?.query_row([name.as_str()], state_of).optional()
        })
    }

    fn destination_states(&self) -> Answer<'_, Vec<DestinationState>> {
        self.core_readers.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM destination_state ORDER BY name");
            connection.prepare_cached(&sql)?.query_map([], state_of)?.collect()
        })
    }

    fn switch_destination(&self, name: Name, switch: Switch, audit: AuditEntry) -> Answer<'_, ()> {
        let revised = self.revise(move |connection| {
            set_switch(connection, &name, &switch).map_err(error)?;
            note(connection, &audit).map_err(error)
        });
        Box::pin(async move {
            let _: () = revised.await?.1;
            Ok(())
        })
    }

    fn disable_destination(
        &self,
        name: Name,
        known: Option<Timestamp>,
        off: Switch,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        let revised = self.revise(move |connection| {
            let switched = switched_at(connection, &name).map_err(error)?;
            let stands = switched == known;
            if stands {
                set_switch(connection, &name, &off).map_err(error)?;
            }
            noted(connection, usize::from(stands), &audit).map_err(error)
        });
        Box::pin(async move { Ok(revised.await?.1) })
    }

    fn note_destination(&self, note: DestinationNote) -> Answer<'_, ()> {
        self.core.write(move |connection| {
            // The condition holds for a row that is there; a destination never switched and never
            // noted has none yet.
            execute(
                connection,
                "INSERT INTO destination_state(name, trouble_since, notices, last_success)
                 VALUES(?1, ?2, ?3, ?4)
                 ON CONFLICT(name) DO UPDATE
                 SET trouble_since = excluded.trouble_since, notices = excluded.notices,
                   last_success = excluded.last_success
                 WHERE destination_state.since IS ?5",
                params![
                    note.name.as_str(),
                    note.trouble.map(|trouble| trouble.since.ms()),
                    note.trouble.map_or(0, |trouble| trouble.notices),
                    note.last_success.map(Timestamp::ms),
                    note.switched_at.map(Timestamp::ms)
                ],
            )
            .map(drop)
            .map_err(error)
        })
    }

    fn paused_rules(&self) -> Answer<'_, Vec<PausedRule>> {
        self.core_readers.read(|connection| {
            connection
                .prepare_cached("SELECT bus, rule, since FROM paused_rule ORDER BY bus, rule")?
                .query_map([], |row| {
                    let since = Timestamp::from_ms(row.get(2)?);
                    Ok(PausedRule { bus: name(row, 0)?, rule: name(row, 1)?, since })
                })?
                .collect()
        })
    }

    fn pause_rule(&self, rule: PausedRule, audit: AuditEntry) -> Answer<'_, bool> {
        let revised = self.revise(move |connection| {
            let (bus, name, since) = (rule.bus.as_str(), rule.rule.as_str(), rule.since.ms());
            let sql = "INSERT OR IGNORE INTO paused_rule(bus, rule, since) VALUES(?, ?, ?)";
            let changed = execute(connection, sql, params![bus, name, since]).map_err(error)?;
            noted(connection, changed, &audit).map_err(error)
        });
        Box::pin(async move { Ok(revised.await?.1) })
    }

    fn resume_rule(&self, bus: Name, rule: Name, audit: AuditEntry) -> Answer<'_, bool> {
        let revised = self.revise(move |connection| {
            let sql = "DELETE FROM paused_rule WHERE bus = ? AND rule = ?";
            let changed =
                execute(connection, sql, params![bus.as_str(), rule.as_str()]).map_err(error)?;
            noted(connection, changed, &audit).map_err(error)
        });
        Box::pin(async move { Ok(revised.await?.1) })
    }
}

/// Notes a change in the trail, if there was one; says whether there was.
fn noted(connection: &Connection, rows: usize, audit: &AuditEntry) -> rusqlite::Result<bool> {
    if rows > 0 {
        note(connection, audit)?;
    }
    Ok(rows > 0)
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<Name> {
    Name::new(row.get_ref(column)?.as_str()?).map_err(|_| unreadable("a name"))
}

fn switched_at(connection: &Connection, name: &Name) -> rusqlite::Result<Option<Timestamp>> {
    let since: Option<Option<i64>> = connection
        .prepare_cached("SELECT since FROM destination_state WHERE name = ?")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?;
    Ok(since.flatten().map(Timestamp::from_ms))
}

fn set_switch(connection: &Connection, name: &Name, switch: &Switch) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO destination_state(name, state, reason, since, notices) VALUES(?, ?, ?, ?, 0)
         ON CONFLICT(name) DO UPDATE
         SET state = excluded.state, reason = excluded.reason, since = excluded.since,
           trouble_since = NULL, notices = 0",
        params![name.as_str(), switch.state.as_str(), switch.reason, switch.since.ms()],
    )
    .map(drop)
}

fn state_of(row: &Row<'_>) -> rusqlite::Result<DestinationState> {
    let time = |column: usize| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_ms))
    };
    let notices = row.get(5)?;
    Ok(DestinationState {
        name: name(row, 0)?,
        switch: switch_of(row)?,
        trouble: time(4)?.map(|since| Trouble { since, notices }),
        last_success: time(6)?,
    })
}

fn switch_of(row: &Row<'_>) -> rusqlite::Result<Option<Switch>> {
    let Some(state) = row.get::<_, Option<String>>(1)? else { return Ok(None) };
    let state = SwitchState::parse(&state).ok_or_else(|| unreadable("a destination's state"))?;
    Ok(Some(Switch { state, reason: row.get(2)?, since: Timestamp::from_ms(row.get(3)?) }))
}
