//! The hook for proofs of possession (RFC 9449): whoever has the key makes them.

use crate::BoxError;

/// What a proof is about. Its `typ` is `dpop+jwt`; its header carries the public key as `jwk`.
#[derive(Debug, Clone, Copy)]
pub struct Proving<'a> {
    /// `htm`: the request's method.
    pub method: &'a str,
    /// `htu`: the request's URL without query and fragment.
    pub url: &'a str,
    /// The token the request carries: `ath` is the base64url of its SHA-256. None at the token
    /// endpoint.
    pub token: Option<&'a str>,
    /// `nonce`: what the server gave last, if it gave one.
    pub nonce: Option<&'a str>,
    /// `iat`, in seconds since 1970.
    pub now_s: i64,
    /// `jti`: never used twice.
    pub id: &'a str,
}

/// Makes proofs of possession, all with one key.
pub trait Prover: Send + Sync {
    /// The proof as it stands in the header `DPoP`.
    fn prove(&self, about: &Proving<'_>) -> Result<String, BoxError>;
}
