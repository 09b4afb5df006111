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
}

impl AccessToken {
    /// Whether the token carries the scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }
}
