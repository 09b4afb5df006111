//! Events: what a publisher hands in, what is kept, and the envelope that targets see.

use std::fmt::{self, Write as _};

use crate::{ENTRY_ID_MAX, EventId, Name, Timestamp};

/// The most entries one publishing request may carry.
pub const ENTRIES_MAX: usize = 100;
/// The most bytes the entries of one request may have together (EventBridge, `PutEvents`: 1 MB).
pub const ENTRIES_BYTES_MAX: usize = 1024 * 1024;
/// The bus of the program's own events and of schedules.
pub const SYSTEM_BUS: &str = "system";

const DETAIL_TYPE_MAX: usize = 128;
const SOURCE_MAX: usize = 256;
const RESOURCES_MAX: usize = 100;

/// Why an entry is not taken; the codes are EventBridge's where it has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A required argument is missing or empty.
    #[error("Parameter {0} is not valid. Reason: {0} is a required argument.")]
    Missing(&'static str),
    /// An argument is longer than it may be.
    #[error("Parameter {name} is not valid. Reason: {name} may have at most {max} characters.")]
    TooLong {
        /// The argument.
        name: &'static str,
        /// Its bound.
        max: usize,
    },
    /// `Detail` is no JSON object.
    #[error("Detail is malformed.")]
    MalformedDetail,
    /// The source begins with `aws.`.
    #[error("Not authorized for the source: sources beginning with `aws.` are reserved.")]
    ReservedSource,
    /// No such bus. EventBridge would take the entry and drop it.
    #[error("There is no bus called `{0}`.")]
    UnknownBus(String),
    /// The entry is no JSON object of the known members.
    #[error("The entry cannot be read: {0}")]
    Unreadable(String),
    /// The entry's own id is empty, too long, or has characters it may not have.
    #[error(
        "Parameter id is not valid. Reason: an id has 1 to {ENTRY_ID_MAX} visible ASCII characters, no blanks."
    )]
    BadId,
    /// The entry's own id is that of an event with another content.
    #[error(
        "This id was accepted before with another content, as {0}. Give another event another id; repeat an event with its source, detail-type, detail, resources and time unchanged."
    )]
    IdempotencyMismatch(EventId),
}

impl EntryError {
    /// The code a publisher's program looks at.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) | Self::TooLong { .. } | Self::BadId | Self::Unreadable(_) => {
                "InvalidArgument"
            }
            Self::MalformedDetail => "MalformedDetail",
            Self::ReservedSource => "NotAuthorizedForSourceException",
            Self::UnknownBus(_) => "ResourceNotFoundException",
            Self::IdempotencyMismatch(_) => "IdempotencyMismatch",
        }
    }
}

/// What a publisher says about an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFields {
    /// Which service it comes from.
    pub source: String,
    /// What happened.
    pub detail_type: String,
    /// A JSON object, as text.
    pub detail: String,
    /// When it happened; the moment of acceptance where none is given.
    pub time: Option<Timestamp>,
    /// What it is about.
    pub resources: Vec<String>,
    /// The W3C trace it belongs to.
    pub traceparent: Option<String>,
}

/// An event that may be accepted: its fields have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    bus: Name,
    fields: EventFields,
}

impl EventDraft {
    /// Checks the fields (EventBridge, `PutEvents`) and makes the detail compact.
    pub fn new(bus: Name, mut fields: EventFields) -> Result<Self, EntryError> {
        for (name, value) in [
            ("Source", &fields.source),
            ("DetailType", &fields.detail_type),
            ("Detail", &fields.detail),
        ] {
            if value.is_empty() {
                return Err(EntryError::Missing(name));
            }
        }
        let bounds = [
            ("Source", fields.source.chars().count(), SOURCE_MAX),
            ("DetailType", fields.detail_type.chars().count(), DETAIL_TYPE_MAX),
            ("Resources", fields.resources.len(), RESOURCES_MAX),
        ];
        if let Some((name, _, max)) = bounds.into_iter().find(|(_, length, max)| length > max) {
            return Err(EntryError::TooLong { name, max });
        }
        if fields.source.starts_with("aws.") {
            return Err(EntryError::ReservedSource);
        }
        // Checked whole, and kept in the publisher's own spelling: a number is not rounded by being
        // read and written again.
        match pattern::Event::parse(&fields.detail) {
            Ok(_) => fields.detail = compact(&fields.detail),
            Err(_) => return Err(EntryError::MalformedDetail),
        }
        Ok(Self { bus, fields })
    }

