//! Minted keys and secrets: their form, their digest at rest, and the vault for what must be read
//! again.
//!
//! A minted text is `gpk_<id>_<random><check>` (API key) or `gps_<id>_<random><check>` (client
//! secret): greppable by secret scanners, checkable for typing errors without a look-up, 256 bits
//! of randomness. At rest only an HMAC-SHA-256 of it is kept; a slow password hash would protect
//! passwords, which these are not. Pure: randomness is an argument.

mod base62;
mod digest;
mod minted;
mod sealed;
mod vault;

pub use digest::{Digest, Digester};
pub use minted::{Kind, Minted, RANDOM_BYTES, Unreadable, claimed_id, credential_id, mint};
pub use sealed::{KEY_BYTES, LetterError, open_with, public_half, seal_to};
pub use vault::{MASTER_BYTES, Master, NONCE_BYTES, Unsealable, Vault};
