//! How a partner's client proves itself at our token endpoint.

use certificate::Holder;
use ipnet::IpNet;
use jwt::Algorithm;

/// The one way in which a client proves itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Authentication {
    /// By one of its secrets (RFC 6749 §2.3.1).
    #[default]
    Secret,
    /// By an assertion that it signs, `private_key_jwt` (RFC 7523 §2.2, RFC 10070).
    PrivateKeyJwt(AssertionRule),
    /// By a certificate of one of the door's authorities that carries this name,
    /// `tls_client_auth` (RFC 8705 §2.1).
    TlsName(Holder),
    /// By one of these certificates, named by their SHA-256, whoever has made them,
    /// `self_signed_tls_client_auth` (RFC 8705 §2.2).
    TlsCertificates(Vec<[u8; 32]>),
}

/// What a client's assertions must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionRule {
    /// Its public keys.
    pub keys: ClientKeys,
    /// The algorithms that are accepted of it.
    pub algorithms: Vec<Algorithm>,
    /// Whether an assertion may be for the token endpoint's URL and not the issuer, as clients
    /// wrote it before RFC 10070.
    pub legacy_audience: bool,
}

/// Where a client's public keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientKeys {
    /// Here, as a JWK Set (RFC 7517 §5) that was read once already.
    Inline(String),
    /// At an address, from which they are got and kept fresh.
    Url {
        /// The address.
        url: String,
        /// Private ranges it may be in.
        allow_private: Vec<IpNet>,
    },
}

impl Authentication {
    /// The method's name (RFC 7591 §2, RFC 8705 §5).
    pub fn method(&self) -> &'static str {
        match self {
            Self::Secret => "client_secret",
            Self::PrivateKeyJwt(_) => "private_key_jwt",
            Self::TlsName(_) => "tls_client_auth",
            Self::TlsCertificates(_) => "self_signed_tls_client_auth",
        }
    }

    /// Whether it is by a certificate.
    pub fn is_by_certificate(&self) -> bool {
        matches!(self, Self::TlsName(_) | Self::TlsCertificates(_))
    }
}
