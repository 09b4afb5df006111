//! Mutual TLS: a client proves itself by the certificate of its connection (RFC 8705 §2), and its
//! tokens are bound to it (§3).

use certificate::thumbprint;
use jwt::Confirmation;
use listener::ClientCertificate;
use model::{Authentication, Client};

use crate::error::Refusal;
use crate::state::{ClientEntry, State};

/// The client whose certificate was shown.
pub(crate) fn prove<'s>(
    state: &'s State,
    id: &str,
    shown: Option<&ClientCertificate>,
) -> Result<&'s ClientEntry, Refusal> {
    let shown = shown.ok_or(Refusal::ClientMissing)?;
    let client = state.client(id).ok_or(Refusal::Certificate)?;
    if is_of(&client.client.authentication, shown) { Ok(client) } else { Err(Refusal::Certificate) }
}

fn is_of(authentication: &Authentication, shown: &ClientCertificate) -> bool {
    match authentication {
        // Anybody can write any name into a certificate: only authorities are believed on names.
        Authentication::TlsName(holder) => shown.is_verified && holder.has(&shown.der),
        // This very one, so it is no matter who has made it (RFC 8705 §2.2).
        Authentication::TlsCertificates(own) => own.contains(&shown.fingerprint),
        Authentication::Secret | Authentication::PrivateKeyJwt(_) => false,
    }
}

/// What the client's tokens are bound to; any certificate will do, whichever way the client has
/// proven itself (RFC 8705 §3, §4).
pub(crate) fn confirmation(
    client: &Client,
    shown: Option<&ClientCertificate>,
) -> Result<Option<Confirmation>, Refusal> {
    if !client.bound_tokens {
        return Ok(None);
    }
    let shown = shown.ok_or(Refusal::BindingMissing)?;
    let x5t_s256 = Some(thumbprint(&shown.fingerprint));
    Ok(Some(Confirmation { jkt: None, x5t_s256 }))
}

#[cfg(test)]
mod tests {
    use certificate::Holder;

    use super::*;

    #[test]
    fn rfc8705_2_a_name_needs_an_authority_and_a_fingerprint_needs_none() {
        let (own, other) = (b"own".as_slice(), b"other".as_slice());
        let fingerprint = ClientCertificate::new(own, true).fingerprint;
        let by_it = Authentication::TlsCertificates(vec![fingerprint]);
        let by_name = Authentication::TlsName(Holder::Dns("a".to_owned()));
        for (way, der, is_verified, expected) in [
            (&by_it, own, false, true),
            (&by_it, own, true, true),
            (&by_it, other, true, false),
            // It cannot be read, so it has no name.
            (&by_name, own, true, false),
            (&by_name, own, false, false),
            (&Authentication::TlsCertificates(Vec::new()), own, true, false),
            (&Authentication::Secret, own, true, false),
        ] {
            let shown = ClientCertificate::new(der, is_verified);
            assert_eq!(is_of(way, &shown), expected, "{way:?}");
        }
    }
}
