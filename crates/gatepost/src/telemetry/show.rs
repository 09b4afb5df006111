//! The lines themselves, for people and for programs. Field names are the same everywhere.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};

use bus::Published;
use courier::AttemptRecord;
use model::{DeliveryId, EntryError, EventId, LaneKey, Name, Outcome, Timestamp};
use oauth::TokenRecord;
use serde::{Serialize, Serializer};
use serde_json::json;

use super::Form;

/// Milliseconds with three digits behind the point.
fn ms(us: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a duration in microseconds is far below 2^53")]
    let us = us as f64;
    us / 1000.0
}

/// The time of day, which is what a person at a terminal looks for.
fn clock(at: Timestamp) -> String {
    at.to_string().get(11..23).unwrap_or_default().to_owned()
}

/// The trace's id inside a `traceparent`.
fn trace_id(traceparent: Option<&str>) -> Option<&str> {
    traceparent.and_then(|text| text.split('-').nth(1))
}

/// What is written as it is shown.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A line of which there are thousands in a second: written field by field, and not made up as a
/// value first.
fn line<T: Serialize>(fields: &T) -> String {
    // Texts and numbers can always be written.
    serde_json::to_string(fields).unwrap_or_default()
}

#[derive(Serialize)]
struct TokenLine<'a> {
    kind: &'static str,
    at: Shown<Timestamp>,
    address: IpAddr,
    client: Option<&'a str>,
    partner: Option<&'a str>,
    method: Option<&'static str>,
    issuer: Option<&'a str>,
    subject: Option<&'a str>,
    scope: Option<&'a str>,
    token_id: Option<&'a str>,
    audience: Option<&'a str>,
    kid: Option<&'a str>,
    refusal: Option<&'static str>,
    reason: Option<&'static str>,
    observed: Option<&'static str>,
    status: u16,
    duration_ms: f64,
}

pub(super) fn token(record: &TokenRecord, form: Form) -> String {
    if form == Form::Json {
        let exchanged = record.exchanged.as_ref();
        return line(&TokenLine {
            kind: "token",
            at: Shown(record.at),
            address: record.address,
            client: record.client.as_deref(),
            partner: record.partner.as_deref(),
            method: record.method,
            issuer: exchanged.map(|exchanged| exchanged.issuer.as_str()),
            subject: exchanged.map(|exchanged| exchanged.subject.as_str()),
            scope: record.scope.as_deref(),
            token_id: record.token_id.as_deref(),
            audience: record.audience.as_deref(),
            kid: record.kid.as_deref(),
            refusal: record.refusal,
            reason: record.reason,
            observed: record.observed,
            status: record.status,
            duration_ms: ms(record.took_us),
        });
    }
    let client = record.client.as_deref().unwrap_or("-");
    let end =
        record.refusal.map_or_else(|| record.scope.clone().unwrap_or_default(), str::to_owned);
    let (at, took) = (clock(record.at), ms(record.took_us));
    format!("{at} token {client} {} {took:.1} ms {} {end}", record.status, record.address)
}

#[derive(Serialize)]
struct EventLine<'a> {
    kind: &'static str,
    at: Shown<Timestamp>,
    event_id: Shown<EventId>,
    trace_id: Option<&'a str>,
    bus: &'a str,
    source: &'a str,
    detail_type: &'a str,
    matched: usize,
}

pub(super) fn event(event: &Published, form: Form) -> String {
    if form == Form::Json {
        return line(&EventLine {
            kind: "event",
            at: Shown(event.at),
            event_id: Shown(event.id),
            trace_id: trace_id(event.traceparent.as_deref()),
            bus: &event.bus,
            source: &event.source,
            detail_type: &event.detail_type,
            matched: event.lanes,
        });
    }
    let (at, matched) = (clock(event.at), event.lanes);
    format!("{at} event {} {}/{} matched {matched}", event.bus, event.source, event.detail_type)
}

pub(super) fn event_duplicate(at: Timestamp, bus: &str, first: EventId, form: Form) -> String {
    if form == Form::Json {
        let (at, first) = (at.to_string(), first.to_string());
        return json!({ "kind": "event-duplicate", "at": at, "bus": bus, "event_id": first })
            .to_string();
    }
    format!("{} event repeated on {bus}: accepted before as {first}", clock(at))
}

pub(super) fn event_refused(at: Timestamp, bus: &str, error: &EntryError, form: Form) -> String {
    if form == Form::Json {
        return json!({
            "kind": "event-refused",
            "at": at.to_string(),
            "bus": bus,
            "refusal": error.code(),
            "reason": error.to_string(),
        })
        .to_string();
    }
    format!("{} event refused on {bus}: {error}", clock(at))
}

#[derive(Serialize)]
struct AttemptLine<'a> {
    kind: &'static str,
    at: Shown<Timestamp>,
    delivery_id: Shown<DeliveryId>,
    event_id: Shown<EventId>,
    trace_id: Option<&'a str>,
    lane: Shown<&'a LaneKey>,
    destination: &'a str,
    method: &'static str,
    url: &'a str,
    peer: Option<SocketAddr>,
    attempt: u32,
    status: Option<u16>,
    outcome: &'static str,
    error: Option<&'a str>,
    duration_ms: i64,
    age_ms: i64,
    due: Option<Shown<Timestamp>>,
}

pub(super) fn attempt(record: &AttemptRecord<'_>, form: Form) -> String {
    if form == Form::Json {
        return line(&AttemptLine {
            kind: "attempt",
            at: Shown(record.at),
            delivery_id: Shown(record.delivery),
            event_id: Shown(record.delivery.event),
            trace_id: trace_id(record.traceparent),
            lane: Shown(record.lane),
            destination: record.destination.as_str(),
            method: record.method,
            url: record.url,
            peer: record.peer,
            attempt: record.number,
            status: record.status,
            outcome: record.outcome.as_str(),
            error: record.error,
            duration_ms: record.took_ms,
            age_ms: record.age_ms,
            due: record.due.map(Shown),
        });
    }
    let status = record.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let end = match (record.outcome, record.error) {
        (Outcome::Delivered, _) => String::new(),
        (outcome, error) => format!("{}: {}", outcome.as_str(), error.unwrap_or("")),
    };
    format!(
        "{} deliver {} {} {status} {} ms attempt {} {end}",
        clock(record.at),
        record.method,
        record.url,
        record.took_ms,
        record.number
    )
}

pub(super) fn breaker(at: Timestamp, destination: &Name, open: bool, form: Form) -> String {
    if form == Form::Json {
        let (at, destination) = (at.to_string(), destination.as_str());
        return json!({ "kind": "breaker", "at": at, "destination": destination, "open": open })
            .to_string();
    }
    let what = if open { "opened: attempts are held back" } else { "closed: attempts go on" };
    format!("{} breaker of {destination} {what}", clock(at))
}
