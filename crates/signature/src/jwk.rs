//! Public keys as they are published (RFC 7517, RFC 8037).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::ed25519::PUBLIC_BYTES;
use crate::{InvalidKey, PublicKey};

/// A public key as it is published: no private member exists in this type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// The key's name: its RFC 7638 thumbprint.
    pub kid: String,
    kty: String,
    crv: String,
    x: String,
    #[serde(rename = "use")]
    usage: String,
    /// The name that readers of all ages know (RFC 8037 §3.1).
    alg: String,
}

/// A set of public keys (RFC 7517 §5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys; order has no meaning.
    pub keys: Vec<Jwk>,
}

impl Jwk {
    pub(crate) fn ed25519(public: &[u8; PUBLIC_BYTES]) -> Self {
        let x = URL_SAFE_NO_PAD.encode(public);
        // RFC 7638 §3.2 and RFC 8037 §2: the required members, in lexicographic order.
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes()));
        let text = str::to_owned;
        Self {
            kid,
            kty: text("OKP"),
            crv: text("Ed25519"),
            x,
            usage: text("sig"),
            alg: text("EdDSA"),
        }
    }

    /// Prepares the key for verifying.
    pub fn public_key(&self) -> Result<PublicKey, InvalidKey> {
        if self.kty != "OKP" || self.crv != "Ed25519" {
            return Err(InvalidKey::Public);
        }
        let bytes = URL_SAFE_NO_PAD.decode(&self.x).map_err(|_| InvalidKey::Public)?;
        PublicKey::from_bytes(&bytes)
    }
}
