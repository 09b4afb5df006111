//! What is kept of a secret: its HMAC under a key that only the key file holds.

use std::fmt;

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq as _;

/// The HMAC-SHA-256 of a secret.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// A digest read back from storage.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// Computes digests under one key; the key is prepared once.
pub struct Digester(hmac::Key);

impl Digester {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The digest of a secret's text.
    pub fn digest(&self, text: &str) -> Digest {
        let tag = hmac::sign(&self.0, text.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        Digest(bytes)
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_differ_by_text_and_by_key() {
        let (one, two) = (Digester::new(&[1; 32]), Digester::new(&[2; 32]));
        assert!(one.digest("a").matches(&one.digest("a")));
        assert!(!one.digest("a").matches(&one.digest("b")));
        assert!(!one.digest("a").matches(&two.digest("a")));
    }
}
