//! The key file's master key, what is derived from it, and sealing for secrets that must be read
//! again (signing keys).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::digest::Digester;

/// The length of the master key.
pub const MASTER_BYTES: usize = 32;
/// The random bytes one sealing takes.
pub const NONCE_BYTES: usize = 12;

/// The master key of one installation. Everything secret at rest hangs on it.
pub struct Master(Zeroizing<[u8; MASTER_BYTES]>);

/// What is sealed cannot be opened: another key file, another label, or altered bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed under another key file, or altered since")]
pub struct Unsealable;

impl Master {
    /// Takes the key file's bytes.
    pub fn new(bytes: [u8; MASTER_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Digests for keys and secrets.
    pub fn digester(&self) -> Digester {
        Digester::new(&*self.derive("gatepost credential digest v1"))
    }

    /// The vault for what must be read again.
    pub fn vault(&self) -> Vault {
        let key = self.derive("gatepost vault v1");
        let key = UnboundKey::new(&AES_256_GCM, &*key).expect("AES-256 takes any 32 bytes");
        Vault(LessSafeKey::new(key))
    }

    /// The key of the nonces that proofs of possession carry (RFC 9449 §8).
    pub fn proof_nonce_key(&self) -> Zeroizing<[u8; 32]> {
        self.derive("gatepost proof nonce v1")
    }

    // HMAC-SHA-256 as a key derivation with one 32-byte output: HKDF-Expand's first block
    // (RFC 5869 §2.3); the master key is uniformly random, so no extraction is needed.
    fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.0);
        let mut input = label.as_bytes().to_vec();
        input.push(1);
        let mut out = Zeroizing::new([0; 32]);
        out.copy_from_slice(hmac::sign(&key, &input).as_ref());
        out
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Master(…)")
    }
}

/// Seals and opens with AES-256-GCM.
pub struct Vault(LessSafeKey);

impl Vault {
    /// Seals `plain`; only the same `label` opens it. `nonce` must be fresh random bytes.
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], label: &str, plain: &[u8]) -> Vec<u8> {
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(label.as_bytes()),
                &mut sealed,
            )
            .expect("AES-GCM seals anything under 64 GiB");
        let mut out = nonce.to_vec();
        out.append(&mut sealed);
        out
    }

    /// Opens what [`Vault::seal`] made under the same label.
    pub fn open(&self, label: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Unsealable)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .0
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(label.as_bytes()),
                &mut body,
            )
            .map_err(|_| Unsealable)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_label_and_bytes_open() {
        let vault = Master::new([3; 32]).vault();
        let sealed = vault.seal([9; NONCE_BYTES], "signing key a", b"private");
        assert_eq!(vault.open("signing key a", &sealed).unwrap().as_slice(), b"private");
        assert_eq!(vault.open("signing key b", &sealed), Err(Unsealable));
        assert_eq!(Master::new([4; 32]).vault().open("signing key a", &sealed), Err(Unsealable));
        let mut altered = sealed.clone();
        altered[20] ^= 1;
        assert_eq!(vault.open("signing key a", &altered), Err(Unsealable));
        assert_eq!(vault.open("signing key a", &sealed[..5]), Err(Unsealable));
    }
}
