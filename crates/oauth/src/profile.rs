//! The FAPI 2.0 Security Profile for programs: what a client, a request and a token must be.
//!
//! Pure: a profile and facts in, reasons out. The same rules are asked twice: when the configuration
//! is read, for what is known then ([`of_client`]), and at each request ([`of_request`]). What the
//! profile says of users, browsers and codes has no meaning here.

use model::Profile;

/// The longest life of a token under FAPI 2.0, in seconds. The profile sets none; a quarter of an
/// hour is what its ecosystems ask for, and a program asks for the next one by itself.
pub const LIFETIME_MAX_S: i64 = 900;

/// How a client proves who it is, by the names of the IANA registry "OAuth Token Endpoint
/// Authentication Methods".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientMethod {
    /// `client_secret_basic` (RFC 6749 §2.3.1).
    SecretBasic,
    /// `client_secret_post` (RFC 6749 §2.3.1).
    SecretPost,
    /// `private_key_jwt` (RFC 7523 §2.2).
    PrivateKeyJwt,
    /// `tls_client_auth` (RFC 8705 §2.1).
    TlsClientAuth,
    /// `self_signed_tls_client_auth` (RFC 8705 §2.2).
    SelfSignedTls,
    /// A token of its workload's own issuer in exchange (RFC 8693), which is in no registry.
    TokenExchange,
}

impl ClientMethod {
    /// Every method.
    pub const ALL: [Self; 6] = [
        Self::SecretBasic,
        Self::SecretPost,
        Self::PrivateKeyJwt,
        Self::TlsClientAuth,
        Self::SelfSignedTls,
        Self::TokenExchange,
    ];

    /// Its name, in metadata and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTls => "self_signed_tls_client_auth",
            Self::TokenExchange => "token_exchange",
        }
    }

    /// Whether a client certificate is the proof.
    pub fn is_by_certificate(self) -> bool {
        matches!(self, Self::TlsClientAuth | Self::SelfSignedTls)
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// To what a token is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// To nothing: whoever has it may use it.
    None,
    /// To a key that each request proves to hold (RFC 9449).
    Dpop,
    /// To the client certificate (RFC 8705 §3).
    Mtls,
}

/// Why a profile does not permit something. Each is one rule of FAPI 2.0 Security Profile §5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// §5.3.2.1: clients authenticate by mTLS or `private_key_jwt`.
    #[error(
        "FAPI 2.0 takes private_key_jwt and client certificates only, and this client uses {}",
        .0.as_str()
    )]
    Method(ClientMethod),
    /// §5.3.2.1: only sender-constrained tokens are issued.
    #[error("FAPI 2.0 binds every token: send a DPoP proof (RFC 9449), or use mTLS (RFC 8705)")]
    Binding,
    /// §5.4.1: `PS256`, `ES256` and `EdDSA` only.
    #[error("FAPI 2.0 takes the algorithms PS256, ES256 and EdDSA only")]
    Algorithm,
    /// [`LIFETIME_MAX_S`].
    #[error("under FAPI 2.0 tokens live 15 minutes at the most")]
    Lifetime,
}

impl Reason {
    /// The standard's code (RFC 6749 §5.2).
    pub(crate) fn code(self) -> &'static str {
        match self {
            // "unsupported authentication method".
            Self::Method(_) | Self::Algorithm => "invalid_client",
            Self::Binding => "invalid_request",
            // The configuration should have been refused: nothing that the client can do.
            Self::Lifetime => "unauthorized_client",
        }
    }
}

/// What is known of a client when the configuration is read.
#[derive(Debug, Clone, Copy)]
pub struct ClientFacts<'a> {
    /// The methods it may use.
    pub methods: &'a [ClientMethod],
    /// The algorithms its assertions and proofs may have; empty where none are said.
    pub algorithms: &'a [jwt::Algorithm],
    /// How long its tokens live, in seconds.
    pub lifetime_s: i64,
}

/// What is known of a request that is about to get a token. Algorithms are held to the profile where
/// assertions and proofs are verified.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts {
    /// How the client proved who it is.
    pub method: ClientMethod,
    /// To what the token will be bound.
    pub binding: Binding,
    /// How long it will live, in seconds.
    pub lifetime_s: i64,
}

