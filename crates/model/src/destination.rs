//! Destinations, connections and schedules: where calls go, and as whom.

use std::path::PathBuf;

use ipnet::IpNet;

use crate::{Method, Name, SecretSource, Timestamp};

/// How we authenticate to a partner, and what every call of ours to it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name.
    pub name: Name,
    /// The method.
    pub auth: Auth,
    /// Headers added to every call; they win over the target's and the destination's.
    pub headers: Vec<(String, Parameter)>,
    /// Query parameters of every call; they win too.
    pub query: Vec<(String, Parameter)>,
    /// Members of every call's JSON object; they win too.
    pub body: Vec<(String, Parameter)>,
    /// How TLS is spoken, with the token endpoint too.
    pub tls: ConnectionTls,
}

impl Connection {
    /// All secrets it names.
    pub fn secrets(&self) -> Vec<&SecretSource> {
        let mut sources = Vec::new();
        let mut parameters = vec![&self.headers, &self.query, &self.body];
        match &self.auth {
            Auth::None => {}
            Auth::ApiKey { value, .. } => sources.push(value),
            Auth::Basic { password, .. } => sources.push(password),
            Auth::OAuth(client) => {
                sources.push(match &client.proof {
                    ClientProof::Secret { secret, .. } => secret,
                    ClientProof::PrivateKey(key) => &key.key,
                });
                parameters.extend([&client.headers, &client.query, &client.body]);
            }
        }
        let all = parameters.into_iter().flatten();
        sources.extend(all.filter_map(|(_, value)| match value {
            Parameter::Secret(source) => Some(source),
            Parameter::Plain(_) => None,
        }));
        if let Some(identity) = &self.tls.identity {
            sources.extend([&identity.certificates, &identity.key]);
        }
        sources
    }
}

/// As whom a connection speaks TLS, and whom it trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionTls {
    /// The client certificate.
    pub identity: Option<ClientCertificate>,
    /// The file of the only authorities that are trusted, in PEM; the public ones without it.
    pub authorities: Option<PathBuf>,
}

impl ConnectionTls {
    /// Whether it is that of everybody.
    pub fn is_plain(&self) -> bool {
        self.identity.is_none() && self.authorities.is_none()
    }
}

/// A client certificate and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, then those that lead to its authority.
    pub certificates: SecretSource,
    /// The private key.
    pub key: SecretSource,
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
    OAuth(Box<OAuthClient>),
}

/// What is needed to get a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// The token endpoint.
    pub token_url: String,
    /// Our client id there.
    pub client_id: String,
    /// How we prove that it is us.
    pub proof: ClientProof,
    /// The scope to ask for; none asks for all we may have.
    pub scope: Option<String>,
    /// The method of the token request: POST, GET or PUT.
    pub method: Method,
    /// Headers of the token request beside its own.
    pub headers: Vec<(String, Parameter)>,
    /// Query parameters of the token request.
    pub query: Vec<(String, Parameter)>,
    /// Parameters of the token request's form beside its own.
    pub body: Vec<(String, Parameter)>,
}

/// How a client proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientProof {
    /// By a secret (RFC 6749 §2.3.1).
    Secret {
        /// Our secret there.
        secret: SecretSource,
        /// How it is sent.
        by: ClientAuth,
    },
    /// By an assertion signed with our private key (RFC 7523).
    PrivateKey(PrivateKeyProof),
}

/// What signs our assertions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateKeyProof {
    /// The private key, PEM or JWK.
    pub key: SecretSource,
    /// What the key is called at the other side; a JWK may say it itself.
    pub key_id: Option<String>,
    /// For whom assertions are; the token endpoint without it.
    pub audience: Option<String>,
}

/// How a client secret is sent to a token endpoint (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// HTTP Basic.
    Basic,
    /// In the form body.
    Body,
}

/// A parameter's value: in clear, or kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
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
    /// How long the connection may take of it.
    pub connect_timeout_ms: u64,
    /// How long it may take from sending to the end of the answer's head.
    pub first_byte_timeout_ms: u64,
    /// Headers added to every call.
    pub headers: Vec<(String, String)>,
    /// Query parameters added to every call, in place of the URL's of the same name.
    pub query: Vec<(String, String)>,
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
