//! The token: present once, ours, whole, for this API, of a client that may (RFC 6750, RFC 9068).

use std::sync::Arc;

use http::header::AUTHORIZATION;
use jwt::{AccessToken, Demand, Fault};
use model::Status;
use store::Presented;

use crate::checks::{Asked, Now};
use crate::denial::Denial;
use crate::issuers::{IssuerFault, Issuers};
use crate::memory::Until;
use crate::routes::Found;
use crate::snapshot::{PartnerEntry, Snapshot};
use crate::token_memory::Key;

/// How far the issuer's clock and ours may differ; they are the same machine's.
const LEEWAY_S: i64 = 0;

/// A token that is good.
pub(crate) struct Good {
    pub(crate) claims: Arc<AccessToken>,
    /// The partner whose client it was issued to.
    pub(crate) partner: Arc<PartnerEntry>,
    pub(crate) until: Until,
}

/// Verifies the request's token.
/// One of another issuer is only looked for in the memory: see [`foreign`].
pub(crate) fn check(
    snapshot: &Snapshot,
    issuers: &Issuers,
    found: &Found,
    (asked, now): (Asked<'_>, Now),
) -> Result<Good, Denial> {
    let api = &found.api.api;
    let (_, token) = presented(asked, api.bare_token)?;
    let now_s = now.at.seconds();
    let key = Key::of(token, &api.name);
    let verified = asked.verified.map(|claims| (Arc::clone(claims), now_s));
    let recalled = || snapshot.tokens.recall(&key, now_s);
    let (claims, until_s) = match verified.or_else(recalled) {
        Some((claims, until_s)) if claims.aud == *api.name => (claims, until_s),
        _ => {
            // Before any signature is verified: that is what a flood would cost us.
            let wait = snapshot.damper.may_try(asked.address, now.ticks_ns);
            wait.map_err(|wait| Denial::BadTokens { wait })?;
            let foreign = !api.issuers.is_empty()
                && jwt::claimed_issuer(token).is_ok_and(|issuer| issuer != snapshot.issuer);
            if foreign {
                return Err(Denial::Unverified);
            }
            let demand =
                Demand { issuer: &snapshot.issuer, audience: &api.name, now_s, leeway_s: LEEWAY_S };
            let claims = jwt::verify(token, &snapshot.signing_keys, &demand);
            let claims = Arc::new(claims.map_err(|fault| {
                tell(snapshot, asked, &fault, now);
                Denial::TokenInvalid(fault)
            })?);
            let until_s = snapshot.tokens.remember(&key, Arc::clone(&claims), now_s);
            (claims, until_s)
        }
    };
    // A client of another issuer is never one of ours of the same name.
    if claims.iss != snapshot.issuer {
        let name = issuers.caller(&api.issuers, &claims.iss, &claims.client_id);
        let partner = name.and_then(|name| snapshot.partner(&name).cloned());
        let gone = || Denial::TokenRevoked { client: claims.client_id.clone() };
        let partner = partner.ok_or_else(gone)?;
        // By issuer and name, so that a name of another issuer never stands for one of ours.
        if snapshot.denied.refuses_of_issuer(&claims.iss, &claims.jti) {
            return Err(Denial::TokenDenied { id: claims.jti.clone() });
        }
        return Ok(Good { claims, partner, until: (None, until_s) });
    }
    match snapshot.client(&claims.client_id) {
        Some(client)
            if client.status == Status::Active
                && client.expires_at.is_none_or(|end| now.at < end) =>
        {
            not_denied(snapshot, &claims)?;
            let (partner, until) = (Arc::clone(&client.partner), (client.expires_at, until_s));
            Ok(Good { claims, partner, until })
        }
        _ => Err(Denial::TokenRevoked { client: claims.client_id.clone() }),
    }
}

/// Verifies a token of another issuer, whose keys may have to be asked for, and remembers it. The
/// checks are then made once more, with what it says in hand: the definitions may have changed since,
/// and the memory with them.
pub(crate) async fn foreign(
    snapshot: &Snapshot,
    issuers: &Issuers,
    found: &Found,
    (asked, now): (Asked<'_>, Now),
) -> Result<Arc<AccessToken>, Denial> {
    let api = &found.api.api;
    let (_, token) = presented(asked, api.bare_token)?;
    let verified = issuers.verify(token, &api.issuers, now.at).await;
    let verified = verified.inspect_err(|fault| {
        if let IssuerFault::Token(fault) = fault {
            tell(snapshot, asked, fault, now);
        }
    })?;
    let claims = Arc::new(verified.to_access_token(&api.name));
    let key = Key::of(token, &api.name);
    snapshot.tokens.remember(&key, Arc::clone(&claims), now.at.seconds());
    Ok(claims)
}

/// Whether a token of ours was revoked: looked at with every request, also where the token is known.
pub(crate) fn not_denied(snapshot: &Snapshot, claims: &AccessToken) -> Result<(), Denial> {
    let presented = Presented {
        id: &claims.jti,
        client: &claims.client_id,
        credential: claims.credential_id.as_deref(),
        issued_s: claims.iat,
    };
    if snapshot.denied.refuses(&presented) {
        return Err(Denial::TokenDenied { id: claims.jti.clone() });
    }
    Ok(())
}

/// Whether the query has no token in it (RFC 6750 §2.3, RFC 9700 §4.3.2).
pub(crate) fn not_in_query(query: &str) -> Result<(), Denial> {
    if !query.is_empty() && query.split('&').any(names_a_token) {
        return Err(Denial::TokenInQuery);
    }
    Ok(())
}

/// Counts a bad token; one that was good once is no attack.
fn tell(snapshot: &Snapshot, asked: Asked<'_>, fault: &Fault, now: Now) {
    if !matches!(fault, Fault::Expired { .. }) {
        snapshot.damper.failed(asked.address, now.ticks_ns);
    }
}

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// By itself (RFC 6750 §2.1).
    Bearer,
    /// With a proof of the key it is bound to (RFC 9449 §7.1).
    Dpop,
}

/// The one token of a request, and how it is presented (RFC 6750 §2.1, RFC 9449 §7.1). In the query
/// it is refused (RFC 6750 §2.3, RFC 9700 §4.3.2).
pub(crate) fn presented(asked: Asked<'_>, bare_allowed: bool) -> Result<(Scheme, &str), Denial> {
    not_in_query(asked.query)?;
    let mut values = asked.headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Denial::TokenMissing)?;
    if values.next().is_some() {
        return Err(Denial::TokenTwice);
    }
    let malformed = Denial::TokenInvalid(Fault::Malformed("it is not printable ASCII"));
    let text = std::str::from_utf8(value.as_bytes()).ok();
    let value = text.filter(|text| text.is_ascii()).ok_or(malformed)?;
    // RFC 9110 §11.1: the scheme is case-insensitive.
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok((Scheme::Bearer, token.trim()))
        }
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("dpop") => {
            Ok((Scheme::Dpop, token.trim()))
        }
        // API Gateway's older clients send the token alone.
        None if bare_allowed && !value.is_empty() => Ok((Scheme::Bearer, value)),
        _ => Err(Denial::TokenMissing),
    }
}

