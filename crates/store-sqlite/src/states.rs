//! What destinations go through beside their definitions.

use model::{Name, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store::{
    Answer, AuditEntry, DestinationNote, DestinationState, States, Switch, SwitchState, Trouble,
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
        name: Name::new(row.get_ref(0)?.as_str()?).map_err(|_| unreadable("a name"))?,
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
