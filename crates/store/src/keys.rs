//! Minted credentials and signing keys.

use model::{KeptSecret, KeyCredential, Name, SecretCredential, SigningKeyRecord, Timestamp};

use crate::{Answer, AuditEntry};

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
