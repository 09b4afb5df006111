//! A refusal as gRPC has it, and which requests are gRPC calls.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use listener::{Body, empty};

use super::Denial;

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

impl Denial {
    /// The refusal as gRPC has it: a status in headers that are the whole answer ("gRPC over
    /// HTTP/2", Trailers-Only). The message begins with the code that `gatepost explain` explains.
    pub(super) fn grpc(&self) -> Response<Body> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
