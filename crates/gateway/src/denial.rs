//! Every way to say no: status, body, headers, and the code the log and `gatepost explain` know.
//!
//! The only place of the gateway that chooses a status. Each refusal has two texts: what the
//! partner sees says what to do; what the log sees may say more.

use std::net::IpAddr;
use std::time::Duration;

use contract::Location;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use jwt::{Fault, ProofFault};
use limit::{Limit, Quota};
use listener::{Body, Problem, TraceParent, empty, full};
use model::{ErrorStyle, Name, Timestamp};

use crate::checks::plan::Limits;
use crate::checks::proof::DPOP_NONCE;
use crate::issuers::IssuerFault;
use crate::path::BadPath;
use crate::snapshot::ApiEntry;

/// How many places of a request that does not fit stand in the log.
const PLACES_MAX: usize = 5;

/// Why a request is not answered by the company's service.
#[derive(Debug)]
pub(crate) enum Denial {
    NoRoute,
    MethodNotAllowed {
        allow: String,
    },
    BadPath(BadPath),
    HeadTooLarge,
    /// The caller's message broke off, or its body cannot be read.
    CallerBroke,
    /// A message that servers on the way could take apart differently.
    Malformed(&'static str),
    AddressRefused {
        address: IpAddr,
    },
    /// No client certificate, and the API demands one.
    CertificateMissing,
    /// A certificate that is not the partner's.
    CertificateOfOther,
    /// So many bad tokens from this address that no more are looked at for now.
    BadTokens {
        wait: Duration,
    },
    TokenMissing,
    TokenTwice,
    TokenInQuery,
    TokenInvalid(Fault),
    /// A good token that is bound to a key, without a proof of that key.
    TokenBound,
    /// A good token that is bound to no key, in the scheme for bound ones.
    TokenUnbound,
    /// A bound token with no proof, or with one that is not good.
    ProofInvalid(ProofFault),
    /// The proof lacks a nonce of ours, or its nonce is too old.
    NonceNeeded {
        /// The one to put into the next.
        nonce: String,
    },
    /// More proofs come in than can be remembered.
    ProofsFull,
    /// A good token of a client that no longer is, or is suspended.
    TokenRevoked {
        client: String,
    },
    /// A good token that is bound to a certificate, and the caller has shown another or none.
    CertificateBound,
    /// A good token that was revoked before its end.
    TokenDenied {
        id: String,
    },
    /// A good token of another issuer, of a client that belongs to no partner.
    ClientUnknown {
        issuer: Name,
        client: String,
    },
    /// There are no keys to verify a token of this issuer with.
    IssuerUnavailable {
        issuer: Name,
    },
    ScopeMissing {
        needed: Vec<String>,
        /// Whether all of them are needed, and not one.
        all: bool,
    },
    KeyMissing {
        header: String,
    },
    /// Unknown and revoked look the same to the caller and differ in the log.
    KeyUnknown {
        why: UnknownKey,
        id: Option<String>,
    },
    KeyExpired {
        ended: Timestamp,
        id: String,
    },
    KeyWithoutPlan {
        id: String,
    },
    /// Token and key belong to different partners.
    KeyOfOther,
    PartnerSuspended,
    RateExceeded {
        plan: Name,
        limit: Limit,
        wait: Duration,
        limits: Option<Box<Limits>>,
    },
    /// All callers together ask more than the service is meant to take.
    ApiRateExceeded {
        wait: Duration,
    },
    ConcurrencyExceeded {
        plan: Name,
        most: u32,
        limits: Option<Box<Limits>>,
    },
    QuotaExceeded {
        plan: Name,
        quota: Quota,
        until: Timestamp,
        wait: Duration,
        limits: Option<Box<Limits>>,
    },
    BodyTooLarge {
        bytes_max: u64,
    },
    /// A body that must be whole before anything is called, and does not come to its end.
    BodyTooSlow {
        timeout_ms: u64,
    },
    /// More than a function takes, with all that it is told beside the body.
    EventTooLarge,
    /// Not as the API's document describes it.
    RequestInvalid {
        /// At least one.
        faults: Vec<contract::Fault>,
    },
    /// A body of a media type that the API's document does not have.
    MediaTypeUnsupported {
        /// The field that tells the caller which are taken.
        hint: HeaderName,
        supported: Vec<String>,
    },
    /// A body that would be looked into, and is coded (`Content-Encoding`).
    CodingUnsupported,
    /// No `Idempotency-Key`, and the route demands one.
    IdempotencyKeyMissing,
    /// It cannot be read; the text fits behind "the header".
    IdempotencyKeyInvalid {
        reason: &'static str,
    },
    /// The key came with another request before.
    IdempotencyKeyReused,
    /// A request under the same key is being carried out.
    IdempotencyInFlight,
    /// One was begun, and the program that did it has ended since.
    IdempotencyUnknown {
        wait: Duration,
    },
    /// One was carried out, and its answer is not there to be given again.
    IdempotencyNotKept {
        status: u16,
    },
    /// Every address of the service is out for now.
    ServiceOut {
        wait: Duration,
    },
    UpstreamUnreachable {
        reason: String,
    },
    UpstreamBroke {
        reason: String,
    },
    UpstreamTimeout {
        timeout_ms: u64,
    },
    /// A function ended with an error, or what it answered is no response.
    FunctionFailed {
        reason: String,
    },
    StoreUnavailable {
        reason: String,
    },
    /// A token of another issuer that is not verified yet: nothing that a caller sees.
    Unverified,
    /// A fault of our own.
    Forgotten,
}

/// Why a key is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnknownKey {
    /// Not in the form of a key, or its check digits do not fit.
    Unreadable,
    Unknown,
    Revoked,
    /// It opens from a later moment on.
    NotYet,
}

