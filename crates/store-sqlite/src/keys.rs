//! Minted credentials and signing keys.

use std::collections::{BTreeMap, BTreeSet};

use credential::Digest;
use model::{
    CredentialKind, CredentialUse, KeptSecret, KeyCredential, Name, Revision, SecretCredential,
    SigningKeyRecord, Timestamp,
};
use rusqlite::{Connection, Row, params};
use store::{Answer, AuditEntry, Keys, Placing, SigningKeyChange, StoreError, forgotten};

use crate::definitions::{note, revision};
use crate::{SqliteStore, error, execute, unreadable};

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<Name> {
    Name::new(row.get_ref(column)?.as_str()?).map_err(|_| unreadable("a name"))
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_ms))
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    let bytes = row.get_ref(column)?.as_blob()?;
    bytes.try_into().map(Digest::from_bytes).map_err(|_| unreadable("a digest"))
}

/// Revokes what is live; tells whether there was anything.
fn revoke(
    connection: &Connection,
    sql: &str,
    (id, at): (&str, Timestamp),
    audit: &AuditEntry,
) -> Result<bool, StoreError> {
    let changed = execute(connection, sql, params![at.ms(), id]).map_err(error)? > 0;
    if changed {
        note(connection, audit).map_err(error)?;
    }
    Ok(changed)
}

fn signing_key(row: &Row<'_>) -> rusqlite::Result<SigningKeyRecord> {
    Ok(SigningKeyRecord {
        kid: row.get(0)?,
        public_jwk: row.get(1)?,
        sealed_private: row.get(2)?,
        created_at: Timestamp::from_ms(row.get(3)?),
        retired_at: time(row, 4)?,
        published_at: None,
        turn_at: None,
        signs_from: None,
        gone_at: None,
    })
}

fn token_key(row: &Row<'_>) -> rusqlite::Result<SigningKeyRecord> {
    Ok(SigningKeyRecord {
        published_at: time(row, 5)?,
        turn_at: time(row, 6)?,
        signs_from: time(row, 7)?,
        gone_at: time(row, 8)?,
        ..signing_key(row)?
    })
}

fn insert_token_key(connection: &Connection, key: &SigningKeyRecord) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO signing_key(kid, public_jwk, sealed_private, created_at, retired_at, published_at,
           turn_at, signs_from, gone_at)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            key.kid,
            key.public_jwk,
            key.sealed_private,
            key.created_at.ms(),
            key.retired_at.map(Timestamp::ms),
            key.published_at.map(Timestamp::ms),
            key.turn_at.map(Timestamp::ms),
            key.signs_from.map(Timestamp::ms),
            key.gone_at.map(Timestamp::ms)
        ],
    )
    .map(drop)
    .map_err(error)
}

fn change_token_keys(connection: &Connection, change: &SigningKeyChange) -> Result<(), StoreError> {
    for kid in &change.removed {
        execute(connection, "DELETE FROM signing_key WHERE kid = ?", [kid]).map_err(error)?;
    }
    for turn in &change.changed {
        execute(
            connection,
            "UPDATE signing_key SET published_at = ?2, turn_at = ?3, signs_from = ?4, retired_at = ?5,
               gone_at = ?6, sealed_private = iif(?5 IS NULL, sealed_private, x'') WHERE kid = ?1",
            params![
                turn.kid,
                turn.published_at.map(Timestamp::ms),
                turn.turn_at.map(Timestamp::ms),
                turn.signs_from.map(Timestamp::ms),
                turn.retired_at.map(Timestamp::ms),
                turn.gone_at.map(Timestamp::ms)
            ],
        )
        .map_err(error)?;
    }
    change.added.iter().try_for_each(|key| insert_token_key(connection, key))
}

fn secret(row: &Row<'_>) -> rusqlite::Result<SecretCredential> {
    let client = Name::client_id(row.get_ref(1)?.as_str()?);
    Ok(SecretCredential {
        id: row.get(0)?,
        client: client.map_err(|_| unreadable("a client id"))?,
        digest: digest(row, 2)?,
        last_four: row.get(3)?,
        created_at: Timestamp::from_ms(row.get(4)?),
        expires_at: time(row, 5)?,
        revoked_at: time(row, 6)?,
        not_before: time(row, 7)?,
        last_used: time(row, 8)?,
        imported: row.get(9)?,
    })
}

