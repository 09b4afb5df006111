//! What the program tells of a request, a token, an event, an attempt → spans, by OpenTelemetry's
//! semantic conventions for HTTP (stable, 1.23 and later) and, for events, messaging.
//!
//! Their texts are those of the log: no token, no secret, no body, no query.

use bus::Published;
use courier::AttemptRecord;
use gateway::Record;
use listener::TraceParent;
use model::{LaneKey, Name, Outcome, Timestamp};
use oauth::TokenRecord;

use crate::telemetry::chosen::version;

/// Methods that have a name of their own in a span; others are `_OTHER`.
const METHODS: [&str; 9] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
/// The longest text of a caller's that is exported, in bytes; what is longer is cut.
const TEXT_BYTES_MAX: usize = 1024;
/// The code of a caller that went away: nobody was sent its status.
const CALLER_GONE: &str = "caller-gone";

/// What a span is of (OTLP, `SpanKind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An answer to somebody else.
    Server,
    /// A call of somebody else.
    Client,
    /// A message handed in.
    Producer,
}

impl Kind {
    /// Its number in the protocol.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Server => 2,
            Self::Client => 3,
            Self::Producer => 4,
        }
    }
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
}

/// A span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// Its trace, itself, and what it is a part of.
    pub(super) of: TraceParent,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) attributes: Vec<(&'static str, Value)>,
    /// What went wrong.
    pub(super) failed: Option<String>,
}

impl Span {
    fn new(of: TraceParent, kind: Kind, at: Timestamp, (after_us, took_us): (u64, u64)) -> Self {
        let at_ns = u64::try_from(at.ms()).unwrap_or(0).saturating_mul(1_000_000);
        let start_ns = at_ns.saturating_add(after_us.saturating_mul(1000));
        let end_ns = start_ns.saturating_add(took_us.saturating_mul(1000));
        let (name, attributes, failed) = (String::new(), Vec::new(), None);
        Self { of, name, kind, start_ns, end_ns, attributes, failed }
    }

    fn text(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            let end = text.floor_char_boundary(TEXT_BYTES_MAX);
            let text = text.get(..end).unwrap_or_default().to_owned();
            self.attributes.push((name, Value::Text(text)));
        }
    }

    fn number(&mut self, name: &'static str, number: impl Into<i64>) {
        self.attributes.push((name, Value::Number(number.into())));
    }

    fn method(&mut self, method: &str) -> &'static str {
        let known = METHODS.into_iter().find(|known| *known == method);
        self.text("http.request.method", Some(known.unwrap_or("_OTHER")));
        if known.is_none() {
            self.text("http.request.method_original", Some(method));
        }
        // A span's name has few values; of an unknown method it is this.
        known.unwrap_or("HTTP")
    }

    /// Host and port.
    fn server(&mut self, authority: Option<&str>) {
        let Some(authority) = authority else { return };
        let split = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        let (host, port) = match split {
            Some((host, port)) => (host, port.parse::<u16>().ok()),
            None => (authority, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.text("server.address", Some(host));
        if let Some(port) = port {
            self.number("server.port", port);
        }
    }

    fn fails(&mut self, kind: &str, why: &str) {
        self.text("error.type", Some(kind));
        let end = why.floor_char_boundary(TEXT_BYTES_MAX);
        self.failed = Some(why.get(..end).unwrap_or_default().to_owned());
    }
}

/// A request's span, and that of the call of the company's own service.
pub(super) fn request(record: &Record, spans: &mut Vec<Span>) {
    let mut span = Span::new(record.trace, Kind::Server, record.at, (0, record.took_us));
    let method = span.method(record.method.as_str());
    let base = record.base_path().unwrap_or_default();
    let route = record.route().map(|route| format!("{base}{route}"));
    span.name = match &route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    };
    span.text("http.route", route.as_deref());
    span.text("url.path", Some(record.path()));
    span.text("url.scheme", Some(if record.tls.is_some() { "https" } else { "http" }));
    span.text("client.address", Some(&record.address.to_string()));
    span.server(record.host().and_then(|host| std::str::from_utf8(host).ok()));
    span.text("network.protocol.version", Some(version(record.version)));
    span.text("tls.protocol.version", record.tls);
    let agent = record.user_agent().map(String::from_utf8_lossy);
    span.text("user_agent.original", agent.as_deref());
    span.text("gatepost.request_id", Some(record.request_id()));
    span.text("gatepost.api", record.api());
    span.text("gatepost.partner", record.partner().map(Name::as_str));
    span.text("gatepost.client", record.client());
    let refusal = record.refusal.as_ref().map(|(code, reason)| (*code, reason.as_str()));
    span.text("gatepost.refusal", refusal.map(|(code, _)| code));
    match refusal {
        Some((CALLER_GONE, reason)) => span.fails(CALLER_GONE, reason),
        _ => span.number("http.response.status_code", record.status),
    }
    // A caller's mistake is no fault of the server (semantic conventions, HTTP server spans).
    if record.status >= 500 {
        match refusal {
            Some((code, reason)) => span.fails(code, reason),
            None => span.fails(&record.status.to_string(), ""),
        }
    }
    spans.push(span);
    spans.extend(call(record));
}

