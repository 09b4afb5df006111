//! The published keys of another issuer (RFC 7517 §5), parsed once and kept.
//!
//! A set may hold what is not for us: keys that encrypt, kinds and curves we do not know. Those are
//! skipped, as the RFC wants it, and so is a key that is broken, weak or private: it verifies
//! nothing. What two readers could read differently refuses the whole set.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use serde_json::Value;

use crate::{Algorithm, Fault, VerifyingKey, compact, json};

/// The longest set that is looked at; a hundred RSA keys with their certificates fit.
pub const SET_BYTES_MAX: usize = 256 * 1024;
/// The most keys of a set; issuers publish two to ten.
pub const SET_KEYS_MAX: usize = 100;

/// RFC 7518 §3.3 wants 2,048 bits at least; the library verifies up to 8,192.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// The longest public exponent, which the library has too: 33 bits.
const EXPONENT_BYTES_MAX: usize = 5;
/// Members of private and of symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4.1, RFC 8037 §2).
pub(crate) const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A text that is no set of keys. None shows a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// Longer than [`SET_BYTES_MAX`].
    #[error("it is longer than 256 KiB")]
    TooLong,
    /// Not a JSON object with an array `keys`, or a member stands twice.
    #[error("it is no JSON object with an array `keys`, or a member stands in it twice")]
    Form,
    /// More than [`SET_KEYS_MAX`].
    #[error("it has more than 100 keys")]
    TooMany,
    /// Nothing in it is of use.
    #[error("it has no key that could verify a signature here")]
    Empty,
    /// A key in it is private or symmetric.
    #[error("it has a private or a symmetric key, which nobody else may have")]
    Private,
}

/// The published keys of one issuer.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<SetKey>,
    skipped: usize,
}

/// One key; where it does not say its algorithm, every one that its kind has.
#[derive(Debug)]
pub(crate) struct SetKey {
    kid: Option<String>,
    ways: Vec<VerifyingKey>,
}

impl KeySet {
    /// Reads a JWK Set. Keys that are of no use here are skipped; a set without any other is an
    /// error, for nothing could be verified with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, SetError> {
        if bytes.len() > SET_BYTES_MAX {
            return Err(SetError::TooLong);
        }
        let set = json::object(bytes).ok_or(SetError::Form)?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or(SetError::Form)?;
        if listed.len() > SET_KEYS_MAX {
            return Err(SetError::TooMany);
        }
        let keys: Vec<SetKey> = listed.iter().filter_map(set_key).collect();
        if keys.is_empty() {
            return Err(SetError::Empty);
        }
        let skipped = listed.len() - keys.len();
        Ok(Self { keys, skipped })
    }

    /// Reads a JWK Set that was given to us as the public keys of somebody: one that has a private
    /// key is refused, so that whoever gave it away learns of it.
    pub fn parse_public(bytes: &[u8]) -> Result<Self, SetError> {
        let keys = Self::parse(bytes);
        // A set of private keys alone is empty to the reader; the better reason comes first.
        if has_private(bytes) { Err(SetError::Private) } else { keys }
    }

    /// How many keys can verify.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// The names of its keys; those without one are left out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    /// How many keys of the set were skipped.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The key of this name that verifies this algorithm; without a name, the only one that does.
    pub(crate) fn choose(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&VerifyingKey, Fault> {
        // RFC 7517 §4.5: keys of different kinds may share a name.
        let named = self.keys.iter().filter(|key| match kid {
            Some(kid) => key.kid.as_deref() == Some(kid),
            None => true,
        });
        let named: Vec<&SetKey> = named.collect();
        let is_there = kid.is_some() && !named.is_empty();
        let mut fitting = named.into_iter().filter_map(|key| key.way(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(Fault::AmbiguousKey),
            // The key is there and is of another algorithm (RFC 8725 §3.1).
            (None, _) if is_there => Err(Fault::Algorithm),
            (None, _) => Err(Fault::UnknownKey),
        }
    }
}

impl SetKey {
    pub(crate) fn way(&self, algorithm: Algorithm) -> Option<&VerifyingKey> {
        self.ways.iter().find(|way| way.algorithm == algorithm)
    }
}

/// Whether any key of a set has a member that only its owner may know.
pub(crate) fn has_private(bytes: &[u8]) -> bool {
    let set = if bytes.len() > SET_BYTES_MAX { None } else { json::object(bytes) };
    let listed = set.as_ref().and_then(|set| set.get("keys")).and_then(Value::as_array);
    let is_private = |jwk: &Value| PRIVATE.iter().any(|name| jwk.get(*name).is_some());
    listed.is_some_and(|keys| keys.iter().any(is_private))
}

/// The verifying key of a JWK that says its algorithm.
pub(crate) fn only_way(jwk: &Value) -> Option<VerifyingKey> {
    let mut ways = set_key(jwk)?.ways;
    let way = ways.pop()?;
    ways.is_empty().then_some(way)
}

/// One key of a set; none if it is of no use here.
pub(crate) fn set_key(jwk: &Value) -> Option<SetKey> {
    let jwk = jwk.as_object()?;
    let member = |name: &str| jwk.get(name).and_then(Value::as_str);
    if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
        return None;
    }
    // RFC 7517 §4.2, §4.3: what a key is for, if it says so.
    let verifies = |ops: &Value| {
        ops.as_array().is_some_and(|ops| ops.iter().any(|op| op.as_str() == Some("verify")))
    };
    let signs = jwk.get("use").is_none_or(|usage| usage.as_str() == Some("sig"));
    let for_verifying = signs && jwk.get("key_ops").is_none_or(verifies);
    if !for_verifying {
        return None;
    }
    let kid = match jwk.get("kid") {
        Some(kid) => Some(kid.as_str()?.to_owned()),
        None => None,
    };
    let mut ways = match (member("kty")?, member("crv")) {
        ("EC", Some("P-256")) => {
            let point = point(member("x")?, member("y")?, 32)?;
            vec![on_curve(Algorithm::Es256, &ECDSA_P256_SHA256_FIXED, &point)?]
        }
        ("EC", Some("P-384")) => {
            let point = point(member("x")?, member("y")?, 48)?;
            vec![on_curve(Algorithm::Es384, &ECDSA_P384_SHA384_FIXED, &point)?]
        }
        ("OKP", Some("Ed25519")) => {
            vec![on_curve(Algorithm::EdDsa, &ED25519, &exactly(member("x")?, 32)?)?]
        }
        ("RSA", _) => rsa(member("n")?, member("e")?)?,
        _ => return None,
    };
    if let Some(alg) = jwk.get("alg") {
        let alg = Algorithm::parse(alg.as_str()?)?;
        ways.retain(|way| way.algorithm == alg);
    }
    (!ways.is_empty()).then_some(SetKey { kid, ways })
}

