//! The published keys of others (RFC 7517), got under the guard and kept fresh: those of token
//! issuers, and those of clients that prove themselves with them.
//!
//! A [`KeySource`] keeps keys and says when they are to be got, and [`fetch`] gets them. Who does
//! that when, and what is told of it, is for whoever needs them.

mod fetch;
mod refresh;
mod source;

pub use fetch::{FetchError, Got, Place, fetch};
pub use refresh::KeysStanding;
pub use source::{Coming, KeySource, KeysState, Renewal};
