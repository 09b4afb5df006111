//! The JSON of publishing: entries in, results out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use bus::{Accepted, Entry, Submission};
use http::header::CONTENT_TYPE;
use listener::TraceParent;
use model::{EntryError, EntryId, EventFields, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::key::Key;

/// One entry. The names are ours; EventBridge's hyphen and capitals are taken too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEntry<'a> {
    /// The publisher's own id of the entry, by which a repetition is recognised.
    #[serde(default)]
    id: Option<String>,
    #[serde(default, alias = "Source")]
    source: String,
    #[serde(default, alias = "detail-type", alias = "DetailType")]
    detail_type: String,
    #[serde(default, borrow, alias = "Detail")]
    detail: Option<&'a RawValue>,
    #[serde(default, alias = "Time")]
    time: Option<String>,
    #[serde(default, alias = "Resources")]
    resources: Vec<String>,
    #[serde(default)]
    traceparent: Option<String>,
}

/// Reads one event or `{"entries": […]}`; entries take id and trace of the request where they have
/// none of their own. An entry of a list that cannot be read is the matter of that entry alone; the
/// text of an error says what is wrong and where.
pub(crate) fn read(
    body: &[u8],
    key: Option<&Key>,
    traceparent: Option<&str>,
) -> Result<Vec<Entry>, String> {
    let members = serde_json::from_slice::<BTreeMap<Cow<'_, str>, &RawValue>>(body);
    let members = members.map_err(|error| explain(&error))?;
    let Some(list) = members.get("entries").or_else(|| members.get("Entries")) else {
        let entry = serde_json::from_slice::<WireEntry<'_>>(body);
        let submitted = submission(entry.map_err(|error| explain(&error))?, 0, key, traceparent);
        return match submitted {
            // There is no other entry that could be taken.
            Err(EntryError::Unreadable(why)) => Err(why),
            entry => Ok(vec![entry]),
        };
    };
    let list = serde_json::from_str::<Vec<&RawValue>>(list.get());
    let list = list.map_err(|error| explain(&error))?;
    let entry = |(index, text): (usize, &RawValue)| {
        let unreadable = |why: String| EntryError::Unreadable(why);
        // A list would otherwise be read as an entry whose members come in order.
        if !text.get().starts_with('{') {
            return Err(unreadable("an event is a JSON object".to_owned()));
        }
        let entry = serde_json::from_str::<WireEntry<'_>>(text.get());
        let entry = entry.map_err(|error| unreadable(error.to_string()))?;
        submission(entry, index, key, traceparent)
    };
    Ok(list.into_iter().enumerate().map(entry).collect())
}

fn explain(error: &serde_json::Error) -> String {
    format!(
        "{error}. Send {{\"entries\": [{{\"source\": …, \"detail_type\": …, \"detail\": {{…}}}}]}} or \
         one such entry."
    )
}

fn submission(
    mut entry: WireEntry<'_>,
    index: usize,
    key: Option<&Key>,
    traceparent: Option<&str>,
) -> Entry {
    let id = match entry.id.take() {
        Some(id) => EntryId::new(id).map(Some)?,
        None => key.map(|key| key.entry_id(index)).transpose()?,
    };
    let fields = fields(entry, traceparent).map_err(EntryError::Unreadable)?;
    Ok(Submission { id, fields })
}

fn fields(entry: WireEntry<'_>, traceparent: Option<&str>) -> Result<EventFields, String> {
    let time = match entry.time {
        None => None,
        Some(text) => Some(Timestamp::parse(&text).ok_or_else(|| {
            format!("`time` is `{text}`; write it as RFC 3339, `2026-01-31T12:00:00Z`")
        })?),
    };
    // EventBridge's own form carries the detail as a string of JSON.
    let detail = match entry.detail.map(RawValue::get) {
        None => String::new(),
        Some(text) if text.starts_with('"') => {
            serde_json::from_str::<String>(text).map_err(|error| error.to_string())?
        }
        Some(text) => text.to_owned(),
    };
    Ok(EventFields {
        source: entry.source,
        detail_type: entry.detail_type,
        detail,
        time,
        resources: entry.resources,
        // One that the standard calls invalid is none (W3C Trace Context §3.2).
        traceparent: entry
            .traceparent
            .or_else(|| traceparent.map(str::to_owned))
            .filter(|text| TraceParent::parse(text).is_some()),
    })
}

/// Every entry's result, in the order of the request.
pub(crate) fn write(results: &[Result<Accepted, EntryError>]) -> Response {
    ([(CONTENT_TYPE, "application/json")], results_json(results).to_string()).into_response()
}

