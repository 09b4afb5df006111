//! One attempt, whole: body, address, credentials, signatures, request, outcome.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, Uri};
use http_body_util::Full;
use model::{DeliveryId, Destination, Event, Method, RESPONSE_BYTES_KEPT, Timestamp};
use outbound::{Answer, Bounds, DialError, Pool, SendError, Unanswered, in_words, send_whole};
use retry::{Advertised, Verdict, Wish, advertised, retry_after};
use transform::{Context, Filled, JsonPath, merge_query, value_text};

use crate::credentials::{Credentials, CredentialsError, Sent};
use crate::plan::LanePlan;
use crate::signing::Signatures;

/// What every call says it is.
pub(crate) const USER_AGENT_VALUE: &str = concat!("Gatepost/", env!("CARGO_PKG_VERSION"));

/// The code of what cannot be sent because a part of the request cannot be made (EventBridge, dead
/// letters).
const INVALID_PARAMETER: &str = "INVALID_PARAMETER";

/// The longest value of a header that is read from an event, in bytes (EventBridge API,
/// `HttpParameters`).
const HEADER_VALUE_BYTES_MAX: usize = 512;

/// Where attempts are sent through.
pub(crate) struct Route<'a> {
    pub(crate) destination: &'a Destination,
    pub(crate) pool: &'a Pool,
    pub(crate) credentials: Option<&'a Credentials>,
    pub(crate) signatures: &'a Signatures,
    /// The trace that the receiver continues.
    pub(crate) traceparent: Option<String>,
}

/// What came of an attempt.
#[derive(Debug)]
pub(crate) struct Result {
    pub(crate) what: What,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) response: Option<String>,
    /// The receiver's published rate, when it refused for being called too fast.
    pub(crate) advertised: Option<Advertised>,
    /// Where it was sent, [without the values](without_values) of its query.
    pub(crate) url: String,
    /// The address it was sent to; none if there was no connection.
    pub(crate) peer: Option<SocketAddr>,
}

/// A call as the event and the destination make it, before the connection adds its own.
pub(crate) struct Draft {
    method: HttpMethod,
    /// Path and query.
    pub(crate) target: Uri,
    pub(crate) headers: HeaderMap,
    /// None for a method that sends none.
    pub(crate) body: Option<String>,
}

/// What an attempt means for the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Delivered,
    /// Again later; not before the receiver's wish.
    Retry {
        wish_ms: Option<i64>,
    },
    /// Never: with EventBridge's error code, or the status.
    Refused {
        code: String,
    },
    /// The address is gone: it waits until somebody enables the destination.
    Gone,
}

/// What could not be made of an event: nothing that trying again would change.
struct Unsendable {
    code: &'static str,
    message: String,
}

/// Renders, signs and sends one delivery. `longest_wish_ms` is the time the event has left.
pub(crate) async fn attempt(
    route: &Route<'_>,
    lane: &LanePlan,
    event: &Event,
    (now, longest_wish_ms): (Timestamp, i64),
) -> Result {
    let delivery = DeliveryId { lane: lane.id, event: event.id }.to_string();
    let mut draft = match render(route, (lane, event), &delivery) {
        Ok(draft) => draft,
        Err(unsendable) => return unsent(unsendable),
    };
    // Before the connection adds to the query.
    let url = format!("{}{}", route.pool.origin(), without_values(&draft.target.to_string()));
    let sent = match add_credentials(route, &mut draft).await {
        Ok(sent) => sent,
        Err(error) if error.is_final() => {
            let message = error.to_string();
            return unsent(Unsendable { code: INVALID_PARAMETER, message });
        }
        Err(error) => return failed(url, error.to_string()),
    };
    let Draft { method, target, mut headers, body } = draft;
    let body = Bytes::from(body.unwrap_or_default());
    // Last, so that no other header can stand in a signature's place.
    if let Err(error) = route.signatures.add_to(&mut headers, &delivery, now, &body) {
        return failed(url, error.to_string());
    }
    let authorization = headers.get(AUTHORIZATION).cloned();
    let mut request = Request::new(Full::new(body));
    (*request.method_mut(), *request.uri_mut()) = (method, target);
    *request.headers_mut() = headers;
    match send_whole(route.pool, request, bounds(route.destination, sent.waited)).await {
        Ok(answer) => {
            if matches!(answer.status.as_u16(), 401 | 407)
                && let Some(credentials) = route.credentials
            {
                credentials.refused(authorization.as_ref());
            }
            let judged = judge(route.destination, url, &answer, (now, longest_wish_ms));
            let response = sent.hidden_in(&answer.body, RESPONSE_BYTES_KEPT);
            Result { response: Some(response).filter(|text| !text.is_empty()), ..judged }
        }
        Err(unanswered) => refused_by_guard(route, &url, &unanswered.error).unwrap_or_else(|| {
            let Unanswered { peer, .. } = unanswered;
            Result { peer, ..failed(url, in_words(&unanswered)) }
        }),
    }
}

