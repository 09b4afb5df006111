//! What a refusal is in HTTP and in words: its status, its code, and what the partner is told.

use std::time::Duration;

use http::StatusCode;
use jwt::Fault;
use model::Timestamp;

use super::Denial;
use crate::path::BadPath;

/// What a partner sees of a refusal.
pub(super) struct Shown {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) detail: String,
}

impl Denial {
    /// The row of this refusal.
    #[expect(clippy::too_many_lines, reason = "a table: one row per refusal")]
    pub(super) fn shown(&self) -> Shown {
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
}

/// Whole seconds, rounded up, at least one: `Retry-After` has no fractions.
pub(super) fn seconds_up(wait: Duration) -> u64 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    seconds.max(1)
}

/// What a caller is told of faults in words; the problem has a member for each besides.
fn invalid(faults: &[contract::Fault]) -> String {
    let first = faults.first().map_or_else(String::new, |fault| sentence(&fault.to_string()));
    match faults.len() {
        0 | 1 => format!("{first}. `errors` has the place and the reason."),
        count => format!("{first}. `errors` has the places and reasons of all {count} faults."),
    }
}

/// The text with a capital first letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
