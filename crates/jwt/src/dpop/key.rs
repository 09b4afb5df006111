//! Keys that prove, and the proofs they make (RFC 9449 §4.2): for clients.

use std::fmt;

use aws_lc_rs::encoding::{AsBigEndian as _, EcPublicKeyUncompressedBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::Serialize;
use serde_json::{Value, json};

use super::{hash, thumbprint};
use crate::{KeyError, compact};

/// A P-256 key that signs proofs. Not printable; wiped by the library when dropped.
pub struct ProofKey {
    pair: EcdsaKeyPair,
    jwk: Value,
    thumbprint: String,
}

/// What a proof is to say.
#[derive(Debug, Clone, Copy)]
pub struct NewProof<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The request's URL; query and fragment are left out.
    pub url: &'a str,
    /// Its own name, never used twice: 96 random bits at least (RFC 9449 §4.2).
    pub id: &'a str,
    /// The access token of the request; none where a token is asked for.
    pub access_token: Option<&'a str>,
    /// The newest nonce that the same server gave.
    pub nonce: Option<&'a str>,
    /// The moment, in seconds since 1970.
    pub now_s: i64,
}

#[derive(Serialize)]
struct Claims<'a> {
    jti: &'a str,
    htm: &'a str,
    htu: &'a str,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl ProofKey {
    /// A new key. It need not be kept: a token bound to it ends with it.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self::of(pair.map_err(|_| KeyError::Generation)?)
    }

    /// Reads a key from PKCS#8.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes);
        Self::of(pair.map_err(|_| KeyError::Private)?)
    }

    fn of(pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        let point: EcPublicKeyUncompressedBin<'_> =
            pair.public_key().as_be_bytes().map_err(|_| KeyError::Private)?;
        let (x, y) = match point.as_ref().split_first() {
            Some((&4, point)) if point.len() == 64 => point.split_at(32),
            _ => return Err(KeyError::Private),
        };
        let (x, y) = (compact::encode(x), compact::encode(y));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        let thumbprint = thumbprint(&jwk).ok_or(KeyError::Private)?;
        Ok(Self { pair, jwk, thumbprint })
    }

    /// The public half, as it stands in proofs.
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// The thumbprint that tokens are bound to (`jkt`).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Makes the proof of one request, as the header `DPoP` carries it.
    pub fn prove(&self, proof: &NewProof<'_>) -> String {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk });
        let claims = Claims {
            jti: proof.id,
            htm: proof.method,
            htu: proof.url.split(['?', '#']).next().unwrap_or_default(),
            iat: proof.now_s,
            ath: proof.access_token.map(hash),
            nonce: proof.nonce,
        };
        let claims = serde_json::to_vec(&claims).expect("plain strings and numbers serialize");
        let mut text = compact::encode(header.to_string());
        text.push('.');
        text.push_str(&compact::encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.expect("a parsed P-256 key signs any message");
        text.push('.');
        text.push_str(&compact::encode(signature));
        text
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofKey").field("jkt", &self.thumbprint).finish_non_exhaustive()
    }
}
