//! JSON Web Tokens for machines: the algorithms, keys and rules Gatepost uses, and no others.
//!
//! Pure: time is an argument (seconds since 1970). Signing draws its nonce inside the
//! cryptographic library, which is the one kind of randomness an engine may not be handed.
//!
//! Strict where laxness has been an attack: compact form only, base64url without padding or
//! stray bits, no `crit`, no duplicate members, the algorithm taken from the key and compared with
//! the header, `typ` demanded. Tokens of other issuers have a verifier of their own
//! ([`verify_foreign`]): their claims differ, their form is judged as strictly.

mod assertion;
mod certificates;
mod claims;
mod client_assertion;
mod compact;
mod dpop;
mod explain;
mod foreign;
mod json;
mod key;
mod policy;
mod rotation;
mod set;
mod sign;
mod verify;

pub use assertion::{Assertion, AssertionKey, AssertionKeyError};
pub use certificates::{CertificatesError, certificates_of};
pub use claims::{AccessToken, Confirmation, is_reserved_claim};
pub use client_assertion::{
    ASSERTION_LIFETIME_MAX_S, AssertionDemand, AssertionFault, AudienceForm, ClaimedAssertion,
};
pub use compact::TOKEN_BYTES_MAX;
pub use dpop::{
    Accepted, NONCE_PERIOD_S, NewProof, NonceRule, PROOF_ALGORITHMS, PROOF_WINDOW, Proof,
    ProofDemand, ProofFault, ProofKey, ProofMemory, ProofNonces, Proofs, Standing, Window,
    normal_target, proof_algorithm_names, thumbprint, verify_proof,
};
pub use explain::{Bare, ExplainWith, Explanation, Finding, Verdict, bare, explain};
pub use foreign::{
    FOREIGN_ID_BYTES_MAX, ForeignDemand, ForeignToken, TokenType, claimed_issuer, claimed_subject,
    is_foreign_id, verify_foreign,
};
pub use key::{Algorithm, Jwk, Jwks, KeyError, SigningKey, VerifyingKey, text_digest};
pub use policy::{Demand, Fault};
pub use rotation::{
    Ask, Make, RETIRING_KEYS_MAX, RING_KEYS_MAX, RingChange, RingKey, RotateError, Rotation, Stage,
    rotate, turn,
};
pub use set::{KeySet, SET_BYTES_MAX, SET_KEYS_MAX, SetError};
pub use sign::sign;
pub use verify::{Keys, verify};