/// The call of the company's own service, with what was repeated of it, until its answer's head.
fn call(record: &Record) -> Option<Span> {
    let (upstream, took_us) = (record.upstream()?, record.upstream_us?);
    let times = (record.upstream_after_us, took_us);
    let mut span = Span::new(record.trace.child(0), Kind::Client, record.at, times);
    let method = if record.is_function() { "POST" } else { record.method.as_str() };
    span.method(method).clone_into(&mut span.name);
    span.server(Some(upstream));
    span.text("url.scheme", Some("http"));
    if record.retries > 0 {
        span.number("http.request.resend_count", record.retries);
    }
    match &record.refusal {
        Some((code, reason)) => span.fails(code, reason),
        None if record.is_function() => {}
        None => {
            span.number("http.response.status_code", record.status);
            if record.status >= 400 {
                span.fails(&record.status.to_string(), "");
            }
        }
    }
    Some(span)
}

/// A token request's span.
pub(super) fn token(record: &TokenRecord, of: TraceParent) -> Span {
    const PATH: &str = "/oauth2/token";
    let mut span = Span::new(of, Kind::Server, record.at, (0, record.took_us));
    span.name = format!("POST {PATH}");
    span.text("http.request.method", Some("POST"));
    span.text("http.route", Some(PATH));
    span.text("url.path", Some(PATH));
    span.text("client.address", Some(&record.address.to_string()));
    span.number("http.response.status_code", record.status);
    span.text("gatepost.partner", record.partner.as_deref());
    span.text("gatepost.client", record.client.as_deref());
    span.text("gatepost.refusal", record.refusal);
    if record.status >= 500 {
        span.fails(&record.status.to_string(), record.refusal.unwrap_or_default());
    }
    span
}

/// The span of an event's acceptance: a moment, for how long its publisher waited is not known.
pub(super) fn event(event: &Published, of: TraceParent) -> Span {
    let mut span = Span::new(of, Kind::Producer, event.at, (0, 0));
    span.name = format!("publish {}", event.bus);
    span.text("messaging.system", Some("gatepost"));
    span.text("messaging.operation.name", Some("publish"));
    span.text("messaging.operation.type", Some("send"));
    span.text("messaging.destination.name", Some(&event.bus));
    span.text("messaging.message.id", Some(&event.id.to_string()));
    span.text("gatepost.event.source", Some(&event.source));
    span.text("gatepost.event.detail_type", Some(&event.detail_type));
    span.number("gatepost.event.matched", i64::try_from(event.lanes).unwrap_or(i64::MAX));
    span
}

/// The span of an attempt to deliver.
pub(super) fn attempt(record: &AttemptRecord<'_>, of: TraceParent) -> Span {
    let took_us = u64::try_from(record.took_ms).unwrap_or(0).saturating_mul(1000);
    let mut span = Span::new(of, Kind::Client, record.at, (0, took_us));
    span.method(record.method).clone_into(&mut span.name);
    // The log's form, without the values of its query.
    span.text("url.full", Some(record.url).filter(|url| !url.is_empty()));
    let authority = record.url.split_once("://").map(|(_, rest)| rest);
    let authority = authority.and_then(|rest| rest.split(['/', '?']).next());
    span.server(authority);
    span.text("network.peer.address", record.peer.map(|peer| peer.ip().to_string()).as_deref());
    if record.number > 1 {
        span.number("http.request.resend_count", record.number - 1);
    }
    span.text("messaging.message.id", Some(&record.delivery.event.to_string()));
    span.text("gatepost.destination", Some(record.destination.as_str()));
    span.text("gatepost.delivery_id", Some(&record.delivery.to_string()));
    span.text("gatepost.lane", Some(&record.lane.to_string()));
    span.text("gatepost.outcome", Some(record.outcome.as_str()));
    if matches!(record.lane, LaneKey::Replay { .. }) {
        span.text("gatepost.replay", Some("true"));
    }
    if let Some(status) = record.status {
        span.number("http.response.status_code", status);
    }
    if record.outcome != Outcome::Delivered {
        let kind = record.status.map_or_else(|| "no-answer".to_owned(), |code| code.to_string());
        span.fails(&kind, record.error.unwrap_or_default());
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span() -> Span {
        let of = TraceParent::of_number(1);
        Span::new(of, Kind::Server, Timestamp::from_ms(5), (2, 3))
    }

    #[test]
    fn times_are_those_of_the_record() {
        assert_eq!((span().start_ns, span().end_ns), (5_002_000, 5_005_000));
    }

    #[test]
    fn host_and_port_are_told_apart() {
        for (authority, host, port) in [
            ("api.example:7400", "api.example", Some(7400)),
            ("api.example", "api.example", None),
            ("[::1]:80", "::1", Some(80)),
            ("[::1]", "::1", None),
        ] {
            let mut span = span();
            span.server(Some(authority));
            let mut expected = vec![("server.address", Value::Text(host.to_owned()))];
            expected.extend(port.map(|port| ("server.port", Value::Number(port))));
            assert_eq!(span.attributes, expected, "{authority}");
        }
    }

    #[test]
    fn a_callers_own_method_makes_no_name_of_its_own() {
        let mut span = span();
        assert_eq!(span.method("BREW"), "HTTP");
        let text = |text: &str| Value::Text(text.to_owned());
        let expected = [
            ("http.request.method", text("_OTHER")),
            ("http.request.method_original", text("BREW")),
        ];
        assert_eq!(span.attributes, expected);
    }

    #[test]
    fn a_callers_text_is_cut_where_a_letter_ends() {
        let mut span = span();
        span.text("user_agent.original", Some(&"ä".repeat(1000)));
        assert_eq!(span.attributes, [("user_agent.original", Value::Text("ä".repeat(512)))]);
    }
}