/// Everything that a profile does not permit of a client; empty means that it may stay.
pub fn of_client(profile: Profile, client: &ClientFacts<'_>) -> Vec<Reason> {
    if profile == Profile::OAuth2 {
        return Vec::new();
    }
    let methods = client.methods.iter().copied();
    let mut reasons: Vec<Reason> =
        methods.filter(|method| !permits_method(profile, *method)).map(Reason::Method).collect();
    if !client.algorithms.iter().all(|algorithm| profile.permits(*algorithm)) {
        reasons.push(Reason::Algorithm);
    }
    if client.lifetime_s > LIFETIME_MAX_S {
        reasons.push(Reason::Lifetime);
    }
    reasons
}

/// The first thing that a profile does not permit of a request.
pub fn of_request(profile: Profile, request: &RequestFacts) -> Result<(), Reason> {
    if profile == Profile::OAuth2 {
        return Ok(());
    }
    if !permits_method(profile, request.method) {
        return Err(Reason::Method(request.method));
    }
    if request.binding == Binding::None {
        return Err(Reason::Binding);
    }
    if request.lifetime_s > LIFETIME_MAX_S {
        return Err(Reason::Lifetime);
    }
    Ok(())
}

/// Whether a profile permits a method: what metadata offer (RFC 8414
/// `token_endpoint_auth_methods_supported`).
pub fn permits_method(profile: Profile, method: ClientMethod) -> bool {
    match (profile, method) {
        (Profile::OAuth2, _)
        | (
            Profile::Fapi2,
            ClientMethod::PrivateKeyJwt | ClientMethod::TlsClientAuth | ClientMethod::SelfSignedTls,
        ) => true,
        (Profile::Fapi2, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use jwt::Algorithm;

    use super::*;

    const GOOD: RequestFacts = RequestFacts {
        method: ClientMethod::PrivateKeyJwt,
        binding: Binding::Dpop,
        lifetime_s: 900,
    };

    #[test]
    fn fapi2_a_request_proves_itself_by_key_or_certificate_and_binds_its_token() {
        let check = |request: RequestFacts, expected: Result<(), Reason>| {
            assert_eq!(of_request(Profile::Fapi2, &request), expected, "{request:?}");
            assert_eq!(of_request(Profile::OAuth2, &request), Ok(()), "{request:?}");
        };
        check(GOOD, Ok(()));
        for method in [ClientMethod::TlsClientAuth, ClientMethod::SelfSignedTls] {
            check(RequestFacts { method, binding: Binding::Mtls, ..GOOD }, Ok(()));
        }
        for method in
            [ClientMethod::SecretBasic, ClientMethod::SecretPost, ClientMethod::TokenExchange]
        {
            check(RequestFacts { method, ..GOOD }, Err(Reason::Method(method)));
        }
        check(RequestFacts { binding: Binding::None, ..GOOD }, Err(Reason::Binding));
        check(RequestFacts { lifetime_s: 901, ..GOOD }, Err(Reason::Lifetime));
    }

    #[test]
    fn fapi2_a_client_is_told_everything_at_once() {
        let client = ClientFacts {
            methods: &[ClientMethod::SecretBasic, ClientMethod::PrivateKeyJwt],
            algorithms: &[Algorithm::Es256, Algorithm::Rs256],
            lifetime_s: 3_600,
        };
        let reasons =
            [Reason::Method(ClientMethod::SecretBasic), Reason::Algorithm, Reason::Lifetime];
        assert_eq!(of_client(Profile::Fapi2, &client), reasons);
        assert!(of_client(Profile::OAuth2, &client).is_empty());
        let client = ClientFacts {
            methods: &[ClientMethod::PrivateKeyJwt, ClientMethod::TlsClientAuth],
            algorithms: &[],
            lifetime_s: 900,
        };
        assert!(of_client(Profile::Fapi2, &client).is_empty());
    }

    #[test]
    fn methods_are_read_by_their_registered_names() {
        for method in ClientMethod::ALL {
            assert_eq!(ClientMethod::parse(method.as_str()), Some(method));
        }
        assert_eq!(ClientMethod::parse("none"), None);
    }
}
