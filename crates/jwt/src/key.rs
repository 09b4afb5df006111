//! Keys: which algorithms exist here, private keys that sign, public keys that verify, and their
//! published form (RFC 7517, RFC 7518, RFC 7638).

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsBigEndian, EcPublicKeyUncompressedBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::compact;

/// The signature algorithms of this crate. The list is closed: `none` and HMAC have no variant.
///
/// Our own tokens are signed with ES256; the others are verified only, in tokens of other issuers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// ECDSA on P-384 with SHA-384 (RFC 7518 §3.4).
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518 §3.3).
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3).
    Rs512,
    /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
    Ps256,
    /// Ed25519, under its older name `EdDSA` (RFC 8037 §3.1) or its own (RFC 9864 §2.2).
    EdDsa,
}

impl Algorithm {
    /// The `alg` values, each algorithm once.
    pub const NAMES: [&'static str; 7] =
        ["ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "EdDSA"];

    /// The `alg` value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads an `alg` value; names are case-sensitive (RFC 7515 §4.1.1).
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// A key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The private key's bytes are not a PKCS#8 key of the algorithm.
    #[error("not a PKCS#8 private key for ES256")]
    Private,
    /// The public key is of another kind, or not a point of its curve.
    #[error("not a P-256 public key")]
    Public,
    /// The library could not make a key.
    #[error("the system gave no randomness for a new key")]
    Generation,
}

/// A private key. Not printable; wiped by the library when dropped.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    jwk: Jwk,
}

impl SigningKey {
    /// A new private key in PKCS#8, to be sealed and kept.
    pub fn generate() -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| KeyError::Generation)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// Reads a private key from PKCS#8.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes)
            .map_err(|_| KeyError::Private)?;
        let point: EcPublicKeyUncompressedBin<'_> =
            pair.public_key().as_be_bytes().map_err(|_| KeyError::Private)?;
        let jwk = Jwk::p256(point.as_ref()).ok_or(KeyError::Private)?;
        Ok(Self { pair, random: SystemRandom::new(), jwk })
    }

    /// The public half.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&self.random, message);
        signature.expect("a parsed P-256 key signs any message").as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.jwk.kid).finish_non_exhaustive()
    }
}

/// A public key as it is published: no private member exists in this type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// The key's name: its RFC 7638 thumbprint.
    pub kid: String,
    kty: String,
    crv: String,
    x: String,
    y: String,
    #[serde(rename = "use")]
    usage: String,
    alg: String,
}

/// A set of public keys (RFC 7517 §5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys; order has no meaning.
    pub keys: Vec<Jwk>,
}

impl Jwk {
    fn p256(uncompressed: &[u8]) -> Option<Self> {
        let (&[4], point) = uncompressed.split_first_chunk::<1>()? else { return None };
        if point.len() != 64 {
            return None;
        }
        let (x, y) = (compact::encode(&point[..32]), compact::encode(&point[32..]));
        // RFC 7638 §3.2: the required members, in lexicographic order, without white space.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = compact::encode(digest(&SHA256, canonical.as_bytes()));
        let (kty, crv) = ("EC".to_owned(), "P-256".to_owned());
        let (usage, alg) = ("sig".to_owned(), Algorithm::Es256.as_str().to_owned());
        Some(Self { kid, kty, crv, x, y, usage, alg })
    }

    /// Prepares the key for verifying, checking that it is a point of the curve.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        if self.kty != "EC" || self.crv != "P-256" || self.alg != Algorithm::Es256.as_str() {
            return Err(KeyError::Public);
        }
        let coordinate = |text: &str| {
            compact::decode(text).ok().filter(|bytes| bytes.len() == 32).ok_or(KeyError::Public)
        };
        let mut point = vec![4];
        point.extend(coordinate(&self.x)?);
        point.extend(coordinate(&self.y)?);
        let key =
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).map_err(|_| KeyError::Public)?;
        Ok(VerifyingKey { algorithm: Algorithm::Es256, key })
    }
}

/// A public key, parsed once and kept.
pub struct VerifyingKey {
    pub(crate) algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    pub(crate) fn new(algorithm: Algorithm, key: ParsedPublicKey) -> Self {
        Self { algorithm, key }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
