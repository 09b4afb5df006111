//! Partners, their clients and their API keys.

use ipnet::IpNet;

use crate::{Authentication, ClientTokens, Name};

/// Whether something may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Yes.
    Active,
    /// No, from this moment: tokens already issued are refused too.
    Suspended,
}

/// Another company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Its name.
    pub name: Name,
    /// The company's name for people.
    pub title: String,
    /// Whom to write to.
    pub contact: Option<String>,
    /// The usage plan of its API keys.
    pub plan: Option<Name>,
    /// The addresses it may call from; empty means any.
    pub allow_ips: Vec<IpNet>,
    /// SHA-256 fingerprints of the client certificates it may call with; empty means any or none.
    pub certificates: Vec<[u8; 32]>,
    /// Whether it may call at all.
    pub status: Status,
}

/// A program of a partner that gets tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The client id.
    pub id: Name,
    /// Whose it is.
    pub partner: Name,
    /// What it may ask for: `<resource server>/<scope>`.
    pub scopes: Vec<String>,
    /// How long its tokens live, in seconds: 60 to 86,400.
    pub token_lifetime_s: i64,
    /// Whether its tokens are bound to a key (`DPoP`, RFC 9449).
    pub dpop: DpopRule,
    /// Whether it gets tokens, and whether those it has are good.
    pub status: Status,
    /// How it proves itself.
    pub authentication: Authentication,
    /// Whether its tokens are good only with the certificate they were got with (RFC 8705 §3).
    pub bound_tokens: bool,
    /// What its tokens are like, and how many it gets.
    pub tokens: ClientTokens,
}

/// Whether a client's tokens are bound to a key of its own (RFC 9449 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DpopRule {
    /// Always: a request for a token without a proof is refused.
    Required,
    /// When the request for a token comes with a proof.
    #[default]
    Optional,
}

impl Client {
    /// A client without scopes that proves itself by a secret, with the defaults of the file.
    pub fn new(id: Name, partner: Name) -> Self {
        Self {
            id,
            partner,
            scopes: Vec::new(),
            token_lifetime_s: 3600,
            dpop: DpopRule::Optional,
            status: Status::Active,
            authentication: Authentication::Secret,
            bound_tokens: false,
            tokens: ClientTokens::default(),
        }
    }
}

/// An API key slot of a partner; its values are minted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The key's name.
    pub name: Name,
    /// Whose it is.
    pub partner: Name,
    /// The usage plan; the partner's where none is given here.
    pub plan: Option<Name>,
}
