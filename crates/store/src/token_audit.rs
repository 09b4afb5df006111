//! Who got which token, and who was refused one. Distinct from the trail of what operators changed.
//!
//! No entry holds a token, a secret or what was offered as one.

use std::net::IpAddr;

use model::Timestamp;

use crate::Answer;

/// Answers of the token endpoint that were the same: one token that was issued, or refusals that do not
/// differ but in when they were, which is within a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEntry {
    /// When; of several, the first.
    pub at: Timestamp,
    /// The client; none where the one that was named does not exist.
    pub client: Option<String>,
    /// The client's partner, where the client has proved who it is.
    pub partner: Option<String>,
    /// How the client proved itself, or tried.
    pub method: Option<String>,
    /// The scopes that were granted, parted by single spaces.
    pub scope: Option<String>,
    /// For which API the token is.
    pub audience: Option<String>,
    /// Where the request came from.
    pub address: IpAddr,
    /// The key that signed the token.
    pub kid: Option<String>,
    /// The token's id.
    pub token_id: Option<String>,
    /// Why there is no token; none where there is one.
    pub refusal: Option<String>,
    /// What would have refused it, if that did more than observe.
    pub observed: Option<String>,
    /// How many answers: 1 of a token.
    pub times: u64,
}

/// An entry and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its place among all: the later, the greater.
    pub place: u64,
    /// What happened.
    pub entry: TokenEntry,
}

/// A question about tokens; every part that is there must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenQuery {
    /// Of this client.
    pub client: Option<String>,
    /// Of this partner.
    pub partner: Option<String>,
    /// The token of this id.
    pub token_id: Option<String>,
    /// Only what was refused, or only what was not.
    pub refused: Option<bool>,
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Only before this place, which is that of a row that was read before.
    pub before: Option<u64>,
    /// At most so many rows.
    pub limit: usize,
}

/// Keeps who got which token.
pub trait TokenAudit: Send + Sync {
    /// Writes entries down, all or none; durable when it answers. What the caller had not handed over
    /// yet is what a crash loses. Handing the same entries over again writes them again.
    fn record_tokens(&self, entries: Vec<TokenEntry>) -> Answer<'_, ()>;

    /// What was written down, the newest first, and of one moment the one that was written last.
    fn tokens(&self, query: TokenQuery) -> Answer<'_, Vec<TokenRow>>;

    /// Drops a piece of what was before a moment, the oldest first; how many entries, 0 when there is
    /// nothing more to drop.
    fn trim_tokens(&self, before: Timestamp) -> Answer<'_, u64>;
}
