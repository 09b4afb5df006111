//! Claims → token.

use crate::compact;
use crate::{AccessToken, Algorithm, SigningKey};

/// Signs an access token: `typ` is `at+jwt` (RFC 9068 §2.1), `kid` the key's thumbprint.
pub fn sign(claims: &AccessToken, key: &SigningKey) -> String {
    let (alg, kid) = (Algorithm::Es256.as_str(), &key.jwk().kid);
    let header = format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"{kid}"}}"#);
    let payload = serde_json::to_vec(claims).expect("plain strings and numbers serialize");
    let mut token = compact::encode(header);
    token.push('.');
    token.push_str(&compact::encode(payload));
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&compact::encode(signature));
    token
}
