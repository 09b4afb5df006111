//! What the tests' own tokens say.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use jwt::AccessToken;

/// This moment, in seconds since 1970.
pub(crate) fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

/// A token that a client got from an issuer just now, for an audience; it is good for ten minutes.
pub(crate) fn claims(iss: &str, aud: &str, client: &str, scope: &str) -> AccessToken {
    let now = now_s();
    AccessToken {
        iss: iss.into(),
        aud: aud.into(),
        sub: client.into(),
        client_id: client.into(),
        scope: scope.into(),
        exp: now + 600,
        iat: now,
        auth_time: now,
        jti: "t".into(),
        token_use: "access".into(),
        version: 2,
        credential_id: None,
        cnf: None,
        extra: BTreeMap::new(),
    }
}
