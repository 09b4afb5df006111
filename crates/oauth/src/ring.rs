//! Signing keys: made, sealed under the key file, read back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use credential::{NONCE_BYTES, Vault};
use jwt::{Algorithm, Jwk, KeyError, Make, SigningKey, Stage};
use model::{Random, SigningKeyRecord, Timestamp};
use store::{Store, StoreError};

use crate::rotation::{ensure_signing_keys, stage};

/// Why there is no signing key to use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
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

/// Makes the first signing key of an installation, for ES256; gives all there are.
pub async fn ensure_signing_key(
    store: &dyn Store,
    vault: &Vault,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<SigningKeyRecord>, RingError> {
    let usual = BTreeSet::from([Algorithm::Es256]);
    ensure_signing_keys(store, (vault, random), now, &usual).await
}

/// Makes a key and seals it.
pub(crate) fn make(
    algorithm: Algorithm,
    make: Make,
    (vault, random): (&Vault, &dyn Random),
    now: Timestamp,
) -> Result<SigningKeyRecord, RingError> {
    let private = SigningKey::generate_for(algorithm)?;
    let key = SigningKey::read(algorithm, &private)?;
    let kid = key.jwk().kid.clone();
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    // One that signs at once has nobody who could know it before.
    let at_once = (make == Make::Active).then_some(now);
    Ok(SigningKeyRecord {
        sealed_private: vault.seal(nonce, &label(&kid), &private),
        public_jwk: serde_json::to_string(key.jwk()).map_err(|_| RingError::Unreadable)?,
        kid,
        created_at: now,
        retired_at: None,
        published_at: at_once,
        turn_at: None,
        signs_from: at_once,
        gone_at: None,
    })
}

/// What a stored key is for.
pub(crate) fn algorithm(record: &SigningKeyRecord) -> Result<Algorithm, RingError> {
    let jwk = serde_json::from_str::<Jwk>(&record.public_jwk).ok();
    jwk.and_then(|jwk| jwk.algorithm()).ok_or(RingError::Unreadable)
}

/// The keys that sign, by algorithm: of several, the one that began last.
pub(crate) fn active(
    records: &[SigningKeyRecord],
    vault: &Vault,
) -> Result<BTreeMap<Algorithm, Arc<SigningKey>>, RingError> {
    let mut newest: BTreeMap<Algorithm, &SigningKeyRecord> = BTreeMap::new();
    for record in records.iter().filter(|record| stage(record) == Stage::Active) {
        let known = newest.entry(algorithm(record)?).or_insert(record);
        if record.signs_from > known.signs_from {
            *known = record;
        }
    }
    let mut keys = BTreeMap::new();
    for (algorithm, record) in newest {
        let private = vault.open(&label(&record.kid), &record.sealed_private);
        let private = private.map_err(|_| RingError::Sealed)?;
        keys.insert(algorithm, Arc::new(SigningKey::read(algorithm, &private)?));
    }
    Ok(keys)
}

fn label(kid: &str) -> String {
    format!("signing key {kid}")
}
