//! Token issuers beside our own: whose tokens are believed, and who calls with them.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::Name;

/// An authorization server of somebody else's whose access tokens APIs may trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its name here.
    pub name: Name,
    /// What its tokens have in `iss`, byte for byte.
    pub issuer: String,
    /// Where its keys are; found by its own metadata where there is none.
    pub jwks_url: Option<String>,
    /// The audiences of which its tokens must carry one; never empty (RFC 8725 §3.9).
    pub audiences: Vec<String>,
    /// The algorithms that are accepted of it; never empty (RFC 8725 §3.1).
    pub algorithms: Vec<jwt::Algorithm>,
    /// What its tokens may call themselves.
    pub token_type: jwt::TokenType,
    /// The claim that names the client.
    pub client_claim: String,
    /// The claim that holds the scopes; `scope`, or else `scp`, where none is said.
    pub scope_claim: Option<String>,
    /// The scopes, in full, that its tokens may carry at the most; empty means any.
    pub scopes: Vec<String>,
    /// Private ranges its metadata and keys may be in; the guard refuses all others.
    pub allow_private: Vec<IpNet>,
    /// Who calls with its tokens.
    pub callers: Callers,
}

/// Who calls with the tokens of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callers {
    /// One partner, whichever client a token names.
    Partner(Name),
    /// The partner of each client, by the value of the client claim; others are nobody.
    Clients(BTreeMap<String, Name>),
}

impl Issuer {
    /// The partner that calls with a token of this client, if there is one.
    pub fn caller(&self, client: Option<&str>) -> Option<&Name> {
        match &self.callers {
            Callers::Partner(partner) => Some(partner),
            Callers::Clients(clients) => clients.get(client?),
        }
    }

    /// Whether a token of it may carry this scope.
    pub fn may_grant(&self, scope: &str) -> bool {
        self.scopes.is_empty() || self.scopes.iter().any(|granted| granted == scope)
    }
}
