//! Minted credentials and signing keys.

use credential::Digest;
use model::{KeptSecret, KeyCredential, Name, SecretCredential, SigningKeyRecord, Timestamp};
use rusqlite::{Connection, Row, params};
use store::{Answer, AuditEntry, Keys, StoreError};

use crate::definitions::note;
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
    })
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
            connection
                .prepare_cached(
                    "SELECT id, key, partner, digest, last_four, created_at, expires_at, revoked_at
                     FROM api_key ORDER BY created_at, id",
                )?
                .query_map([], |row| {
                    Ok(KeyCredential {
                        id: row.get(0)?,
                        key: name(row, 1)?,
                        partner: name(row, 2)?,
                        digest: digest(row, 3)?,
                        last_four: row.get(4)?,
                        created_at: Timestamp::from_ms(row.get(5)?),
                        expires_at: time(row, 6)?,
                        revoked_at: time(row, 7)?,
                    })
                })?
                .collect()
        })
    }

    fn add_key_credential(&self, credential: KeyCredential, audit: AuditEntry) -> Answer<'_, ()> {
        let revised = self.revise(move |connection| {
            execute(
                connection,
                "INSERT INTO api_key(id, key, partner, digest, last_four, created_at, expires_at, revoked_at)
                 VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    credential.id,
                    credential.key.as_str(),
                    credential.partner.as_str(),
                    credential.digest.as_bytes(),
                    credential.last_four,
                    credential.created_at.ms(),
                    credential.expires_at.map(Timestamp::ms),
                    credential.revoked_at.map(Timestamp::ms)
                ],
            )
            .map_err(error)?;
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
            connection
                .prepare_cached(
                    "SELECT id, client, digest, last_four, created_at, expires_at, revoked_at
                     FROM client_secret ORDER BY created_at, id",
                )?
                .query_map([], |row| {
                    Ok(SecretCredential {
                        id: row.get(0)?,
                        client: name(row, 1)?,
                        digest: digest(row, 2)?,
                        last_four: row.get(3)?,
                        created_at: Timestamp::from_ms(row.get(4)?),
                        expires_at: time(row, 5)?,
                        revoked_at: time(row, 6)?,
                    })
                })?
                .collect()
        })
    }

    fn add_secret_credential(
        &self,
        credential: SecretCredential,
        audit: AuditEntry,
    ) -> Answer<'_, ()> {
        let revised = self.revise(move |connection| {
            execute(
                connection,
                "INSERT INTO client_secret(id, client, digest, last_four, created_at, expires_at, revoked_at)
                 VALUES(?, ?, ?, ?, ?, ?, ?)",
                params![
                    credential.id,
                    credential.client.as_str(),
                    credential.digest.as_bytes(),
                    credential.last_four,
                    credential.created_at.ms(),
                    credential.expires_at.map(Timestamp::ms),
                    credential.revoked_at.map(Timestamp::ms)
                ],
            )
            .map_err(error)?;
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

    fn signing_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>> {
        self.core_readers.read(|connection| {
            const SQL: &str = "SELECT kid, public_jwk, sealed_private, created_at, retired_at
                     FROM signing_key ORDER BY created_at, kid";
            connection.prepare_cached(SQL)?.query_map([], signing_key)?.collect()
        })
    }

    fn add_signing_key(&self, key: SigningKeyRecord, audit: AuditEntry) -> Answer<'_, ()> {
        const SQL: &str =
            "INSERT INTO signing_key(kid, public_jwk, sealed_private, created_at, retired_at)
             VALUES(?, ?, ?, ?, ?)";
        let revised = self.revise(move |connection| {
            insert_signing_key(connection, SQL, &key)?;
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
