//! Key pairs that sign for every receiver: who verifies needs no secret of ours.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Jwk;

/// The length of a private key's seed (RFC 8032 §5.1.5).
pub const SEED_BYTES: usize = 32;

/// The length of a public key (RFC 8032 §5.1.5).
pub(crate) const PUBLIC_BYTES: usize = 32;

/// What begins a public key's text.
const PUBLIC_PREFIX: &str = "whpk_";

/// A key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// The library does not take the seed.
    #[error("not the seed of an Ed25519 key")]
    Seed,
    /// Another prefix, not base64, another length, or another kind of JWK.
    #[error("not an Ed25519 public key: `whpk_` and base64 of 32 bytes")]
    Public,
}

/// A private key. Not printable; wiped by the library when dropped.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// The key of a seed: 32 random bytes, to be kept sealed.
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Result<Self, InvalidKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| InvalidKey::Seed)?;
        let public = PublicKey::from_bytes(pair.public_key().as_ref())?;
        Ok(Self { pair, public })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature of a message, in base64. It is the same each time (RFC 8032 §5.1.6).
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        STANDARD.encode(self.pair.sign(message))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// A public key, parsed once and kept. Its text is `whpk_` and base64.
pub struct PublicKey {
    bytes: [u8; PUBLIC_BYTES],
    key: ParsedPublicKey,
}

impl PublicKey {
    /// Reads `whpk_…`.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let encoded = text.strip_prefix(PUBLIC_PREFIX).ok_or(InvalidKey::Public)?;
        Self::from_bytes(&STANDARD.decode(encoded).map_err(|_| InvalidKey::Public)?)
    }

    /// The key as it is published.
    pub fn jwk(&self) -> Jwk {
        Jwk::ed25519(&self.bytes)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let bytes: [u8; PUBLIC_BYTES] = bytes.try_into().map_err(|_| InvalidKey::Public)?;
        let key = ParsedPublicKey::new(&ED25519, bytes).map_err(|_| InvalidKey::Public)?;
        Ok(Self { bytes, key })
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", STANDARD.encode(self.bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}
