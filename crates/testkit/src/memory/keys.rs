//! Minted credentials, signing keys and kept secrets.

use std::collections::BTreeMap;

use model::{KeptSecret, KeyCredential, Name, SecretCredential, SigningKeyRecord, Timestamp};
use store::{Answer, AuditEntry, Keys, StoreError};

use super::MemStore;

#[derive(Default)]
pub(super) struct Credentials {
    keys: Vec<KeyCredential>,
    secrets: Vec<SecretCredential>,
    signing: Vec<SigningKeyRecord>,
    webhook: Vec<SigningKeyRecord>,
    kept: BTreeMap<Name, KeptSecret>,
}

/// Refuses an id that is taken: they are random, so two of them are a fault.
fn fresh<'a>(id: &str, mut taken: impl Iterator<Item = &'a String>) -> Result<(), StoreError> {
    if taken.any(|other| other == id) {
        return Err(StoreError::Unavailable(format!("the id {id} is taken")));
    }
    Ok(())
}

/// Marks what is live as revoked; says whether it was.
fn revoke(revoked_at: Option<&mut Option<Timestamp>>, at: Timestamp) -> bool {
    match revoked_at {
        Some(revoked_at @ None) => {
            *revoked_at = Some(at);
            true
        }
        _ => false,
    }
}

fn oldest_first(keys: &[SigningKeyRecord]) -> Vec<SigningKeyRecord> {
    let mut keys = keys.to_vec();
    keys.sort_by(|a, b| (a.created_at, &a.kid).cmp(&(b.created_at, &b.kid)));
    keys
}

impl Keys for MemStore {
    fn key_credentials(&self) -> Answer<'_, Vec<KeyCredential>> {
        self.call(|tables| {
            let mut keys = tables.keys.keys.clone();
            keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
            Ok(keys)
        })
    }

    fn add_key_credential(&self, credential: KeyCredential, audit: AuditEntry) -> Answer<'_, ()> {
        self.call(move |tables| {
            fresh(&credential.id, tables.keys.keys.iter().map(|key| &key.id))?;
            tables.keys.keys.push(credential);
            tables.revise([audit]);
            Ok(())
        })
    }

    fn revoke_key_credential(
        &self,
        id: String,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        self.call(move |tables| {
            let key = tables.keys.keys.iter_mut().find(|key| key.id == id);
            let changed = revoke(key.map(|key| &mut key.revoked_at), at);
            if changed {
                tables.revise([audit]);
            }
            Ok(changed)
        })
    }

    fn secret_credentials(&self) -> Answer<'_, Vec<SecretCredential>> {
        self.call(|tables| {
            let mut secrets = tables.keys.secrets.clone();
            secrets.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
            Ok(secrets)
        })
    }

    fn add_secret_credential(
        &self,
        credential: SecretCredential,
        audit: AuditEntry,
    ) -> Answer<'_, ()> {
        self.call(move |tables| {
            fresh(&credential.id, tables.keys.secrets.iter().map(|secret| &secret.id))?;
            tables.keys.secrets.push(credential);
            tables.revise([audit]);
            Ok(())
        })
    }

    fn revoke_secret_credential(
        &self,
        id: String,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        self.call(move |tables| {
            let secret = tables.keys.secrets.iter_mut().find(|secret| secret.id == id);
            let changed = revoke(secret.map(|secret| &mut secret.revoked_at), at);
            if changed {
                tables.revise([audit]);
            }
            Ok(changed)
        })
    }

    fn signing_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>> {
        self.call(|tables| Ok(oldest_first(&tables.keys.signing)))
    }

    fn add_signing_key(&self, key: SigningKeyRecord, audit: AuditEntry) -> Answer<'_, ()> {
        self.call(move |tables| {
            fresh(&key.kid, tables.keys.signing.iter().map(|key| &key.kid))?;
            tables.keys.signing.push(key);
            tables.revise([audit]);
            Ok(())
        })
    }

    fn webhook_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>> {
        self.call(|tables| Ok(oldest_first(&tables.keys.webhook)))
    }

    fn add_webhook_key(
        &self,
        key: SigningKeyRecord,
        until: Timestamp,
        audit: AuditEntry,
    ) -> Answer<'_, ()> {
        self.call(move |tables| {
            let keys = &mut tables.keys.webhook;
            fresh(&key.kid, keys.iter().map(|key| &key.kid))?;
            for before in keys.iter_mut() {
                let end = before.retired_at.map_or(until, |retired_at| retired_at.min(until));
                before.retired_at = Some(end);
            }
            keys.push(key);
            tables.revise([audit]);
            Ok(())
        })
    }

    fn kept_secrets(&self) -> Answer<'_, Vec<KeptSecret>> {
        self.call(|tables| Ok(tables.keys.kept.values().cloned().collect()))
    }

    fn keep_secret(&self, secret: KeptSecret, audit: AuditEntry) -> Answer<'_, ()> {
        self.call(move |tables| {
            tables.keys.kept.insert(secret.name.clone(), secret);
            tables.revise([audit]);
            Ok(())
        })
    }

    fn forget_secret(&self, name: Name, audit: AuditEntry) -> Answer<'_, bool> {
        self.call(move |tables| {
            let known = tables.keys.kept.remove(&name).is_some();
            if known {
                tables.revise([audit]);
            }
            Ok(known)
        })
    }
}
