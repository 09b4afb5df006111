//! Claims → token.

use crate::compact;
use crate::{AccessToken, SigningKey};

/// Signs an access token: `typ` is `at+jwt` (RFC 9068 §2.1), `kid` the key's thumbprint.
pub fn sign(claims: &AccessToken, key: &SigningKey) -> String {
    let payload = serde_json::to_vec(claims).expect("plain strings and numbers serialize");
    let mut token = key.header().to_owned();
    token.push('.');
    token.push_str(&compact::encode(payload));
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&compact::encode(signature));
    token
}
