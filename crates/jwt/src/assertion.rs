//! Assertions by which a client proves itself to somebody else's token endpoint (RFC 7523 §2.2),
//! and the private keys that sign them.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{compact, json};

/// The longest key text that is looked at; an RSA key of 8,192 bits has some 6,500 characters.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// The shortest RSA key (RFC 7518 §3.3).
const RSA_BITS_MIN: usize = 2_048;

/// What an assertion says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assertion<'a> {
    /// Our client id, both who says it and whom it is about (RFC 7523 §3).
    pub client_id: &'a str,
    /// To whom: the token endpoint, or the authorization server's issuer.
    pub audience: &'a str,
    /// Its own name, never used twice.
    pub id: &'a str,
    /// The moment, in seconds since 1970.
    pub now_s: i64,
    /// How long it is good, in seconds.
    pub lifetime_s: i64,
}

/// A text that is no key to sign assertions with. None shows a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionKeyError {
    /// Neither form.
    #[error(
        "it is neither PEM (`-----BEGIN PRIVATE KEY-----`, PKCS#8) nor a private JWK; `openssl \
         pkcs8 -topk8 -nocrypt` makes the former of older forms"
    )]
    Form,
    /// PEM under a password.
    #[error("it is under a password; take that off with `openssl pkcs8 -topk8 -nocrypt`")]
    Encrypted,
    /// Another kind of key.
    #[error("it is of a kind that cannot sign here: P-256, Ed25519 and RSA from 2,048 bits can")]
    Kind,
    /// An RSA key as JWK.
    #[error("an RSA key is taken as PEM only")]
    RsaJwk,
    /// Its parts do not belong together.
    #[error("its parts do not belong together")]
    Parts,
}

/// A private key that signs assertions. Not printable; wiped by the library when dropped.
pub struct AssertionKey {
    pair: Pair,
    /// The `kid` of the JWK, if it was one that has it.
    kid: Option<String>,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl AssertionKey {
    /// Reads a PEM text (PKCS#8) or a private JWK (RFC 7517): P-256, Ed25519, or RSA as PEM.
    pub fn parse(text: &str) -> Result<Self, AssertionKeyError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(AssertionKeyError::Form);
        }
        let text = text.trim();
        if text.starts_with('{') { Self::from_jwk(text) } else { Self::from_pem(text) }
    }

    fn from_pem(text: &str) -> Result<Self, AssertionKeyError> {
        if text.contains("ENCRYPTED") {
            return Err(AssertionKeyError::Encrypted);
        }
        let body = text
            .split_once("-----BEGIN PRIVATE KEY-----")
            .and_then(|(_, rest)| rest.split_once("-----END PRIVATE KEY-----"));
        let (body, _) = body.ok_or(AssertionKeyError::Form)?;
        let body: Zeroizing<String> =
            Zeroizing::new(body.split_ascii_whitespace().collect::<String>());
        let der = STANDARD.decode(&*body).map_err(|_| AssertionKeyError::Form)?;
        let der = Zeroizing::new(der);
        let pair =
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der) {
                Pair::P256(pair)
            } else if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
                Pair::Ed25519(pair)
            } else {
                let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| AssertionKeyError::Kind)?;
                if pair.public_modulus_len() * 8 < RSA_BITS_MIN {
                    return Err(AssertionKeyError::Kind);
                }
                Pair::Rsa(pair)
            };
        Ok(Self { pair, kid: None })
    }

    fn from_jwk(text: &str) -> Result<Self, AssertionKeyError> {
        let jwk = json::object(text.as_bytes()).ok_or(AssertionKeyError::Form)?;
        let member = |name: &str| jwk.get(name).and_then(serde_json::Value::as_str);
        let bytes = |name: &str| {
            let decoded = member(name).and_then(|text| compact::decode(text).ok());
            decoded.map(Zeroizing::new).ok_or(AssertionKeyError::Parts)
        };
        let pair = match (member("kty"), member("crv")) {
            (Some("EC"), Some("P-256")) => {
                let mut point = vec![4];
                point.extend_from_slice(&bytes("x")?);
                point.extend_from_slice(&bytes("y")?);
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let private = bytes("d")?;
                let pair =
                    EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, &point);
                Pair::P256(pair.map_err(|_| AssertionKeyError::Parts)?)
            }
            (Some("OKP"), Some("Ed25519")) => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&bytes("d")?, &bytes("x")?);
                Pair::Ed25519(pair.map_err(|_| AssertionKeyError::Parts)?)
            }
            (Some("RSA"), _) => return Err(AssertionKeyError::RsaJwk),
            _ => return Err(AssertionKeyError::Kind),
        };
        Ok(Self { pair, kid: member("kid").map(str::to_owned) })
    }

    /// The `alg` value.
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// Signs an assertion. `kid` names the key at the other side; where there is none, the JWK's own
    /// is taken.
    pub fn sign(&self, assertion: &Assertion<'_>, kid: Option<&str>) -> String {
        let header = Header { alg: self.algorithm(), typ: "JWT", kid: kid.or(self.kid.as_deref()) };
        let claims = Claims {
            iss: assertion.client_id,
            sub: assertion.client_id,
            aud: assertion.audience,
            jti: assertion.id,
            iat: assertion.now_s,
            exp: assertion.now_s.saturating_add(assertion.lifetime_s),
        };
        let part = |json: Result<Vec<u8>, serde_json::Error>| {
            compact::encode(json.expect("plain strings and numbers serialize"))
        };
        let mut text = part(serde_json::to_vec(&header));
        text.push('.');
        text.push_str(&part(serde_json::to_vec(&claims)));
        let signature = self.signature(text.as_bytes());
        text.push('.');
        text.push_str(&compact::encode(signature));
        text
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) => {
                let signature = pair.sign(&random, message);
                signature.expect("a parsed P-256 key signs any message").as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
                signed.expect("a parsed RSA key signs any message into its own length");
                signature
            }
        }
    }
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionKey").field("alg", &self.algorithm()).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: i64,
    exp: i64,
}
