//! Keys: which algorithms exist here, private keys that sign, public keys that verify, and their
//! published form (RFC 7517, RFC 7518, RFC 7638).

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsBigEndian, AsDer as _, EcPublicKeyUncompressedBin, Pkcs8V1Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{compact, set};

/// The shortest RSA key (RFC 7518 §3.3).
const RSA_BYTES_MIN: usize = 256;

/// The signature algorithms of this crate. The list is closed: `none` and HMAC have no variant.
///
/// Our own tokens are signed with one of [`Algorithm::SIGNING`]; the others are verified only, in
/// tokens of other issuers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// Those that our own tokens can be signed with.
    pub const SIGNING: [Self; 4] = [Self::Es256, Self::Rs256, Self::Ps256, Self::EdDsa];

    /// Whether our own tokens can be signed with it.
    pub fn signs(self) -> bool {
        Self::SIGNING.contains(&self)
    }

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
    #[error("not a PKCS#8 private key for this algorithm")]
    Private,
    /// The public key is of another kind, or not a point of its curve.
    #[error("not a public key of an algorithm there is here")]
    Public,
    /// The library could not make a key.
    #[error("the system gave no randomness for a new key")]
    Generation,
    /// No tokens are signed with this algorithm.
    #[error("tokens are signed with ES256, RS256, PS256 or EdDSA")]
    Unoffered,
}

/// A private key, parsed once and kept. Not printable; wiped by the library when dropped.
pub struct SigningKey {
    pair: Pair,
    random: SystemRandom,
    algorithm: Algorithm,
    jwk: Jwk,
    /// The token's first part, which is the same for all that the key signs.
    header: String,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

impl SigningKey {
    /// A new private key for ES256 in PKCS#8, to be sealed and kept.
    pub fn generate() -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Self::generate_for(Algorithm::Es256)
    }

    /// A new private key in PKCS#8, to be sealed and kept. RSA keys have 2,048 bits, and take a
    /// noticeable part of a second to find.
    pub fn generate_for(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let failed = |_: Unspecified| KeyError::Generation;
        let random = SystemRandom::new();
        let bytes = match algorithm {
            Algorithm::Es256 => {
                let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let document = EcdsaKeyPair::generate_pkcs8(curve, &random).map_err(failed)?;
                document.as_ref().to_vec()
            }
            Algorithm::EdDsa => {
                let document = Ed25519KeyPair::generate_pkcs8(&random).map_err(failed)?;
                document.as_ref().to_vec()
            }
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
            Algorithm::Es384 | Algorithm::Rs384 | Algorithm::Rs512 => {
                return Err(KeyError::Unoffered);
            }
        };
        Ok(Zeroizing::new(bytes))
    }

    /// Reads a private key for ES256 from PKCS#8.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::read(Algorithm::Es256, bytes)
    }

    /// Reads a private key for this algorithm from PKCS#8.
    pub fn read(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        let rejected = |_: KeyRejected| KeyError::Private;
        let (pair, jwk) = match algorithm {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes)
                    .map_err(rejected)?;
                let point: EcPublicKeyUncompressedBin<'_> =
                    pair.public_key().as_be_bytes().map_err(|_| KeyError::Private)?;
                let jwk = Jwk::p256(point.as_ref()).ok_or(KeyError::Private)?;
                (Pair::P256(pair), jwk)
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(bytes).map_err(rejected)?;
                let jwk = Jwk::ed25519(pair.public_key().as_ref());
                (Pair::Ed25519(pair), jwk)
            }
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let pair = RsaKeyPair::from_pkcs8(bytes).map_err(rejected)?;
                if pair.public_modulus_len() < RSA_BYTES_MIN {
                    return Err(KeyError::Private);
                }
                let jwk = Jwk::rsa(pair.public_key().as_ref(), algorithm);
                let padding: &'static dyn RsaEncoding = match algorithm {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                (Pair::Rsa(pair, padding), jwk.ok_or(KeyError::Private)?)
            }
            Algorithm::Es384 | Algorithm::Rs384 | Algorithm::Rs512 => {
                return Err(KeyError::Unoffered);
            }
        };
        // RFC 9068 §2.1; names, and the thumbprint is base64url: nothing is to be escaped.
        let header =
            format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"{}"}}"#, algorithm.as_str(), jwk.kid);
        let header = compact::encode(header);
        Ok(Self { pair, random: SystemRandom::new(), algorithm, jwk, header })
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::P256(pair) => {
                let signature = pair.sign(&self.random, message);
                signature.expect("a parsed P-256 key signs any message").as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(*padding, &self.random, message, &mut signature);
                signed.expect("a parsed RSA key signs any message into its own length");
                signature
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.jwk.kid).finish_non_exhaustive()
    }
}

/// A public key as it is published: no private member exists in this type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// The key's name: its RFC 7638 thumbprint.
    pub kid: String,
    kty: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<String>,
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
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let (crv, x, y) = (Some("P-256".to_owned()), Some(x), Some(y));
        Some(Self { crv, x, y, ..Self::named(&canonical, "EC", Algorithm::Es256) })
    }

    /// RFC 8037 §2.
    fn ed25519(public: &[u8]) -> Self {
        let x = compact::encode(public);
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let (crv, x) = (Some("Ed25519".to_owned()), Some(x));
        Self { crv, x, ..Self::named(&canonical, "OKP", Algorithm::EdDsa) }
    }

    /// RFC 7518 §6.3.1, of an `RSAPublicKey` (RFC 8017 §A.1.1).
    fn rsa(der: &[u8], algorithm: Algorithm) -> Option<Self> {
        let (sequence, _) = element(0x30, der)?;
        let (n, rest) = element(0x02, sequence)?;
        let (e, _) = element(0x02, rest)?;
        let (n, e) = (compact::encode(without_zeros(n)), compact::encode(without_zeros(e)));
        let canonical = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        let (n, e) = (Some(n), Some(e));
        Some(Self { n, e, ..Self::named(&canonical, "RSA", algorithm) })
    }

    /// A key without its numbers. `canonical` are the required members, in lexicographic order and
    /// without white space (RFC 7638 §3.2).
    fn named(canonical: &str, kty: &str, algorithm: Algorithm) -> Self {
        Self {
            kid: compact::encode(digest(&SHA256, canonical.as_bytes())),
            kty: kty.to_owned(),
            usage: "sig".to_owned(),
            alg: algorithm.as_str().to_owned(),
            ..Self::default()
        }
    }

    /// The algorithm it is for.
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::parse(&self.alg)
    }

    /// Prepares the key for verifying, checking that it is a key of its kind.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        let jwk = serde_json::to_value(self).map_err(|_| KeyError::Public)?;
        set::only_way(&jwk).ok_or(KeyError::Public)
    }
}

/// The content of a DER element of this tag (X.690 §8.1), and what follows it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, bytes) = bytes.split_first()?;
    if *found != tag {
        return None;
    }
    let (first, bytes) = bytes.split_first()?;
    let (length, bytes) = if *first < 0x80 {
        (usize::from(*first), bytes)
    } else {
        let (digits, bytes) = bytes.split_at_checked(usize::from(*first & 0x7f))?;
        let mut length: usize = 0;
        for digit in digits {
            length = length.checked_mul(256)?.checked_add(usize::from(*digit))?;
        }
        (length, bytes)
    };
    bytes.split_at_checked(length)
}

/// A positive number's bytes; DER puts a nought before a number whose first bit is set.
fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The SHA-256 of a text in base64url: a published document's strong validator.
pub fn text_digest(text: &str) -> String {
    compact::encode(digest(&SHA256, text.as_bytes()))
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
