//! Why there is no token, or no answer.

use std::sync::Arc;

use crate::answer::{AnswerError, ErrorCode, Refusal};

/// Any error of a transport, a key or a place where secrets are.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The same, shared by all who waited for one request.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Why there is no token, or no answer of the API.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The token endpoint refuses: its code says what to do. Asking again is of no use until
    /// somebody has changed something, but for `temporarily_unavailable`.
    #[error("no token: the token endpoint answered {0}")]
    Refused(Refusal),
    /// The token endpoint answered with something that is no token.
    #[error("no token: {0}")]
    Answer(#[from] AnswerError),
    /// The token endpoint did not answer.
    #[error("no token: no answer from the token endpoint")]
    Unanswered(#[source] Cause),
    /// The secret or the key is not at hand, or does not sign.
    #[error("no token: the client's secret, key or proof cannot be had")]
    Proof(#[source] Cause),
    /// A value cannot stand where it should: in a header, a form, a URL.
    #[error("{0} cannot be sent: it has characters that may not stand there")]
    Unsendable(&'static str),
    /// The request would carry the token unencrypted to another machine (RFC 6750 §5.2).
    #[error("a token is sent over https only, or to this machine itself")]
    InClear,
    /// The request for a token was ended by whoever runs it.
    #[error("no token: the request for it was interrupted")]
    Interrupted,
    /// The API did not answer.
    #[error("no answer from the API")]
    Api(#[source] Cause),
}

impl Error {
    /// The standard's code, if the token endpoint refused with one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    pub(crate) fn proof(error: BoxError) -> Self {
        Self::Proof(Cause::from(error))
    }
}