/// What the form of a refusal depends on besides the refusal.
pub(crate) struct Facts<'a> {
    pub(crate) api: Option<&'a ApiEntry>,
    pub(crate) request_id: &'a HeaderValue,
    pub(crate) trace: TraceParent,
    /// What is left of the plan, when the request was refused after it was debited.
    pub(crate) limits: Option<&'a Limits>,
    /// Whether a gRPC client asks.
    pub(crate) grpc: bool,
}

/// Whether a request is a gRPC call. Such a client reads a status of gRPC and nothing else ("gRPC
/// over HTTP/2", Content-Type); what is called gRPC-Web is not one.
pub(crate) fn is_grpc<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = content_type.and_then(|value| value.strip_prefix(b"application/grpc"));
    request.version() == Version::HTTP_2
        && rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The statuses of gRPC that a refusal may have, by their numbers ("Status codes and their use in
/// gRPC").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GrpcStatus {
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// What a partner sees of a refusal.
struct Shown {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
}

impl Denial {
    /// The code that the log, the problem type and `gatepost explain` share.
    pub(crate) fn code(&self) -> &'static str {
        self.shown().code
    }

    /// Whether the request itself is at fault, and was found so when its quota was debited already:
    /// it gets that back.
    pub(crate) fn gives_quota_back(&self) -> bool {
        matches!(
            self,
            Self::BodyTooLarge { .. }
                | Self::BodyTooSlow { .. }
                | Self::EventTooLarge
                | Self::RequestInvalid { .. }
                | Self::MediaTypeUnsupported { .. }
                | Self::CodingUnsupported
        )
    }

    /// What the log says beyond the code: never shown to the caller.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::AddressRefused { address } => format!("{address} is on no list"),
            Self::TokenInvalid(fault) => fault.to_string(),
            Self::ProofInvalid(fault) => fault.to_string(),
            Self::TokenRevoked { client } => format!("client {client} is suspended or gone"),
            Self::TokenDenied { id } => format!("token {id} was revoked"),
            Self::ClientUnknown { issuer, client } => {
                format!("client {client} of issuer {issuer} belongs to no partner")
            }
            Self::IssuerUnavailable { issuer } => {
                format!("the keys of issuer {issuer} cannot be got")
            }
            Self::KeyUnknown { why, id } => {
                let why = match why {
                    UnknownKey::Unreadable => "mistyped or not a key",
                    UnknownKey::Unknown => "unknown",
                    UnknownKey::Revoked => "revoked",
                    UnknownKey::NotYet => "not good yet",
                };
                id.as_ref().map_or_else(|| why.to_owned(), |id| format!("{why}: {id}"))
            }
            Self::KeyExpired { id, .. } | Self::KeyWithoutPlan { id } => format!("key {id}"),
            // The places alone: reasons repeat what the caller sent.
            Self::RequestInvalid { faults } => {
                let places = faults.iter().map(|fault| match fault.pointer.as_str() {
                    "" => fault.location.to_string(),
                    pointer => format!("{} {pointer}", fault.location),
                });
                places.take(PLACES_MAX).collect::<Vec<_>>().join(", ")
            }
            Self::UpstreamUnreachable { reason }
            | Self::UpstreamBroke { reason }
            | Self::FunctionFailed { reason }
            | Self::StoreUnavailable { reason } => reason.clone(),
            other => other.shown().detail,
        }
    }

    /// The status, as HTTP and the default style have it.
    pub(crate) fn status(&self) -> StatusCode {
        self.shown().status
    }

    /// The answer: to a gRPC client in its own form, else in the style of the API it was asked of.
    pub(crate) fn response(&self, facts: &Facts<'_>) -> Response<Body> {
        let style = facts.api.map_or(ErrorStyle::Problem, |api| api.api.errors);
        let mut response = match style {
            _ if facts.grpc => self.grpc(),
            ErrorStyle::Problem => self.problem(facts),
            ErrorStyle::Aws => self.aws(facts.request_id),
        };
        self.add_headers(response.headers_mut(), facts);
        self.challenge_for_proof(response.headers_mut(), facts);
        response
    }

    fn problem(&self, facts: &Facts<'_>) -> Response<Body> {
        let shown = self.shown();
        let mut problem = Problem::new(shown.status, shown.code, shown.title, shown.detail)
            .with("request_id", facts.request_id.to_str().unwrap_or_default())
            .with("trace_id", facts.trace.trace_id());
        match self {
            Self::ScopeMissing { needed, .. } => problem = problem.with("scopes", needed.clone()),
            Self::RequestInvalid { faults } => {
                let errors = serde_json::to_value(faults).unwrap_or_default();
                problem = problem.with("errors", errors);
            }
            Self::MediaTypeUnsupported { supported, .. } => {
                problem = problem.with("supported", supported.clone());
            }
            Self::RateExceeded { plan, limit, .. } => {
                problem = problem
                    .with("plan", plan.as_str())
                    .with("limit", limit.rate().to_string())
                    .with("burst", limit.burst());
            }
            Self::ConcurrencyExceeded { plan, most, .. } => {
                problem = problem.with("plan", plan.as_str()).with("limit", *most);
            }
            Self::QuotaExceeded { plan, quota, until, .. } => {
                problem = problem
                    .with("plan", plan.as_str())
                    .with("limit", quota.to_string())
                    .with("resets_at", until.to_seconds_text());
            }
            _ => {}
        }
        problem.into_response()
    }

    /// The refusal as gRPC has it: a status in headers that are the whole answer ("gRPC over
    /// HTTP/2", Trailers-Only). The message begins with the code that `gatepost explain` explains.
    fn grpc(&self) -> Response<Body> {
        let shown = self.shown();
        let message = grpc_message(&format!("{}: {}", shown.code, shown.detail));
        let mut response = Response::new(empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(self.grpc_status() as u16));
        if let Ok(message) = HeaderValue::try_from(message) {
            headers.insert("grpc-message", message);
        }
        response
    }

    /// The status of gRPC. Where HTTP's says it well enough, it is the one that gRPC clients make
    /// of that ("HTTP to gRPC Status Code Mapping").
    fn grpc_status(&self) -> GrpcStatus {
        use StatusCode as S;
        match self.status() {
            // Wrong with the credentials, and not with the call.
            _ if matches!(self, Self::TokenTwice | Self::TokenInQuery) => {
                GrpcStatus::Unauthenticated
            }
            S::BAD_REQUEST => GrpcStatus::Internal,
            S::UNAUTHORIZED => GrpcStatus::Unauthenticated,
            S::FORBIDDEN => GrpcStatus::PermissionDenied,
            S::NOT_FOUND | S::METHOD_NOT_ALLOWED => GrpcStatus::Unimplemented,
            // The mapping has "unavailable" for 429, which clients try again at once.
            S::TOO_MANY_REQUESTS | S::PAYLOAD_TOO_LARGE | S::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                GrpcStatus::ResourceExhausted
            }
            S::GATEWAY_TIMEOUT => GrpcStatus::DeadlineExceeded,
            _ => GrpcStatus::Unavailable,
        }
    }

    fn add_headers(&self, headers: &mut HeaderMap, facts: &Facts<'_>) {
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
            limits.add_to(headers);
        } else if let Some(limits) = facts.limits {
            limits.add_to(headers);
        }
    }
}

