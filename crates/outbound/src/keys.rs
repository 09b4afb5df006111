//! The published keys of others (RFC 7517), got under the guard and kept fresh: those of token
//! issuers, and those of clients that prove themselves with them.
//!
//! Whoever keeps keys asks [`Refresh`] when to get them and how long they are in force, and
//! [`fetch`] gets them. What is done with them meanwhile, and what is told of it, is theirs.

mod fetch;
mod refresh;

pub use fetch::{FetchError, Got, Place, fetch};
pub use refresh::{KeysStanding, Refresh};
