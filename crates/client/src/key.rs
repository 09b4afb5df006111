//! Private keys that sign assertions: P-256 (`ES256`), Ed25519 (`EdDSA`) and RSA (`PS256`), the
//! algorithms of the FAPI 2.0 Security Profile (§5.4.1).

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::{BoxError, Signer};

/// The longest key text that is looked at; an RSA key of 8,192 bits has some 6,500 characters.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// The shortest RSA key (RFC 7518 §3.5).
const RSA_BITS_MIN: usize = 2_048;

/// A text that is no key. None shows a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM with a PKCS#8 key.
    #[error(
        "it is no PEM text with a private key (`-----BEGIN PRIVATE KEY-----`, PKCS#8); `openssl \
         pkcs8 -topk8 -nocrypt` makes that of older forms"
    )]
    Form,
    /// Another kind of key.
    #[error("it is of a kind that cannot sign here: P-256, Ed25519 and RSA from 2,048 bits can")]
    Kind,
}

/// A private key. Not printable; wiped by the library when dropped.
pub struct PrivateKey {
    pair: Pair,
    key_id: Option<String>,
}

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl PrivateKey {
    /// Reads a PEM text with a PKCS#8 key that is under no password.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(KeyError::Form);
        }
        let body = text
            .split_once("-----BEGIN PRIVATE KEY-----")
            .and_then(|(_, rest)| rest.split_once("-----END PRIVATE KEY-----"));
        let (body, _) = body.ok_or(KeyError::Form)?;
        let body = Zeroizing::new(body.split_ascii_whitespace().collect::<String>());
        let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).map_err(|_| KeyError::Form)?);
        let pair =
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der) {
                Pair::P256(pair)
            } else if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
                Pair::Ed25519(pair)
            } else {
                let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| KeyError::Kind)?;
                if pair.public_modulus_len() * 8 < RSA_BITS_MIN {
                    return Err(KeyError::Kind);
                }
                Pair::Rsa(pair)
            };
        Ok(Self { pair, key_id: None })
    }

    /// What the other side calls the key.
    #[must_use]
    pub fn with_key_id(mut self, key_id: &str) -> Self {
        self.key_id = Some(key_id.to_owned());
        self
    }
}

impl Signer for PrivateKey {
    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
            Pair::Rsa(_) => "PS256",
        }
    }

    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError> {
        let random = SystemRandom::new();
        let failed = |_| BoxError::from("the key does not sign");
        match &self.pair {
            Pair::P256(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("alg", &self.algorithm()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, ParsedPublicKey};

    use super::*;

    fn pem(der: &[u8]) -> String {
        let body = STANDARD.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    }

    #[test]
    fn a_p256_key_signs_es256_as_a_verifier_reads_it() {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = PrivateKey::from_pem(&pem(der.as_ref())).unwrap().with_key_id("k1");
        assert_eq!((key.algorithm(), key.key_id()), ("ES256", Some("k1")));
        let signature = key.sign(b"message").unwrap();
        assert_eq!(signature.len(), 64, "RFC 7518 §3.4: r and s, no DER");
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref()).unwrap();
        let public =
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()).unwrap();
        assert!(public.verify_sig(b"message", &signature).is_ok());
        assert!(public.verify_sig(b"another", &signature).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        for text in ["", "hunter2", "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----"] {
            assert_eq!(PrivateKey::from_pem(text).err(), Some(KeyError::Form), "{text}");
        }
        assert_eq!(PrivateKey::from_pem(&pem(b"hunter2")).err(), Some(KeyError::Kind));
        assert_eq!(PrivateKey::from_pem(&"x".repeat(20_000)).err(), Some(KeyError::Form));
    }
}
