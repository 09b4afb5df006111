//! The `Idempotency-Key` of a publishing request, out of which its entries get ids where they have
//! none of their own (draft-ietf-httpapi-idempotency-key-header).

use http::HeaderMap;
use model::{ENTRY_ID_MAX, EntryError, EntryId, idempotency_key};

/// The longest key: behind it, an entry's id has a slash and the entry's place, at most 99.
const KEY_MAX: usize = ENTRY_ID_MAX - 3;

/// The key of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    /// Reads the header, if there is one. The text of the error says what is wrong and what to do.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Self>, String> {
        let mut values = headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(None) };
        let read = match (value.to_str(), values.next()) {
            (_, Some(_)) => Err("is there more than once"),
            (Err(_), None) => Err("has a character other than visible ASCII"),
            (Ok(text), None) => idempotency_key(text, KEY_MAX),
        };
        read.map(|key| Some(Self(key))).map_err(|reason| {
            format!(
                "The header Idempotency-Key {reason}. Send it once, with 1 to {KEY_MAX} visible \
                 ASCII characters and no blanks, such as \
                 \"8e03978e-40d5-43dd-bc93-6894a57f9324\"; send the same one when you repeat the \
                 request."
            )
        })
    }

    /// The id of the request's entry at `index`.
    pub(crate) fn entry_id(&self, index: usize) -> Result<EntryId, EntryError> {
        EntryId::new(format!("{}/{index}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<Key>, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = http::HeaderValue::from_bytes(value).unwrap();
            headers.append("idempotency-key", value);
        }
        Key::read(&headers)
    }

    #[test]
    fn a_key_is_a_string_of_structured_fields_or_a_text() {
        assert_eq!(read(&[]), Ok(None));
        for (value, expected) in [
            ("\"8e03978e\"", "8e03978e"),
            ("8e03978e", "8e03978e"),
            ("dlv_1/2:3", "dlv_1/2:3"),
            (r#""a,b;\"c\\""#, r#"a,b;"c\"#),
        ] {
            let key = read(&[value.as_bytes()]).unwrap().unwrap();
            assert_eq!(key.0, expected, "{value}");
            assert_eq!(key.entry_id(7).unwrap().as_str(), format!("{expected}/7"));
        }
        let longest = read(&["x".repeat(KEY_MAX).as_bytes()]).unwrap().unwrap();
        assert_eq!(longest.entry_id(99).unwrap().as_str().len(), ENTRY_ID_MAX);
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_reason() {
        let long = "x".repeat(KEY_MAX + 1);
        for (value, reason) in [
            ("", "is empty"),
            ("\"\"", "is empty"),
            (long.as_str(), "is too long"),
            ("a b", "has a blank"),
            ("\"a b\"", "has a blank"),
            ("a,b", "no quotes around it"),
            ("a\"", "no quotes around it"),
            ("\"a", "has no closing quote"),
            ("\"a\\\"", "has no closing quote"),
            ("\"a\";q=1", "behind its closing quote"),
            ("\"a\\b\"", "has a backslash"),
            ("\u{e4}", "other than visible ASCII"),
        ] {
            let error = read(&[value.as_bytes()]).unwrap_err();
            assert!(error.starts_with("The header Idempotency-Key "), "{error}");
            assert!(error.contains(reason), "{value}: {error}");
        }
        let error = read(&[b"a", b"a"]).unwrap_err();
        assert!(error.contains("is there more than once"), "{error}");
    }
}
