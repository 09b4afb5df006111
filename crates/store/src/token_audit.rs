//! Who got which token, who was refused one, and who revoked its own. Distinct from the trail of what
//! operators changed.
//!
//! No entry holds a token, a secret or what was offered as one.

use std::net::IpAddr;

use model::Timestamp;

use crate::Answer;

/// So many bytes of the subject of an exchanged token are kept: its issuer says how long it is.
const SUBJECT_BYTES_MAX: usize = 256;

/// A subject as entries have it: the beginning of one that is longer than 256 bytes.
pub fn kept_subject(subject: &str) -> &str {
    subject.get(..subject.floor_char_boundary(SUBJECT_BYTES_MAX)).unwrap_or_default()
}

/// What a client did at the token service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenAct {
    /// It asked for a token: it was given one, or refused.
    Asked,
    /// It revoked a token of its own (RFC 7009).
    Revoked,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenOutcome {
    /// A token was given.
    Issued,
    /// None was.
    Refused,
    /// One is good no more.
    Revoked,
}

impl TokenOutcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Issued, Self::Refused, Self::Revoked];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Refused => "refused",
            Self::Revoked => "revoked",
        }
    }

    /// Reads a word that [`Self::as_str`] gives.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// What happened once, or several times alike: one token that was issued, or refusals or revocations
/// that do not differ but in when they were, which is within a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEntry {
    /// When; of several, the first.
    pub at: Timestamp,
    /// What was done.
    pub act: TokenAct,
    /// The client; none where the one that was named does not exist.
    pub client: Option<String>,
    /// The client's partner, where the client has proved who it is.
    pub partner: Option<String>,
    /// How the client proved itself, or tried.
    pub method: Option<String>,
    /// The id of the credential by which it did: of a secret its own, of what is declared `CLIENT/NAME`.
    /// None where it has not, or where a token of its workload was the proof.
    pub credential: Option<String>,
    /// Of a token exchange (RFC 8693): the issuer of the token that was exchanged, by its name here,
    /// where that token was good.
    pub issuer: Option<String>,
    /// Of a token exchange: whom that token is about, as [`kept_subject`] gives it.
    pub subject: Option<String>,
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

impl TokenEntry {
    /// What came of it.
    pub fn outcome(&self) -> TokenOutcome {
        match (self.act, &self.refusal) {
            (_, Some(_)) => TokenOutcome::Refused,
            (TokenAct::Asked, None) => TokenOutcome::Issued,
            (TokenAct::Revoked, None) => TokenOutcome::Revoked,
        }
    }
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
    /// Where a client proved itself by the credential of this id.
    pub credential: Option<String>,
    /// The token of this id.
    pub token_id: Option<String>,
    /// When that token was issued, where its id says so: of what is no revocation, only this very
    /// moment is looked through.
    pub issued: Option<Timestamp>,
    /// Only what had this outcome.
    pub outcome: Option<TokenOutcome>,
    /// Where a token of this issuer was exchanged.
    pub issuer: Option<String>,
    /// Where a token of this subject was exchanged, as [`kept_subject`] gives it.
    pub subject: Option<String>,
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
