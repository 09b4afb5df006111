//! What a verifier demands of an access token, and every way a token can fail.

/// What a verifier demands.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// The audience: the resource server's own identifier.
    pub audience: &'a str,
    /// The moment, in seconds since 1970.
    pub now_s: i64,
    /// How far two clocks may differ, in seconds.
    pub leeway_s: i64,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a token at all.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// `alg` is not the algorithm of the key.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// `typ` is not `at+jwt` (RFC 9068 §4).
    #[error("the token is not an access token (typ must be at+jwt)")]
    Type,
    /// No key of that name is published.
    #[error("the token was signed with a key that this issuer does not publish")]
    UnknownKey,
    /// The token names no key, or one that is published more than once, and several would fit.
    #[error("the token does not say which of its issuer's keys signed it (kid)")]
    AmbiguousKey,
    /// The signature does not fit.
    #[error("the token's signature does not fit")]
    Signature,
    /// A required claim is missing or of another type.
    #[error("the token lacks a claim that an access token must have, or it is of the wrong type")]
    Claims,
    /// Another issuer.
    #[error("the token was issued by somebody else")]
    Issuer,
    /// Another audience.
    #[error("the token was issued for another API")]
    Audience,
    /// Expired at that second since 1970.
    #[error("the token has expired")]
    Expired {
        /// The token's `exp`.
        since_s: i64,
    },
    /// Issued in the future.
    #[error("the token is not valid yet")]
    NotYet,
}
