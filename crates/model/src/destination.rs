//! Destinations, connections and schedules: where calls go, and as whom.

use ipnet::IpNet;

use crate::{Method, Name, SecretSource, Timestamp};

/// How we authenticate to a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name.
    pub name: Name,
    /// The method.
    pub auth: Auth,
    /// Headers added to every call; they win over the target's and the destination's.
    pub headers: Vec<(String, HeaderValue)>,
}

/// A way to authenticate (EventBridge, connections).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// A key in a header.
    ApiKey {
        /// The header's name, in lower case.
        header: String,
        /// The key.
        value: SecretSource,
    },
    /// HTTP Basic (RFC 7617).
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// A bearer token got with client credentials (RFC 6749 §4.4).
    OAuth(OAuthClient),
}

/// What is needed to get a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// The token endpoint.
    pub token_url: String,
    /// Our client id there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: SecretSource,
    /// The scope to ask for; none asks for all we may have.
    pub scope: Option<String>,
    /// How the secret is sent.
    pub client_auth: ClientAuth,
}

/// How a client secret is sent to a token endpoint (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// HTTP Basic.
    Basic,
    /// In the form body.
    Body,
}

/// A header's value: in clear, or kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// In clear.
    Plain(String),
    /// Kept elsewhere.
    Secret(SecretSource),
}

/// Where deliveries go (EventBridge, API destinations).
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// Its name.
    pub name: Name,
    /// As whom we call.
    pub connection: Option<Name>,
    /// The method.
    pub method: Method,
    /// The address; each `*` is filled by a target's path values.
    pub url: transform::UrlTemplate,
    /// How fast, and how many at once from rest.
    pub rate: limit::Limit,
    /// How many calls may be under way at once.
    pub in_flight_max: u32,
    /// How long one call may take in all, in milliseconds: 1,000 to 30,000.
    pub timeout_ms: u64,
    /// Headers added to every call.
    pub headers: Vec<(String, String)>,
    /// Which answers are tried again.
    pub retry_on: retry::StatusTable,
    /// What is kept in the order of the log.
    pub order: Order,
    /// With what calls are signed.
    pub signing: Signing,
    /// Private ranges it may be in; the guard refuses all others.
    pub allow_private: Vec<IpNet>,
}

/// What is delivered in the order in which it was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Order {
    /// Nothing: a retry comes later than what followed it.
    #[default]
    None,
    /// Everything: one delivery at a time, and what follows waits for its retries.
    Strict,
    /// What has the same value at this place of the event; where there is none, nothing.
    By(transform::JsonPath),
}

/// With what calls to a destination are signed (Standard Webhooks 1.0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// Secrets that the receiver has too, the newest first.
    pub secrets: Vec<SigningSecret>,
    /// Whether the program's own Ed25519 key signs.
    pub ed25519: bool,
}

/// A secret shared with a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecret {
    /// Where it is kept.
    pub source: SecretSource,
    /// When it ceases to sign; none has no end.
    pub until: Option<Timestamp>,
}

impl Signing {
    /// No signature at all.
    pub fn off() -> Self {
        Self { secrets: Vec::new(), ed25519: false }
    }
}

impl Default for Signing {
    /// Where nothing is said, the program's own key signs: a receiver needs no secret to verify.
    fn default() -> Self {
        Self { secrets: Vec::new(), ed25519: true }
    }
}

/// What is called by the clock: a destination of the company's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its name.
    pub name: Name,
    /// When.
    pub when: schedule::Schedule,
    /// Which destination is called; a `call:` in the file makes one of its own.
    pub destination: Name,
}
