//! Minted credentials, signing keys and kept secrets.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    CredentialKind, CredentialUse, KeptSecret, KeyCredential, Name, Revision, SecretCredential,
    SigningKeyRecord, Timestamp,
};
use store::{Answer, AuditEntry, Keys, Placing, SigningKeyChange, StoreError, forgotten};

use super::MemStore;

#[derive(Default)]
pub(super) struct Credentials {
    keys: Vec<KeyCredential>,
    secrets: Vec<SecretCredential>,
    /// By id, of those too that were declared before: the day of the last use.
    declared: BTreeMap<String, Option<Timestamp>>,
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

/// The earlier of two ends; none is never.
fn earlier(one: Option<Timestamp>, other: Timestamp) -> Timestamp {
    one.map_or(other, |one| one.min(other))
}

/// Whether there is room for one more beside those of the same owner that are not over, of which each
/// is given with its end.
fn has_room(others: &[Option<Timestamp>], placing: Placing) -> bool {
    let ends = others.iter().map(|end| match placing.others_end {
        Some(others_end) => Some(earlier(*end, others_end)),
        None => *end,
    });
    ends.filter(|end| end.is_none_or(|end| placing.now < end)).count() < placing.live_max
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

    fn place_secret_credential(
        &self,
        credential: SecretCredential,
        placing: Placing,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        self.call(move |tables| {
            let secrets = &mut tables.keys.secrets;
            fresh(&credential.id, secrets.iter().map(|secret| &secret.id))?;
            let owned = |secret: &&mut SecretCredential| {
                secret.client == credential.client && !secret.is_over(placing.now)
            };
            let ends: Vec<_> =
                secrets.iter_mut().filter(owned).map(|secret| secret.expires_at).collect();
            if !has_room(&ends, placing) {
                return Ok(false);
            }
            for secret in secrets.iter_mut().filter(owned) {
                if let Some(end) = placing.others_end {
                    secret.expires_at = Some(earlier(secret.expires_at, end));
                }
            }
            secrets.push(credential);
            tables.revise([audit]);
            Ok(true)
        })
    }

    fn place_key_credential(
        &self,
        credential: KeyCredential,
        placing: Placing,
        audit: AuditEntry,
    ) -> Answer<'_, bool> {
        self.call(move |tables| {
            let values = &mut tables.keys.keys;
            fresh(&credential.id, values.iter().map(|value| &value.id))?;
            let owned = |value: &&mut KeyCredential| {
                value.key == credential.key && !value.is_over(placing.now)
            };
            let ends: Vec<_> =
                values.iter_mut().filter(owned).map(|value| value.expires_at).collect();
            if !has_room(&ends, placing) {
                return Ok(false);
            }
            for value in values.iter_mut().filter(owned) {
                if let Some(end) = placing.others_end {
                    value.expires_at = Some(earlier(value.expires_at, end));
                }
            }
            values.push(credential);
            tables.revise([audit]);
            Ok(true)
        })
    }

    fn note_uses(&self, uses: Vec<CredentialUse>) -> Answer<'_, ()> {
        self.call(move |tables| {
            let Credentials { keys, secrets, declared, .. } = &mut tables.keys;
            for CredentialUse { kind, id, day } in uses {
                let last_used = match kind {
                    CredentialKind::ApiKey => {
                        keys.iter_mut().find(|key| key.id == id).map(|key| &mut key.last_used)
                    }
                    CredentialKind::ClientSecret => {
                        let secret = secrets.iter_mut().find(|secret| secret.id == id);
                        secret.map(|secret| &mut secret.last_used)
                    }
                    CredentialKind::Declared => declared.get_mut(&id),
                };
                if let Some(last_used) = last_used {
                    *last_used = (*last_used).max(Some(day));
                }
            }
            Ok(())
        })
    }

    fn declare_credentials(&self, ids: Vec<String>, now: Timestamp) -> Answer<'_, ()> {
        self.call(move |tables| {
            let there = &mut tables.keys.declared;
            let declared: BTreeSet<String> = ids.into_iter().collect();
            for id in forgotten(there.clone(), &declared, now) {
                there.remove(&id);
            }
            for id in declared {
                there.entry(id).or_default();
            }
            Ok(())
        })
    }

    fn declared_uses(&self) -> Answer<'_, Vec<CredentialUse>> {
        self.call(|tables| {
            let declared = tables.keys.declared.iter();
            let used = declared.filter_map(|(id, day)| {
                let kind = CredentialKind::Declared;
                Some(CredentialUse { kind, id: id.clone(), day: (*day)? })
            });
            Ok(used.collect())
        })
    }

    fn change_signing_keys(
        &self,
        expected: Revision,
        change: SigningKeyChange,
        audit: Vec<AuditEntry>,
    ) -> Answer<'_, ()> {
        self.call(move |tables| {
            if tables.definitions.revision != expected {
                return Err(StoreError::Conflict);
            }
            let keys = &mut tables.keys.signing;
            keys.retain(|key| !change.removed.contains(&key.kid));
            for turn in change.changed {
                let Some(key) = keys.iter_mut().find(|key| key.kid == turn.kid) else { continue };
                key.published_at = turn.published_at;
                key.turn_at = turn.turn_at;
                key.signs_from = turn.signs_from;
                key.retired_at = turn.retired_at;
                key.gone_at = turn.gone_at;
                if key.retired_at.is_some() {
                    key.sealed_private.clear();
                }
            }
            keys.extend(change.added);
            tables.revise(audit);
            Ok(())
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
