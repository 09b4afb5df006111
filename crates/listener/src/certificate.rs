//! The certificate of whoever a request came from: shown on the connection, or passed on by a
//! trusted proxy that has spoken TLS in our place (RFC 9440).

use std::sync::Arc;

use certificate::{CERTIFICATE_BYTES_MAX, client_cert, fingerprint};
use http::{HeaderMap, HeaderName};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
};

use crate::peer::{Peer, Trusted};

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
/// More certificates than any chain has.
const CHAIN_MAX: usize = 10;

/// A certificate whose holder has proven to have its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its SHA-256.
    pub fingerprint: [u8; 32],
    /// Whether it leads to one of the door's authorities, or a trusted proxy passed it on. One of
    /// which this is not true says nothing of its holder but that: it is the holder of this one.
    pub is_verified: bool,
    /// All of it.
    pub der: Vec<u8>,
}

impl ClientCertificate {
    /// Of a certificate in DER.
    pub fn new(der: &[u8], is_verified: bool) -> Self {
        Self { fingerprint: fingerprint(der), is_verified, der: der.to_vec() }
    }
}

impl Trusted {
    /// The certificate of whoever a request came from.
    ///
    /// Where proxies pass certificates on, what a proxy shows of its own is not the caller's, and
    /// the field is read of nobody else (RFC 9440 §2.4). A field that cannot be read, or stands
    /// twice, is none.
    pub fn certificate(&self, peer: &Peer, headers: &HeaderMap) -> Option<Arc<ClientCertificate>> {
        let by_field = self.client_cert && peer.is_vouched_for && self.has(peer.address.ip());
        if !by_field {
            return peer.tls.as_ref()?.shown.clone();
        }
        let mut values = headers.get_all(CLIENT_CERT).iter();
        let (value, second) = (values.next()?, values.next());
        if second.is_some() {
            return None;
        }
        let der = client_cert(value.to_str().ok()?)?;
        Some(Arc::new(ClientCertificate::new(&der, true)))
    }
}

/// Takes a certificate of any maker, so that one can be told from another: the handshake proves
/// that its holder has the key, and nothing else. Whether it leads to an authority is asked
/// afterwards, by [`Judge`].
#[derive(Debug)]
pub(crate) struct AnyMaker {
    schemes: WebPkiSupportedAlgorithms,
}

impl AnyMaker {
    pub(crate) fn new(schemes: WebPkiSupportedAlgorithms) -> Self {
        Self { schemes }
    }
}

impl ClientCertVerifier for AnyMaker {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: a caller chooses by it which certificate to show, and any will do.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // Anybody may show anything here, and the door keeps it as long as the connection.
        if end_entity.len() > CERTIFICATE_BYTES_MAX || intermediates.len() > CHAIN_MAX {
            return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.supported_schemes()
    }
}

/// Says whether a certificate that the handshake has taken leads to an authority.
#[derive(Debug, Clone)]
pub(crate) enum Judge {
    /// The handshake takes no other.
    Handshake,
    /// It takes any, and there are no authorities.
    Nobody,
    /// It takes any; these say whether it is theirs.
    Authorities(Arc<dyn ClientCertVerifier>),
}

impl Judge {
    /// The first certificate of a chain and what is known of it; `now` is the moment, if it is
    /// known.
    pub(crate) fn certificate(
        &self,
        chain: &[CertificateDer<'_>],
        now: Option<UnixTime>,
    ) -> Option<ClientCertificate> {
        let (own, others) = chain.split_first()?;
        let is_verified = match (self, now) {
            (Self::Handshake, _) => true,
            (Self::Nobody, _) | (Self::Authorities(_), None) => false,
            (Self::Authorities(verifier), Some(now)) => {
                verifier.verify_client_cert(own, others, now).is_ok()
            }
        };
        Some(ClientCertificate::new(own, is_verified))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::peer::TlsPeer;

    /// What the field looks like for these bytes: RFC 9440 has base64 between colons.
    const OF_ABC: &str = ":YWJj:";

    fn found(trusted: &Trusted, peer: &Peer, fields: &[&str]) -> Option<(Vec<u8>, bool)> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(CLIENT_CERT, HeaderValue::from_str(field).unwrap());
        }
        let found = trusted.certificate(peer, &headers)?;
        Some((found.der.clone(), found.is_verified))
    }

    fn peer(address: &str, shown: Option<&[u8]>) -> Peer {
        let shown = shown.map(|der| Arc::new(ClientCertificate::new(der, false)));
        let tls = TlsPeer { certificate: None, server_name: None, version: "1.3", shown };
        let address = format!("{address}:4711").parse().unwrap();
        Peer::new(address, Some(Arc::new(tls)), TaskTracker::new())
    }

    #[test]
    fn rfc9440_2_4_the_field_is_believed_of_trusted_proxies_alone() {
        let proxies: Vec<ipnet::IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let trusted = Trusted { proxies, client_cert: true, ..Trusted::default() };
        let by_field = || Some((b"abc".to_vec(), true));
        let own = || Some((b"own".to_vec(), false));
        let (proxy, caller) = (peer("10.0.0.1", Some(b"own")), peer("192.0.2.1", Some(b"own")));
        for (fields, of_proxy) in [
            (&[OF_ABC][..], by_field()),
            (&[], None),
            (&[""], None),
            (&["YWJj"], None),
            (&[OF_ABC, OF_ABC], None),
        ] {
            assert_eq!(found(&trusted, &proxy, fields), of_proxy, "{fields:?}");
            assert_eq!(found(&trusted, &caller, fields), own(), "{fields:?}");
        }
        assert_eq!(found(&trusted, &peer("192.0.2.1", None), &[OF_ABC]), None);
        // A connection that a balancer leaves nameless speaks for nobody else.
        let nameless = Peer { is_vouched_for: false, ..proxy.clone() };
        assert_eq!(found(&trusted, &nameless, &[OF_ABC]), own());
        // Where the file does not say that proxies set it, nobody does.
        let silent = Trusted { client_cert: false, ..trusted };
        assert_eq!(found(&silent, &proxy, &[OF_ABC]), own());
    }

    #[test]
    fn a_certificate_of_any_maker_is_verified_by_authorities_alone() {
        let chain = [CertificateDer::from(b"no certificate".to_vec())];
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_hours(500_000));
        let judged = |judge: &Judge, now| judge.certificate(&chain, now).unwrap().is_verified;
        assert!(judged(&Judge::Handshake, None));
        assert!(!judged(&Judge::Nobody, Some(now)));
        let schemes =
            rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        let any = AnyMaker::new(schemes);
        let large = CertificateDer::from(vec![0; CERTIFICATE_BYTES_MAX + 1]);
        assert!(any.verify_client_cert(&large, &[], now).is_err());
        assert!(any.verify_client_cert(&chain[0], &[], now).is_ok());
        let judge = Judge::Authorities(Arc::new(any));
        assert!(judged(&judge, Some(now)) && !judged(&judge, None));
        assert!(Judge::Handshake.certificate(&[], None).is_none());
    }
}
