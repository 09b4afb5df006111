//! Whom a certificate is of: the one name of it by which a client is known (RFC 8705 §2.1.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use crate::{CERTIFICATE_BYTES_MAX, DistinguishedName};

/// The name that a client's certificates carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// The whole subject, `tls_client_auth_subject_dn`.
    Subject(DistinguishedName),
    /// A DNS name among the alternative ones, `tls_client_auth_san_dns`.
    Dns(String),
    /// A URI among them, `tls_client_auth_san_uri`.
    Uri(String),
    /// An address among them, `tls_client_auth_san_ip`.
    Ip(IpAddr),
    /// A mailbox among them, `tls_client_auth_san_email`.
    Email(String),
}

impl Holder {
    /// Whether a certificate, in DER, carries the name. One that cannot be read carries none.
    pub fn has(&self, der: &[u8]) -> bool {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return false;
        }
        let Ok((rest, certificate)) = X509Certificate::from_der(der) else { return false };
        if !rest.is_empty() {
            return false;
        }
        if let Self::Subject(expected) = self {
            return name(certificate.subject()).is_some_and(|name| name == *expected);
        }
        let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
        names.value.general_names.iter().any(|name| self.is(name))
    }

    fn is(&self, name: &GeneralName<'_>) -> bool {
        match (self, name) {
            // RFC 4343: names of hosts have no case. A wildcard is a name like any other here.
            (Self::Dns(expected), GeneralName::DNSName(found)) => {
                expected.eq_ignore_ascii_case(found)
            }
            (Self::Uri(expected), GeneralName::URI(found))
            | (Self::Email(expected), GeneralName::RFC822Name(found)) => expected == found,
            (Self::Ip(expected), GeneralName::IPAddress(found)) => {
                address(found).is_some_and(|found| found == expected.to_canonical())
            }
            _ => false,
        }
    }
}

/// RFC 5280 §4.2.1.6: four bytes or sixteen.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(v4)));
    }
    let v6 = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(v6)).to_canonical())
}

/// A name whose values are all texts; none else, so that it is no client's.
fn name(name: &X509Name<'_>) -> Option<DistinguishedName> {
    let mut parts = Vec::new();
    for part in name.iter_rdn() {
        let mut attributes = Vec::new();
        for attribute in part.iter() {
            let value = attribute.as_str().ok()?;
            attributes.push((attribute.attr_type().to_id_string(), value.to_owned()));
        }
        parts.push(attributes);
    }
    Some(DistinguishedName::of_certificate(parts))
}