fn key_value(row: &Row<'_>) -> rusqlite::Result<KeyCredential> {
    Ok(KeyCredential {
        id: row.get(0)?,
        key: name(row, 1)?,
        partner: name(row, 2)?,
        digest: digest(row, 3)?,
        last_four: row.get(4)?,
        created_at: Timestamp::from_ms(row.get(5)?),
        expires_at: time(row, 6)?,
        revoked_at: time(row, 7)?,
        not_before: time(row, 8)?,
        last_used: time(row, 9)?,
    })
}

fn insert_secret(connection: &Connection, secret: &SecretCredential) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO client_secret(id, client, digest, last_four, created_at, expires_at, revoked_at,
           not_before, last_used, imported)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            secret.id,
            secret.client.as_str(),
            secret.digest.as_bytes(),
            secret.last_four,
            secret.created_at.ms(),
            secret.expires_at.map(Timestamp::ms),
            secret.revoked_at.map(Timestamp::ms),
            secret.not_before.map(Timestamp::ms),
            secret.last_used.map(Timestamp::ms),
            secret.imported
        ],
    )
    .map(drop)
    .map_err(error)
}

fn insert_key_value(connection: &Connection, value: &KeyCredential) -> Result<(), StoreError> {
    execute(
        connection,
        "INSERT INTO api_key(id, key, partner, digest, last_four, created_at, expires_at, revoked_at,
           not_before, last_used)
         VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            value.id,
            value.key.as_str(),
            value.partner.as_str(),
            value.digest.as_bytes(),
            value.last_four,
            value.created_at.ms(),
            value.expires_at.map(Timestamp::ms),
            value.revoked_at.map(Timestamp::ms),
            value.not_before.map(Timestamp::ms),
            value.last_used.map(Timestamp::ms)
        ],
    )
    .map(drop)
    .map_err(error)
}

/// Makes room for a credential of an owner: `table` and `column` are the owner's. Says whether there
/// is any; if there is not, nothing has been changed.
fn make_room(
    connection: &Connection,
    (table, column, owner): (&str, &str, &str),
    placing: Placing,
) -> rusqlite::Result<bool> {
    if placing.live_max == 0 {
        return Ok(false);
    }
    // Others that end now leave their room at once.
    let others_stay = placing.others_end.is_none_or(|end| end > placing.now);
    if others_stay {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE {column} = ? AND revoked_at IS NULL
               AND (expires_at IS NULL OR expires_at > ?)"
        );
        let values = params![owner, placing.now.ms()];
        let live: i64 = connection.prepare_cached(&sql)?.query_row(values, |row| row.get(0))?;
        if usize::try_from(live).unwrap_or(usize::MAX) >= placing.live_max {
            return Ok(false);
        }
    }
    if let Some(end) = placing.others_end {
        let sql = format!(
            "UPDATE {table} SET expires_at = ?2 WHERE {column} = ?1 AND revoked_at IS NULL
               AND (expires_at IS NULL OR expires_at > ?2)"
        );
        execute(connection, &sql, params![owner, end.ms()])?;
    }
    Ok(true)
}

