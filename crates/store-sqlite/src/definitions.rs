//! Definitions as documents, and the audit trail.

use model::{Revision, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{Answer, AuditEntry, Catalog, Change, Document, StoreError};
use tokio::sync::watch;

use crate::{SqliteStore, error, execute, signed, unsigned};

/// How many audit entries one question gives at the most.
const AUDIT_MAX: usize = 1000;

pub(crate) fn revision(connection: &Connection) -> rusqlite::Result<Revision> {
    let revision: Option<i64> = connection
        .query_row("SELECT value FROM meta WHERE name = 'revision'", [], |row| row.get(0))
        .optional()?;
    Ok(unsigned(revision.unwrap_or(0)))
}

/// Writes the next revision and gives it.
pub(crate) fn raise(connection: &Connection) -> rusqlite::Result<Revision> {
    let next = revision(connection)? + 1;
    execute(
        connection,
        "INSERT INTO meta(name, value) VALUES('revision', ?)
         ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        [signed(next)],
    )?;
    Ok(next)
}

pub(crate) fn note(connection: &Connection, entry: &AuditEntry) -> rusqlite::Result<()> {
    execute(
        connection,
        "INSERT INTO audit(at, who, what, subject, detail) VALUES(?, ?, ?, ?, ?)",
        params![entry.at.ms(), entry.who, entry.what, entry.subject, entry.detail],
    )
    .map(drop)
}

impl SqliteStore {
    /// Runs a write that makes a new revision, and tells who listens.
    pub(crate) fn revise<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<'_, (Revision, T)> {
        let revisions = std::sync::Arc::clone(&self.revisions);
        let written = self.core.write(move |connection| {
            let value = write(connection)?;
            Ok((raise(connection).map_err(error)?, value))
        });
        Box::pin(async move {
            let (revision, value) = written.await?;
            revisions.send_if_modified(|seen| {
                let newer = revision > *seen;
                *seen = revision.max(*seen);
                newer
            });
            Ok((revision, value))
        })
    }
}

impl Catalog for SqliteStore {
    fn documents(&self) -> Answer<'_, (Revision, Vec<Document>)> {
        self.core_readers.read(|connection| {
            // One read transaction, so that revision and documents belong together.
            let transaction = connection.unchecked_transaction()?;
            let revision = revision(&transaction)?;
            let documents = transaction
                .prepare_cached("SELECT kind, name, origin, place, body FROM document")?
                .query_map([], |row| {
                    Ok(Document {
                        kind: row.get(0)?,
                        name: row.get(1)?,
                        origin: row.get(2)?,
                        place: row.get(3)?,
                        body: row.get(4)?,
                    })
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok((revision, documents))
        })
    }

    fn commit(
        &self,
        expected: Revision,
        changes: Vec<Change>,
        audit: Vec<AuditEntry>,
    ) -> Answer<'_, Revision> {
        let revised = self.revise(move |connection| {
            if revision(connection).map_err(error)? != expected {
                return Err(StoreError::Conflict);
            }
            changes.iter().try_for_each(|change| apply(connection, change)).map_err(error)?;
            audit.iter().try_for_each(|entry| note(connection, entry)).map_err(error)
        });
        Box::pin(async move { Ok(revised.await?.0) })
    }

    fn revisions(&self) -> watch::Receiver<Revision> {
        self.revisions.subscribe()
    }

    fn note(&self, entry: AuditEntry) -> Answer<'_, ()> {
        self.core.write(move |connection| note(connection, &entry).map_err(error))
    }

    fn audit(&self, limit: usize) -> Answer<'_, Vec<AuditEntry>> {
        self.core_readers.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT at, who, what, subject, detail FROM audit ORDER BY n DESC LIMIT ?",
                )?
                .query_map([limit.min(AUDIT_MAX)], |row| {
                    Ok(AuditEntry {
                        at: Timestamp::from_ms(row.get(0)?),
                        who: row.get(1)?,
                        what: row.get(2)?,
                        subject: row.get(3)?,
                        detail: row.get(4)?,
                    })
                })?
                .collect()
        })
    }
}

fn apply(connection: &Connection, change: &Change) -> rusqlite::Result<()> {
    match change {
        Change::Put(document) => execute(
            connection,
            "INSERT INTO document(kind, name, origin, place, body) VALUES(?, ?, ?, ?, ?)
             ON CONFLICT(kind, name) DO UPDATE
             SET origin = excluded.origin, place = excluded.place, body = excluded.body",
            params![document.kind, document.name, document.origin, document.place, document.body],
        ),
        Change::Remove { kind, name } => {
            execute(connection, "DELETE FROM document WHERE kind = ? AND name = ?", [kind, name])
        }
    }
    .map(drop)
}
