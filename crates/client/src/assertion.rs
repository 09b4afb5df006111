//! `private_key_jwt`: an assertion signed with the client's key in place of a secret (RFC 7523 §2.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::{BoxError, Secret};

/// What kind of assertion it is (RFC 7523 §2.2).
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long an assertion is good: one request, and clocks that differ a little.
const ASSERTION_S: i64 = 60;

/// A private key, wherever it is.
pub trait Signer: Send + Sync {
    /// The `alg` value (RFC 7518 §3.1): `ES256`, `PS256`, `EdDSA` …
    fn algorithm(&self) -> &str;

    /// What the other side calls the key, if it has several.
    fn key_id(&self) -> Option<&str>;

    /// Signs; the form of the signature is that of the algorithm (RFC 7518 §3.4: r and s behind
    /// each other, no DER).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError>;
}

/// What an assertion says.
pub(crate) struct Assertion<'a> {
    pub(crate) client_id: &'a str,
    /// The authorization server's issuer, and nothing else (RFC 7523 §3, as RFC 10070 has it).
    pub(crate) audience: &'a str,
    pub(crate) id: &'a str,
    pub(crate) now_s: i64,
}

/// Signs an assertion; its compact form.
pub(crate) fn sign(assertion: &Assertion<'_>, signer: &dyn Signer) -> Result<Secret, BoxError> {
    let mut header = json!({ "alg": signer.algorithm(), "typ": "JWT" });
    if let Some(kid) = signer.key_id() {
        header["kid"] = kid.into();
    }
    let claims = json!({
        "iss": assertion.client_id,
        "sub": assertion.client_id,
        "aud": assertion.audience,
        "jti": assertion.id,
        "iat": assertion.now_s,
        "exp": assertion.now_s.saturating_add(ASSERTION_S),
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes())?);
    Ok(Secret::new(format!("{signed}.{signature}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Signer for Echo {
        fn algorithm(&self) -> &'static str {
            "ES256"
        }

        fn key_id(&self) -> Option<&str> {
            Some("k1")
        }

        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BoxError> {
            Ok(message.iter().rev().copied().collect())
        }
    }

    #[test]
    fn rfc7523_an_assertion_says_who_to_whom_and_until_when() {
        let assertion =
            Assertion { client_id: "acme", audience: "https://a.example", id: "j", now_s: 1_000 };
        let text = sign(&assertion, &Echo).unwrap();
        let parts: Vec<&str> = text.expose().split('.').collect();
        let read = |at: usize| -> serde_json::Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[at]).unwrap()).unwrap()
        };
        assert_eq!(read(0), json!({ "alg": "ES256", "typ": "JWT", "kid": "k1" }));
        let claims = json!({
            "iss": "acme", "sub": "acme", "aud": "https://a.example", "jti": "j",
            "iat": 1_000, "exp": 1_060,
        });
        assert_eq!(read(1), claims);
        // What is signed is what is sent.
        let signed = format!("{}.{}", parts[0], parts[1]);
        let reversed: Vec<u8> = signed.bytes().rev().collect();
        assert_eq!(URL_SAFE_NO_PAD.decode(parts[2]).unwrap(), reversed);
    }
}
