//! Client certificates: whose they are by their names, their fingerprints, and the field in which
//! a proxy passes one on.
//!
//! Pure. Nothing here decides whether a certificate is to be believed: that its holder has the key,
//! and that it leads to an authority, is found out where TLS is spoken.

mod field;
mod fingerprint;
mod holder;
mod name;

pub use field::client_cert;
pub use fingerprint::{fingerprint, thumbprint};
pub use holder::Holder;
pub use name::{DistinguishedName, NameError};

/// The largest certificate that is looked at, in bytes; with many names some have 10 KiB.
pub const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;
