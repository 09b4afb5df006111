//! How a partner's client proves itself at our token endpoint.

use certificate::Holder;
use ipnet::IpNet;
use jwt::Algorithm;

use crate::{Name, Timestamp};

/// One of the credentials that are declared with a client: a way to prove itself, and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCredential {
    /// What it is called, unique among the client's; nothing where the client has this way alone.
    pub name: Option<Name>,
    /// The way. One by secrets lets those count that were minted, each in its own time.
    pub authentication: Authentication,
    /// From when on it counts; at once where nothing is said.
    pub not_before: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl ClientCredential {
    /// The only one of a client, without a name or times.
    pub fn only(authentication: Authentication) -> Self {
        Self { name: None, authentication, not_before: None, expires_at: None }
    }

    /// Its name; that of the method where it has none of its own.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.authentication.method())
    }

    /// Whether it counts at the moment.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.is_over(now) && self.not_before.is_none_or(|begin| now >= begin)
    }

    /// Why its time does not let it count at the moment, `not before TIME` or `ended TIME`; nothing
    /// where it does.
    pub fn out_of_time(&self, now: Timestamp) -> Option<String> {
        let end = self.expires_at.filter(|end| now >= *end);
        let begin = self.not_before.filter(|begin| now < *begin);
        let ended = end.map(|end| format!("ended {}", end.to_seconds_text()));
        ended.or_else(|| begin.map(|begin| format!("not before {}", begin.to_seconds_text())))
    }

    /// Whether it has ended, and counts no more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// A way in which a client proves itself.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_credential_counts_in_its_time() {
        let at = Timestamp::from_ms;
        for (from, until, live) in [
            (None, None, [true, true, true]),
            (Some(10), None, [false, true, true]),
            (None, Some(20), [true, true, false]),
            (Some(10), Some(20), [false, true, false]),
        ] {
            let credential = ClientCredential {
                not_before: from.map(at),
                expires_at: until.map(at),
                ..ClientCredential::only(Authentication::Secret)
            };
            let seen = [9, 10, 20].map(|ms| credential.is_live(at(ms)));
            assert_eq!(seen, live, "{from:?} {until:?}");
            assert_eq!(credential.is_over(at(20)), until.is_some());
            let told = [9, 10, 20].map(|ms| credential.out_of_time(at(ms)).is_none());
            assert_eq!(told, live, "{from:?} {until:?}");
        }
    }

    #[test]
    fn what_has_no_name_is_called_as_its_method() {
        let certificates = Authentication::TlsCertificates(Vec::new());
        let only = ClientCredential::only(certificates);
        assert_eq!(only.name(), "self_signed_tls_client_auth");
        let named = ClientCredential { name: Name::new("hsm").ok(), ..only };
        assert_eq!(named.name(), "hsm");
    }
}
