//! Authorities and certificates made for a test.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ALL_VERSIONS, ClientConfig, RootCertStore, SupportedCipherSuite, SupportedProtocolVersion,
};

/// An authority of a test's own.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, in PEM.
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate of that name, good for whoever is at 127.0.0.1.
    pub(crate) fn leaf(&self, name: &str) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = named(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Leaf { certificate, key: key.serialize_pem() }
    }

    /// The TLS of a caller who trusts this authority, and shows `leaf` when asked. `offered` is
    /// what it would speak (ALPN), the best first.
    pub(crate) fn trusted(&self, leaf: Option<&Leaf>, offered: &[&str]) -> Arc<ClientConfig> {
        self.trusted_in(ALL_VERSIONS, leaf, offered)
    }

    /// The same in some versions of TLS.
    pub(crate) fn trusted_in(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        leaf: Option<&Leaf>,
        offered: &[&str],
    ) -> Arc<ClientConfig> {
        let mut config = self.config(default_provider(), versions, leaf);
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// TLS 1.2 of a caller who trusts this authority and offers one cipher suite.
    pub(crate) fn trusted_by(&self, suite: SupportedCipherSuite) -> Arc<ClientConfig> {
        let mut provider = default_provider();
        provider.cipher_suites = vec![suite];
        Arc::new(self.config(provider, &[&rustls::version::TLS12], None))
    }

    fn config(
        &self,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
        leaf: Option<&Leaf>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(der(&self.pem)).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        match leaf {
            None => builder.with_no_client_auth(),
            Some(leaf) => {
                let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![der(&leaf.certificate)], key).unwrap()
            }
        }
    }
}

impl Leaf {
    /// One that its holder has made.
    pub(crate) fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = named(name);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, key: key.serialize_pem() }
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        der(&self.certificate)
    }

    /// As the configuration has it: `2d:71:16:…`.
    pub(crate) fn fingerprint(&self) -> String {
        let der = self.der();
        let digest = digest(&SHA256, &der);
        let bytes: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.join(":")
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}
