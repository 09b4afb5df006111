//! The admin API's JSON: nouns as programs read them. Never a secret, but at its minting.

use std::collections::BTreeMap;

use courier::{Standing, webhook_key_is_published, webhook_key_signs};
use model::{
    Attempt, Client, ClientCredential, CredentialUse, DeadLetter, Definitions, Event,
    KeyCredential, Name, Partner, SecretCredential, SigningKeyRecord, Status, Timestamp, UsageBy,
};
use serde_json::{Value, json};
use signature::Jwk;
use store::{ReplayProgress, ReplaySpec, Switch, SwitchState, UsageRow};

use crate::terms::Span;

/// A listing: `{"items": […]}`.
pub(crate) fn items(items: Vec<Value>) -> Value {
    json!({ "items": Value::Array(items) })
}

pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Suspended => "suspended",
    }
}

pub(crate) fn time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, |time| time.to_string().into())
}

/// A day without its hours.
fn day(day: Option<Timestamp>) -> Value {
    day.map_or(Value::Null, |day| day.to_string().chars().take(10).collect::<String>().into())
}

/// From when on and until when a new credential opens, and when those before it end.
pub(crate) fn add_span(body: &mut Value, span: Span, others_end: Option<Timestamp>) {
    for (name, at) in [
        ("not_before", span.not_before),
        ("expires_at", span.expires_at),
        ("others_end", others_end),
    ] {
        if let Some(at) = at {
            body[name] = at.to_string().into();
        }
    }
}

pub(crate) fn partner(partner: &Partner, definitions: &Definitions) -> Value {
    let of = |owner: &Name| *owner == partner.name;
    let clients: Vec<_> =
        definitions.clients.values().filter(|c| of(&c.partner)).map(|c| c.id.as_str()).collect();
    let keys: Vec<_> =
        definitions.api_keys.values().filter(|k| of(&k.partner)).map(|k| k.name.as_str()).collect();
    let allow_ips: Vec<_> = partner.allow_ips.iter().map(ToString::to_string).collect();
    json!({
        "name": partner.name.as_str(),
        "title": partner.title,
        "contact": partner.contact,
        "status": status(partner.status),
        "plan": partner.plan.as_ref().map(Name::as_str),
        "allow_ips": allow_ips,
        "clients": clients,
        "api_keys": keys,
    })
}

/// What the store keeps of the credentials of all clients.
pub(crate) struct KeptCredentials<'a> {
    secrets: &'a [SecretCredential],
    /// Of declared ones, by id, the day of the last use.
    uses: BTreeMap<&'a str, Timestamp>,
}

impl<'a> KeptCredentials<'a> {
    pub(crate) fn new(secrets: &'a [SecretCredential], uses: &'a [CredentialUse]) -> Self {
        let uses = uses.iter().map(|used| (used.id.as_str(), used.day)).collect();
        Self { secrets, uses }
    }
}

pub(crate) fn client(client: &Client, kept: &KeptCredentials<'_>, now: Timestamp) -> Value {
    let of_client = kept.secrets.iter().filter(|secret| secret.client == client.id);
    let mut credentials: Vec<_> =
        client.declared().map(|one| declared(client, one, kept, now)).collect();
    credentials.extend(of_client.clone().map(|secret| minted(client, secret, now)));
    let secrets: Vec<_> = of_client.map(|secret| self::secret(secret, now)).collect();
    json!({
        "id": client.id.as_str(),
        "partner": client.partner.as_str(),
        "status": status(client.status),
        "scopes": client.scopes,
        "token_lifetime_s": client.token_lifetime_s,
        "expires_at": time(client.tokens.expires_at),
        "takes_secrets": client.takes_secrets(),
        "credentials": credentials,
        "secrets": secrets,
    })
}

/// A declared credential among all of a client.
fn declared(
    client: &Client,
    credential: &ClientCredential,
    kept: &KeptCredentials<'_>,
    now: Timestamp,
) -> Value {
    let id = client.credential_id(credential);
    let state = match (credential.is_live(now), credential.is_over(now)) {
        (true, _) => "live",
        (false, true) => "ended",
        (false, false) => "opens later",
    };
    json!({
        "id": id,
        "name": credential.name(),
        "kind": credential.authentication.method(),
        "state": state,
        "live": state == "live",
        "not_before": time(credential.not_before),
        "expires_at": time(credential.expires_at),
        "last_used": day(kept.uses.get(id.as_str()).copied()),
    })
}

/// A secret among all credentials of a client.
fn minted(client: &Client, secret: &SecretCredential, now: Timestamp) -> Value {
    let state = match (secret.is_live(now), secret.is_over(now)) {
        _ if secret.revoked_at.is_some() => "revoked",
        (_, true) => "ended",
        // It lives, and nobody gets in by it.
        _ if !client.takes_secrets() => "not taken",
        (true, false) => "live",
        (false, false) => "opens later",
    };
    json!({
        "id": secret.id,
        "name": Value::Null,
        "kind": "client_secret",
        "state": state,
        "live": state == "live",
        "last_four": secret.last_four,
        "created_at": secret.created_at.to_string(),
        "not_before": time(secret.not_before),
        "expires_at": time(secret.expires_at),
        "last_used": day(secret.last_used),
        "imported": secret.imported,
    })
}

fn secret(secret: &SecretCredential, now: Timestamp) -> Value {
    json!({
        "id": secret.id,
        "last_four": secret.last_four,
        "live": secret.is_live(now),
        "ended": secret.is_over(now),
        "created_at": secret.created_at.to_string(),
        "not_before": time(secret.not_before),
        "expires_at": time(secret.expires_at),
        "revoked_at": time(secret.revoked_at),
        "last_used": day(secret.last_used),
        "imported": secret.imported,
    })
}

