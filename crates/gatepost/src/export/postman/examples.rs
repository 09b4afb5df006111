//! What a request of the collection sends: the examples of the document, made to fit the run.

use serde_json::Value;

use super::Call;
use super::path::{Part, parts, reference};
use crate::export::resolve;

/// The example that a media type or parameter gives: its own, its first named one, its schema's.
pub(super) fn example<'a>(document: &'a Value, holder: &'a Value) -> Option<&'a Value> {
    let named = holder["examples"].as_object().and_then(|examples| examples.values().next());
    let named = named.and_then(|named| resolve(document, named).get("value"));
    let schema = resolve(document, &holder["schema"]);
    holder
        .get("example")
        .or(named)
        .or_else(|| schema.get("example"))
        .or_else(|| schema["examples"].get(0))
        .or_else(|| schema.get("default"))
        .or_else(|| schema["enum"].get(0))
}

/// A value as it stands in a header, a path or a query.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn is_json(media_type: &str) -> bool {
    media_type.starts_with("application/json") || media_type.contains("+json")
}

/// Makes the example of a body fit this run: what names the object of the path gets its id, and
/// an own id that the caller gives is new each time, so that the collection can run again.
pub(super) fn personalise(call: &Call<'_>, body: &mut Value) {
    let Some(fields) = body.as_object_mut() else { return };
    let variables: Vec<String> = parts(call.path)
        .into_iter()
        .filter(|part| matches!(part, Part::Variable { .. }))
        .map(Part::sent)
        .collect();
    if let [id] = variables.as_slice() {
        for name in ["carOrderId", "orderId"] {
            if let Some(field) = fields.get_mut(name).filter(|field| field.is_string()) {
                *field = Value::from(id.as_str());
            }
        }
    }
    if call.method == "post"
        && let Some(field) = fields.get_mut("id")
        && field.as_str().is_some_and(is_uuid)
    {
        *field = Value::from(reference("$guid"));
    }
}

/// Whether a text has the form of a UUID (RFC 9562 §4).
fn is_uuid(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}
