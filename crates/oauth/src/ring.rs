//! Signing keys: made, sealed under the key file, read back.

use credential::{NONCE_BYTES, Vault};
use jwt::{KeyError, SigningKey};
use model::{Random, SigningKeyRecord, Timestamp};
use store::{AuditEntry, Store, StoreError};

/// Why there is no signing key to use.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// Sealed under another key file.
    #[error(
        "the signing key was sealed under another key file; restore the file `key` that belongs to this data directory"
    )]
    Sealed,
    /// Not in the form this version writes.
    #[error("a stored signing key cannot be read")]
    Unreadable,
    /// There is none.
    #[error("there is no signing key")]
    None,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A new key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Makes the first signing key of an installation; gives all there are.
pub async fn ensure_signing_key(
    store: &dyn Store,
    vault: &Vault,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<SigningKeyRecord>, RingError> {
    let keys = store.signing_keys().await?;
    if keys.iter().any(|key| key.retired_at.is_none()) {
        return Ok(keys);
    }
    let private = SigningKey::generate()?;
    let key = SigningKey::from_pkcs8(&private)?;
    let kid = key.jwk().kid.clone();
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    let record = SigningKeyRecord {
        sealed_private: vault.seal(nonce, &label(&kid), &private),
        public_jwk: serde_json::to_string(key.jwk()).map_err(|_| RingError::Unreadable)?,
        kid: kid.clone(),
        created_at: now,
        retired_at: None,
    };
    let audit = AuditEntry {
        at: now,
        who: "system".to_owned(),
        what: "make signing key".to_owned(),
        subject: format!("signing-key/{kid}"),
        detail: "ES256, the first of this installation".to_owned(),
    };
    store.add_signing_key(record, audit).await?;
    Ok(store.signing_keys().await?)
}

/// The key that signs: the newest that is not retired.
pub(crate) fn active(records: &[SigningKeyRecord], vault: &Vault) -> Result<SigningKey, RingError> {
    let record = records.iter().rev().find(|record| record.retired_at.is_none());
    let record = record.ok_or(RingError::None)?;
    let private = vault.open(&label(&record.kid), &record.sealed_private);
    Ok(SigningKey::from_pkcs8(&private.map_err(|_| RingError::Sealed)?)?)
}

fn label(kid: &str) -> String {
    format!("signing key {kid}")
}