/// What the connection adds, within the time the attempt has.
async fn add_credentials(
    route: &Route<'_>,
    draft: &mut Draft,
) -> std::result::Result<Sent, CredentialsError> {
    let Some(credentials) = route.credentials else { return Ok(Sent::default()) };
    credentials.add_to(draft, Duration::from_millis(route.destination.timeout_ms)).await
}

/// A URL as it is logged: of its query the names alone, for a value may be a secret.
pub(crate) fn without_values(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else { return url.to_owned() };
    let parts = query.split('&').map(|part| match part.split_once('=') {
        Some((name, _)) => format!("{name}=…"),
        None => part.to_owned(),
    });
    format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
}

/// The bounds of the call, when a part of its time is over.
fn bounds(destination: &Destination, over: Duration) -> Bounds {
    let timeout = Duration::from_millis(destination.timeout_ms).saturating_sub(over);
    Bounds {
        connect_timeout: Duration::from_millis(destination.connect_timeout_ms),
        first_byte_timeout: Duration::from_millis(destination.first_byte_timeout_ms),
        ..Bounds::within(timeout)
    }
}

fn judge(
    destination: &Destination,
    url: String,
    answer: &Answer,
    (now, longest_wish_ms): (Timestamp, i64),
) -> Result {
    let status = answer.status.as_u16();
    let header = |name: &HeaderName| answer.headers.get(name).and_then(|value| value.to_str().ok());
    let wish = header(&RETRY_AFTER).and_then(|value| retry_after(value, now.ms(), longest_wish_ms));
    let what = match (destination.retry_on.verdict(status), wish) {
        (Verdict::Delivered, _) => What::Delivered,
        (Verdict::Gone, _) => What::Gone,
        (Verdict::Retry, Some(Wish::Never)) | (Verdict::Refused, _) => {
            What::Refused { code: format!("HTTP_{status}") }
        }
        (Verdict::Retry, Some(Wish::After(wish_ms))) => What::Retry { wish_ms: Some(wish_ms) },
        (Verdict::Retry, None) => What::Retry { wish_ms: None },
    };
    let policy = HeaderName::from_static("ratelimit-policy");
    let advertised = (status == 429).then(|| header(&policy)).flatten().and_then(advertised);
    let never = wish == Some(Wish::Never) && matches!(what, What::Refused { .. });
    let error = (what != What::Delivered).then(|| match header(&RETRY_AFTER).filter(|_| never) {
        Some(value) => {
            format!("the receiver answered {status} and wants no retry (Retry-After: {value})")
        }
        None => format!("the receiver answered {status}"),
    });
    let peer = Some(answer.peer);
    Result { what, status: Some(status), error, response: None, advertised, url, peer }
}

fn failed(url: String, error: String) -> Result {
    let what = What::Retry { wish_ms: None };
    Result {
        what,
        status: None,
        error: Some(error),
        response: None,
        advertised: None,
        url,
        peer: None,
    }
}

fn unsent(unsendable: Unsendable) -> Result {
    Result {
        what: What::Refused { code: unsendable.code.to_owned() },
        status: None,
        error: Some(unsendable.message),
        response: None,
        advertised: None,
        url: String::new(),
        peer: None,
    }
}

/// An address the guard refuses stays refused: the operator must change the destination. What a
/// name leads to may be another address soon: it is tried again.
fn refused_by_guard(route: &Route<'_>, url: &str, error: &SendError) -> Option<Result> {
    let SendError::Dial(DialError::Guard(refusal)) = error else { return None };
    if !route.pool.origin().is_address() {
        return None;
    }
    Some(Result {
        what: What::Refused { code: "ADDRESS_REFUSED".to_owned() },
        status: None,
        error: Some(refusal.to_string()),
        response: None,
        advertised: None,
        url: url.to_owned(),
        peer: None,
    })
}

/// The call without what the connection adds.
fn render(
    route: &Route<'_>,
    (lane, event): (&LanePlan, &Event),
    delivery: &str,
) -> std::result::Result<Draft, Unsendable> {
    let destination = route.destination;
    // The commonest input, and it is at hand as it is sent: without white space since acceptance.
    let detail = matches!(&lane.body, transform::Input::Path(path) if path.as_str() == "$.detail");
    let envelope = match &lane.replay {
        _ if detail && !lane.reads_event() => String::new(),
        Some(replay) => event.envelope_of_replay(replay),
        None => event.envelope(),
    };
    let target = target(destination, lane, &envelope)?;
    let mut headers = HeaderMap::new();
    set_headers(&mut headers, (route.destination, lane), &envelope)?;
    set_own_headers(&mut headers, route, lane, delivery).map_err(unsendable)?;
    let body = match destination.method {
        Method::Get | Method::Head => None,
        _ if lane.body == transform::Input::Whole => Some(envelope),
        _ if detail => Some(event.fields.detail.clone()),
        _ => Some(
            lane.body
                .render(&envelope, &context(lane, event))
                .map_err(|error| Unsendable { code: error.code(), message: error.to_string() })?,
        ),
    };
    let method = HttpMethod::from_bytes(destination.method.as_str().as_bytes());
    let method = method.map_err(|error| unsendable(error.to_string()))?;
    Ok(Draft { method, target, headers, body })
}