/// Whether the token is presented as one that is bound to a key, if one is presented.
pub(crate) fn is_proven(headers: &http::HeaderMap) -> bool {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().get(..4));
    value.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"dpop"))
}

/// Whether a parameter of the query is the token's, however its name is encoded: the service behind
/// the gateway decodes it before it looks (RFC 3986 §2.1).
fn names_a_token(pair: &str) -> bool {
    let mut name = pair.split('=').next().unwrap_or_default().as_bytes();
    let mut wanted = b"access_token".iter();
    while let Some((first, after)) = name.split_first() {
        let encoded = if *first == b'%' { encoded_byte(after) } else { None };
        let (byte, rest) = encoded.unwrap_or((*first, after));
        if wanted.next() != Some(&byte) {
            return false;
        }
        name = rest;
    }
    wanted.next().is_none()
}

/// The byte that two hex digits stand for, and what follows them.
fn encoded_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = text.split_first_chunk::<2>()?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    Some((byte, rest))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn check(values: &[&str], query: &str, bare: bool) -> Result<String, Denial> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        let address = std::net::IpAddr::from([127, 0, 0, 1]);
        let (method, path, certificate) = ("GET", "/", None);
        let (headers, verified) = (&headers, None);
        let asked = Asked { method, path, headers, query, address, certificate, verified };
        presented(asked, bare).map(|(scheme, token)| match scheme {
            Scheme::Bearer => token.to_owned(),
            Scheme::Dpop => format!("bound {token}"),
        })
    }

    #[test]
    fn a_token_stands_once_in_the_authorization_header() {
        for value in ["Bearer t", "bearer t", "BEARER  t"] {
            assert_eq!(check(&[value], "", false).unwrap(), "t", "{value}");
        }
        for value in ["DPoP t", "dpop t", "DPOP  t"] {
            assert_eq!(check(&[value], "", false).unwrap(), "bound t", "{value}");
        }
        assert!(matches!(check(&[], "", false), Err(Denial::TokenMissing)));
        assert!(matches!(check(&["Basic dTpw"], "", false), Err(Denial::TokenMissing)));
        assert!(matches!(check(&["Bearer t", "Bearer t"], "", false), Err(Denial::TokenTwice)));
        let queries =
            ["a=b&access_token=t", "access%5Ftoken=t", "%61%63cess_token=t", "access_token"];
        for query in queries {
            let answer = check(&["Bearer t"], query, false);
            assert!(matches!(answer, Err(Denial::TokenInQuery)), "{query}");
        }
        for query in ["access_tokens=t", "access_toke=t", "access%5=t", "a=access_token", "%"] {
            assert_eq!(check(&["Bearer t"], query, false).unwrap(), "t", "{query}");
        }
    }

    #[test]
    fn a_bare_token_passes_only_by_the_apis_switch() {
        assert!(matches!(check(&["t"], "", false), Err(Denial::TokenMissing)));
        assert_eq!(check(&["t"], "", true).unwrap(), "t");
    }
}
