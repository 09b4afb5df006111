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
    /// What whoever calls with it must prove to have; none where it is enough to have the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

/// What a token is bound to (RFC 7800 §3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The SHA-256 of a certificate, in base64url (RFC 8705 §3.1).
    #[serde(rename = "x5t#S256", default, skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
}

impl AccessToken {
    /// Whether the token carries the scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }
}
