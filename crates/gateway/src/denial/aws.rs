//! A refusal in the words of Amazon API Gateway (REST), for APIs that replace one.

use contract::Location;
use http::{HeaderValue, Response, StatusCode};
use jwt::Fault;
use listener::{Body, full};

use super::Denial;

impl Denial {
    /// What Amazon API Gateway (REST) answers in its place.
    #[expect(clippy::too_many_lines, reason = "a table: one row per refusal")]
    pub(super) fn aws(&self, request_id: &HeaderValue) -> Response<Body> {
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
