//! The program's own keys that sign webhooks: made, sealed under the key file, published, retired.

use credential::{NONCE_BYTES, Vault};
use model::{Random, SigningKeyRecord, Timestamp};
use signature::{Jwks, Key, SEED_BYTES, Signer, SigningKey, TOLERANCE_S};
use store::{AuditEntry, Store, StoreError};
use zeroize::Zeroizing;

/// Why there is no key to sign webhooks with.
#[derive(Debug, thiserror::Error)]
pub enum WebhookKeyError {
    /// Sealed under another key file.
    #[error(
        "the key that signs webhooks was sealed under another key file; restore the file `key` that belongs to this data directory"
    )]
    Sealed,
    /// Not in the form this version writes.
    #[error("a stored key that signs webhooks cannot be read")]
    Unreadable,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The keys that sign or may still verify something, the newest first.
#[derive(Debug, Default)]
pub struct WebhookKeys(Vec<WebhookKey>);

#[derive(Debug)]
struct WebhookKey {
    key: SigningKey,
    retired_at: Option<Timestamp>,
}

/// Makes the first key of an installation; gives all there are.
pub async fn ensure_webhook_key(
    store: &dyn Store,
    vault: &Vault,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Vec<SigningKeyRecord>, WebhookKeyError> {
    let keys = store.webhook_keys().await?;
    if keys.iter().any(|key| key.retired_at.is_none()) {
        return Ok(keys);
    }
    let record = mint_webhook_key(vault, random, now)?;
    let audit = AuditEntry {
        at: now,
        who: "system".to_owned(),
        what: "make webhook key".to_owned(),
        subject: format!("webhook-key/{}", record.kid),
        detail: "Ed25519, the first of this installation".to_owned(),
    };
    store.add_webhook_key(record, now, audit).await?;
    Ok(store.webhook_keys().await?)
}

/// Makes a key, its private half sealed; whoever calls keeps it.
pub fn mint_webhook_key(
    vault: &Vault,
    random: &dyn Random,
    now: Timestamp,
) -> Result<SigningKeyRecord, WebhookKeyError> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    random.fill(&mut *seed);
    let key = SigningKey::from_seed(&seed).map_err(|_| WebhookKeyError::Unreadable)?;
    let jwk = key.public().jwk();
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    Ok(SigningKeyRecord {
        sealed_private: vault.seal(nonce, &label(&jwk.kid), &*seed),
        public_jwk: serde_json::to_string(&jwk).map_err(|_| WebhookKeyError::Unreadable)?,
        kid: jwk.kid,
        created_at: now,
        retired_at: None,
        published_at: None,
        turn_at: None,
        signs_from: None,
        gone_at: None,
    })
}

/// Whether a key signs at the moment, given when it is retired.
pub fn webhook_key_signs(retired_at: Option<Timestamp>, now: Timestamp) -> bool {
    retired_at.is_none_or(|end| now.seconds() <= end.seconds())
}

/// Whether a key is published: as long as it signs, and until a receiver would refuse what it
/// signed last for its age.
pub fn webhook_key_is_published(retired_at: Option<Timestamp>, now: Timestamp) -> bool {
    retired_at.is_none_or(|end| now <= end.plus_ms(TOLERANCE_S * 1000))
}

impl WebhookKeys {
    /// Opens the keys that are of use at `now`; `records` are the store's, oldest first.
    pub fn open(
        records: &[SigningKeyRecord],
        vault: &Vault,
        now: Timestamp,
    ) -> Result<Self, WebhookKeyError> {
        let of_use = records.iter().rev();
        let of_use = of_use.filter(|record| webhook_key_is_published(record.retired_at, now));
        of_use.map(|record| open(record, vault)).collect::<Result<_, _>>().map(Self)
    }

    /// The public keys as they are published at `now`.
    pub fn jwks(&self, now: Timestamp) -> Jwks {
        let published = |key: &&WebhookKey| webhook_key_is_published(key.retired_at, now);
        Jwks { keys: self.0.iter().filter(published).map(|key| key.key.public().jwk()).collect() }
    }

    /// What signs, each until its end.
    pub(crate) fn signers(&self) -> impl Iterator<Item = Signer<'_>> {
        self.0.iter().map(|key| Signer {
            key: Key::Ed25519(&key.key),
            not_after_s: key.retired_at.map(Timestamp::seconds),
        })
    }
}

fn open(record: &SigningKeyRecord, vault: &Vault) -> Result<WebhookKey, WebhookKeyError> {
    let seed = vault.open(&label(&record.kid), &record.sealed_private);
    let seed = seed.map_err(|_| WebhookKeyError::Sealed)?;
    let seed: &[u8; SEED_BYTES] =
        seed.as_slice().try_into().map_err(|_| WebhookKeyError::Unreadable)?;
    let key = SigningKey::from_seed(seed).map_err(|_| WebhookKeyError::Unreadable)?;
    Ok(WebhookKey { key, retired_at: record.retired_at })
}

fn label(kid: &str) -> String {
    format!("webhook key {kid}")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use credential::{MASTER_BYTES, Master};

    use super::*;

    /// Fills each slice with one number, the next one each time.
    struct Counting(AtomicU8);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn vault(key: u8) -> Vault {
        Master::new([key; MASTER_BYTES]).vault()
    }

    #[test]
    fn keys_sign_until_they_are_retired_and_are_published_five_minutes_more() {
        let (random, at) = (Counting(AtomicU8::new(1)), |s: i64| Timestamp::from_ms(s * 1000));
        let mut records: Vec<_> =
            (0..2).map(|s| mint_webhook_key(&vault(7), &random, at(s)).unwrap()).collect();
        records[0].retired_at = Some(at(100));
        let (old, new) = (records[0].kid.clone(), records[1].kid.clone());
        for (s, published) in [(2, 2), (100, 2), (400, 2), (401, 1)] {
            let keys = WebhookKeys::open(&records, &vault(7), at(2)).unwrap();
            let kids: Vec<_> = keys.jwks(at(s)).keys.into_iter().map(|key| key.kid).collect();
            assert_eq!(kids, [new.clone(), old.clone()][..published], "at {s}");
            let opened = WebhookKeys::open(&records, &vault(7), at(s)).unwrap();
            assert_eq!(opened.signers().count(), published, "at {s}");
        }
        let keys = WebhookKeys::open(&records, &vault(7), at(2)).unwrap();
        let ends: Vec<_> = keys.signers().map(|signer| signer.not_after_s).collect();
        assert_eq!(ends, [None, Some(100)]);
        assert!(webhook_key_signs(Some(at(100)), at(100)));
        assert!(!webhook_key_signs(Some(at(100)), at(101)));
    }

    #[test]
    fn a_key_opens_under_its_own_key_file_and_name_only() {
        let random = Counting(AtomicU8::new(1));
        let record = mint_webhook_key(&vault(7), &random, Timestamp::default()).unwrap();
        let opened = |record: &SigningKeyRecord, key: u8| {
            WebhookKeys::open(std::slice::from_ref(record), &vault(key), Timestamp::default())
        };
        assert!(opened(&record, 7).is_ok());
        assert!(matches!(opened(&record, 8), Err(WebhookKeyError::Sealed)));
        let renamed = SigningKeyRecord { kid: "other".to_owned(), ..record.clone() };
        assert!(matches!(opened(&renamed, 7), Err(WebhookKeyError::Sealed)));
        assert!(!record.sealed_private.windows(SEED_BYTES).any(|bytes| bytes == [1; SEED_BYTES]));
    }
}
