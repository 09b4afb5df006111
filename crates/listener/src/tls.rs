//! TLS of a door: its certificate, whom it lets in by certificate, and the change of both while
//! connections go on.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};
use rustls::{CipherSuite, RootCertStore, ServerConfig, SupportedCipherSuite};

use crate::certificate::{AnyMaker, ClientCertificate, Judge};

/// How many certificates a chain or a bundle of authorities may have.
const CERTIFICATES_MAX: usize = 512;
/// How many TLS 1.2 sessions are remembered; TLS 1.3 keeps its own in tickets.
const SESSIONS_MAX: usize = 4096;

/// What a door's TLS is made of, as PEM texts.
pub struct TlsMaterial<'a> {
    /// The door's certificate, then those that lead to its authority.
    pub certificates: &'a [u8],
    /// Its private key.
    pub key: &'a [u8],
    /// The authorities whose client certificates are taken; a certificate is asked for, and no
    /// caller without one is refused here.
    pub client_authorities: Option<&'a [u8]>,
    /// Whose client certificates are taken.
    pub client_certificates: ClientCertificates,
}

/// Whose client certificates a door takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Those of its authorities; where it has none, no certificate is asked for.
    #[default]
    Verified,
    /// Any: one that leads to none of its authorities is told from others, and vouches for nobody
    /// (RFC 8705 §2.2).
    Any,
}

/// Material that TLS cannot be spoken with. No text shows a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The chain is no chain of certificates.
    #[error(
        "`tls.certificate` holds no certificate that can be read; write PEM, the door's own first"
    )]
    Certificates,
    /// The key is none.
    #[error(
        "`tls.key` holds no private key that can be read; write PEM, `-----BEGIN PRIVATE KEY-----`"
    )]
    Key,
    /// Key and certificate do not belong together.
    #[error("`tls.key` is not the key of `tls.certificate`, or is of a kind that cannot be used")]
    Mismatch,
    /// The authorities are no certificates.
    #[error("`tls.client_ca` holds no certificate that can be read; write PEM")]
    Authorities,
    /// The system has no randomness for the keys of session tickets.
    #[error("session tickets cannot be made")]
    Tickets,
}

/// A door's TLS. New connections speak with the present material; sessions outlive a change of it.
pub struct TlsDoor {
    present: ArcSwap<Present>,
    tickets: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
    provider: Arc<CryptoProvider>,
}

/// What a new connection speaks with.
pub(crate) struct Present {
    pub(crate) config: Arc<ServerConfig>,
    judge: Judge,
}

impl Present {
    /// The certificate of a chain that the handshake has taken. It is judged at each connection,
    /// also where a session was resumed.
    pub(crate) fn judged(&self, chain: &[CertificateDer<'_>]) -> Option<ClientCertificate> {
        self.judge.certificate(chain, self.config.time_provider.current_time())
    }
}

impl std::fmt::Debug for TlsDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsDoor(…)")
    }
}

impl TlsDoor {
    /// TLS 1.2 and 1.3 with this material; HTTP/2 and HTTP/1.1 are offered.
    pub fn new(material: &TlsMaterial<'_>) -> Result<Self, TlsError> {
        let provider = Arc::new(provider());
        let tickets = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|_| TlsError::Tickets)?;
        let sessions = ServerSessionMemoryCache::new(SESSIONS_MAX);
        let parts: (Arc<dyn ProducesTickets>, Arc<dyn StoresServerSessions>) = (tickets, sessions);
        let present = configure(material, &provider, &parts)?;
        let (tickets, sessions) = parts;
        Ok(Self { present: ArcSwap::from_pointee(present), tickets, sessions, provider })
    }

    /// Speaks with other material from the next connection on. One that cannot be used changes
    /// nothing.
    pub fn replace(&self, material: &TlsMaterial<'_>) -> Result<(), TlsError> {
        let mut parts = (Arc::clone(&self.tickets), Arc::clone(&self.sessions));
        if material.client_authorities.is_some() {
            // A resumed session is not asked for its certificate again: it must have been let in
            // by the authorities that are in force now.
            parts.0 = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|_| TlsError::Tickets)?;
            parts.1 = Arc::new(NoServerSessionStorage {});
        }
        self.present.store(Arc::new(configure(material, &self.provider, &parts)?));
        Ok(())
    }

    pub(crate) fn material(&self) -> Arc<Present> {
        self.present.load_full()
    }
}

/// What connections are encrypted with. In TLS 1.2 that is AES-GCM after an ephemeral exchange:
/// RFC 9325 §4.2 recommends those suites alone, and FAPI 2.0 Security Profile §5.2.2 permits no
/// others. TLS 1.3 keeps all of its own.
fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    let recommended = [
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ];
    provider.cipher_suites.retain(|suite| {
        matches!(suite, SupportedCipherSuite::Tls13(_)) || recommended.contains(&suite.suite())
    });
    provider
}

fn configure(
    material: &TlsMaterial<'_>,
    provider: &Arc<CryptoProvider>,
    (tickets, sessions): &(Arc<dyn ProducesTickets>, Arc<dyn StoresServerSessions>),
) -> Result<Present, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Mismatch)?;
    let authorities = material.client_authorities;
    let authorities = authorities.map(|bundle| verifier(bundle, provider)).transpose()?;
    let (builder, judge) = match (material.client_certificates, authorities) {
        (ClientCertificates::Verified, None) => (builder.with_no_client_auth(), Judge::Handshake),
        (ClientCertificates::Verified, Some(verifier)) => {
            (builder.with_client_cert_verifier(verifier), Judge::Handshake)
        }
        (ClientCertificates::Any, authorities) => {
            let any = AnyMaker::new(provider.signature_verification_algorithms);
            let judge = authorities.map_or(Judge::Nobody, Judge::Authorities);
            (builder.with_client_cert_verifier(Arc::new(any)), judge)
        }
    };
    let chain = certificates(material.certificates).ok_or(TlsError::Certificates)?;
    let key = PrivateKeyDer::from_pem_slice(material.key).map_err(|_| TlsError::Key)?;
    let mut config = builder.with_single_cert(chain, key).map_err(|_| TlsError::Mismatch)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = Arc::clone(tickets);
    config.session_storage = Arc::clone(sessions);
    Ok(Present { config: Arc::new(config), judge })
}

/// Verifies that certificates lead to one of the authorities of a bundle.
fn verifier(
    bundle: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(bundle).ok_or(TlsError::Authorities)? {
        roots.add(authority).map_err(|_| TlsError::Authorities)?;
    }
    let provider = Arc::clone(provider);
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|_| TlsError::Authorities)
}

/// The certificates of a PEM text: at least one, and every one of them readable.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_slice_iter(pem).take(CERTIFICATES_MAX + 1);
    let read = read.collect::<Result<Vec<_>, _>>().ok()?;
    (1..=CERTIFICATES_MAX).contains(&read.len()).then_some(read)
}