fn unsendable(message: String) -> Unsendable {
    Unsendable { code: INVALID_PARAMETER, message }
}

fn absent(path: &JsonPath) -> Unsendable {
    unsendable(format!("the event has no text or number at {}", path.as_str()))
}

fn filled<'v>(
    (name, value): &'v (String, Filled),
    event: &str,
) -> std::result::Result<(&'v str, Cow<'v, str>), Unsendable> {
    match (value.value(event), value) {
        (Some(text), _) => Ok((name, text)),
        (None, Filled::Path(path)) => Err(absent(path)),
        (None, Filled::Text(text)) => Ok((name, Cow::Borrowed(text))),
    }
}

/// The path and query, every `*` filled from the original event, given as its envelope, the
/// destination's parameters in place of the URL's, and the lane's in place of both.
fn target(
    destination: &Destination,
    lane: &LanePlan,
    event: &str,
) -> std::result::Result<Uri, Unsendable> {
    let value = |path: &JsonPath| path.find(event).and_then(value_text).ok_or_else(|| absent(path));
    let values = lane.path.iter().map(value).collect::<std::result::Result<Vec<_>, _>>()?;
    let url = destination.url.fill(&values).map_err(|error| unsendable(error.to_string()))?;
    let parsed: Uri =
        url.parse().map_err(|error| unsendable(format!("{}: {error}", without_values(&url))))?;
    if !(destination.query.is_empty() && lane.query.is_empty()) {
        let filled = lane.query.iter().map(|entry| filled(entry, event));
        let own = filled.collect::<std::result::Result<Vec<_>, _>>()?;
        let own = own.iter().map(|(name, value)| (*name, &**value));
        let others = destination.query.iter().map(|(name, value)| (&**name, &**value));
        let others = others.filter(|(name, _)| own.clone().all(|(other, _)| other != *name));
        let query: Vec<(&str, &str)> = others.chain(own.clone()).collect();
        let merged = merge_query(parsed.query(), &query);
        let target = format!("{}?{merged}", parsed.path());
        return target
            .parse()
            .map_err(|error| unsendable(format!("{}: {error}", without_values(&target))));
    }
    let target = parsed.path_and_query().cloned();
    Ok(target.map_or_else(|| Uri::from_static("/"), Uri::from))
}

/// The headers that the destination and the target ask for.
fn set_headers(
    headers: &mut HeaderMap,
    (destination, lane): (&Destination, &LanePlan),
    event: &str,
) -> std::result::Result<(), Unsendable> {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    let mut set = |name: &str, value: &str| {
        let bad = |reason: &str| unsendable(format!("the header `{name}` {reason}"));
        let header =
            HeaderName::try_from(name).map_err(|error| bad(&format!("is none: {error}")))?;
        if value.len() > HEADER_VALUE_BYTES_MAX {
            return Err(bad(&format!("would have {} bytes; 512 are the most", value.len())));
        }
        let value = HeaderValue::from_str(value)
            .map_err(|_| bad("would have characters that no header can have"))?;
        headers.insert(header, value);
        Ok(())
    };
    for (name, value) in &destination.headers {
        set(name, value)?;
    }
    for entry in &lane.headers {
        let (name, value) = filled(entry, event)?;
        set(name, &value)?;
    }
    Ok(())
}

/// The headers that nobody else may set.
fn set_own_headers(
    headers: &mut HeaderMap,
    route: &Route<'_>,
    lane: &LanePlan,
    delivery: &str,
) -> std::result::Result<(), String> {
    let text = |value: &str| HeaderValue::from_str(value).map_err(|error| error.to_string());
    headers.insert(HOST, text(&route.pool.origin().authority())?);
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE));
    // One key for all attempts of a delivery, so that a receiver can tell a repetition; not the
    // event's id, for two targets may call the same receiver about one event.
    headers.insert("idempotency-key", text(delivery)?);
    if let Some(replay) = &lane.replay {
        headers.insert("gatepost-replay", text(replay)?);
    }
    if let Some(traceparent) = &route.traceparent {
        headers.insert("traceparent", text(traceparent)?);
    }
    Ok(())
}

fn context(lane: &LanePlan, event: &Event) -> Context {
    Context {
        rule_name: lane.rule.to_string(),
        rule_arn: format!("arn:aws:events:local:000000000000:rule/{}/{}", event.bus, lane.rule),
        ingestion_time: event.id.accepted_at.to_seconds_text(),
    }
}
