//! Secrets: texts that are never printed.

use std::fmt;

use zeroize::Zeroizing;

use crate::BoxError;

/// A secret text. It has no `Debug` and no `Display` that would show it, and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads a secret whenever a token is asked for, so that replacing a file is all a rotation takes.
pub trait ReadSecret: Send + Sync {
    /// The secret's present value. Is called on the runtime's thread: a small file is all right, a
    /// call over the network is not.
    fn read(&self) -> Result<Secret, BoxError>;
}

/// A secret that is at hand and does not change.
impl ReadSecret for Secret {
    fn read(&self) -> Result<Secret, BoxError> {
        Ok(self.clone())
    }
}
