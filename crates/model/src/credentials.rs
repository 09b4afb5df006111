//! What is kept of minted credentials and signing keys.

use credential::Digest;

use crate::{Name, Timestamp};

/// The store's revision: one more with every change of definitions or credentials.
pub type Revision = u64;

/// One value of an API key. Several may live at once, so that a key is changed without a gap.
#[derive(Debug, Clone)]
pub struct KeyCredential {
    /// The public part of the value.
    pub id: String,
    /// The key's name.
    pub key: Name,
    /// Whose it is.
    pub partner: Name,
    /// The digest of the value.
    pub digest: Digest,
    /// The value's last four characters.
    pub last_four: String,
    /// When it was minted.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// One secret of a client.
#[derive(Debug, Clone)]
pub struct SecretCredential {
    /// The public part of the secret.
    pub id: String,
    /// The client's id.
    pub client: Name,
    /// The digest of the secret.
    pub digest: Digest,
    /// The secret's last four characters.
    pub last_four: String,
    /// When it was minted.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl KeyCredential {
    /// Whether it opens at the moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

impl SecretCredential {
    /// Whether it opens at the moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A signing key, of the token service or of webhooks: published in clear, private half sealed.
#[derive(Debug, Clone)]
pub struct SigningKeyRecord {
    /// The RFC 7638 thumbprint.
    pub kid: String,
    /// The public key as JSON (RFC 7517).
    pub public_jwk: String,
    /// The private key, sealed under the key file.
    pub sealed_private: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it no longer signs, possibly a moment to come; it verifies until what it signed
    /// last has ended.
    pub retired_at: Option<Timestamp>,
}

/// A secret that the program keeps for the configuration, sealed under the key file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSecret {
    /// What the configuration calls it.
    pub name: Name,
    /// The sealed value.
    pub sealed: Vec<u8>,
    /// When it was set.
    pub set_at: Timestamp,
}