impl Denial {
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
    fn challenge_for_proof(&self, headers: &mut HeaderMap, facts: &Facts<'_>) {
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

/// A text as `grpc-message` has it: percent-encoded but for printable ASCII ("gRPC over HTTP/2",
/// Status-Message).
fn grpc_message(text: &str) -> String {
    let hex = |half: u8| char::from_digit(u32::from(half), 16).map(|c| c.to_ascii_uppercase());
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend([hex(byte >> 4), hex(byte & 0xF)].into_iter().flatten());
        }
    }
    encoded
}

/// Whole seconds, rounded up, at least one: `Retry-After` has no fractions.
fn seconds_up(wait: Duration) -> u64 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    seconds.max(1)
}

impl Denial {
    #[expect(clippy::too_many_lines, reason = "a table: one row per refusal")]
    fn shown(&self) -> Shown {
        use StatusCode as S;
        let (status, code, title, detail): (_, _, _, String) = match self {
            Self::NoRoute => (
                S::NOT_FOUND,
                "no-route",
                "No such path",
                "No API has this path. Compare it with the API's documentation; upper and lower \
                 case and a trailing slash matter."
                    .into(),
            ),
            Self::MethodNotAllowed { allow } => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "The path has other methods",
                format!("This path takes {allow}."),
            ),
            Self::BadPath(BadPath::DotSegment) => (
                S::BAD_REQUEST,
                "bad-path",
                "The path can be read in two ways",
                "Send the path without `.` and `..` segments.".into(),
            ),
            Self::BadPath(BadPath::Encoding) => (
                S::BAD_REQUEST,
                "bad-path",
                "The path can be read in two ways",
                "Send letters, digits, `-`, `.`, `_` and `~` unencoded, no encoded slash, backslash, \
                 `;` or NUL, and two hex digits after each `%`."
                    .into(),
            ),
            Self::BadPath(BadPath::EmptySegment) => (
                S::BAD_REQUEST,
                "bad-path",
                "The path can be read in two ways",
                "Send the path without two slashes in a row.".into(),
            ),
            Self::BadPath(BadPath::OtherRoute) => (
                S::BAD_REQUEST,
                "bad-path",
                "The path can be read in two ways",
                "Send the path without a trailing slash and without `;` parameters.".into(),
            ),
            Self::Malformed(detail) => (
                S::BAD_REQUEST,
                "malformed-request",
                "The request is not HTTP as RFC 9112 has it",
                (*detail).into(),
            ),
            Self::HeadTooLarge => (
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "head-too-large",
                "The request's headers are too large",
                "Send at most 10,240 bytes of headers.".into(),
            ),
            Self::AddressRefused { .. } => (
                S::FORBIDDEN,
                "address-refused",
                "This address may not call",
                "Calls are taken from agreed addresses only. Call from one of yours, or have the \
                 new one added."
                    .into(),
            ),
            Self::CallerBroke => (
                S::BAD_REQUEST,
                "body-broken",
                "The request's body cannot be read",
                "Its chunks are not as RFC 9112 has them, or the connection broke before its end. \
                 Send it again, whole."
                    .into(),
            ),
            Self::CertificateMissing => (
                S::FORBIDDEN,
                "certificate-missing",
                "A client certificate is needed",
                "Connect with the client certificate that was agreed on (mutual TLS).".into(),
            ),
            Self::CertificateOfOther => (
                S::FORBIDDEN,
                "certificate-refused",
                "The client certificate is not yours",
                "Connect with one of the certificates that were agreed on, or have the new one \
                 added."
                    .into(),
            ),
            Self::BadTokens { wait } => (
                S::TOO_MANY_REQUESTS,
                "bad-tokens",
                "Too many bad tokens",
                format!(
                    "So many tokens from this address were not accepted that no more are looked \
                     at for {} s. Mend what sends them; get a new token from /oauth2/token.",
                    seconds_up(*wait)
                ),
            ),
            Self::TokenMissing => (
                S::UNAUTHORIZED,
                "token-missing",
                "An access token is needed",
                "Get a token from /oauth2/token with grant_type=client_credentials and send it as \
                 `Authorization: Bearer <token>`."
                    .into(),
            ),
            Self::TokenTwice => (
                S::BAD_REQUEST,
                "token-twice",
                "More than one token",
                "Send exactly one Authorization header.".into(),
            ),
            Self::TokenInQuery => (
                S::BAD_REQUEST,
                "token-in-query",
                "A token in the query",
                "Send the token in the Authorization header; addresses are logged on their way."
                    .into(),
            ),
            Self::TokenInvalid(Fault::Expired { since_s }) => {
                let since = Timestamp::from_ms(since_s.saturating_mul(1000)).to_seconds_text();
                let detail =
                    format!("The token expired at {since}. Get a new one a little before its end.");
                (S::UNAUTHORIZED, "token-expired", "The token has expired", detail)
            }
            Self::TokenInvalid(fault) => (
                S::UNAUTHORIZED,
                "token-invalid",
                "The token is not accepted",
                format!("{}. Get a new one from /oauth2/token.", sentence(&fault.to_string())),
            ),
            Self::TokenRevoked { .. } => (
                S::UNAUTHORIZED,
                "token-revoked",
                "The token was revoked",
                "The token's client has been suspended or removed. Ask who gave you the client."
                    .into(),
            ),
            Self::TokenBound => (
                S::UNAUTHORIZED,
                "token-bound",
                "The token is bound to a key",
                "Send it as `Authorization: DPoP <token>`, with a proof of its key in the header \
                 DPoP (RFC 9449). Whoever cannot prove to have that key cannot use it."
                    .into(),
            ),
            Self::TokenUnbound => (
                S::UNAUTHORIZED,
                "token-unbound",
                "The token is bound to no key",
                "Send it as `Authorization: Bearer <token>`, or ask /oauth2/token for a bound one \
                 with a proof in the header DPoP (RFC 9449)."
                    .into(),
            ),
            Self::ProofInvalid(fault) => (
                S::UNAUTHORIZED,
                "dpop-proof-invalid",
                "The DPoP proof is not accepted",
                format!(
                    "{}. Make a new proof for each request, with the key that the token was asked \
                     for with (RFC 9449 §4.2).",
                    sentence(&fault.to_string())
                ),
            ),
            Self::NonceNeeded { .. } => (
                S::UNAUTHORIZED,
                "dpop-nonce-needed",
                "The DPoP proof needs a nonce",
                "Put the value of the header DPoP-Nonce into a new proof as `nonce`, and send the \
                 request again. Keep to the newest value you are given."
                    .into(),
            ),
            Self::ProofsFull => (
                S::SERVICE_UNAVAILABLE,
                "dpop-proofs-full",
                "More DPoP proofs come in than can be remembered",
                "Nothing is wrong with your request. Send it again, with a new proof, after \
                 Retry-After."
                    .into(),
            ),
            Self::CertificateBound => (
                S::UNAUTHORIZED,
                "token-bound-certificate",
                "The token is bound to a certificate",
                "The token is good only with the client certificate that it was got with. Call \
                 with that one (mutual TLS), or get a token with the one you have."
                    .into(),
            ),
            Self::TokenDenied { .. } => (
                S::UNAUTHORIZED,
                "token-revoked",
                "The token was revoked",
                "The token was revoked before its end. Get a new one from its issuer.".into(),
            ),
            Self::ClientUnknown { client, .. } => (
                S::FORBIDDEN,
                "client-unknown",
                "The token's client is not known here",
                format!(
                    "The token is good, but its client `{client}` belongs to no partner of this \
                     API. Tell your contact here the client's name."
                ),
            ),
            Self::IssuerUnavailable { .. } => (
                S::SERVICE_UNAVAILABLE,
                "issuer-unavailable",
                "The token cannot be verified now",
                "The keys of the token's issuer cannot be got. Nothing is wrong with your request. \
                 Send it again after Retry-After."
                    .into(),
            ),
            Self::ScopeMissing { needed, all } => (
                S::FORBIDDEN,
                "insufficient-scope",
                "The token lacks a scope",
                format!(
                    "This call needs a token with the scope {}. Ask for it at /oauth2/token; if \
                     it is refused there, your client has not been given it.",
                    needed.join(if *all { " and " } else { " or " })
                ),
            ),
            Self::KeyMissing { header } => (
                S::FORBIDDEN,
                "api-key-missing",
                "An API key is needed",
                format!("Send your API key in the header `{header}`."),
            ),
            Self::KeyUnknown { .. } => (
                S::FORBIDDEN,
                "api-key-unknown",
                "The API key opens nothing",
                "No live key has this value. Check it for typing errors and cut-off ends, or ask \
                 for a new one."
                    .into(),
            ),
            Self::KeyExpired { ended, .. } => (
                S::FORBIDDEN,
                "api-key-expired",
                "The API key has expired",
                format!("The key ended at {}. Use its successor.", ended.to_seconds_text()),
            ),
            Self::KeyWithoutPlan { .. } => (
                S::FORBIDDEN,
                "api-key-no-plan",
                "The API key is on no usage plan",
                "The key is good but is on no plan for this API. Ask who gave it to you.".into(),
            ),
            Self::KeyOfOther => (
                S::FORBIDDEN,
                "api-key-of-other",
                "Token and API key belong to different partners",
                "Send the API key that was given to the company of the token's client.".into(),
            ),
            Self::PartnerSuspended => (
                S::FORBIDDEN,
                "partner-suspended",
                "Access is suspended",
                "Your company's access is suspended. Ask your contact here.".into(),
            ),
            Self::RateExceeded { limit, wait, .. } => (
                S::TOO_MANY_REQUESTS,
                "rate-exceeded",
                "Too fast",
                format!(
                    "Your plan allows {} and {} at once. Wait {} s, as Retry-After says, and send \
                     more slowly.",
                    limit.rate(),
                    limit.burst(),
                    seconds_up(*wait)
                ),
            ),
            Self::ApiRateExceeded { wait } => (
                S::TOO_MANY_REQUESTS,
                "api-rate-exceeded",
                "The API is asked too much",
                format!(
                    "All callers together ask more than this API takes. Nothing is wrong with \
                     your request or your plan; send it again in {} s.",
                    seconds_up(*wait)
                ),
            ),
            Self::ConcurrencyExceeded { most, .. } => (
                S::TOO_MANY_REQUESTS,
                "concurrency-exceeded",
                "Too many requests at once",
                format!(
                    "Your plan allows {most} requests under way at once. Wait for one to end \
                     before you send the next."
                ),
            ),
            Self::QuotaExceeded { quota, until, .. } => (
                S::TOO_MANY_REQUESTS,
                "quota-exceeded",
                "The quota is spent",
                format!(
                    "Your plan's quota of {quota} is spent until {}. Ask for a larger one if you \
                     need it.",
                    until.to_seconds_text()
                ),
            ),
            Self::BodyTooLarge { bytes_max } => (
                S::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "The request's body is too large",
                format!("Send at most {bytes_max} bytes."),
            ),
            Self::EventTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "The request's body is too large",
                "What answers here takes 6 MiB in all, headers included, and a body that is not \
                 UTF-8 counts a third more. Send a smaller body."
                    .into(),
            ),
            Self::BodyTooSlow { timeout_ms } => (
                S::REQUEST_TIMEOUT,
                "body-too-slow",
                "The request's body took too long",
                format!(
                    "Its end had not come after {timeout_ms} ms, and nothing was carried out. Send \
                     it again."
                ),
            ),
            Self::RequestInvalid { faults } => (
                S::BAD_REQUEST,
                "request-invalid",
                "The request is not as the API describes it",
                invalid(faults),
            ),
            Self::MediaTypeUnsupported { supported, .. } => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "media-type-unsupported",
                "The body's media type is not taken",
                format!("Send the body as {}, and say so in Content-Type.", supported.join(" or ")),
            ),
            Self::CodingUnsupported => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "media-type-unsupported",
                "The body's coding is not taken",
                "Send the body uncompressed, without Content-Encoding.".into(),
            ),
            Self::ServiceOut { .. } => (
                S::SERVICE_UNAVAILABLE,
                "upstream-out",
                "The service behind this API is not well",
                "It has failed several times in a row and is left alone for a moment. Nothing is \
                 wrong with your request. Send it again after Retry-After."
                    .into(),
            ),
            Self::UpstreamUnreachable { .. } => (
                S::BAD_GATEWAY,
                "upstream-unreachable",
                "The service behind this API cannot be reached",
                "Nothing is wrong with your request. Send it again in a while.".into(),
            ),
            Self::IdempotencyKeyMissing => (
                S::BAD_REQUEST,
                "idempotency-key-missing",
                "An Idempotency-Key is needed",
                "Send a header Idempotency-Key with a new value for each request, such as a UUID, \
                 and the same value when you send the request again."
                    .into(),
            ),
            Self::IdempotencyKeyInvalid { reason } => (
                S::BAD_REQUEST,
                "idempotency-key-invalid",
                "The Idempotency-Key cannot be used",
                format!(
                    "The header Idempotency-Key {reason}. Send it once, with 1 to 255 visible \
                     ASCII characters and no blanks, such as \
                     \"8e03978e-40d5-43dd-bc93-6894a57f9324\"."
                ),
            ),
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The Idempotency-Key belongs to another request",
                "You sent this key before with another method, path, query or body. Send another \
                 request under a key of its own, and the same one unchanged."
                    .into(),
            ),
            Self::IdempotencyInFlight => (
                S::CONFLICT,
                "idempotency-in-flight",
                "This request is being carried out",
                "One with the same Idempotency-Key came before and is not answered yet. Send it \
                 again, with the same key, after Retry-After: you will get its answer."
                    .into(),
            ),
            Self::IdempotencyUnknown { wait } => (
                S::CONFLICT,
                "idempotency-unknown",
                "Whether this request was carried out is not known",
                format!(
                    "One with the same Idempotency-Key came before, and this gateway does not know \
                     what became of it: it was restarted meanwhile, or could not write the answer \
                     down. Send it again with the same key in {} s, and it will be passed on to \
                     the service once more.",
                    seconds_up(*wait)
                ),
            ),
            Self::IdempotencyNotKept { status } => (
                S::CONFLICT,
                "idempotency-not-kept",
                "This request was carried out, and its answer is not kept",
                format!(
                    "One with the same Idempotency-Key was answered with status {status}. That \
                     answer was too large to be kept, did not come to its end, or made way for \
                     later ones. Look at what the request has done; under another key it would be \
                     done once more."
                ),
            ),
            Self::UpstreamBroke { .. } => (
                S::BAD_GATEWAY,
                "upstream-broke-off",
                "The service behind this API broke off",
                "Whether your request was carried out is not known. Send it again only if \
                 repeating it does no harm."
                    .into(),
            ),
            Self::UpstreamTimeout { timeout_ms } => (
                S::GATEWAY_TIMEOUT,
                "upstream-timeout",
                "The service behind this API took too long",
                format!(
                    "There was no answer within {timeout_ms} ms. Whether your request was carried \
                     out is not known."
                ),
            ),
            Self::FunctionFailed { .. } => (
                S::BAD_GATEWAY,
                "function-failed",
                "The function behind this API failed",
                "Whether your request was carried out is not known. Send it again only if \
                 repeating it does no harm."
                    .into(),
            ),
            Self::StoreUnavailable { .. } => (
                S::SERVICE_UNAVAILABLE,
                "store-unavailable",
                "This gateway cannot count your request",
                "Nothing is wrong with your request. Send it again after Retry-After.".into(),
            ),
            Self::Unverified | Self::Forgotten => (
                S::SERVICE_UNAVAILABLE,
                "internal-error",
                "Internal error",
                "This request could not be handled. Send it again after Retry-After.".into(),
            ),
        };
        Shown { status, code, title, detail }
    }

    /// What Amazon API Gateway (REST) answers in its place.
    #[expect(clippy::too_many_lines, reason = "a table: one row per refusal")]
    fn aws(&self, request_id: &HeaderValue) -> Response<Body> {
        use StatusCode as S;
        let forbidden = (S::FORBIDDEN, "Forbidden", "ForbiddenException");
        let unauthorized = (S::UNAUTHORIZED, "Unauthorized", "UnauthorizedException");
        let message_of_faults: String;
        let (status, message, kind) = match self {
            Self::NoRoute | Self::MethodNotAllowed { .. } => (
                S::FORBIDDEN,
                "Missing Authentication Token",
                "MissingAuthenticationTokenException",
            ),
            Self::BadPath(_)
            | Self::Malformed(_)
            | Self::CallerBroke
            | Self::IdempotencyKeyMissing
            | Self::IdempotencyKeyInvalid { .. } => {
                (S::BAD_REQUEST, "Bad Request", "BadRequestException")
            }
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "Idempotency key reused with another request",
                "IdempotentParameterMismatchException",
            ),
            Self::IdempotencyInFlight
            | Self::IdempotencyUnknown { .. }
            | Self::IdempotencyNotKept { .. } => (S::CONFLICT, "Conflict", "ConflictException"),
            Self::HeadTooLarge => (
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Request Header Fields Too Large",
                "BadRequestException",
            ),
            Self::AddressRefused { .. } => (
                S::FORBIDDEN,
                "User: anonymous is not authorized to perform: execute-api:Invoke on resource: \
                 this API with an explicit deny",
                "AccessDeniedException",
            ),
            Self::TokenInvalid(Fault::Expired { .. }) => {
                (S::UNAUTHORIZED, "The incoming token has expired", "UnauthorizedException")
            }
            Self::TokenMissing
            | Self::TokenTwice
            | Self::TokenInQuery
            | Self::TokenInvalid(_)
            | Self::TokenRevoked { .. }
            | Self::TokenBound
            | Self::CertificateBound
            | Self::TokenUnbound
            | Self::ProofInvalid(_)
            | Self::NonceNeeded { .. }
            | Self::TokenDenied { .. }
            | Self::ScopeMissing { .. } => unauthorized,
            Self::CertificateMissing
            | Self::CertificateOfOther
            | Self::KeyMissing { .. }
            | Self::ClientUnknown { .. }
            | Self::KeyUnknown { .. }
            | Self::KeyExpired { .. }
            | Self::KeyWithoutPlan { .. }
            | Self::KeyOfOther
            | Self::PartnerSuspended => forbidden,
            Self::RateExceeded { .. }
            | Self::ApiRateExceeded { .. }
            | Self::BadTokens { .. }
            | Self::ConcurrencyExceeded { .. } => {
                (S::TOO_MANY_REQUESTS, "Too Many Requests", "TooManyRequestsException")
            }
            Self::QuotaExceeded { .. } => {
                (S::TOO_MANY_REQUESTS, "Limit Exceeded", "LimitExceededException")
            }
            Self::BodyTooLarge { .. } | Self::EventTooLarge => {
                (S::PAYLOAD_TOO_LARGE, "Request Too Long", "RequestTooLargeException")
            }
            Self::BodyTooSlow { .. } => {
                (S::REQUEST_TIMEOUT, "Request Timeout", "RequestTimeoutException")
            }
            Self::RequestInvalid { faults } => {
                message_of_faults = aws_message(faults);
                (S::BAD_REQUEST, message_of_faults.as_str(), "BadRequestException")
            }
            Self::MediaTypeUnsupported { .. } | Self::CodingUnsupported => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported Media Type",
                "UnsupportedMediaTypeException",
            ),
            Self::UpstreamUnreachable { .. }
            | Self::UpstreamBroke { .. }
            | Self::FunctionFailed { .. } => {
                (S::BAD_GATEWAY, "Internal server error", "InternalServerErrorException")
            }
            Self::UpstreamTimeout { .. } => {
                (S::GATEWAY_TIMEOUT, "Endpoint request timed out", "InternalServerErrorException")
            }
            Self::ServiceOut { .. } | Self::ProofsFull => {
                (S::SERVICE_UNAVAILABLE, "Service Unavailable", "ServiceUnavailableException")
            }
            Self::StoreUnavailable { .. }
            | Self::IssuerUnavailable { .. }
            | Self::Unverified
            | Self::Forgotten => {
                (S::INTERNAL_SERVER_ERROR, "Internal server error", "InternalServerErrorException")
            }
        };
        let body = serde_json::json!({ "message": message }).to_string();
        let mut response = Response::new(full(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("x-amzn-errortype", HeaderValue::from_static(kind));
        headers.insert("x-amzn-requestid", request_id.clone());
        response
    }
}

