//! Whose token it is, from where, and with which proof.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;

use crate::{Prover, ReadSecret, Renewal, Signer, TokenKind};

/// How the client proves who it is.
#[derive(Clone)]
pub enum ClientAuth {
    /// `client_secret_basic` (RFC 6749 §2.3.1), what servers must support.
    Basic(Arc<dyn ReadSecret>),
    /// `client_secret_post`: in the body, for servers that know nothing else.
    Post(Arc<dyn ReadSecret>),
    /// `private_key_jwt` (RFC 7523 §2.2): no secret at all.
    PrivateKey(Arc<dyn Signer>),
    /// By the client certificate that the transport shows (RFC 8705 §2).
    Tls,
}

impl ClientAuth {
    /// A secret in the header.
    pub fn basic(secret: impl ReadSecret + 'static) -> Self {
        Self::Basic(Arc::new(secret))
    }

    /// A secret in the body.
    pub fn post(secret: impl ReadSecret + 'static) -> Self {
        Self::Post(Arc::new(secret))
    }

    /// A private key.
    pub fn private_key(signer: impl Signer + 'static) -> Self {
        Self::PrivateKey(Arc::new(signer))
    }
}

impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(_) => "Basic(…)",
            Self::Post(_) => "Post(…)",
            Self::PrivateKey(_) => "PrivateKey(…)",
            Self::Tls => "Tls",
        })
    }
}

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not an absolute URL.
    #[error("the token URL is no absolute http or https URL; write https://HOST/oauth2/token")]
    Url,
    /// The secret would go over the network unencrypted.
    #[error("the token URL is not https; plain http is for this machine itself (RFC 6749 §3.2)")]
    InClear,
    /// No client id.
    #[error("the client id is empty; the other company gives it to you")]
    ClientId,
}

/// Whose token it is.
#[derive(Clone)]
pub struct Settings {
    pub(crate) token_url: Uri,
    pub(crate) client_id: String,
    pub(crate) auth: ClientAuth,
    pub(crate) audience: String,
    pub(crate) scope: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) prover: Option<Arc<dyn Prover>>,
    pub(crate) renewal: Renewal,
}

impl Settings {
    /// A client at a token endpoint. Without a scope it gets what the server gives by itself.
    pub fn new(token_url: &str, client_id: &str, auth: ClientAuth) -> Result<Self, SettingsError> {
        let token_url: Uri = token_url.parse().map_err(|_| SettingsError::Url)?;
        let (Some(scheme), Some(authority)) = (token_url.scheme_str(), token_url.authority())
        else {
            return Err(SettingsError::Url);
        };
        if !matches!(scheme, "http" | "https") {
            return Err(SettingsError::Url);
        }
        if is_in_clear(&token_url) {
            return Err(SettingsError::InClear);
        }
        if client_id.is_empty() {
            return Err(SettingsError::ClientId);
        }
        let audience = format!("{scheme}://{authority}");
        Ok(Self {
            client_id: client_id.to_owned(),
            auth,
            audience,
            scope: None,
            resource: None,
            prover: None,
            renewal: Renewal::default(),
            token_url,
        })
    }

    /// The scopes to ask for, parted by single spaces.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.to_owned());
        self
    }

    /// The API that the token is for (RFC 8707), as its absolute URL.
    #[must_use]
    pub fn resource(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    /// The authorization server's issuer, to which assertions are addressed; the origin of the token
    /// URL where none is said.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.audience);
        self
    }

    /// Binds tokens to a key (RFC 9449): every request carries a proof, and a token that is not
    /// bound is not taken.
    #[must_use]
    pub fn dpop(mut self, prover: Arc<dyn Prover>) -> Self {
        self.prover = Some(prover);
        self
    }

    /// When tokens are renewed.
    #[must_use]
    pub fn renewal(mut self, renewal: Renewal) -> Self {
        self.renewal = renewal;
        self
    }

    pub(crate) fn kind(&self) -> TokenKind {
        if self.prover.is_some() { TokenKind::Dpop } else { TokenKind::Bearer }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("token_url", &self.token_url.path())
            .field("client_id", &self.client_id)
            .field("auth", &self.auth)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Whether what is sent there can be read on its way.
pub(crate) fn is_in_clear(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.is_loopback());
    url.scheme_str() != Some("https") && !is_here
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn a_secret_never_goes_out_in_clear() {
        let check = |url: &str, expected: Option<SettingsError>| {
            let settings = Settings::new(url, "acme", ClientAuth::basic(Secret::new("s")));
            assert_eq!(settings.err(), expected, "{url}");
        };
        check("https://a.example/oauth2/token", None);
        check("http://127.0.0.1:7400/oauth2/token", None);
        check("http://[::1]:7400/oauth2/token", None);
        check("http://localhost/oauth2/token", None);
        check("http://a.example/oauth2/token", Some(SettingsError::InClear));
        check("http://10.0.0.1/oauth2/token", Some(SettingsError::InClear));
        check("http://localhost.evil.example/token", Some(SettingsError::InClear));
        check("/oauth2/token", Some(SettingsError::Url));
        check("ftp://a.example/", Some(SettingsError::Url));
        check("a b", Some(SettingsError::Url));
    }

    #[test]
    fn settings_show_no_secret() {
        let auth = ClientAuth::basic(Secret::new("hunter2"));
        let settings = Settings::new("https://a.example/t?key=hunter2", "acme", auth).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(settings.audience, "https://a.example");
    }
}
