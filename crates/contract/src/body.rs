//! Request bodies: which media types are taken, and which of them are looked into.

use serde_json::Value;

use crate::fault::{Fault, Location, REQUIRED};
use crate::json;
use crate::pointer;
use crate::reading::Reading;
use crate::schema::{SchemaId, Schemas};

/// What an operation asks of a body.
#[derive(Debug, Clone, Copy)]
pub enum BodyRule<'c> {
    /// The document says nothing about a body.
    NotDescribed,
    /// A body of this media type is taken and not looked into.
    Unchecked {
        /// Whether there must be one.
        required: bool,
    },
    /// No body of this media type is taken; if there is one, the answer is 415.
    Unsupported {
        /// The media types and ranges that are taken, as the document spells them.
        supported: &'c [String],
        /// Whether there must be a body.
        required: bool,
    },
    /// A JSON body, which is held against a schema once it is there.
    Json(JsonBody<'c>),
}

impl BodyRule<'_> {
    /// What is wrong with a request that has no body.
    pub fn when_absent(&self) -> Option<Fault> {
        let is_required = match self {
            Self::NotDescribed => false,
            Self::Unchecked { required } | Self::Unsupported { required, .. } => *required,
            Self::Json(body) => body.is_required,
        };
        is_required.then(|| Fault::new(Location::Body, "", REQUIRED))
    }
}

/// The schema of a JSON body.
#[derive(Debug, Clone, Copy)]
pub struct JsonBody<'c> {
    schemas: &'c Schemas,
    schema: &'c SchemaId,
    is_required: bool,
}

impl JsonBody<'_> {
    /// What is wrong with a body, 20 faults at most; nothing if it fits. An empty one counts as none.
    ///
    /// A body that has a member twice is refused, and one that nests deeper than 64 levels: the
    /// service might read it otherwise.
    pub fn check(&self, body: &[u8]) -> Vec<Fault> {
        if body.is_empty() {
            let rule = BodyRule::Json(*self);
            return rule.when_absent().into_iter().collect();
        }
        let value = match json::read(body) {
            Ok(value) => value,
            Err(reason) => return vec![Fault::new(Location::Body, "", reason)],
        };
        let misfits = self.schemas.misfits(self.schema, value);
        let faults = misfits.into_iter();
        faults.map(|misfit| Fault::new(Location::Body, &misfit.pointer, misfit.reason)).collect()
    }
}

/// A body as the document declares it.
#[derive(Debug)]
pub(crate) struct RequestBody {
    is_required: bool,
    media: Vec<Media>,
    /// The media types as the document spells them.
    supported: Vec<String>,
}

#[derive(Debug)]
struct Media {
    /// In small letters and without parameters: `application/json`, `text/*`, `*/*`.
    range: String,
    schema: Option<SchemaId>,
}

/// The body declared by `value` at `at`; none if it is not understood, which is noted.
pub(crate) fn declared<'d>(
    reading: &mut Reading<'d>,
    value: &'d Value,
    at: &str,
) -> Option<RequestBody> {
    let (value, at) = reading.resolve(value, at)?;
    let at = pointer::child(&at, "content");
    let content = value.get("content").and_then(Value::as_object);
    let Some(content) = content.filter(|content| !content.is_empty()) else {
        reading.refuse(&at, "the body has no media type", "add one, as `application/json`");
        return None;
    };
    let mut media = Vec::with_capacity(content.len());
    for (spelling, inside) in content {
        let at = pointer::child(&pointer::child(&at, spelling), "schema");
        let schema = inside.get("schema").map(|_| reading.schema(&at));
        media.push(Media { range: essence(spelling), schema });
    }
    Some(RequestBody {
        is_required: value.get("required") == Some(&Value::Bool(true)),
        media,
        supported: content.keys().cloned().collect(),
    })
}

impl RequestBody {
    pub(crate) fn rule<'c>(
        &'c self,
        content_type: Option<&str>,
        schemas: &'c Schemas,
    ) -> BodyRule<'c> {
        let required = self.is_required;
        // A body that does not say what it is counts as JSON, where that is taken.
        let essence = content_type.map_or_else(|| "application/json".to_owned(), essence);
        let Some(media) = self.find(&essence) else {
            return BodyRule::Unsupported { supported: &self.supported, required };
        };
        match &media.schema {
            Some(schema) if is_json(&essence) => {
                BodyRule::Json(JsonBody { schemas, schema, is_required: required })
            }
            _ => BodyRule::Unchecked { required },
        }
    }

    /// The most specific media type that a request's belongs to (OpenAPI 3.1 §4.8.13).
    fn find(&self, essence: &str) -> Option<&Media> {
        let fitting = self.media.iter().filter(|media| media.fits(essence));
        fitting.max_by_key(|media| match media.range.as_str() {
            "*/*" => 0,
            range if range.contains('*') => 1,
            _ => 2,
        })
    }
}

impl Media {
    fn fits(&self, essence: &str) -> bool {
        match self.range.split_once('*') {
            None => self.range == essence,
            Some(_) if self.range == "*/*" => true,
            Some((before, after)) => essence
                .strip_prefix(before)
                .is_some_and(|rest| rest.len() > after.len() && rest.ends_with(after)),
        }
    }
}

/// A media type in small letters and without its parameters (RFC 9110 §8.3.1).
fn essence(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Whether a media type is JSON: itself, or by its suffix (RFC 6839 §3.1).
pub(crate) fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == "application/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_name_and_suffix() {
        for (media_type, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("text/json", false),
            ("application/jsonl", false),
            ("", false),
        ] {
            assert_eq!(is_json(media_type), expected, "{media_type}");
        }
    }

    #[test]
    fn the_most_specific_range_is_taken() {
        let media = |range: &str| Media { range: range.to_owned(), schema: None };
        let body = RequestBody {
            is_required: true,
            media: ["*/*", "application/*", "application/*+json", "application/json", "text/plain"]
                .map(media)
                .into(),
            supported: Vec::new(),
        };
        for (essence, range) in [
            ("application/json", "application/json"),
            ("application/xml", "application/*"),
            ("text/plain", "text/plain"),
            ("text/csv", "*/*"),
            ("nonsense", "*/*"),
        ] {
            assert_eq!(body.find(essence).map(|media| media.range.as_str()), Some(range));
        }
        assert!(media("application/*+json").fits("application/a+json"));
        assert!(!media("application/*+json").fits("application/json"));
        assert!(!media("application/json").fits("application/jsons"));
    }
}
