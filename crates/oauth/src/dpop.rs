//! Tokens that are bound to a key: the proof that comes with a request for one (`DPoP`, RFC 9449 §5).

use http::{HeaderMap, HeaderName, HeaderValue};
use jwt::{Accepted, PROOF_ALGORITHMS, PROOF_WINDOW, ProofDemand, ProofFault};
use model::{Client, DpopRule, Timestamp};

use crate::error::Refusal;
use crate::state::State;

/// The field that carries a proof (RFC 9449 §4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The field that gives the next nonce (RFC 9449 §8).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Whether a request comes with a proof, good or not.
pub(crate) fn is_offered(headers: &HeaderMap) -> bool {
    headers.contains_key(DPOP)
}

/// Verifies the proof of a client that has proven itself; none if there is none and none is needed.
/// The token then is bound to the proof's key.
pub(crate) fn bind(
    state: &State,
    client: &Client,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Option<Accepted>, Refusal> {
    let mut values = headers.get_all(DPOP).iter();
    let Some(value) = values.next() else {
        return match client.dpop {
            DpopRule::Optional => Ok(None),
            DpopRule::Required => Err(Refusal::ProofMissing),
        };
    };
    if values.next().is_some() {
        return Err(Refusal::Proof(ProofFault::Twice));
    }
    let malformed = ProofFault::Malformed("it is not printable ASCII");
    let proof = value.to_str().map_err(|_| Refusal::Proof(malformed))?;
    let now_s = now.seconds();
    let demand = ProofDemand {
        method: "POST",
        url: &format!("{}/oauth2/token", state.issuer),
        algorithms: &state.profile.permitted(&PROOF_ALGORITHMS),
        thumbprint: None,
        access_token: None,
        window: PROOF_WINDOW,
        now_s,
    };
    let accepted = state.proofs.accept(proof, &demand, state.dpop_nonce);
    accepted.map(Some).map_err(|fault| match fault {
        ProofFault::Nonce => Refusal::Nonce { nonce: state.proofs.nonce(now_s) },
        fault => Refusal::Proof(fault),
    })
}

/// Gives the nonce for the client's next proof with an answer (RFC 9449 §8).
pub(crate) fn offer(nonce: Option<&str>, headers: &mut HeaderMap) {
    if let Some(Ok(nonce)) = nonce.map(HeaderValue::from_str) {
        headers.insert(DPOP_NONCE, nonce);
    }
}
