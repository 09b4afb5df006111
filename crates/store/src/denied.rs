//! Tokens that are refused before their end: revoked one by one, by client or by credential.
//!
//! An entry is written down before anybody is told that the token is revoked, and outlives the end
//! of the process; it dies when the last token that it could be about has ended.
//! [`DenyList`](crate::DenyList) is what the doors ask.

use model::{Name, Timestamp};

use crate::{Answer, AuditEntry};

/// The longest life of a token, in milliseconds: whoever denies tokens without knowing when they
/// end denies them for so long. The configuration permits a day (`token_lifetime`).
pub const TOKEN_LIFE_MAX_MS: i64 = 86_400_000;

/// Which tokens are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// One.
    Token {
        /// Its own name (`jti`).
        id: String,
        /// The client it was issued to, if that is known.
        client: Option<Name>,
    },
    /// All of a client that were issued until the entry was made.
    Client {
        /// The client.
        client: Name,
    },
    /// All that were got with one credential of a client, until the entry was made.
    Credential {
        /// The credential's id.
        id: String,
        /// Whose it is.
        client: Name,
    },
}

/// Tokens that are refused, since when and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyEntry {
    /// Which.
    pub what: Denied,
    /// When they were revoked: of a client and of a credential, those that were issued later are
    /// good.
    pub at: Timestamp,
    /// When the last of them has ended by itself.
    pub until: Timestamp,
}

impl Denied {
    /// One token of another issuer, by what it says in `iss` and `jti`.
    ///
    /// It is kept by both, with a blank between them. No token of ours has a blank in its name, and no
    /// issuer in its URL: so neither is ever refused for the other's sake, whatever the name is.
    pub fn of_issuer(issuer: &str, id: &str) -> Self {
        Self::Token { id: at_issuer(issuer, id), client: None }
    }

    /// Issuer and name of a token of another issuer; none of everything else.
    pub fn issuer_and_id(&self) -> Option<(&str, &str)> {
        let Self::Token { id, client: None } = self else { return None };
        id.split_once(' ')
    }
}

/// The name under which a token of another issuer is kept.
pub(crate) fn at_issuer(issuer: &str, id: &str) -> String {
    format!("{issuer} {id}")
}

impl DenyEntry {
    /// All tokens that a client has got until now, whenever they end.
    pub fn of_client(client: Name, now: Timestamp) -> Self {
        let until = now.plus_ms(TOKEN_LIFE_MAX_MS);
        Self { what: Denied::Client { client }, at: now, until }
    }
}

/// How many single tokens are denied at the most, so that the list stays small wherever it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenyBounds {
    /// Of one client.
    pub of_client: u64,
    /// Of all together.
    pub in_all: u64,
}

/// Keeps which tokens are refused. Nothing here is a new revision: no snapshot is built for it.
pub trait DeniedTokens: Send + Sync {
    /// Refuses tokens; durable when it answers, and says what is kept. Made again, an entry keeps
    /// the later of its moments and gets a new number.
    ///
    /// A single token beyond the bounds is not kept as such: all tokens that its client has got
    /// until now are refused in its place, which is never less than was asked for. If its client is
    /// not known, nothing is kept and nothing is given. An entry for a client takes the place of
    /// those for its single tokens.
    fn deny(
        &self,
        entry: DenyEntry,
        bounds: DenyBounds,
        audit: Option<AuditEntry>,
    ) -> Answer<'_, Option<DenyEntry>>;

    /// So many entries of a higher number than `after` that are not over, in the order of their
    /// numbers. Numbers begin at 1, are never given twice and become visible in their order, so
    /// that whoever asks from the last one it has seen misses none, whichever process made it.
    fn denied(&self, after: u64, now: Timestamp, limit: u32) -> Answer<'_, Vec<(u64, DenyEntry)>>;

    /// Drops a piece of what is over; how many, 0 when there is nothing more to drop.
    fn trim_denied(&self, now: Timestamp) -> Answer<'_, u64>;
}
