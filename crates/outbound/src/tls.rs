//! Whom TLS trusts and as whom it speaks: the public roots and nobody, or what a connection names.
//!
//! Certificates, keys and authorities come from a [`TlsSource`], which is asked at every new
//! connection and before an idle one is used again: what was changed on disk is in force without a
//! restart, and connections that were made with the former material end.

use std::fmt;
use std::sync::{Arc, LazyLock};

use model::Secret;
use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// How many certificates a chain or a bundle may have.
const CERTIFICATES_MAX: usize = 512;

/// What TLS is spoken with, as PEM texts.
#[derive(Debug)]
pub struct Material {
    /// The only authorities that are trusted; the public roots where there are none.
    pub authorities: Option<Secret>,
    /// As whom we speak.
    pub identity: Option<Identity>,
}

/// A client certificate.
#[derive(Debug)]
pub struct Identity {
    /// The certificate, then those that lead to its authority.
    pub certificates: Secret,
    /// Its private key.
    pub key: Secret,
}

/// Gives the present material.
pub trait TlsSource: Send + Sync {
    /// The material, the same `Arc` as long as nothing has changed; else that it is
    /// [gone](TlsError::Gone) or [unreadable](TlsError::Unreadable), in a text without secrets.
    /// Asked for each request, so it must not look at the disk each time.
    fn material(&self) -> Result<Arc<Material>, TlsError>;
}

/// Material that TLS cannot be spoken with. No text shows a part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// It was taken away, or was never there.
    #[error("{0}")]
    Gone(String),
    /// It is there, and cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The authorities are no certificates.
    #[error("`ca` holds no certificate that can be read; write PEM, `-----BEGIN CERTIFICATE-----`")]
    Authorities,
    /// The chain is no chain of certificates.
    #[error(
        "`certificate` holds no certificate that can be read; write PEM, the client's own first"
    )]
    Certificates,
    /// The key is none.
    #[error(
        "`key` holds no private key that can be read; write PEM, `-----BEGIN PRIVATE KEY-----`"
    )]
    Key,
    /// Key and certificate do not belong together.
    #[error("`key` is not the key of `certificate`, or is of a kind that cannot be used")]
    Mismatch,
}

/// A connection's own TLS, shared by its destinations and its token endpoint.
pub struct Tls {
    source: Arc<dyn TlsSource>,
    present: Mutex<Option<Present>>,
}

struct Present {
    material: Arc<Material>,
    config: Arc<ClientConfig>,
    number: u64,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

impl Tls {
    /// TLS with what the source gives.
    pub fn new(source: Arc<dyn TlsSource>) -> Self {
        Self { source, present: Mutex::new(None) }
    }

    /// Why TLS cannot be spoken with the present material.
    pub fn check(&self) -> Result<(), TlsError> {
        self.present().map(drop)
    }

    /// How TLS is spoken now, and the number of the material.
    pub(crate) fn present(&self) -> Result<(Arc<ClientConfig>, u64), TlsError> {
        let material = self.source.material()?;
        let mut present = self.present.lock();
        if let Some(present) = &*present
            && Arc::ptr_eq(&present.material, &material)
        {
            return Ok((Arc::clone(&present.config), present.number));
        }
        let config = Arc::new(configure(&material)?);
        let number = present.as_ref().map_or(1, |former| former.number + 1);
        *present = Some(Present { material, config: Arc::clone(&config), number });
        Ok((config, number))
    }

    /// Whether a connection made with the material of this number may still be used. Material that
    /// cannot be read says nothing of the connections there are, for it may be half written; what
    /// was taken away is not to be used any more.
    pub(crate) fn is_present(&self, number: u64) -> bool {
        match self.present() {
            Ok((_, present)) => present == number,
            Err(error) => !matches!(error, TlsError::Gone(_)),
        }
    }
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

static PUBLIC: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Arc::new(builder().with_root_certificates(roots).with_no_client_auth())
});

/// TLS with the public roots, as nobody.
pub(crate) fn public() -> Arc<ClientConfig> {
    Arc::clone(&PUBLIC)
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of TLS 1.2 and 1.3")
}

fn configure(material: &Material) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    match &material.authorities {
        None => roots.roots.extend_from_slice(webpki_roots::TLS_SERVER_ROOTS),
        Some(bundle) => {
            for certificate in certificates(bundle).ok_or(TlsError::Authorities)? {
                roots.add(certificate).map_err(|_| TlsError::Authorities)?;
            }
        }
    }
    let provider = Arc::clone(&PROVIDER);
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = verifier.build().map_err(|_| TlsError::Authorities)?;
    let builder = builder().with_webpki_verifier(verifier);
    let Some(identity) = &material.identity else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(&identity.certificates).ok_or(TlsError::Certificates)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes());
    let key = key.map_err(|_| TlsError::Key)?;
    builder.with_client_auth_cert(chain, key).map_err(|_| TlsError::Mismatch)
}

/// The certificates of a PEM text: at least one, and every one of them readable.
fn certificates(pem: &Secret) -> Option<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_slice_iter(pem.expose().as_bytes()).take(CERTIFICATES_MAX + 1);
    let read = read.collect::<Result<Vec<_>, _>>().ok()?;
    (1..=CERTIFICATES_MAX).contains(&read.len()).then_some(read)
}