/// A key of an elliptic curve; the library checks that it is a point of it.
fn on_curve(
    algorithm: Algorithm,
    verification: &'static dyn VerificationAlgorithm,
    bytes: &[u8],
) -> Option<VerifyingKey> {
    let key = ParsedPublicKey::new(verification, bytes).ok()?;
    Some(VerifyingKey::new(algorithm, key))
}

/// An uncompressed point of two coordinates of so many bytes each (RFC 7518 §6.2.1).
fn point(x: &str, y: &str, bytes: usize) -> Option<Vec<u8>> {
    let mut point = vec![4];
    point.extend(exactly(x, bytes)?);
    point.extend(exactly(y, bytes)?);
    Some(point)
}

fn exactly(text: &str, bytes: usize) -> Option<Vec<u8>> {
    compact::decode(text).ok().filter(|read| read.len() == bytes)
}

/// An RSA key, once for each algorithm: the library's parsed key knows only one.
fn rsa(n: &str, e: &str) -> Option<Vec<VerifyingKey>> {
    let (n, e) = (integer(n)?, integer(e)?);
    let unused = usize::try_from(n.first()?.leading_zeros()).ok()?;
    let exponent_fits = e.len() <= EXPONENT_BYTES_MAX
        && e.last().is_some_and(|last| !last.is_multiple_of(2))
        && e != [1];
    if !RSA_BITS.contains(&(n.len() * 8 - unused)) || !exponent_fits {
        return None;
    }
    let components = RsaPublicKeyComponents { n, e };
    let ways: [(Algorithm, &'static RsaParameters); 4] = [
        (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::Rs384, &RSA_PKCS1_2048_8192_SHA384),
        (Algorithm::Rs512, &RSA_PKCS1_2048_8192_SHA512),
        (Algorithm::Ps256, &RSA_PSS_2048_8192_SHA256),
    ];
    let parsed = ways.into_iter().map(|(algorithm, parameters)| {
        let key = components.to_parsed_public_key(parameters).ok()?;
        Some(VerifyingKey::new(algorithm, key))
    });
    parsed.collect()
}

/// A positive number. Some issuers write zeros before it (RFC 7518 §6.3.1.1 says they do), which
/// change nothing.
fn integer(text: &str) -> Option<Vec<u8>> {
    let bytes = compact::decode(text).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).map(<[u8]>::to_vec)
}
