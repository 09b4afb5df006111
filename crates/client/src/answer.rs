//! What a token endpoint answers: a token (RFC 6749 §5.1) or a refusal (§5.2).
//!
//! Texts of a token endpoint's are shown cut, and without what the RFC keeps out of them, such as
//! line breaks and what moves a terminal's cursor.

use std::fmt;

use serde_json::Value;

use crate::{Renewal, Secret};

/// The longest answer of a token endpoint that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The lifetime assumed of a token whose answer names none: RFC 6749 §5.1 only recommends it.
const LIFETIME_DEFAULT_S: i64 = 300;
/// A year; what is longer is read as that.
const LIFETIME_MAX_S: i64 = 31_536_000;
/// How much of a text of a token endpoint's is shown.
const SHOWN_CHARS_MAX: usize = 200;

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenKind {
    /// Whoever holds it may use it (RFC 6750).
    #[default]
    Bearer,
    /// Only with a proof of possession (RFC 9449).
    Dpop,
}

impl TokenKind {
    /// The scheme in `Authorization`, which is the `token_type` as well.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// What a token endpoint granted.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The token.
    pub value: Secret,
    /// How long it is good, in milliseconds from the answer on: 1 s to a year.
    pub lifetime_ms: i64,
    /// The scopes it has, where the answer says so.
    pub scope: Option<String>,
}

/// A token, and when it is to be renewed.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token.
    pub value: Secret,
    /// The scopes it has, where the answer said so.
    pub scope: Option<String>,
    /// From when a new one is asked for, in milliseconds since 1970.
    pub renew_at_ms: i64,
    /// From when it is not used any more.
    pub ends_at_ms: i64,
}

impl Granted {
    /// The token as it is kept; `chance` moves its renewal, so that many programs do not ask at the
    /// same moment.
    pub fn at(self, now_ms: i64, renewal: Renewal, chance: u16) -> Token {
        let ends_at_ms = now_ms.saturating_add(self.lifetime_ms);
        let early_ms = renewal.early_ms(self.lifetime_ms, chance);
        Token {
            value: self.value,
            scope: self.scope,
            renew_at_ms: ends_at_ms.saturating_sub(early_ms),
            ends_at_ms,
        }
    }
}

/// An answer that is a success and no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not JSON.
    #[error("the answer is not JSON")]
    NotJson,
    /// Without the one member that matters.
    #[error("the answer has no access_token")]
    NoToken,
    /// A token that has to be presented otherwise.
    #[error("the token is of type {found}, not {}", .wanted.as_str())]
    Kind {
        /// What it is, fit to be shown.
        found: String,
        /// What was asked for.
        wanted: TokenKind,
    },
    /// Longer than [`ANSWER_BYTES_MAX`].
    #[error("the answer is longer than 64 KiB")]
    TooLong,
}

/// Reads the answer of a success. A token of another kind than `wanted` is refused: a client that
/// binds its tokens must not take one that is not bound (RFC 9449 §5).
pub fn read_granted(body: &[u8], wanted: TokenKind) -> Result<Granted, AnswerError> {
    if body.len() > ANSWER_BYTES_MAX {
        return Err(AnswerError::TooLong);
    }
    let mut document: Value = serde_json::from_slice(body).map_err(|_| AnswerError::NotJson)?;
    let value = match document.get_mut("access_token").map(Value::take) {
        Some(Value::String(value)) if !value.is_empty() => Secret::new(value),
        _ => return Err(AnswerError::NoToken),
    };
    // Old servers leave it out; it is case-insensitive (RFC 6749 §5.1).
    let kind = document["token_type"].as_str().unwrap_or("Bearer");
    if !kind.eq_ignore_ascii_case(wanted.as_str()) {
        return Err(AnswerError::Kind { found: shown(kind), wanted });
    }
    // Some servers write the number as a text.
    let lifetime = &document["expires_in"];
    let lifetime_s = lifetime.as_i64().or_else(|| lifetime.as_str()?.parse().ok());
    let lifetime_s = lifetime_s.unwrap_or(LIFETIME_DEFAULT_S).clamp(1, LIFETIME_MAX_S);
    let scope = document["scope"].as_str().map(str::to_owned);
    Ok(Granted { value, lifetime_ms: lifetime_s * 1_000, scope })
}

/// What a token endpoint's refusal means, by the standard's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request cannot be read.
    InvalidRequest,
    /// The client did not prove who it is: wrong secret, unknown client, a method that is not taken.
    InvalidClient,
    /// What was handed in to be exchanged is not good.
    InvalidGrant,
    /// The client may not do this, or is suspended.
    UnauthorizedClient,
    /// The server does not offer client credentials.
    UnsupportedGrantType,
    /// A scope is not the client's.
    InvalidScope,
    /// A resource is not the client's (RFC 8707 §2).
    InvalidTarget,
    /// The proof of possession is not good (RFC 9449 §5).
    InvalidDpopProof,
    /// The proof of possession needs the server's nonce (RFC 9449 §8). Is done by itself once.
    UseDpopNonce,
    /// Later it may go: the server says so by this code, or by a status 429 or 5xx.
    TemporarilyUnavailable,
    /// No code, or one of no standard that is known here; the status and the text say more.
    Other,
}