    /// The bus it goes to.
    pub fn bus(&self) -> &Name {
        &self.bus
    }

    /// Its fields.
    pub fn fields(&self) -> &EventFields {
        &self.fields
    }

    /// The envelope as it would be under this id.
    pub fn envelope(&self, id: Option<EventId>, accepted_at: Timestamp) -> String {
        envelope(&self.fields, id, accepted_at, None)
    }
}

/// An accepted event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id; carries when it was accepted and its place in the log.
    pub id: EventId,
    /// The bus it was published to.
    pub bus: String,
    /// What the publisher said.
    pub fields: EventFields,
}

impl Event {
    /// The envelope that patterns and targets see.
    pub fn envelope(&self) -> String {
        envelope(&self.fields, Some(self.id), self.id.accepted_at, None)
    }

    /// The envelope as a replay sends it, with its name (EventBridge, "Replaying archived events").
    pub fn envelope_of_replay(&self, replay: &Name) -> String {
        envelope(&self.fields, Some(self.id), self.id.accepted_at, Some(replay))
    }
}

/// JSON without the white space between its parts.
fn compact(json: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    json.chars()
        .filter(|c| {
            let keep = inside || !c.is_ascii_whitespace();
            let quote = *c == '"' && !escaped;
            escaped = inside && *c == '\\' && !escaped;
            inside ^= quote;
            keep
        })
        .collect()
}

