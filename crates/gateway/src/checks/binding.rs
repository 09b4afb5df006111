//! A token that is bound to a certificate is good with that certificate alone (RFC 8705 §3).
//!
//! Asked of every request, also where the token is known: whoever has stolen it has not the key.

use certificate::thumbprint;
use jwt::AccessToken;
use listener::ClientCertificate;

use crate::denial::Denial;

/// Whether the caller has what its token is bound to. That the holder of the certificate has its
/// key was proven when TLS was spoken; who made it is no matter here (RFC 8705 §4).
pub(super) fn check(claims: &AccessToken, shown: Option<&ClientCertificate>) -> Result<(), Denial> {
    let Some(cnf) = &claims.cnf else { return Ok(()) };
    let bound = match (cnf.x5t_s256.as_deref(), &cnf.jkt) {
        (Some(bound), _) => bound,
        // Bound to a key: the proof of it is looked at beside.
        (None, Some(_)) => return Ok(()),
        // Bound to something else, it is not good without it (RFC 7800 §3.1).
        (None, None) => return Err(Denial::CertificateBound),
    };
    let shown = shown.ok_or(Denial::CertificateBound)?;
    if thumbprint(&shown.fingerprint) == bound { Ok(()) } else { Err(Denial::CertificateBound) }
}

#[cfg(test)]
mod tests {
    use jwt::Confirmation;

    use super::*;

    fn check_with(cnf: Option<Confirmation>, shown: Option<&[u8]>) -> bool {
        let text = String::new;
        let claims = AccessToken {
            iss: text(),
            aud: text(),
            sub: text(),
            client_id: text(),
            scope: text(),
            exp: 0,
            iat: 0,
            auth_time: 0,
            jti: text(),
            token_use: text(),
            version: 2,
            credential_id: None,
            cnf,
            extra: std::collections::BTreeMap::new(),
        };
        let shown = shown.map(|der| ClientCertificate::new(der, false));
        check(&claims, shown.as_ref()).is_ok()
    }

    #[test]
    fn rfc8705_3_a_bound_token_is_good_with_its_certificate_alone() {
        let (empty, other) = (&b""[..], &b"other"[..]);
        let of_nothing = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        let to = |text: &str| Some(Confirmation { jkt: None, x5t_s256: Some(text.to_owned()) });
        for (cnf, shown, is_good) in [
            (None, None, true),
            (None, Some(other), true),
            (to(of_nothing), Some(empty), true),
            (to(of_nothing), None, false),
            (to(of_nothing), Some(other), false),
            (to(&format!("{of_nothing}=")), Some(empty), false),
            (to(""), Some(empty), false),
            (to(""), None, false),
            (Some(Confirmation::default()), Some(empty), false),
            (Some(Confirmation::default()), None, false),
        ] {
            assert_eq!(check_with(cnf.clone(), shown), is_good, "{cnf:?} {shown:?}");
        }
    }
}
