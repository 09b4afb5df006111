//! Secrets: values that are never printed, and references to where they are kept.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::Name;

/// A secret text. It has no `Debug` and no `Display` that would show it, and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that sends or digests it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret is kept; the configuration holds only this.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretSource {
    /// An environment variable of the program.
    Env(String),
    /// A file, trailing line break ignored.
    File(PathBuf),
    /// A systemd credential.
    Credential(String),
    /// By the program itself, sealed under the key file.
    Kept(Name),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Credential(name) => write!(f, "systemd credential {name}"),
            Self::Kept(name) => write!(f, "Gatepost's keeping ({name})"),
        }
    }
}

/// A secret could not be read; the text says where it should be and never what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret in {place} cannot be read: {reason}")]
pub struct SecretError {
    /// Where it should be.
    pub place: String,
    /// Why it is not there.
    pub reason: String,
    /// Whether there is nothing at all, as against something that cannot be read.
    pub missing: bool,
}

/// Reads secrets when they are needed, so that replacing a file is all a rotation takes.
pub trait SecretReader: Send + Sync {
    /// The secret's present value.
    fn read(&self, source: &SecretSource) -> Result<Secret, SecretError>;
}
