//! Every refusal of the token endpoint and those beside it (RFC 6749 §5.2), and what it looks like.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Extension;
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use jwt::{AssertionFault, ProofFault};
use serde_json::json;

use crate::caller::address_of;
use crate::exchange::{Unexchanged, WorkloadFault};
use crate::limits::Limited;
use crate::profile::Reason;
use crate::token::Origin;

/// When a client that has used too many assertions may come again. Each is remembered until a minute
/// after its end, which is some seconds to ten minutes ahead: of those that end soon, as they should,
/// many are forgotten by then.
const ASSERTIONS_WAIT: Duration = Duration::from_mins(1);

/// Why no token is issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `invalid_request`: the request cannot be read.
    Malformed(&'static str),
    /// `invalid_request`: the body is too large.
    TooLarge,
    /// `invalid_client`: the client did not prove who it is. One text for every reason, so that
    /// nobody learns which clients there are.
    Client,
    /// `invalid_client`: there is no proof at all.
    ClientMissing,
    /// `invalid_client`: what the assertion says is not in order, whosever it is.
    Assertion(AssertionFault),
    /// `invalid_client`: the assertion proves nothing. One text for every reason, as with secrets.
    AssertionUnproven,
    /// `invalid_client`: the assertion was used before.
    AssertionReused,
    /// `temporarily_unavailable`: the client has used more assertions than can be remembered. It has
    /// proven who it is, so this is a bound and no wrong credentials.
    AssertionsTooMany,
    /// `invalid_client`: the certificate is not this client's. One text for every reason.
    Certificate,
    /// `invalid_request`: the client's tokens are bound to a certificate, and it shows none.
    BindingMissing,
    /// `unauthorized_client`: its partner or itself is suspended.
    Suspended,
    /// `unsupported_grant_type`.
    GrantType,
    /// `invalid_scope`: with the scopes the client may ask for.
    Scope {
        /// The first scope that is not the client's.
        asked: String,
    },
    /// `unauthorized_client`: the client has no scopes at all, so there is nothing to give it a token
    /// for.
    NoScopes,
    /// `invalid_scope`: the scopes belong to several APIs.
    Audiences,
    /// `invalid_request`: the client's tokens are bound to a key, and there is no proof of one.
    ProofMissing,
    /// `invalid_dpop_proof`: the proof of the key is not good (RFC 9449 §5).
    Proof(ProofFault),
    /// `use_dpop_nonce`: the proof is to carry this nonce (RFC 9449 §8).
    Nonce {
        /// The one to put into the next.
        nonce: String,
    },
    /// `invalid_scope`: a scope of the client's, but not of the API that was named.
    ScopeOfOther {
        /// The first one.
        asked: String,
    },
    /// `invalid_target` (RFC 8707 §2): what is named is no API of which the client may ask a token.
    Target,
    /// `unauthorized_client`: the client's time is over.
    Expired,
    /// `temporarily_unavailable`: beyond a bound. RFC 6749 §5.2 has no code of the token endpoint for
    /// this. §4.1.2.1 has one that means it, "due to a temporary overloading", which clients know to
    /// try again; `slow_down` (RFC 8628 §3.5) would tell them that they poll for a device's user. It is
    /// the status and `Retry-After` (RFC 6585 §4) that most of them go by.
    Limited(Box<Limited>),
    /// `temporarily_unavailable`: what was asked could not be kept (RFC 7009 §2.2.1), or what is left
    /// of a quota is not known.
    Unavailable,
    /// Nothing is exchanged (RFC 8693).
    Exchange(Unexchanged),
    /// The profile does not permit it.
    Profile(Reason),
}

