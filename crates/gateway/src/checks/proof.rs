//! The proof of possession: a bound token comes with one that is of its key and of this request
//! (`DPoP`, RFC 9449 §7).
//!
//! A token that is remembered as verified saves its own signature's check; the proof is another one
//! with every request, and is verified with every request.

use http::{HeaderMap, HeaderName, HeaderValue};
use jwt::{AccessToken, PROOF_WINDOW, ProofDemand, ProofFault};
use model::Api;

use crate::checks::token::{Scheme, is_proven, presented};
use crate::checks::{Admitted, Asked, Now};
use crate::denial::Denial;
use crate::snapshot::Snapshot;

/// The field that carries a proof (RFC 9449 §4.1).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The field that gives the next nonce (RFC 9449 §8).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// What came of looking for a proof.
#[derive(Default)]
pub(crate) struct Proven {
    /// Whether there was to be one, and is.
    pub(crate) is_proven: bool,
    /// The nonce that the answer gives for the caller's next proof.
    pub(crate) offer: Option<HeaderValue>,
}

/// Verifies the proof of a request whose token has been verified; nothing for a token that is bound
/// to no key and does not claim to be.
pub(crate) fn check(
    snapshot: &Snapshot,
    api: &Api,
    (asked, now): (Asked<'_>, Now),
    claims: &AccessToken,
) -> Result<Proven, Denial> {
    // Most tokens are bound to nothing and presented by themselves.
    if claims.jkt().is_none() && !is_proven(asked.headers) {
        return Ok(Proven::default());
    }
    let (scheme, token) = presented(asked, api.bare_token)?;
    let bound = match (claims.jkt(), scheme) {
        (None, Scheme::Bearer) => return Ok(Proven::default()),
        // RFC 9449 §7.1: the scheme is for bound tokens alone, and they have no other (§7.2).
        (None, Scheme::Dpop) => return Err(Denial::TokenUnbound),
        (Some(_), Scheme::Bearer) => return Err(Denial::TokenBound),
        (Some(bound), Scheme::Dpop) => bound,
    };
    let now_s = now.at.seconds();
    // Where partners reach us, and not what some Host header says.
    let url = format!("{}{}", snapshot.issuer, asked.path);
    let demand = ProofDemand {
        method: asked.method,
        url: &url,
        algorithms: &snapshot.proof_algorithms,
        thumbprint: Some(bound),
        access_token: Some(token),
        window: PROOF_WINDOW,
        now_s,
    };
    let accepted = proof_of(asked.headers)
        .and_then(|proof| snapshot.proofs.accept(proof, &demand, api.dpop_nonce));
    let accepted = accepted.map_err(|fault| match fault {
        ProofFault::Nonce => Denial::NonceNeeded { nonce: snapshot.proofs.nonce(now_s) },
        ProofFault::Full => Denial::ProofsFull,
        fault => Denial::ProofInvalid(fault),
    })?;
    let offer = accepted.offer.and_then(|nonce| HeaderValue::try_from(nonce).ok());
    Ok(Proven { is_proven: true, offer })
}

/// The one proof of a request (RFC 9449 §4.3, check 1).
fn proof_of(headers: &HeaderMap) -> Result<&str, ProofFault> {
    let mut values = headers.get_all(DPOP).iter();
    let value = values.next().ok_or(ProofFault::Missing)?;
    if values.next().is_some() {
        return Err(ProofFault::Twice);
    }
    value.to_str().map_err(|_| ProofFault::Malformed("it is not printable ASCII"))
}

/// Gives the next nonce with an answer, where the proof had none that will still be good (RFC 9449
/// §8.2).
pub(crate) fn offer_nonce(admitted: &Admitted, headers: &mut HeaderMap) {
    if let Some(nonce) = &admitted.offer {
        headers.insert(DPOP_NONCE, nonce.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_stands_once_in_its_header() {
        let check = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(DPOP, HeaderValue::from_static(value));
            }
            proof_of(&headers).map(str::to_owned)
        };
        assert_eq!(check(&["a.b.c"]), Ok("a.b.c".to_owned()));
        assert_eq!(check(&[]), Err(ProofFault::Missing));
        assert_eq!(check(&["a.b.c", "a.b.c"]), Err(ProofFault::Twice));
    }
}