fn results_json(results: &[Result<Accepted, EntryError>]) -> Value {
    let failed = results.iter().filter(|result| result.is_err()).count();
    let entry = |result: &Result<Accepted, EntryError>| match result {
        Ok(Accepted { id, matched, duplicate: false }) => {
            json!({ "id": id.to_string(), "matched": matched })
        }
        Ok(Accepted { id, matched, duplicate: true }) => {
            json!({ "id": id.to_string(), "matched": matched, "duplicate": true })
        }
        Err(error) => json!({ "error": { "code": error.code(), "message": error.to_string() } }),
    };
    let entries: Vec<Value> = results.iter().map(entry).collect();
    json!({ "failed": failed, "entries": entries })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn one_event_or_many_in_our_names_or_eventbridges() {
        for body in [
            r#"{"source":"s","detail_type":"t","detail":{"a":1}}"#,
            r#"{"entries":[{"source":"s","detail-type":"t","detail":{"a":1},"id":"x"}]}"#,
            r#"{"Entries":[{"Source":"s","DetailType":"t","Detail":"{\"a\":1}"}]}"#,
        ] {
            let entries = read(body.as_bytes(), None, Some(TRACE)).unwrap();
            let fields = &entries[0].as_ref().unwrap().fields;
            assert_eq!((&*fields.source, &*fields.detail_type), ("s", "t"), "{body}");
            assert_eq!(fields.detail, r#"{"a":1}"#);
            assert_eq!(fields.traceparent.as_deref(), Some(TRACE));
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (body, part) in [
            ("", "EOF"),
            ("[]", "invalid type: sequence"),
            (r#"{"entries":7}"#, "invalid type: integer"),
            (r#"{"source":1}"#, "invalid type: integer"),
            (r#"{"sauce":"s"}"#, "unknown field `sauce`"),
            (r#"{"source":"s","time":"yesterday"}"#, "`time` is `yesterday`"),
        ] {
            let error = read(body.as_bytes(), None, None).unwrap_err();
            assert!(error.contains(part), "{body}: {error}");
        }
    }

    #[test]
    fn an_entry_that_cannot_be_read_leaves_the_others_alone() {
        for (entry, part) in [
            ("[]", "an event is a JSON object"),
            ("7", "an event is a JSON object"),
            (r#"{"source":1}"#, "invalid type: integer"),
            (r#"{"sauce":"s"}"#, "unknown field `sauce`"),
            (r#"{"time":"yesterday"}"#, "`time` is `yesterday`"),
            (r#"{"detail":"{"}"#, ""),
        ] {
            let body = format!(r#"{{"entries":[{{"source":"a"}},{entry},{{"source":"b"}}]}}"#);
            let entries = read(body.as_bytes(), None, None).unwrap();
            assert!(entries[0].is_ok() && entries[2].is_ok(), "{body}");
            if !part.is_empty() {
                let error = entries[1].as_ref().unwrap_err();
                assert_eq!(error.code(), "InvalidArgument");
                assert!(error.to_string().contains(part), "{body}: {error}");
            }
        }
    }

    #[test]
    fn an_entry_has_its_own_id_or_one_of_the_requests_key() {
        let mut headers = http::HeaderMap::new();
        headers.insert("idempotency-key", http::HeaderValue::from_static("\"k\""));
        let key = Key::read(&headers).unwrap();
        let body = r#"{"entries":[{},{"id":"own"},{"id":null},{"id":"a b"}]}"#;
        let ids = |key: Option<&Key>| {
            let entries = read(body.as_bytes(), key, None).unwrap().into_iter();
            let id = |entry: Entry| match entry {
                Ok(Submission { id, .. }) => id.map_or("none".to_owned(), |id| id.as_str().into()),
                Err(error) => error.code().to_owned(),
            };
            entries.map(id).collect::<Vec<String>>()
        };
        assert_eq!(ids(None), ["none", "own", "none", "InvalidArgument"]);
        assert_eq!(ids(key.as_ref()), ["k/0", "own", "k/2", "InvalidArgument"]);
    }

    #[test]
    fn a_repetition_says_so() {
        let id = model::EventId { accepted_at: Timestamp::from_ms(1_700_000_000_000), seq: 1 };
        for (duplicate, part) in
            [(false, r#""matched":2}"#), (true, r#""matched":2,"duplicate":true}"#)]
        {
            let results = [Ok(Accepted { id, matched: 2, duplicate })];
            let text = results_json(&results).to_string();
            assert!(text.ends_with(&format!("{part}]}}")), "{text}");
        }
    }
}