pub(crate) fn key_value(value: &KeyCredential, now: Timestamp) -> Value {
    json!({
        "id": value.id,
        "last_four": value.last_four,
        "live": value.is_live(now),
        "ended": value.is_over(now),
        "created_at": value.created_at.to_string(),
        "not_before": time(value.not_before),
        "expires_at": time(value.expires_at),
        "revoked_at": time(value.revoked_at),
        "last_used": day(value.last_used),
    })
}

/// Adds the members of one object to another.
pub(crate) fn add(item: &mut Value, more: Value) {
    if let (Value::Object(members), Value::Object(more)) = (item, more) {
        members.extend(more);
    }
}

/// Whether a rule is paused.
pub(crate) fn pause(since: Option<Timestamp>) -> Value {
    let state = if since.is_some() { "paused" } else { "active" };
    json!({ "state": state, "since": time(since) })
}

/// Whether a destination is in use; one that never was switched is.
pub(crate) fn switch(switch: Option<&Switch>) -> Value {
    let state = switch.map_or(SwitchState::Enabled, |switch| switch.state);
    json!({
        "state": state.as_str(),
        "reason": switch.map(|switch| switch.reason.as_str()).filter(|reason| !reason.is_empty()),
        "since": time(switch.map(|switch| switch.since)),
    })
}

/// How a destination is beside that. What the store kept of its last success stands in until its
/// worker has begun.
pub(crate) fn standing(standing: &Standing, kept: Option<Timestamp>, now: Timestamp) -> Value {
    json!({
        "breaker": if standing.breaker_open { "open" } else { "closed" },
        "paused_until": time(standing.paused_until.filter(|until| *until > now)),
        "failing_since": time(standing.failing_since),
        "last_success": time(standing.last_success.or(kept)),
    })
}

/// A key that signs webhooks, its public half in the form that receivers are given.
pub(crate) fn webhook_key(key: &SigningKeyRecord, now: Timestamp) -> Value {
    let jwk = serde_json::from_str::<Jwk>(&key.public_jwk).ok();
    let public = jwk.and_then(|jwk| jwk.public_key().ok()).map(|public| public.to_string());
    json!({
        "id": key.kid,
        "public_key": public,
        "signs": webhook_key_signs(key.retired_at, now),
        "signs_until": time(key.retired_at),
        "published": webhook_key_is_published(key.retired_at, now),
        "created_at": key.created_at.to_string(),
    })
}

pub(crate) fn attempt(attempt: &Attempt) -> Value {
    json!({
        "number": attempt.number,
        "at": attempt.at.to_string(),
        "took_ms": attempt.took_ms,
        "status": attempt.status,
        "address": attempt.address.map(|address| address.to_string()),
        "outcome": attempt.outcome.as_str(),
        "error": attempt.error,
        "response": attempt.response,
    })
}

pub(crate) fn dead_letter(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id.to_string(),
        "queue": letter.queue.as_str(),
        "lane": letter.lane.to_string(),
        "event_id": letter.id.event.to_string(),
        "at": letter.at.to_string(),
        "attempts": letter.attempts,
        "error_code": letter.reason.code,
        "error_message": letter.reason.message,
        "exhausted": letter.reason.exhausted,
    })
}

pub(crate) fn replay(spec: &ReplaySpec, progress: &ReplayProgress) -> Value {
    let pattern = spec.pattern.as_deref();
    json!({
        "name": spec.name.as_str(),
        "state": progress.state.as_str(),
        "bus": spec.bus.as_str(),
        "from": spec.from.to_string(),
        "until": spec.until.to_string(),
        "rules": spec.rules.iter().map(Name::as_str).collect::<Vec<_>>(),
        "pattern": pattern.and_then(|text| serde_json::from_str::<Value>(text).ok()),
        "destination": spec.destination.as_ref().map(Name::as_str),
        "to": spec.to.as_ref().map(Name::as_str),
        "rate": spec.rate.map(|rate| rate.to_string()),
        "created_at": spec.created_at.to_string(),
        "ended_at": time(progress.ended_at),
        "reason": Some(progress.reason.as_str()).filter(|reason| !reason.is_empty()),
        "looked_at": progress.looked_at,
    })
}

pub(crate) fn event(event: &Event) -> Value {
    serde_json::from_str(&event.envelope()).unwrap_or(Value::Null)
}

/// What was counted; of the key, the parts that are told apart, and null for none.
pub(crate) fn usage(row: &UsageRow, by: &[UsageBy]) -> Value {
    let mut item = json!({});
    for part in UsageBy::ALL.into_iter().filter(|part| by.contains(part)) {
        item[part.as_str()] = match row.key.part(part) {
            None => row.start.to_string().into(),
            Some(text) if text.is_empty() => Value::Null,
            Some(text) => text.to_string().into(),
        };
    }
    let counts = &row.counts;
    let [s2xx, s3xx, s4xx, s5xx, other] = counts.statuses;
    add(
        &mut item,
        json!({
            "requests": counts.requests(),
            "errors": counts.errors(),
            "statuses":
                { "2xx": s2xx, "3xx": s3xx, "4xx": s4xx, "5xx": s5xx, "other": other },
            "refused": counts.refused,
            "limited": counts.limited,
            "bytes_in": counts.bytes_in,
            "bytes_out": counts.bytes_out,
            "upstream_us": counts.upstream_us,
            "p50_us": counts.latency.quantile_us(500),
            "p95_us": counts.latency.quantile_us(950),
            "p99_us": counts.latency.quantile_us(990),
            "latency": counts.latency.counts().as_slice(),
        }),
    );
    item
}
