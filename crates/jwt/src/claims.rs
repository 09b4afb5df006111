//! The claims of an access token (RFC 9068 §2.2, with the extra claims Amazon Cognito's carry).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Names that no extra claim may have: what this issuer says itself, what is registered with a meaning
/// that a verifier acts on (RFC 7519 §4.1, RFC 7800 §3.1, RFC 8693 §4, RFC 9068 §2.2, RFC 9396 §9.1,
/// `OpenID` Connect Core §2), and what large authorization servers name a client or its scopes by.
const RESERVED: [&str; 27] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scope",
    "scp",
    "auth_time",
    "token_use",
    "version",
    "cnf",
    "act",
    "may_act",
    "azp",
    "appid",
    "acr",
    "amr",
    "nonce",
    "sid",
    "at_hash",
    "c_hash",
    "events",
    "authorization_details",
    "_claim_sources",
];

/// Whether a claim of that name is the issuer's own, so that none may be added under it. Case does not
/// count: some verifiers do not tell `ISS` from `iss`.
pub fn is_reserved_claim(name: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Who issued it.
    pub iss: String,
    /// For which resource server.
    pub aud: String,
    /// Whom it is about; of a machine, its client id.
    pub sub: String,
    /// The client it was issued to.
    pub client_id: String,
    /// Granted scopes, parted by single spaces.
    pub scope: String,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// When the client proved itself; here the moment of issuance.
    pub auth_time: i64,
    /// Its own name.
    pub jti: String,
    /// Always `access`.
    pub token_use: String,
    /// Always 2.
    pub version: u8,
    /// The id of the credential it was got with, so that it can be revoked with it; none in tokens of
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// What its bearer must prove to have, if it is bound to a key (RFC 7800 §3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// What else it says, by name; no name may be [reserved](is_reserved_claim).
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// The key that a token is bound to. Members we do not know are not looked at (RFC 7800 §3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The RFC 7638 thumbprint of the key that `DPoP` proofs are signed with (RFC 9449 §6.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// The SHA-256 thumbprint of the client certificate (RFC 8705 §3.1).
    #[serde(default, rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
}

impl AccessToken {
    /// Whether the token carries the scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }

    /// The thumbprint of the key that proofs must come with, if it is bound to one (RFC 9449 §6.1).
    pub fn jkt(&self) -> Option<&str> {
        self.cnf.as_ref()?.jkt.as_deref()
    }
}
