//! Every way to say no: status, body, headers, and the code the log and `gatepost explain` know.
//!
//! The only place of the gateway that chooses a status. Each refusal has two texts: what the
//! partner sees says what to do; what the log sees may say more.
//!
//! ```text
//! Denial            the refusals, what the log says of each, which form the answer has
//!   shown.rs        status, code and words of each, as HTTP and the default style have them
//!   problem.rs      the answer as problem details
//!   aws.rs          the answer in API Gateway's words
//!   grpc.rs         the answer to a gRPC client
//!   headers.rs      the header fields of each, whatever its form
//! ```

mod aws;
mod grpc;
mod headers;
mod problem;
mod shown;

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Response, StatusCode};
use jwt::{Fault, ProofFault};
use limit::{Limit, Quota};
use listener::{Body, TraceParent};
use model::{ErrorStyle, Name, Timestamp};

use crate::checks::plan::Limits;
use crate::issuers::IssuerFault;
use crate::path::BadPath;
use crate::snapshot::ApiEntry;

pub(crate) use grpc::is_grpc;

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
            // A name of another issuer may have any characters.
            Self::TokenDenied { id } => format!("token {} was revoked", id.escape_debug()),
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
