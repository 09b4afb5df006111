//! Mutual TLS: a client proves itself by the certificate of its connection (RFC 8705 §2), and its
//! tokens are bound to it (§3).

use certificate::thumbprint;
use jwt::Confirmation;
use listener::ClientCertificate;
use model::{Authentication, BoundTokens, Client, Timestamp};

use crate::Service;
use crate::authentication::Proving;
use crate::error::Refusal;
use crate::profile::ClientMethod;
use crate::state::{ClientEntry, Own, State};

/// The client whose certificate was shown, and which of its credentials that is.
pub(crate) fn prove<'s>(
    service: &Service,
    state: &'s State,
    id: &str,
    Proving { certificate, address, now, ticks_ns }: Proving<'_>,
) -> Result<(&'s ClientEntry, Own<'s>), Refusal> {
    let shown = certificate.ok_or(Refusal::ClientMissing)?;
    let client = state.client(id).ok_or(Refusal::Certificate)?;
    let own = holder(client, shown, now).map_err(|faults| {
        if service.world.limits.is_told((address, id), ticks_ns) {
            tracing::info!(client = %client.client.id, faults, "a client certificate is refused");
        }
        Refusal::Certificate
    })?;
    Ok((client, own))
}

/// The credential whose certificate it is, of several that are live the first. Where it is of none, why
/// it is not of each that is by a certificate, those too whose time it is not: for operators, for it
/// tells what a client has.
pub(crate) fn holder<'s>(
    client: &'s ClientEntry,
    shown: &ClientCertificate,
    now: Timestamp,
) -> Result<Own<'s>, String> {
    let mut faults = Vec::new();
    let is_by_it = |(credential, _): &Own<'_>| credential.authentication.is_by_certificate();
    for (credential, known) in client.own().filter(is_by_it) {
        let fault = match credential.out_of_time(now) {
            Some(reason) => reason,
            None => match fits(&credential.authentication, shown) {
                Ok(()) => return Ok((credential, known)),
                Err(fault) => fault.to_owned(),
            },
        };
        faults.push(format!("{}: {fault}", credential.name()));
    }
    if faults.is_empty() {
        return Err("the client has no credential by a certificate".to_owned());
    }
    Err(faults.join("; "))
}

/// Whether this is a certificate of that way; an `Err` is why not, in words.
fn fits(authentication: &Authentication, shown: &ClientCertificate) -> Result<(), &'static str> {
    match authentication {
        // Anybody can write any name into a certificate: only authorities are believed on names.
        Authentication::TlsName(_) if !shown.is_verified => {
            Err("no authority of the door has made the certificate")
        }
        Authentication::TlsName(holder) if holder.has(&shown.der) => Ok(()),
        Authentication::TlsName(_) => Err("the certificate has not its name"),
        // This very one, so it is no matter who has made it (RFC 8705 §2.2).
        Authentication::TlsCertificates(own) if own.contains(&shown.fingerprint) => Ok(()),
        Authentication::TlsCertificates(_) => Err("it is another certificate"),
        Authentication::Secret | Authentication::PrivateKeyJwt(_) => Err("it is no certificate"),
    }
}

/// What a token is bound to that the client gets by this method. Where all of its tokens are bound,
/// any certificate will do, whichever way it has proven itself (RFC 8705 §3, §4).
pub(crate) fn confirmation(
    client: &Client,
    method: ClientMethod,
    shown: Option<&ClientCertificate>,
) -> Result<Option<Confirmation>, Refusal> {
    let is_bound = match client.bound_tokens {
        BoundTokens::Never => false,
        BoundTokens::ByCertificate => method.is_by_certificate(),
        BoundTokens::Always => true,
    };
    if !is_bound {
        return Ok(None);
    }
    let shown = shown.ok_or(Refusal::BindingMissing)?;
    let x5t_s256 = Some(thumbprint(&shown.fingerprint));
    Ok(Some(Confirmation { jkt: None, x5t_s256 }))
}

#[cfg(test)]
mod tests {
    use certificate::Holder;
    use model::Name;

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
            assert_eq!(fits(way, &shown).is_ok(), expected, "{way:?}");
        }
    }

    #[test]
    fn rfc8705_3_a_token_is_bound_always_or_where_a_certificate_was_the_proof() {
        let name = |text: &str| Name::new(text).unwrap();
        let shown = ClientCertificate::new(b"own", false);
        let (certificate, key) = (ClientMethod::SelfSignedTls, ClientMethod::PrivateKeyJwt);
        for (bound_tokens, method, shown, expected) in [
            (BoundTokens::Never, certificate, Some(&shown), Ok(false)),
            (BoundTokens::ByCertificate, certificate, Some(&shown), Ok(true)),
            (BoundTokens::ByCertificate, ClientMethod::TlsClientAuth, Some(&shown), Ok(true)),
            (BoundTokens::ByCertificate, key, Some(&shown), Ok(false)),
            (BoundTokens::ByCertificate, key, None, Ok(false)),
            (BoundTokens::Always, key, Some(&shown), Ok(true)),
            (BoundTokens::Always, key, None, Err(Refusal::BindingMissing)),
        ] {
            let client = Client { bound_tokens, ..Client::new(name("orders"), name("cars")) };
            let bound = confirmation(&client, method, shown).map(|bound| bound.is_some());
            assert_eq!(bound, expected, "{bound_tokens:?} {method:?}");
        }
    }
}
