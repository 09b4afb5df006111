//! Partners, their clients and their API keys.

use ipnet::IpNet;

use crate::{
    Authentication, ClientCredential, ClientTokens, LIVE_CREDENTIALS_MAX, Name, Timestamp,
};

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
    /// How it may prove itself, from one to [`LIVE_CREDENTIALS_MAX`]: any of them will do.
    pub credentials: Vec<ClientCredential>,
    /// Which of its tokens are good only with the certificate they were got with.
    pub bound_tokens: BoundTokens,
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

/// Which of a client's tokens are good only with the certificate they were got with (RFC 8705 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BoundTokens {
    /// None.
    #[default]
    Never,
    /// Those for which a certificate was the proof; one that is shown beside another proof binds
    /// nothing.
    ByCertificate,
    /// All: who shows no certificate gets none.
    Always,
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
            credentials: vec![ClientCredential::only(Authentication::Secret)],
            bound_tokens: BoundTokens::Never,
            tokens: ClientTokens::default(),
        }
    }

    /// Whether secrets that were minted for it count.
    pub fn takes_secrets(&self) -> bool {
        self.credentials.iter().any(|one| one.authentication == Authentication::Secret)
    }

    /// Its credentials that are declared whole, as keys and certificates are; what secrets it has is
    /// in the store.
    pub fn declared(&self) -> impl Iterator<Item = &ClientCredential> {
        self.credentials.iter().filter(|one| one.authentication != Authentication::Secret)
    }

    /// By which id one of its declared credentials is known to tokens, operators and the store. No
    /// client and no secret has a `/` in its id.
    pub fn credential_id(&self, credential: &ClientCredential) -> String {
        format!("{}/{}", self.id, credential.name())
    }

    /// How many secrets may live at once, beside its declared credentials that are not over.
    pub fn secrets_max(&self, now: Timestamp) -> usize {
        let others = self.declared().filter(|credential| !credential.is_over(now));
        LIVE_CREDENTIALS_MAX.saturating_sub(others.count())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_the_room_that_declared_credentials_leave() {
        let name = |text: &str| Name::new(text).unwrap();
        let at = Timestamp::from_ms;
        let way = Authentication::TlsCertificates(Vec::new());
        let entry = |text: &str, authentication, from: Option<i64>, until: Option<i64>| {
            let (not_before, expires_at) = (from.map(at), until.map(at));
            ClientCredential { name: Some(name(text)), authentication, not_before, expires_at }
        };
        let mut client = Client::new(name("orders"), name("cars"));
        assert!(client.takes_secrets() && client.declared().next().is_none());
        assert_eq!(client.secrets_max(at(0)), LIVE_CREDENTIALS_MAX);
        client.credentials = vec![
            entry("old", way.clone(), None, Some(10)),
            // What begins later has its place already.
            entry("new", way, Some(50), None),
            entry("secret", Authentication::Secret, None, None),
        ];
        assert!(client.takes_secrets());
        assert_eq!((client.secrets_max(at(9)), client.secrets_max(at(10))), (2, 3));
        let ids: Vec<_> = client.declared().map(|one| client.credential_id(one)).collect();
        assert_eq!(ids, ["orders/old", "orders/new"]);
        client.credentials.pop();
        assert!(!client.takes_secrets());
    }
}
