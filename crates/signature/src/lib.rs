//! Standard Webhooks 1.0: the signatures by which a receiver knows a delivery for ours, made and
//! verified.
//!
//! ```text
//! secret.rs   whsec_…: shared with the receiver, HMAC-SHA-256 (`v1`)
//! ed25519.rs  a key pair of ours (`v1a`); its public half is whpk_… or a JWK
//! jwk.rs      public keys as they are published
//! sign.rs     id, time, body → the three headers
//! verify.rs   the three headers, body → genuine or not
//! ```
//!
//! Pure: time is an argument (seconds since 1970), and so is the randomness of what is made anew.
//! What is signed is `id.timestamp.body`, the bytes exactly as they are sent.

mod ed25519;
mod jwk;
mod secret;
mod sign;
mod verify;

pub use ed25519::{InvalidKey, PublicKey, SEED_BYTES, SigningKey};
pub use jwk::{Jwk, Jwks};
pub use secret::{InvalidSecret, MINTED_BYTES, Secret, mint_secret};
pub use sign::{Key, SignatureHeaders, Signer, sign};
pub use verify::{TOLERANCE_S, VerifyError, VerifyingKey, verify};

/// The header of the message's id: the same for every attempt at it.
pub const ID: &str = "webhook-id";
/// The header of the moment of the attempt, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header of the signatures, parted by single spaces.
pub const SIGNATURE: &str = "webhook-signature";