impl ErrorCode {
    fn of(status: u16, text: &str) -> Self {
        match text {
            "invalid_request" => Self::InvalidRequest,
            "invalid_client" => Self::InvalidClient,
            "invalid_grant" => Self::InvalidGrant,
            "unauthorized_client" => Self::UnauthorizedClient,
            "unsupported_grant_type" => Self::UnsupportedGrantType,
            "invalid_scope" => Self::InvalidScope,
            "invalid_target" => Self::InvalidTarget,
            "invalid_dpop_proof" => Self::InvalidDpopProof,
            "use_dpop_nonce" => Self::UseDpopNonce,
            "temporarily_unavailable" => Self::TemporarilyUnavailable,
            _ if status == 429 || status >= 500 => Self::TemporarilyUnavailable,
            _ => Self::Other,
        }
    }
}

/// A token endpoint's refusal. Shows the status and the standard's two members, nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// What it means.
    pub code: ErrorCode,
    /// `error` as it was written, fit to be shown.
    pub error: String,
    /// `error_description`, fit to be shown.
    pub description: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{} {} {}", self.status, self.error, self.description);
        f.write_str(text.trim())
    }
}

/// Reads the answer of a refusal, whatever it is.
pub fn read_refusal(status: u16, body: &[u8]) -> Refusal {
    let body = body.get(..ANSWER_BYTES_MAX).unwrap_or(body);
    let document = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let member = |name: &str| document[name].as_str().unwrap_or_default();
    Refusal {
        status,
        code: ErrorCode::of(status, member("error")),
        error: shown(member("error")),
        description: shown(member("error_description")),
    }
}

/// A text of a token endpoint's, fit to be shown (RFC 6749 §5.2).
fn shown(text: &str) -> String {
    let fits = |char: &char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\');
    let shown = text.chars().take(SHOWN_CHARS_MAX);
    shown.map(|char| if fits(&char) { char } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_read_as_servers_write_it() {
        let of = |body: &str| {
            read_granted(body.as_bytes(), TokenKind::Bearer).map(|granted| granted.lifetime_ms)
        };
        assert_eq!(of(r#"{"access_token":"t","expires_in":3600}"#), Ok(3_600_000));
        assert_eq!(of(r#"{"access_token":"t","expires_in":"60"}"#), Ok(60_000));
        assert_eq!(of(r#"{"access_token":"t"}"#), Ok(300_000));
        assert_eq!(of(r#"{"access_token":"t","expires_in":-5}"#), Ok(1_000));
        assert_eq!(of(r#"{"access_token":"t","expires_in":99999999999}"#), Ok(31_536_000_000));
        assert_eq!(of(r#"{"access_token":""}"#), Err(AnswerError::NoToken));
        assert_eq!(of("<html>"), Err(AnswerError::NotJson));
        for other in ["[]", "5", "\"x\"", "null", "{}"] {
            assert_eq!(of(other), Err(AnswerError::NoToken), "{other}");
        }
        let long = format!(r#"{{"access_token":"t","x":"{}"}}"#, "x".repeat(ANSWER_BYTES_MAX));
        assert_eq!(of(&long), Err(AnswerError::TooLong));
    }

    #[test]
    fn a_token_of_another_kind_is_not_taken() {
        let read = |kind: &str, wanted| {
            let body = serde_json::json!({ "access_token": "t", "token_type": kind });
            read_granted(body.to_string().as_bytes(), wanted)
                .map(drop)
                .map_err(|error| error.to_string())
        };
        assert_eq!(read("bearer", TokenKind::Bearer), Ok(()));
        assert_eq!(read("DPoP", TokenKind::Dpop), Ok(()));
        let error = "the token is of type DPoP, not Bearer";
        assert_eq!(read("DPoP", TokenKind::Bearer), Err(error.to_owned()));
        // RFC 9449 §5: who wants a bound token does not take another.
        let error = "the token is of type Bearer, not DPoP";
        assert_eq!(read("Bearer", TokenKind::Dpop), Err(error.to_owned()));
        let long = format!("m\n{}", "x".repeat(300));
        let error = format!("the token is of type m?{}, not Bearer", "x".repeat(198));
        assert_eq!(read(&long, TokenKind::Bearer), Err(error));
    }

    #[test]
    fn a_refusal_shows_only_what_the_standard_names() {
        let of = |status, body: &[u8]| read_refusal(status, body).to_string();
        let body = br#"{"error":"invalid_client","error_description":"no","secret":"x"}"#;
        assert_eq!(of(401, body), "401 invalid_client no");
        assert_eq!(of(502, b"<html>"), "502");
        let long = "x".repeat(300);
        let body =
            serde_json::json!({ "error": "a\u{1b}[2J\n\u{202e}\"b", "error_description": long });
        let expected = format!("400 a?[2J???b {}", "x".repeat(200));
        assert_eq!(of(400, body.to_string().as_bytes()), expected);
    }

    #[test]
    fn a_refusal_has_the_standards_code() {
        let of = |status, error: &str| {
            let body = serde_json::json!({ "error": error });
            read_refusal(status, body.to_string().as_bytes()).code
        };
        assert_eq!(of(401, "invalid_client"), ErrorCode::InvalidClient);
        assert_eq!(of(400, "use_dpop_nonce"), ErrorCode::UseDpopNonce);
        assert_eq!(of(400, "INVALID_SCOPE"), ErrorCode::Other);
        assert_eq!(of(429, "slow_down"), ErrorCode::TemporarilyUnavailable);
        assert_eq!(read_refusal(503, b"").code, ErrorCode::TemporarilyUnavailable);
        assert_eq!(read_refusal(404, b"").code, ErrorCode::Other);
    }
}
