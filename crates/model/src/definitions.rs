//! Everything a company defines, as one value.

use std::collections::BTreeMap;

use crate::{
    Api, ApiKey, Bus, Client, Connection, Destination, Federation, Issuer, Name, Partner, Profile,
    Rule, Schedule, SecretSource, TokenSettings, UsagePlan,
};

/// Everything a company defines. Whoever builds it has checked that names lead somewhere.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// The company's name for people.
    pub company: String,
    /// The address partners reach us at, without a trailing slash; the issuer of our tokens.
    pub public_url: String,
    /// Whether proofs at the token endpoint must carry a nonce of ours (RFC 9449 §8).
    pub dpop_nonce: jwt::NonceRule,
    /// The APIs behind the gateway.
    pub apis: BTreeMap<Name, Api>,
    /// Token issuers beside our own.
    pub issuers: BTreeMap<Name, Issuer>,
    /// Usage plans.
    pub plans: BTreeMap<Name, UsagePlan>,
    /// Partners.
    pub partners: BTreeMap<Name, Partner>,
    /// Clients of partners, by client id.
    pub clients: BTreeMap<Name, Client>,
    /// Whose tokens stand for a client in place of a secret, by client id.
    pub federation: BTreeMap<Name, Vec<Federation>>,
    /// Which rules the token service keeps beyond OAuth 2.0's own.
    pub profile: Profile,
    /// API keys of partners.
    pub api_keys: BTreeMap<Name, ApiKey>,
    /// Event buses.
    pub buses: BTreeMap<Name, Bus>,
    /// Rules of all buses, by bus and name.
    pub rules: BTreeMap<(Name, Name), Rule>,
    /// How to authenticate to partners.
    pub connections: BTreeMap<Name, Connection>,
    /// Where deliveries go.
    pub destinations: BTreeMap<Name, Destination>,
    /// What is called by the clock.
    pub schedules: BTreeMap<Name, Schedule>,
    /// How long attempts to deliver are kept, in milliseconds.
    pub history_keep_ms: i64,
    /// What holds for all token requests.
    pub tokens: TokenSettings,
    /// How long a key signs tokens until the next one does, in milliseconds; nought for ever.
    pub rotate_keys_ms: i64,
}

impl Definitions {
    /// Every secret that outgoing calls need, with what names it, `connections.globex`.
    pub fn secrets(&self) -> Vec<(String, &SecretSource)> {
        let mut secrets = Vec::new();
        for (name, connection) in &self.connections {
            let of = connection.secrets().into_iter();
            secrets.extend(of.map(|source| (format!("connections.{name}"), source)));
        }
        for (name, destination) in &self.destinations {
            let of = destination.signing.secrets.iter().map(|secret| &secret.source);
            secrets.extend(of.map(|source| (format!("destinations.{name}.signing"), source)));
        }
        secrets
    }
}