/// EventBridge's envelope, its members in EventBridge's order; `replay-name` where there is one.
fn envelope(
    fields: &EventFields,
    id: Option<EventId>,
    accepted_at: Timestamp,
    replay: Option<&Name>,
) -> String {
    // What all envelopes have beside their texts is under 300 bytes.
    let mut text = String::with_capacity(300 + fields.detail.len() + fields.source.len());
    text.push_str(r#"{"version":"0","id":""#);
    if let Some(id) = id {
        push(&mut text, &id);
    }
    text.push_str(r#"","detail-type":"#);
    push_text(&mut text, &fields.detail_type);
    text.push_str(r#","source":"#);
    push_text(&mut text, &fields.source);
    text.push_str(r#","account":"000000000000","time":""#);
    text.push_str(&fields.time.unwrap_or(accepted_at).to_seconds_text());
    text.push_str(r#"","region":"local","resources":["#);
    for (index, resource) in fields.resources.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_text(&mut text, resource);
    }
    text.push(']');
    if let Some(replay) = replay {
        text.push_str(r#","replay-name":"#);
        push_text(&mut text, replay);
    }
    text.push_str(r#","detail":"#);
    text.push_str(&fields.detail);
    text.push('}');
    text
}

fn push(text: &mut String, value: &dyn fmt::Display) {
    let written = write!(text, "{value}");
    debug_assert!(written.is_ok(), "a String takes everything");
}

/// A JSON string (RFC 8259 §7). Most texts have nothing to escape.
fn push_text(text: &mut String, value: &str) {
    if value.bytes().any(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        return push(text, &serde_json::Value::from(value));
    }
    text.push('"');
    text.push_str(value);
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> EventFields {
        EventFields {
            source: "complete-order".into(),
            detail_type: "OrderCompleted".into(),
            detail: r#"{ "id": "7" }"#.into(),
            ..EventFields::default()
        }
    }

    fn draft(fields: EventFields) -> Result<EventDraft, EntryError> {
        EventDraft::new(Name::new("orders").unwrap(), fields)
    }

    #[test]
    fn the_envelope_has_eventbridges_members_in_its_order() {
        let id = EventId { accepted_at: Timestamp::from_ms(1_700_000_000_123), seq: 1 };
        let envelope = draft(fields()).unwrap().envelope(Some(id), id.accepted_at);
        assert_eq!(
            envelope,
            format!(
                r#"{{"version":"0","id":"{id}","detail-type":"OrderCompleted","source":"complete-order","account":"000000000000","time":"2023-11-14T22:13:20Z","region":"local","resources":[],"detail":{{"id":"7"}}}}"#
            )
        );
    }

    #[test]
    fn a_replays_envelope_has_its_name_last_before_the_detail() {
        let id = EventId { accepted_at: Timestamp::from_ms(1_700_000_000_123), seq: 1 };
        let event = Event { id, bus: "orders".into(), fields: fields() };
        let again = event.envelope_of_replay(&Name::new("again").unwrap());
        let name = r#""resources":[],"replay-name":"again","detail":"#;
        assert_eq!(again, event.envelope().replace(r#""resources":[],"detail":"#, name));
    }

    #[test]
    fn an_envelope_is_json_whatever_its_texts_are() {
        for text in ["plain", "a \"b\" \\ c", "line\nend\u{1}", "ä€😀\u{7f}\u{2028}"] {
            let fields = EventFields {
                source: text.into(),
                detail_type: text.into(),
                resources: vec![text.into(), "second".into()],
                ..fields()
            };
            let envelope = draft(fields).unwrap().envelope(None, Timestamp::default());
            let read: serde_json::Value = serde_json::from_str(&envelope).unwrap();
            assert_eq!((&read["source"], &read["detail-type"]), (&text.into(), &text.into()));
            assert_eq!(read["resources"], serde_json::json!([text, "second"]));
        }
    }

    #[test]
    fn a_detail_keeps_its_own_spelling_without_white_space() {
        let detail =
            "{ \"a b\" : [ 1.10 , 123456789012345678901234567890 ],\n \"q\": \"x \\\" y\" }";
        let draft = draft(EventFields { detail: detail.into(), ..fields() }).unwrap();
        let kept = r#"{"a b":[1.10,123456789012345678901234567890],"q":"x \" y"}"#;
        assert_eq!(draft.fields().detail, kept);
    }

    #[test]
    fn entries_are_refused_with_eventbridges_codes() {
        type Change = fn(&mut EventFields);
        let rows: [(Change, &str, &str); 8] = [
            (
                |f| f.source.clear(),
                "InvalidArgument",
                "Parameter Source is not valid. Reason: Source is a required argument.",
            ),
            (
                |f| f.detail_type.clear(),
                "InvalidArgument",
                "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
            ),
            (
                |f| f.detail.clear(),
                "InvalidArgument",
                "Parameter Detail is not valid. Reason: Detail is a required argument.",
            ),
            (|f| f.detail = "[]".into(), "MalformedDetail", "Detail is malformed."),
            (|f| f.detail = "{".into(), "MalformedDetail", "Detail is malformed."),
            (|f| f.detail = "\"text\"".into(), "MalformedDetail", "Detail is malformed."),
            (
                |f| f.source = "aws.ec2".into(),
                "NotAuthorizedForSourceException",
                "Not authorized for the source: sources beginning with `aws.` are reserved.",
            ),
            (
                |f| f.detail_type = "x".repeat(129),
                "InvalidArgument",
                "Parameter DetailType is not valid. Reason: DetailType may have at most 128 characters.",
            ),
        ];
        for (change, code, message) in rows {
            let mut fields = fields();
            change(&mut fields);
            let error = draft(fields).unwrap_err();
            assert_eq!((error.code(), &*error.to_string()), (code, message));
        }
    }
}
