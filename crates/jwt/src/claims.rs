//! The claims of an access token (RFC 9068 §2.2, with the extra claims Amazon Cognito's carry).

use serde::{Deserialize, Serialize};

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
}

/// The key that a token is bound to. Members we do not know are not looked at (RFC 7800 §3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The RFC 7638 thumbprint of the key that DPoP proofs are signed with (RFC 9449 §6.1).
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