impl From<IssuerFault> for Denial {
    fn from(fault: IssuerFault) -> Self {
        match fault {
            IssuerFault::Token(fault) => Self::TokenInvalid(fault),
            IssuerFault::NotTrusted => Self::TokenInvalid(Fault::Issuer),
            IssuerFault::NoKeys { issuer } => Self::IssuerUnavailable { issuer },
            IssuerFault::UnknownClient { issuer, client } => Self::ClientUnknown { issuer, client },
        }
    }
}

/// What a caller is told of faults in words; the problem has a member for each besides.
fn invalid(faults: &[contract::Fault]) -> String {
    let first = faults.first().map_or_else(String::new, |fault| sentence(&fault.to_string()));
    match faults.len() {
        0 | 1 => format!("{first}. `errors` has the place and the reason."),
        count => format!("{first}. `errors` has the places and reasons of all {count} faults."),
    }
}

/// What API Gateway's request validators say. They look whether parameters are there, and no
/// further; of one that is there and unfit, which they let pass, their text is varied.
fn aws_message(faults: &[contract::Fault]) -> String {
    if faults.iter().any(|fault| fault.location == Location::Body) {
        return "Invalid request body".to_owned();
    }
    let names = |missing: bool| {
        let fitting = faults.iter().filter(|fault| fault.is_missing() == missing);
        let mut names: Vec<&str> = fitting.map(|fault| fault.pointer.as_str()).collect();
        names.dedup();
        names.join(", ")
    };
    match names(true) {
        missing if missing.is_empty() => format!("Invalid request parameters: [{}]", names(false)),
        missing => format!("Missing required request parameters: [{missing}]"),
    }
}

