//! The header fields of a refusal: challenges, when to come again, what is left of the plan.

use http::header::{ACCEPT_ENCODING, ALLOW, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};

use super::shown::seconds_up;
use super::{Denial, Facts};
use crate::checks::proof::DPOP_NONCE;

impl Denial {
    /// Adds all but what [`Self::challenge_for_proof`] adds behind it.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap, facts: &Facts<'_>) {
        let mut insert = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        let realm = facts.api.map_or("gatepost", |api| api.realm.as_str());
        // RFC 9728 §5.1: where a client learns which authorization server to ask.
        let metadata = facts.api.map_or_else(String::new, |api| {
            format!(r#", resource_metadata="{}""#, api.metadata_url)
        });
        match self {
            Self::MethodNotAllowed { allow } => insert(ALLOW, allow),
            Self::MediaTypeUnsupported { hint, supported } => {
                insert(hint.clone(), &supported.join(", "));
            }
            // RFC 9110 §15.5.16: this tells a coding that is not taken from a media type.
            Self::CodingUnsupported => insert(ACCEPT_ENCODING, "identity"),
            // RFC 6750 §3.1: no error code where the request lacks any authentication.
            Self::TokenMissing => {
                insert(WWW_AUTHENTICATE, &format!(r#"Bearer realm="{realm}"{metadata}"#));
            }
            Self::TokenTwice | Self::TokenInQuery => {
                let challenge = bearer(realm, "invalid_request", &self.shown().detail);
                insert(WWW_AUTHENTICATE, &challenge);
            }
            _ if self.is_of_bad_token() => {
                let challenge = bearer(realm, "invalid_token", &self.shown().detail);
                insert(WWW_AUTHENTICATE, &format!("{challenge}{metadata}"));
            }
            Self::ScopeMissing { needed, .. } => {
                let challenge = bearer(realm, "insufficient_scope", &self.shown().detail);
                let scopes = needed.join(" ");
                insert(WWW_AUTHENTICATE, &format!(r#"{challenge}, scope="{scopes}"{metadata}"#));
            }
            Self::RateExceeded { wait, .. }
            | Self::QuotaExceeded { wait, .. }
            | Self::ApiRateExceeded { wait }
            | Self::BadTokens { wait }
            | Self::IdempotencyUnknown { wait }
            | Self::ServiceOut { wait } => {
                insert(RETRY_AFTER, &seconds_up(*wait).to_string());
            }
            Self::StoreUnavailable { .. }
            | Self::ProofsFull
            | Self::ConcurrencyExceeded { .. }
            | Self::IdempotencyInFlight
            | Self::Forgotten => insert(RETRY_AFTER, "1"),
            // The first pauses after a failure are of this length.
            Self::IssuerUnavailable { .. } => insert(RETRY_AFTER, "5"),
            _ => {}
        }
        // What a message means whose form is doubtful is not known beyond its end.
        if matches!(self, Self::Malformed(_) | Self::CallerBroke) {
            insert(CONNECTION, "close");
        }
        if let Self::RateExceeded { limits: Some(limits), .. }
        | Self::ConcurrencyExceeded { limits: Some(limits), .. }
        | Self::QuotaExceeded { limits: Some(limits), .. } = self
        {
            limits.clone().add_to(headers);
        } else if let Some(limits) = facts.limits {
            limits.clone().add_to(headers);
        }
    }

    /// Whether it is `invalid_token` (RFC 6750 §3.1).
    fn is_of_bad_token(&self) -> bool {
        matches!(
            self,
            Self::TokenInvalid(_)
                | Self::TokenRevoked { .. }
                | Self::TokenDenied { .. }
                | Self::TokenBound
                | Self::CertificateBound
                | Self::TokenUnbound
        )
    }

    /// Adds the challenge of the scheme for bound tokens, where a token or its proof is what is
    /// missing or wrong. Where it stands beside the other scheme's, a client takes the one it knows
    /// (RFC 9449 §7.1).
    pub(super) fn challenge_for_proof(&self, headers: &mut HeaderMap, facts: &Facts<'_>) {
        let error = match self {
            Self::TokenMissing => None,
            _ if self.is_of_bad_token() => Some("invalid_token"),
            Self::ScopeMissing { .. } => Some("insufficient_scope"),
            Self::ProofInvalid(_) => Some("invalid_dpop_proof"),
            Self::NonceNeeded { .. } => Some("use_dpop_nonce"),
            _ => return,
        };
        let error = error.map_or_else(String::new, |error| format!(r#", error="{error}""#));
        let description = match self {
            Self::ProofInvalid(_) | Self::NonceNeeded { .. } => {
                format!(r#", error_description="{}""#, plain(&self.shown().detail))
            }
            _ => String::new(),
        };
        // Whoever is asked for a token or a proof has asked an API.
        let Some(api) = facts.api else { return };
        let (realm, algorithms) = (&api.realm, &api.proof_algorithms);
        let challenge = format!(r#"DPoP realm="{realm}"{error}{description}, algs="{algorithms}""#);
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            headers.append(WWW_AUTHENTICATE, challenge);
        }
        if let Self::NonceNeeded { nonce } = self
            && let Ok(nonce) = HeaderValue::from_str(nonce)
        {
            headers.insert(DPOP_NONCE, nonce);
        }
    }
}

/// A text for a quoted string (RFC 6750 §3): quotes, backslashes and controls are left out.
fn plain(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}

/// A `Bearer` challenge (RFC 6750 §3); the description's quotes and controls are left out.
fn bearer(realm: &str, error: &str, description: &str) -> String {
    let description = plain(description);
    format!(r#"Bearer realm="{realm}", error="{error}", error_description="{description}""#)
}