impl Refusal {
    /// The standard's error code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::TooLarge | Self::ProofMissing | Self::BindingMissing => {
                "invalid_request"
            }
            Self::Client
            | Self::ClientMissing
            | Self::Assertion(_)
            | Self::AssertionUnproven
            | Self::AssertionReused
            | Self::Certificate => "invalid_client",
            Self::Suspended | Self::Expired | Self::NoScopes => "unauthorized_client",
            Self::GrantType => "unsupported_grant_type",
            Self::Scope { .. } | Self::Audiences | Self::ScopeOfOther { .. } => "invalid_scope",
            Self::Target => "invalid_target",
            // RFC 6749 §4.1.2.1 has the word; of the token endpoint it says nothing of the kind.
            Self::Limited(_)
            | Self::AssertionsTooMany
            | Self::Unavailable
            | Self::Proof(ProofFault::Full) => "temporarily_unavailable",
            Self::Proof(_) => "invalid_dpop_proof",
            Self::Nonce { .. } => "use_dpop_nonce",
            Self::Exchange(unexchanged) => unexchanged.code(),
            Self::Profile(reason) => reason.code(),
        }
    }

    /// The reason in a word, finer than the code; for the log and the audit, not for the caller.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Client => "wrong-credentials",
            Self::ClientMissing => "no-credentials",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::NoScopes => "no-scopes",
            Self::Audiences => "several-apis",
            Self::Limited(limited) => limited.reason,
            Self::AssertionsTooMany => "assertions",
            Self::Unavailable => "store-unavailable",
            other => other.code(),
        }
    }

    /// Whether somebody tried to prove to be a client and did not; who tried nothing, or has proven
    /// itself and may not, is another thing.
    pub(crate) fn is_of_wrong_credentials(&self) -> bool {
        match self {
            Self::Client
            | Self::Assertion(_)
            | Self::AssertionUnproven
            | Self::AssertionReused
            | Self::Certificate => true,
            Self::Exchange(unexchanged) => unexchanged.is_of_bad_token(),
            _ => false,
        }
    }

    /// When the caller may come again.
    fn wait(&self) -> Option<Duration> {
        match self {
            Self::Limited(limited) => Some(limited.wait),
            Self::AssertionsTooMany => Some(ASSERTIONS_WAIT),
            Self::Unavailable => Some(Duration::from_secs(1)),
            Self::Exchange(Unexchanged::Subject(WorkloadFault::NoKeys)) => {
                Some(Duration::from_secs(5))
            }
            _ => None,
        }
    }

    /// What the caller is told.
    pub(crate) fn description(&self) -> String {
        match self {
            Self::Malformed(what) => format!("The request cannot be read: {what}."),
            Self::TooLarge => "The request's body is larger than 16 KiB.".to_owned(),
            Self::Client => "Client id or secret is wrong, or the secret is no longer live.".into(),
            Self::ClientMissing => "Send client id and secret by HTTP Basic, or as client_id and \
                 client_secret in the body; or prove the client by client_assertion or its certificate."
                .into(),
            Self::Assertion(fault) => format!("The client assertion is not accepted: {fault}."),
            Self::AssertionUnproven => "The client assertion is not signed with a key of this \
                 client, by an algorithm it may use."
                .into(),
            Self::AssertionReused => "The client assertion was used before. Make a new one, with \
                 a jti of its own, for each request."
                .into(),
            Self::AssertionsTooMany => "The client has used so many assertions that no more can \
                 be remembered. Wait as long as Retry-After says; then ask for fewer tokens, or let \
                 assertions end sooner."
                .into(),
            Self::Certificate => "The client certificate is not one of this client.".into(),
            Self::BindingMissing => "This client's tokens are bound to a client certificate. \
                 Connect with one (mutual TLS)."
                .into(),
            Self::Suspended => "This client is suspended.".to_owned(),
            Self::GrantType => "This grant_type is not offered here, or not with this proof: send \
                 grant_type=client_credentials; the metadata list what else there is.".to_owned(),
            Self::Scope { asked } => format!(
                "The client has not been given the scope {asked}. Leave scope out to get all it \
                 has."
            ),
            Self::NoScopes => "This client has been given no scopes, and so gets no tokens. It may \
                 revoke and introspect."
                .into(),
            Self::Audiences => "The scopes are of several APIs. Ask for those of one at a time.".into(),
            Self::ProofMissing => "This client's tokens are bound to a key. Send a proof of the \
                 key in the header DPoP (RFC 9449)."
                .into(),
            Self::Proof(ProofFault::Full) => "More DPoP proofs come in than can be remembered. \
                 Send the request again, with a new proof, in a second."
                .into(),
            Self::Proof(fault) => {
                format!("Not accepted: {fault}. Make a new proof for each request (RFC 9449 4.2).")
            }
            Self::Nonce { .. } => "Put the value of the header DPoP-Nonce into a new proof as \
                 nonce, and send the request again."
                .into(),
            Self::ScopeOfOther { asked } => format!(
                "The scope {asked} is not of the API that resource or audience names. Ask for one \
                 API at a time."
            ),
            Self::Target => "resource or audience names no API that the client may have a token \
                 for. Send as resource the API's address or its own URI, without a fragment; or as \
                 audience its name."
                .into(),
            Self::Expired => "This client's time is over. Ask the operator for more.".to_owned(),
            Self::Limited(limited) => limited.description.clone(),
            Self::Unavailable => "The store does not answer. Try again; nothing has changed.".into(),
            Self::Exchange(unexchanged) => unexchanged.description(),
            Self::Profile(reason) => format!("{reason}."),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Client
            | Self::ClientMissing
            | Self::Assertion(_)
            | Self::AssertionUnproven
            | Self::AssertionReused
            | Self::Certificate => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Limited(_) | Self::AssertionsTooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::Proof(ProofFault::Full) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Profile(reason) if reason.code() == "invalid_client" => StatusCode::UNAUTHORIZED,
            Self::Exchange(Unexchanged::Subject(WorkloadFault::NoKeys)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer; `realm` is shown in the challenge of a failed client authentication.
    pub(crate) fn into_answer(self, realm: &str) -> Response {
        let description = self.description();
        // RFC 6749 §5.2: printable ASCII without quotes and backslashes.
        let plain = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let description: String = description.chars().filter(plain).collect();
        let body = json!({ "error": self.code(), "error_description": description });
        let mut response = (self.status(), body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Self::Nonce { nonce } = &self {
            crate::dpop::offer(Some(nonce.as_str()), headers);
        }
        if let Some(wait) = self.wait() {
            // Whole seconds, and never none: who comes at once is refused again.
            let seconds = wait.as_millis().div_ceil(1000).clamp(1, 86_400);
            let seconds = u32::try_from(seconds).unwrap_or(86_400);
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status() == StatusCode::UNAUTHORIZED
            && let Ok(challenge) = HeaderValue::from_str(&format!(r#"Basic realm="{realm}""#))
        {
            // RFC 9110 §15.5.2: a 401 carries a challenge, whichever way the client tried.
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The id of a request, as the gateway gives them; an extension of the request. Refusals that are
/// problems show it.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// So much of a path that is none of ours stands in the log: enough to know which one was meant, and
/// less than a whole token that somebody put there.
const PATH_BYTES_TOLD: usize = 128;

/// The answer to a path below `/oauth2/` or `/.well-known/` that is none of ours.
pub(crate) async fn no_such_endpoint(request: Request) -> Response {
    missing(&request)
}

/// The same, where the path has a handler that knows nothing there.
pub(crate) fn missing(request: &Request) -> Response {
    let detail = format!(
        "There is no {}. The token endpoint is POST /oauth2/token; \
         /.well-known/oauth-authorization-server lists what there is.",
        request.uri().path()
    );
    problem((StatusCode::NOT_FOUND, "no-route"), "No such path", &detail, request)
}

/// The answer to a known path with another method. RFC 6749 §3.2: tokens are asked for by POST.
pub async fn other_method(request: Request) -> Response {
    let path = request.uri().path();
    let allow = if path.starts_with("/oauth2/") { "POST" } else { "GET, HEAD" };
    let detail = format!("{path} takes {allow}.");
    let kind = (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
    let mut response = problem(kind, "The path has other methods", &detail, &request);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

fn problem(
    (status, code): (StatusCode, &'static str),
    title: &str,
    detail: &str,
    request: &Request,
) -> Response {
    let mut body = json!({
        "type": format!("urn:gatepost:problem:{code}"),
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    let id = request.extensions().get::<RequestId>().map(|RequestId(id)| id.as_str());
    if let Some(id) = id {
        body["request_id"] = id.into();
    }
    tell(status, code, id, request);
    let mut response = (status, body.to_string()).into_response();
    let problem = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, problem);
    response
}

/// One line of the log, with the fields that lines of requests at the gateway have.
fn tell(status: StatusCode, refusal: &'static str, request_id: Option<&str>, request: &Request) {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let origin = request.extensions().get::<Origin>().copied().map(Extension);
    let address = peer.map(|ConnectInfo(peer)| address_of(*peer, origin));
    let path = request.uri().path();
    tracing::info!(
        request_id,
        address = address.map(tracing::field::display),
        method = request.method().as_str(),
        path = path.get(..path.floor_char_boundary(PATH_BYTES_TOLD)),
        status = status.as_u16(),
        refusal,
        "a request to the token service is refused"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6585_4_who_is_beyond_a_bound_is_told_so_in_one_form_and_when_to_come_again() {
        let limited = |ms| {
            let wait = Duration::from_millis(ms);
            let limited = Limited { reason: "client-rate", description: "Slower.".into(), wait };
            Refusal::Limited(Box::new(limited))
        };
        for (refusal, reason, after) in [
            (limited(1), "client-rate", "1"),
            (limited(2001), "client-rate", "3"),
            (Refusal::AssertionsTooMany, "assertions", "60"),
        ] {
            assert!(!refusal.is_of_wrong_credentials(), "{refusal:?}");
            assert_eq!((refusal.code(), refusal.reason()), ("temporarily_unavailable", reason));
            let answer = refusal.into_answer("Test");
            assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "{reason}");
            assert_eq!(answer.headers()[RETRY_AFTER], after, "{reason}");
            assert!(!answer.headers().contains_key(WWW_AUTHENTICATE), "{reason}");
        }
    }
}
