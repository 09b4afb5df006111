//! Minted credentials and signing keys.

use std::collections::BTreeSet;

use model::{
    CredentialUse, KeptSecret, KeyCredential, Name, Revision, SecretCredential, SigningKeyRecord,
    Timestamp,
};

use crate::{Answer, AuditEntry};

/// How long it is kept when a credential was last used that is no longer declared, in milliseconds: 400
/// days, so that one that comes back with the next year's file is known again.
pub const FORMER_USES_KEPT_MS: i64 = 400 * 86_400_000;
/// Of how many credentials that are no longer declared that is kept.
pub const FORMER_USES_MAX: usize = 10_000;

/// What an implementation of [`Keys`] forgets when these are declared: of the credentials that are there
/// with the days of their last use, those that are declared no more and were never used, or not within
/// [`FORMER_USES_KEPT_MS`]; and of more than [`FORMER_USES_MAX`] those used longest ago.
pub fn forgotten(
    there: impl IntoIterator<Item = (String, Option<Timestamp>)>,
    declared: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<String> {
    let former = there.into_iter().filter(|(id, _)| !declared.contains(id));
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for (id, last_used) in former {
        match last_used.filter(|day| now.since_ms(*day) <= FORMER_USES_KEPT_MS) {
            Some(day) => kept.push((day, id)),
            None => gone.push(id),
        }
    }
    kept.sort_unstable();
    let beyond = kept.len().saturating_sub(FORMER_USES_MAX);
    gone.extend(kept.into_iter().take(beyond).map(|(_, id)| id));
    gone
}

/// Where a new credential is put: beside how many others, and what becomes of those.
#[derive(Debug, Clone, Copy)]
pub struct Placing {
    /// The moment.
    pub now: Timestamp,
    /// How many may not be over at once, the new one among them; none lets nothing in.
    pub live_max: usize,
    /// When the others of its owner end, if they do not end before; none changes nothing of them.
    pub others_end: Option<Timestamp>,
}

/// Changes of the token service's signing keys that belong together.
#[derive(Debug, Clone, Default)]
pub struct SigningKeyChange {
    /// New keys.
    pub added: Vec<SigningKeyRecord>,
    /// Keys as they are from now on, by their names; what they are made of does not change. Of one
    /// that signs no more, the private half is forgotten.
    pub changed: Vec<SigningKeyTurn>,
    /// The names of keys that go.
    pub removed: Vec<String>,
}

/// The stages of one signing key; see [`SigningKeyRecord`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyTurn {
    /// Its name.
    pub kid: String,
    /// Since when it is published for certain.
    pub published_at: Option<Timestamp>,
    /// From when on it is to sign.
    pub turn_at: Option<Timestamp>,
    /// Since when it signs.
    pub signs_from: Option<Timestamp>,
    /// Since when it signs no more.
    pub retired_at: Option<Timestamp>,
    /// When it goes.
    pub gone_at: Option<Timestamp>,
}

/// Reads and changes credentials. Every change is a new revision, so that the gateway learns of it
/// within a second.
pub trait Keys: Send + Sync {
    /// All API key values, live or not.
    fn key_credentials(&self) -> Answer<'_, Vec<KeyCredential>>;

    /// Keeps a new API key value.
    fn add_key_credential(&self, credential: KeyCredential, audit: AuditEntry) -> Answer<'_, ()>;

    /// Revokes an API key value; false when there is none live of that id.
    fn revoke_key_credential(
        &self,
        id: String,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Answer<'_, bool>;

    /// All client secrets, live or not.
    fn secret_credentials(&self) -> Answer<'_, Vec<SecretCredential>>;

    /// Keeps a new client secret.
    fn add_secret_credential(
        &self,
        credential: SecretCredential,
        audit: AuditEntry,
    ) -> Answer<'_, ()>;

    /// Revokes a client secret; false when there is none live of that id.
    fn revoke_secret_credential(
        &self,
        id: String,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Answer<'_, bool>;

    /// Keeps a new client secret if there is room for it, and ends the client's others as it says;
    /// false, and nothing done, where there is none.
    fn place_secret_credential(
        &self,
        credential: SecretCredential,
        placing: Placing,
        audit: AuditEntry,
    ) -> Answer<'_, bool>;

    /// The same for a value of an API key.
    fn place_key_credential(
        &self,
        credential: KeyCredential,
        placing: Placing,
        audit: AuditEntry,
    ) -> Answer<'_, bool>;

    /// Notes on which days credentials were used. Never takes a day back, and is no new revision;
    /// what is of a credential that is not there is passed over.
    fn note_uses(&self, uses: Vec<CredentialUse>) -> Answer<'_, ()>;

    /// Takes over which credentials are declared with clients, by their ids: of these uses are noted
    /// from now on. What was noted of others is kept for their coming back, and what [`forgotten`] tells
    /// goes. No new revision.
    fn declare_credentials(&self, ids: Vec<String>, now: Timestamp) -> Answer<'_, ()>;

    /// The last days on which credentials were used that are declared, or were and are not forgotten, by
    /// id; nothing of those that never were.
    fn declared_uses(&self) -> Answer<'_, Vec<CredentialUse>>;

    /// Changes signing keys, all or none; [`StoreError::Conflict`](crate::StoreError::Conflict) if the
    /// store's revision is another than the one at which they were read.
    fn change_signing_keys(
        &self,
        expected: Revision,
        change: SigningKeyChange,
        audit: Vec<AuditEntry>,
    ) -> Answer<'_, ()>;

    /// All signing keys of the token service, oldest first.
    fn signing_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>>;

    /// Keeps a new signing key.
    fn add_signing_key(&self, key: SigningKeyRecord, audit: AuditEntry) -> Answer<'_, ()>;

    /// All keys that sign webhooks, oldest first.
    fn webhook_keys(&self) -> Answer<'_, Vec<SigningKeyRecord>>;

    /// Keeps a new key that signs webhooks; those before it cease to sign at `until`, or when they
    /// were to before.
    fn add_webhook_key(
        &self,
        key: SigningKeyRecord,
        until: Timestamp,
        audit: AuditEntry,
    ) -> Answer<'_, ()>;

    /// All secrets that are kept for the configuration, by name.
    fn kept_secrets(&self) -> Answer<'_, Vec<KeptSecret>>;

    /// Keeps a secret, in place of the one of the same name.
    fn keep_secret(&self, secret: KeptSecret, audit: AuditEntry) -> Answer<'_, ()>;

    /// Forgets a secret; false when there is none of that name.
    fn forget_secret(&self, name: Name, audit: AuditEntry) -> Answer<'_, bool>;
}
