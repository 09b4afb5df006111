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
    /// From when on it opens; at once where nothing is said.
    pub not_before: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The day it was last used, as its beginning in UTC; a day that is under way may be told late.
    pub last_used: Option<Timestamp>,
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
    /// From when on it opens; at once where nothing is said.
    pub not_before: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The day it was last used, as its beginning in UTC; a day that is under way may be told late.
    pub last_used: Option<Timestamp>,
    /// Whether it was taken over from another server: somebody else chose it, so it is to be
    /// rotated.
    pub imported: bool,
}

impl KeyCredential {
    /// Whether it opens at the moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.is_over(now) && self.not_before.is_none_or(|begin| now >= begin)
    }

    /// Whether it has ended, and does not open any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.revoked_at.is_some() || self.expires_at.is_some_and(|end| now >= end)
    }
}

impl SecretCredential {
    /// Whether it opens at the moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.is_over(now) && self.not_before.is_none_or(|begin| now >= begin)
    }

    /// Whether it has ended, and does not open any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.revoked_at.is_some() || self.expires_at.is_some_and(|end| now >= end)
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
    /// Since when a token key is published for certain. This and what follows is of keys of the token
    /// service alone; those of webhooks have none of it.
    pub published_at: Option<Timestamp>,
    /// From when on a token key is to sign, where an operator has asked for it.
    pub turn_at: Option<Timestamp>,
    /// Since when a token key signs, or did.
    pub signs_from: Option<Timestamp>,
    /// When a token key that signs no more is published no more.
    pub gone_at: Option<Timestamp>,
}

/// The most credentials of a client, of whatever kind, or values of an API key that may live at once:
/// enough to rotate with overlap, and few enough to be known.
pub const LIVE_CREDENTIALS_MAX: usize = 4;

/// Where a credential comes from, and so where its use is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CredentialKind {
    /// A minted value of an API key.
    ApiKey,
    /// A minted secret of a client.
    ClientSecret,
    /// A key or certificate that is declared with a client.
    Declared,
}

/// A day on which a credential was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialUse {
    /// What kind it is.
    pub kind: CredentialKind,
    /// Its id.
    pub id: String,
    /// The day's beginning, UTC.
    pub day: Timestamp,
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
