//! The lines themselves, for people and for programs. Field names are the same everywhere.

use bus::Published;
use courier::AttemptRecord;
use model::{EntryError, EventId, Name, Outcome, Timestamp};
use oauth::TokenRecord;
use serde_json::{Value, json};

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
fn trace_id(traceparent: Option<&str>) -> Value {
    traceparent.and_then(|text| text.split('-').nth(1)).map_or(Value::Null, Into::into)
}

pub(super) fn token(record: &TokenRecord, form: Form) -> String {
    if form == Form::Json {
        let exchanged = record.exchanged.as_ref();
        return json!({
            "kind": "token",
            "at": record.at.to_string(),
            "address": record.address.to_string(),
            "client": record.client,
            "partner": record.partner,
            "method": record.method,
            "issuer": exchanged.map(|exchanged| &exchanged.issuer),
            "subject": exchanged.map(|exchanged| &exchanged.subject),
            "scope": record.scope,
            "token_id": record.token_id,
            "audience": record.audience,
            "kid": record.kid,
            "refusal": record.refusal,
            "reason": record.reason,
            "observed": record.observed,
            "status": record.status,
            "duration_ms": ms(record.took_us),
        })
        .to_string();
    }
    let client = record.client.as_deref().unwrap_or("-");
    let end =
        record.refusal.map_or_else(|| record.scope.clone().unwrap_or_default(), str::to_owned);
    let (at, took) = (clock(record.at), ms(record.took_us));
    format!("{at} token {client} {} {took:.1} ms {} {end}", record.status, record.address)
}

pub(super) fn event(event: &Published, form: Form) -> String {
    if form == Form::Json {
        return json!({
            "kind": "event",
            "at": event.at.to_string(),
            "event_id": event.id.to_string(),
            "trace_id": trace_id(event.traceparent.as_deref()),
            "bus": event.bus,
            "source": event.source,
            "detail_type": event.detail_type,
            "matched": event.lanes,
        })
        .to_string();
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

pub(super) fn attempt(record: &AttemptRecord<'_>, form: Form) -> String {
    if form == Form::Json {
        return json!({
            "kind": "attempt",
            "at": record.at.to_string(),
            "delivery_id": record.delivery.to_string(),
            "event_id": record.delivery.event.to_string(),
            "trace_id": trace_id(record.traceparent),
            "lane": record.lane.to_string(),
            "destination": record.destination.as_str(),
            "method": record.method,
            "url": record.url,
            "peer": record.peer.map(|peer| peer.to_string()),
            "attempt": record.number,
            "status": record.status,
            "outcome": record.outcome.as_str(),
            "error": record.error,
            "duration_ms": record.took_ms,
            "age_ms": record.age_ms,
            "due": record.due.map(|due| due.to_string()),
        })
        .to_string();
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