/// Has a row for each of these, and for those before them whose last use is worth keeping.
fn declare(connection: &Connection, ids: Vec<String>, now: Timestamp) -> rusqlite::Result<()> {
    let there: BTreeMap<String, Option<Timestamp>> = connection
        .prepare_cached("SELECT id, last_used FROM declared_credential")?
        .query_map([], |row| Ok((row.get::<_, String>(0)?, time(row, 1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let declared: BTreeSet<String> = ids.into_iter().collect();
    for id in declared.iter().filter(|id| !there.contains_key(*id)) {
        execute(connection, "INSERT INTO declared_credential(id) VALUES(?)", [id])?;
    }
    for id in forgotten(there, &declared, now) {
        execute(connection, "DELETE FROM declared_credential WHERE id = ?", [id])?;
    }
    Ok(())
}

fn declared_use(row: &Row<'_>) -> rusqlite::Result<CredentialUse> {
    let day = Timestamp::from_ms(row.get(1)?);
    Ok(CredentialUse { kind: CredentialKind::Declared, id: row.get(0)?, day })
}

fn insert_signing_key(
    connection: &Connection,
    sql: &str,
    key: &SigningKeyRecord,
) -> Result<(), StoreError> {
    execute(
        connection,
        sql,
        params![
            key.kid,
            key.public_jwk,
            key.sealed_private,
            key.created_at.ms(),
            key.retired_at.map(Timestamp::ms)
        ],
    )
    .map(drop)
    .map_err(error)
}

impl Keys for SqliteStore {
    fn key_credentials(&self) -> Answer<'_, Vec<KeyCredential>> {
        self.core_readers.read(|connection| {
            const SQL: &str = "SELECT id, key, partner, digest, last_four, created_at, expires_at,
                       revoked_at, not_before, last_used
                     FROM api_key ORDER BY created_at, id";
            connection.prepare_cached(SQL)?.query_map([], key_value)?.collect()
        })
    }

    fn add_key_credential(&self, credential: KeyCredential, audit: AuditEntry) -> Answer<'_, ()> {
        let revised = self.revise(move |connection| {
            insert_key_value(connection, &credential)?;
            note(connection, &audit).map_err(error)
        });
        Box::pin(async move {
            let _: () = revised.await?.1;
            Ok(())
        })
    }

    fn revoke_key_credential(
        &self,
        id: String,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        const SQL: &str = "UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
        let revised = self.revise(move |connection| revoke(connection, SQL, (&id, at), &audit));
        Box::pin(async move { Ok(revised.await?.1) })
    }

    fn secret_credentials(&self) -> Answer<'_, Vec<SecretCredential>> {
        self.core_readers.read(|connection| {
            const SQL: &str = "SELECT id, client, digest, last_four, created_at, expires_at,
                       revoked_at, not_before, last_used, imported
                     FROM client_secret ORDER BY created_at, id";
            connection.prepare_cached(SQL)?.query_map([], secret)?.collect()
        })
    }

    fn add_secret_credential(
        &self,
        credential: SecretCredential,
        audit: AuditEntry,
    ) -> Answer<'_, ()> {
        let revised = self.revise(move |connection| {
            insert_secret(connection, &credential)?;
            note(connection, &audit).map_err(error)
        });
        Box::pin(async move {
            let _: () = revised.await?.1;
            Ok(())
        })
    }

    fn revoke_secret_credential(
        &self,
        id: String,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        const SQL: &str =
            "UPDATE client_secret SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
        let revised = self.revise(move |connection| revoke(connection, SQL, (&id, at), &audit));
        Box::pin(async move { Ok(revised.await?.1) })
    }

    fn place_secret_credential(
        &self,
        credential: SecretCredential,
        placing: Placing,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        let revised = self.revise(move |connection| {
            let owner = ("client_secret", "client", credential.client.as_str());
            let has_room = make_room(connection, owner, placing).map_err(error)?;
            if has_room {
                insert_secret(connection, &credential)?;
                note(connection, &audit).map_err(error)?;
            }
            Ok(has_room)
        });
        Box::pin(async move { Ok(revised.await?.1) })
    }

    fn place_key_credential(
        &self,
        credential: KeyCredential,
        placing: Placing,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        let revised = self.revise(move |connection| {
            let owner = ("api_key", "key", credential.key.as_str());
            let has_room = make_room(connection, owner, placing).map_err(error)?;
            if has_room {
                insert_key_value(connection, &credential)?;
                note(connection, &audit).map_err(error)?;
            }
            Ok(has_room)
        });
        Box::pin(async move { Ok(revised.await?.1) })
    }

    fn note_uses(&self, uses: Vec<CredentialUse>) -> Answer<'_, ()> {
        self.core.write(move |connection| {
            for one in &uses {
                let sql = match one.kind {
                    CredentialKind::ApiKey => {
                        "UPDATE api_key SET last_used = ?2
                         WHERE id = ?1 AND (last_used IS NULL OR last_used < ?2)"
                    }
                    CredentialKind::ClientSecret => {
                        "UPDATE client_secret SET last_used = ?2
                         WHERE id = ?1 AND (last_used IS NULL OR last_used < ?2)"
                    }
                    CredentialKind::Declared => {
                        "UPDATE declared_credential SET last_used = ?2
                         WHERE id = ?1 AND (last_used IS NULL OR last_used < ?2)"
                    }
                };
                execute(connection, sql, params![one.id, one.day.ms()]).map_err(error)?;
            }
            Ok(())
        })
    }

    fn declare_credentials(&self, ids: Vec<String>, now: Timestamp) -> Answer<'_, ()> {
        self.core.write(move |connection| declare(connection, ids, now).map_err(error))
    }

    fn declared_uses(&self) -> Answer<'_, Vec<CredentialUse>> {
        self.core_readers.read(|connection| {
            const SQL: &str = "SELECT id, last_used FROM declared_credential
                     WHERE last_used IS NOT NULL ORDER BY id";
            connection.prepare_cached(SQL)?.query_map([], declared_use)?.collect()
        })
    }

    fn change_signing_keys(
        &self,
        expected: Revision,
        change: SigningKeyChange,
        audit: Vec<AuditEntry>,
    ) -> Answer<'_, ()> {
        let revised = self.revise(move |connection| {
            if revision(connection).map_err(error)? != expected {
                return Err(StoreError::Conflict);
            }
            change_token_keys(connection, &change)?;
            audit.iter().try_for_each(|entry| note(connection, entry).map_err(error))
        });
        Box::pin(async move {
            let _: () = revised.await?.1;
            Ok(())
        })
    }

    fn signing_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>> {
        self.core_readers.read(|connection| {
            const SQL: &str = "SELECT kid, public_jwk, sealed_private, created_at, retired_at,
                       published_at, turn_at, signs_from, gone_at
                     FROM signing_key ORDER BY created_at, kid";
            connection.prepare_cached(SQL)?.query_map([], token_key)?.collect()
        })
    }

    fn add_signing_key(&self, key: SigningKeyRecord, audit: AuditEntry) -> Answer<'_, ()> {
        let revised = self.revise(move |connection| {
            insert_token_key(connection, &key)?;
            note(connection, &audit).map_err(error)
        });
        Box::pin(async move {
            let _: () = revised.await?.1;
            Ok(())
        })
    }

    fn webhook_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>> {
        self.core_readers.read(|connection| {
            const SQL: &str = "SELECT kid, public_jwk, sealed_private, created_at, retired_at
                     FROM webhook_key ORDER BY created_at, kid";
            connection.prepare_cached(SQL)?.query_map([], signing_key)?.collect()
        })
    }

    fn add_webhook_key(
        &self,
        key: SigningKeyRecord,
        until: Timestamp,
        audit: AuditEntry,
    ) -> Answer<'_, ()> {
        const RETIRE: &str = "UPDATE webhook_key SET retired_at = ?1
             WHERE retired_at IS NULL OR retired_at > ?1";
        const SQL: &str =
            "INSERT INTO webhook_key(kid, public_jwk, sealed_private, created_at, retired_at)
             VALUES(?, ?, ?, ?, ?)";
        let revised = self.revise(move |connection| {
            execute(connection, RETIRE, [until.ms()]).map_err(error)?;
            insert_signing_key(connection, SQL, &key)?;
            note(connection, &audit).map_err(error)
        });
        Box::pin(async move {
            let _: () = revised.await?.1;
            Ok(())
        })
    }

    fn kept_secrets(&self) -> Answer<'_, Vec<KeptSecret>> {
        self.core_readers.read(|connection| {
            connection
                .prepare_cached("SELECT name, sealed, set_at FROM kept_secret ORDER BY name")?
                .query_map([], |row| {
                    Ok(KeptSecret {
                        name: name(row, 0)?,
                        sealed: row.get(1)?,
                        set_at: Timestamp::from_ms(row.get(2)?),
                    })
                })?
                .collect()
        })
    }

    fn keep_secret(&self, secret: KeptSecret, audit: AuditEntry) -> Answer<'_, ()> {
        const SQL: &str = "INSERT INTO kept_secret(name, sealed, set_at) VALUES(?, ?, ?)
             ON CONFLICT(name) DO UPDATE SET sealed = excluded.sealed, set_at = excluded.set_at";
        let revised = self.revise(move |connection| {
            let values = params![secret.name.as_str(), secret.sealed, secret.set_at.ms()];
            execute(connection, SQL, values).map_err(error)?;
            note(connection, &audit).map_err(error)
        });
        Box::pin(async move {
            let _: () = revised.await?.1;
            Ok(())
        })
    }

    fn forget_secret(&self, name: Name, audit: AuditEntry) -> Answer<'_, bool> {
        const SQL: &str = "DELETE FROM kept_secret WHERE name = ?";
        let revised = self.revise(move |connection| {
            let forgotten = execute(connection, SQL, [name.as_str()]).map_err(error)? > 0;
            if forgotten {
                note(connection, &audit).map_err(error)?;
            }
            Ok(forgotten)
        });
        Box::pin(async move { Ok(revised.await?.1) })
    }
}
