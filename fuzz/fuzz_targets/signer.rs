//! A key that signs whatever a fuzzer writes, so that it comes beyond the signature.

use aws_lc_rs::encoding::{AsBigEndian as _, EcPublicKeyUncompressedBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// A P-256 key, and its public half as a JWK.
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    pub(crate) jwk: Value,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let pair = pair.expect("the system gives randomness");
        let point: EcPublicKeyUncompressedBin<'_> =
            pair.public_key().as_be_bytes().expect("a key has a point");
        let (x, y) = point.as_ref()[1..].split_at(32);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) });
        Self { pair, jwk }
    }

    /// These two parts in the compact form, signed by ES256 whatever the header says.
    pub(crate) fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.expect("a P-256 key signs any message");
        format!("{signed}.{}", encode(signature))
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The members of a part of a token in the compact form; none where another reader of JSON than
/// ours sees no object in it.
pub(crate) fn part(text: &str, at: usize) -> Option<Map<String, Value>> {
    let part = URL_SAFE_NO_PAD.decode(text.split('.').nth(at)?).ok()?;
    serde_json::from_slice(&part).ok()
}

/// An object in which those members have the fuzzer's values that it wrote some for.
pub(crate) fn changed(mut object: Value, data: &[u8]) -> Vec<u8> {
    if let (Value::Object(members), Ok(changes)) =
        (&mut object, serde_json::from_slice::<Map<String, Value>>(data))
    {
        members.extend(changes);
    }
    object.to_string().into_bytes()
}
