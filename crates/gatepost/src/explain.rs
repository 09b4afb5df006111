//! `gatepost explain`: what a problem's code or a configuration key means, offline.

/// Codes of problems, with what they mean and what to do.
const PROBLEMS: &[(&str, &str)] = &[
    (
        "no-route",
        "No API has the path that was asked for. Upper and lower case and a trailing slash matter. Status 404.",
    ),
    (
        "method-not-allowed",
        "The path exists, but not with this method; the `Allow` header lists those it has. Status 405.",
    ),
    (
        "bad-path",
        "The path can be read in two ways, and servers differ in which they choose: `.` or `..` segments, two slashes in a row, an encoded slash, backslash, `;` or NUL, encoded letters and digits, a `%` without two hex digits, or a trailing slash or `;` parameter without which it is another route. Status 400.",
    ),
    (
        "malformed-request",
        "The message has a shape that servers on the way take apart differently: no Host or several, or several Content-Lengths (RFC 9112). Status 400.",
    ),
    (
        "other-host",
        "The internal door listens on loopback and takes requests to `localhost` or an address only, so that no web page can be made to call it. Status 421.",
    ),
    ("head-too-large", "The request's headers have more than 10,240 bytes together. Status 431."),
    (
        "address-refused",
        "The caller's address is on neither the API's nor the partner's list (`allow_ips`). Status 403.",
    ),
    (
        "certificate-missing",
        "The API or the partner demands a client certificate and the connection showed none: connect with one of an authority in `tls.client_ca`. Status 403.",
    ),
    (
        "certificate-refused",
        "The client certificate is of an authority in `tls.client_ca`, but its SHA-256 fingerprint is not among the partner's `certificates`. Status 403.",
    ),
    (
        "bad-tokens",
        "So many tokens from this address were not accepted, a hundred at once or five a second, that no token is verified that is not known already. Mend what sends them. Status 429 with Retry-After.",
    ),
    (
        "token-missing",
        "The route needs an access token and there is none in `Authorization: Bearer …`. Get one: POST /oauth2/token with grant_type=client_credentials and the client's id and secret by HTTP Basic; the operator mints a secret with `gatepost client secret ID`. Status 401, without an error code in WWW-Authenticate (RFC 6750 §3.1).",
    ),
    ("token-twice", "More than one Authorization header. Status 400."),
    (
        "token-in-query",
        "A token in the query is refused: addresses are logged on their way (RFC 9700 §4.3.2). Status 400.",
    ),
    (
        "token-invalid",
        "The token is malformed, its signature does not fit, or it was issued by another issuer or for another API; the detail says which. Status 401 `invalid_token`.",
    ),
    (
        "token-expired",
        "The token's time is over; the detail says since when. Get a new one a little before the end. Status 401 `invalid_token`.",
    ),
    (
        "token-revoked",
        "The token was good and was revoked before its end, alone, with the secret it was got with, or with all of its client's; or its client was suspended or removed; the detail says which. Status 401 `invalid_token`.",
    ),
    (
        "token-bound",
        "The token is bound to a key (DPoP, RFC 9449) and was sent as `Authorization: Bearer`. Whoever holds it must prove to have the key: send it as `Authorization: DPoP` with a proof in the header `DPoP`. Status 401 `invalid_token`.",
    ),
    (
        "token-unbound",
        "The token is bound to no key and was sent as `Authorization: DPoP`. Send it as `Bearer`, or ask for a bound one with a proof at /oauth2/token. Status 401 `invalid_token`.",
    ),
    (
        "dpop-proof-invalid",
        "A bound token needs exactly one header `DPoP` with a proof that is signed with the token's key and is for this method, URL and token, not older than a minute and never used before. The detail says what is wrong. The URL is that of `public_url` and the path. Status 401 `invalid_dpop_proof`.",
    ),
    (
        "dpop-nonce-needed",
        "The DPoP proof carries no nonce of ours where `dpop_nonce: required` stands, or one that is too old: nonces are good for two to four minutes. Put the value of `DPoP-Nonce` into a new proof and send the request again. Status 401 `use_dpop_nonce`.",
    ),
    (
        "dpop-proofs-full",
        "More DPoP proofs come in (over 11,000 each second) than are remembered, so that one could be sent again unseen; nothing is wrong with the request. Status 503 with Retry-After.",
    ),
    (
        "token-bound-certificate",
        "The token is good, but bound to a client certificate (RFC 8705), and the call came with another or with none. Behind a proxy with TLS, `proxies.client_cert` says that it passes certificates on. Status 401 `invalid_token`.",
    ),
    (
        "client-unknown",
        "The token of another issuer is good, but its client belongs to no partner: the value of the issuer's `client_claim` is not among its `clients`. The log has the value. Status 403.",
    ),
    (
        "issuer-unavailable",
        "A token of another issuer cannot be verified: its keys have never been got, or not for more than a day. The program's log says why; nothing is known of the token. Status 503 with Retry-After.",
    ),
    (
        "insufficient-scope",
        "The token has none of the scopes the route asks for; WWW-Authenticate lists them. Status 403.",
    ),
    ("api-key-missing", "The route needs an API key in the header `x-api-key`. Status 403."),
    (
        "api-key-unknown",
        "No live API key has this value: mistyped, never issued, or revoked. The access log tells the operator which; the caller is not told. Status 403.",
    ),
    ("api-key-expired", "The API key has ended; the detail says when. Status 403."),
    (
        "api-key-no-plan",
        "The API key is good but is on no usage plan; give its partner or itself a `plan`. Status 403.",
    ),
    (
        "api-key-of-other",
        "The token's client and the API key belong to different partners. Status 403.",
    ),
    (
        "partner-suspended",
        "The partner's `status` is `suspended`; its live tokens and keys are refused too. Status 403.",
    ),
    (
        "rate-exceeded",
        "The key's plan allows fewer requests per second or at once; `Retry-After` and the RateLimit fields say more. Status 429.",
    ),
    (
        "api-rate-exceeded",
        "All callers together ask more than the API's own `rate` and `burst`, which protect the service behind it; nothing is wrong with the caller's plan. Status 429 with Retry-After.",
    ),
    (
        "concurrency-exceeded",
        "The partner has as many requests under way as its plan's `concurrency` allows; one is over when its answer's last byte is sent or its caller has gone. Status 429 with Retry-After.",
    ),
    (
        "quota-exceeded",
        "The key's plan has no requests left in this day, week or month; `Retry-After` says until when. Status 429.",
    ),
    (
        "body-too-large",
        "The request's body is larger than the API takes (`body_max`), or than a function takes together with the rest of its event (6 MiB), or than 1 MiB under an `Idempotency-Key`. Status 413.",
    ),
    (
        "body-too-slow",
        "The body of a request had not come to its end within the route's `timeout`, and had to be whole before anything was called: for `validate`, or for a function. Nothing was carried out, and the quota was not used. Status 408.",
    ),
    (
        "request-invalid",
        "The request is not as the OpenAPI document of the API describes it (`validate`). `errors` has each fault: where (`body`, `path`, `query`, `header` or `cookie`), the JSON pointer or the parameter's name, and the reason. It used no quota. Status 400.",
    ),
    (
        "media-type-unsupported",
        "The OpenAPI document of the API has no body of the request's media type; `supported` and the field `Accept-Post`, `Accept-Patch` or `Accept` have those that are taken. Or a JSON body came with a Content-Encoding, which cannot be looked into. Status 415.",
    ),
    (
        "idempotency-key-missing",
        "The route has `idempotency: required`, and a POST, PATCH, PUT or DELETE has no `Idempotency-Key`. Status 400.",
    ),
    (
        "idempotency-key-invalid",
        "The `Idempotency-Key` is empty, longer than 255 characters, there twice, or has other than visible ASCII characters; the detail says which. Status 400.",
    ),
    (
        "idempotency-key-reused",
        "The caller sent the same `Idempotency-Key` to the same route within the last day with another method, path, query or body. Another request needs another key. Status 422.",
    ),
    (
        "idempotency-in-flight",
        "A request with the same `Idempotency-Key` is being carried out. Sent again after Retry-After it gets that one's answer. Status 409.",
    ),
    (
        "idempotency-unknown",
        "A request with the same `Idempotency-Key` was begun, and the program ended before it was answered, or could not write the answer down: whether the service carried it out is not known. After Retry-After (the route's timeout and 10 s from its beginning) it is passed on once more; a service that must not act twice looks at the key itself. Status 409.",
    ),
    (
        "idempotency-not-kept",
        "A request with the same `Idempotency-Key` was carried out; its status is in the detail. Its answer cannot be given again: with its headers it was larger than 1 MiB, had trailers, broke off, or made way for later answers of the same partner. Status 409.",
    ),
    (
        "body-broken",
        "The request's body broke off or cannot be read: its chunks are not as RFC 9112 has them. Nothing is known to be wrong with the service. Status 400.",
    ),
    (
        "upstream-out",
        "Every address of the service behind the API is out for now: five calls in a row have failed, or two health checks. An address is tried again after 1 s, then 2 s, up to 30 s. Status 503 with Retry-After.",
    ),
    (
        "upstream-unreachable",
        "The company's own service behind the API does not answer the connection; the access log says why. Status 502.",
    ),
    (
        "upstream-broke-off",
        "The company's own service took the request and broke the connection before an answer. Status 502.",
    ),
    (
        "upstream-timeout",
        "The company's own service sent no answer's head within the API's `timeout`. Status 504.",
    ),
    (
        "function-failed",
        "The Lambda function of the route ended with an error, answered something that is no response in its payload format, or its runtime endpoint answered other than 200; the access log says which. Status 502.",
    ),
    (
        "store-unavailable",
        "The store could not count or keep what was asked; nothing was taken. Look at the disk. Status 503.",
    ),
    (
        "caller-gone",
        "Only in the access log, with status 499: the caller closed the connection before there was an answer. Whether the company's service carried the request out is not known.",
    ),
    (
        "internal-error",
        "The handling of one request failed in a way nobody foresaw; the log has the details. Status 500.",
    ),
    ("media-type", "The door takes `application/json` only. Status 415."),
    (
        "bad-entries",
        "The published entries cannot be read or are too many or too large; nothing was taken. Status 400.",
    ),
    (
        "bad-idempotency-key",
        "The `Idempotency-Key` of a publishing request is empty, too long, there twice, or has other than visible ASCII characters; the detail says which. Nothing was taken. Status 400.",
    ),
    (
        "admin-token",
        "The admin API needs the token in the file `admin-token` of the data directory. Status 401.",
    ),
    ("not-found", "There is nothing of that kind and name. Status 404."),
    (
        "bad-request",
        "A parameter of an admin request cannot be read; the detail names it. Status 400.",
    ),
    (
        "conflict",
        "The admin request cannot be done as things are; the detail says why. Status 409.",
    ),
    (
        "InvalidArgument",
        "An entry of a publishing request lacks `source`, `detail_type` or `detail`, or one of them is too long, or its `id` is no id; the message names it. The other entries were taken.",
    ),
    (
        "IdempotencyMismatch",
        "An entry's `id` (its own, or one out of `Idempotency-Key`) was accepted before, within the bus's `deduplicate`, with another source, detail-type, detail, resources or time; the message names that event. Give another event another id; repeat an event unchanged. The other entries were taken.",
    ),
    (
        "MalformedDetail",
        "An entry's `detail` is no JSON object, or is nested too deep to be matched. The other entries were taken.",
    ),
    (
        "ResourceNotFoundException",
        "There is no bus of that name; define it under `buses`. EventBridge would take such an entry and drop it.",
    ),
    (
        "NotAuthorizedForSourceException",
        "Sources that begin with `aws.` are reserved, as EventBridge has it.",
    ),
    (
        "invalid_request",
        "Token endpoint: the request cannot be read: a parameter is missing or repeated, the body is no form, or the client authenticates in two ways at once (RFC 6749 §5.2); or a subject token is not good, or stands for no client (RFC 8693 §2.2.2).",
    ),
    (
        "invalid_client",
        "Token endpoint: the client did not prove who it is: unknown id, wrong secret, or a secret that was revoked; the answer does not say which. Status 401.",
    ),
    ("unauthorized_client", "Token endpoint: the client or its partner is suspended."),
    (
        "unsupported_grant_type",
        "Token endpoint: only `grant_type=client_credentials` is offered, and token exchange where a client has `federation`.",
    ),
    (
        "invalid_scope",
        "Token endpoint: the client has not been given a scope it asks for, or the scopes belong to several APIs. Leave `scope` out to get all it has of one API.",
    ),
    (
        "invalid_target",
        "Token endpoint: `audience` or `resource` names another API than the one that the scopes are of (RFC 8693 §2.2.2).",
    ),
    (
        "temporarily_unavailable",
        "Token endpoint: the request is beyond a rate, a quota or another bound of its client or address, which the description names: status 429. Or something that is needed cannot be got now, such as the store or the keys of a subject token's issuer: status 503, and the log says why. Both have `Retry-After`.",
    ),
    (
        "NO_ANSWER",
        "Dead letter: the receiver could not be reached, or did not answer in time, until the retries ran out. Redrive when it is back.",
    ),
    (
        "TOO_OLD",
        "Dead letter: the event became older than the target's `retry.for` before it could be tried again. Redrive gives it its full time anew.",
    ),
    (
        "HTTP_4xx",
        "Dead letter: `HTTP_` and the status the receiver answered: one that is not tried again (4xx other than 401, 407, 409 and 429; 3xx), or the last one when the retries ran out. `dead-letters show` has its answer.",
    ),
    (
        "INVALID_JSON",
        "Dead letter: what the rule's target makes of the event is not valid JSON. Mend the target's template, then redrive.",
    ),
    (
        "INVALID_PARAMETER",
        "Dead letter: a `path` of the target finds no text or number in the event, or a header cannot carry its value. Mend the rule or the publisher, then redrive.",
    ),
    (
        "INTERNAL_ERROR",
        "Dead letter: a fault of Gatepost itself ended the attempt; the program's own log says which. Please report it; redrive when it is mended.",
    ),
    (
        "ADDRESS_REFUSED",
        "Dead letter: the outbound guard refuses the address in the destination's URL. List its range under `allow_private` if it is meant, then redrive.",
    ),
];

