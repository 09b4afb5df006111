//! Secrets that the program keeps itself: sealed under the key file, opened when they are needed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use credential::{NONCE_BYTES, Vault};
use model::{KeptSecret, Name, Random, Secret, SecretError, SecretSource, Timestamp};

/// The secrets that were set, as they lie in the store.
#[derive(Default)]
pub struct KeptSecrets {
    sealed: BTreeMap<Name, Vec<u8>>,
    vault: Option<Arc<Vault>>,
}

/// Seals a secret; whoever calls keeps it.
pub fn seal_secret(
    (name, value): (&Name, &Secret),
    vault: &Vault,
    random: &dyn Random,
    now: Timestamp,
) -> KeptSecret {
    let mut nonce = [0; NONCE_BYTES];
    random.fill(&mut nonce);
    let sealed = vault.seal(nonce, &label(name), value.expose().as_bytes());
    KeptSecret { name: name.clone(), sealed, set_at: now }
}

impl KeptSecrets {
    /// What the store holds, to be opened by the vault.
    pub fn new(records: Vec<KeptSecret>, vault: Arc<Vault>) -> Self {
        let sealed = records.into_iter().map(|record| (record.name, record.sealed)).collect();
        Self { sealed, vault: Some(vault) }
    }

    /// Whether one of this name is set.
    pub fn has(&self, name: &str) -> bool {
        self.sealed.contains_key(name)
    }

    /// The secret of a name.
    pub fn read(&self, name: &Name) -> Result<Secret, SecretError> {
        let failed = |reason: String| SecretError {
            place: SecretSource::Kept(name.clone()).to_string(),
            reason,
            missing: false,
        };
        let (Some(sealed), Some(vault)) = (self.sealed.get(name), &self.vault) else {
            let error = failed(format!("it is not set; run `gatepost secret set {name}`"));
            return Err(SecretError { missing: true, ..error });
        };
        let opened = vault.open(&label(name), sealed).map_err(|_| {
            failed(
                "it was sealed under another key file; restore the file `key` that belongs to this \
                 data directory, or set it again"
                    .to_owned(),
            )
        })?;
        let text = std::str::from_utf8(&opened).map_err(|_| failed("it is no text".to_owned()))?;
        Ok(Secret::new(text.to_owned()))
    }
}

impl fmt::Debug for KeptSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sealed.keys()).finish()
    }
}

fn label(name: &Name) -> String {
    format!("kept secret {name}")
}

#[cfg(test)]
mod tests {
    use credential::{MASTER_BYTES, Master};

    use super::*;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn vault(key: u8) -> Arc<Vault> {
        Arc::new(Master::new([key; MASTER_BYTES]).vault())
    }

    #[test]
    fn a_secret_opens_under_its_own_key_file_and_name_only() {
        let name = |text: &str| Name::new(text).unwrap();
        let value = Secret::new("hunter2".to_owned());
        let record = seal_secret((&name("a"), &value), &vault(1), &Sevens, Timestamp::default());
        assert!(!record.sealed.windows(7).any(|bytes| bytes == b"hunter2"));
        let read = |records: Vec<KeptSecret>, key: u8, asked: &str| {
            let kept = KeptSecrets::new(records, vault(key));
            let read = kept.read(&name(asked));
            read.map(|secret| secret.expose().to_owned()).map_err(|error| error.to_string())
        };
        assert_eq!(read(vec![record.clone()], 1, "a"), Ok("hunter2".to_owned()));
        assert!(read(vec![record.clone()], 2, "a").unwrap_err().contains("another key file"));
        let renamed = KeptSecret { name: name("b"), ..record };
        assert!(read(vec![renamed], 1, "b").unwrap_err().contains("another key file"));
        assert_eq!(
            read(vec![], 1, "a").unwrap_err(),
            "the secret in Gatepost's keeping (a) cannot be read: it is not set; run `gatepost \
             secret set a`"
        );
    }
}