/// The text with a capital first letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_call_is_known_by_its_content_type() {
        let is = |version, content_type: &str| {
            let mut request = Request::new(());
            *request.version_mut() = version;
            let value = HeaderValue::from_str(content_type).unwrap();
            request.headers_mut().insert(CONTENT_TYPE, value);
            is_grpc(&request)
        };
        for good in ["application/grpc", "application/grpc+proto", "application/grpc;x=y"] {
            assert!(is(Version::HTTP_2, good), "{good}");
            assert!(!is(Version::HTTP_11, good), "{good} in HTTP/1.1");
        }
        for other in ["application/grpc-web", "application/grpc-web+proto", "application/json"] {
            assert!(!is(Version::HTTP_2, other), "{other}");
        }
        assert!(!is_grpc(&Request::new(())));
    }

    #[test]
    fn a_message_of_grpc_is_percent_encoded() {
        assert_eq!(grpc_message("Wait 1 s: 100% é\n"), "Wait 1 s: 100%25 %C3%A9%0A");
    }

    #[test]
    fn a_refusal_has_the_status_that_grpc_clients_act_on() {
        let wait = Duration::from_secs(1);
        for (denial, status) in [
            (Denial::NoRoute, 12),
            (Denial::MethodNotAllowed { allow: "GET".to_owned() }, 12),
            (Denial::CallerBroke, 13),
            (Denial::TokenMissing, 16),
            (Denial::TokenTwice, 16),
            (Denial::PartnerSuspended, 7),
            (Denial::KeyMissing { header: "x-api-key".to_owned() }, 7),
            (Denial::ApiRateExceeded { wait }, 8),
            (Denial::BodyTooLarge { bytes_max: 1 }, 8),
            (Denial::UpstreamUnreachable { reason: String::new() }, 14),
            (Denial::ServiceOut { wait }, 14),
            (Denial::UpstreamTimeout { timeout_ms: 1 }, 4),
            (Denial::Forgotten, 14),
        ] {
            let response = denial.grpc();
            assert_eq!(response.headers()["grpc-status"], status.to_string(), "{denial:?}");
            let message = response.headers()["grpc-message"].to_str().unwrap();
            assert!(message.starts_with(&format!("{}: ", denial.code())), "{message}");
        }
    }
}