/// What a code or a configuration key means; `urn:gatepost:problem:` may stand before a code.
pub fn explain(what: &str) -> Option<String> {
    let code = what.strip_prefix("urn:gatepost:problem:").unwrap_or(what);
    // Every status a receiver may answer is explained by one text.
    let status = code.strip_prefix("HTTP_").filter(|status| status.parse::<u16>().is_ok());
    let code = status.map_or(code, |_| "HTTP_4xx");
    let problem = PROBLEMS.iter().find(|(known, _)| *known == code);
    problem
        .map(|(_, text)| (*text).to_owned())
        .or_else(|| crate::config::explain(what))
        .or_else(|| of_last_part(what))
}

/// The keys whose last part it is: `allow_private` is `destinations.allow_private`.
fn of_last_part(what: &str) -> Option<String> {
    let keys = crate::config::keys();
    let ending = keys.iter().filter(|key| key.rsplit('.').next() == Some(what));
    let texts: Vec<_> = ending.filter_map(|key| crate::config::explain(key)).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// Everything that can be explained.
pub fn known() -> Vec<String> {
    let codes = PROBLEMS.iter().map(|(code, _)| (*code).to_owned());
    codes.chain(crate::config::keys()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_explained_with_or_without_their_prefix() {
        for (code, _) in PROBLEMS {
            assert_eq!(explain(code), explain(&format!("urn:gatepost:problem:{code}")));
            assert!(explain(code).is_some());
        }
        assert_eq!(explain("nonsense"), None);
    }

    #[test]
    fn what_the_reference_lists_of_the_gateway_is_explained() {
        let reference = include_str!("../../../docs/reference/errors.md");
        let gateway = reference.split("\n## ").find(|section| section.starts_with("Gateway"));
        let rows = gateway.unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
        let codes: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
        assert!(codes.len() > 30, "{codes:?}");
        for code in codes {
            assert!(PROBLEMS.iter().any(|(known, _)| *known == code), "{code}");
        }
    }
}
