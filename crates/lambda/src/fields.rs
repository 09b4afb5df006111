//! Headers, query, cookies and claims as both formats spell them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Version;

/// A header or a query parameter with all its values, in their order.
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

/// Header lines by name. Names are the same in any case (RFC 9110 §5.1), and the first spelling
/// stays. Bytes that are no UTF-8, for which JSON has no place, become U+FFFD.
pub(crate) fn headers(lines: &[(&str, &[u8])]) -> Vec<Field> {
    gather(lines.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value).into_owned();
        (name.to_ascii_lowercase(), (*name).to_owned(), value)
    }))
}

/// The parameters of a raw query by name, decoded. One without `=` has an empty value.
pub(crate) fn query(raw: &str) -> Vec<Field> {
    let pieces = raw.split('&').filter(|piece| !piece.is_empty());
    gather(pieces.map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let name = form_decoded(name);
        (name.clone(), name, form_decoded(value))
    }))
}

/// Joins what has the same key: (key, name, value).
fn gather(pairs: impl Iterator<Item = (String, String, String)>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (key, name, value) in pairs {
        let end = fields.len();
        let place = *places.entry(key).or_insert(end);
        if place == end {
            fields.push(Field { name, values: Vec::new() });
        }
        if let Some(field) = fields.get_mut(place) {
            field.values.push(value);
        }
    }
    fields
}

/// The single cookies of a request, and its other headers with their names in lower case: format
/// 2.0 has cookies in a list of their own.
pub(crate) fn split_cookies(headers: Vec<Field>) -> (Vec<String>, Vec<Field>) {
    let mut cookies = Vec::new();
    let mut others = Vec::new();
    for field in headers {
        let name = field.name.to_ascii_lowercase();
        if name == "cookie" {
            let single = field.values.iter().flat_map(|line| line.split(';')).map(str::trim);
            cookies.extend(single.filter(|one| !one.is_empty()).map(str::to_owned));
        } else {
            others.push(Field { name, values: field.values });
        }
    }
    (cookies, others)
}

/// Decodes a part of a query, where `+` is a space.
fn form_decoded(text: &str) -> String {
    percent_decoded(&text.replace('+', " "))
}

/// Decodes percent-encoding once. What is no escape stays as it is, and bytes that are no UTF-8
/// become U+FFFD.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match escaped(after) {
            Some(byte) if first == b'%' => {
                decoded.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The byte of the two hexadecimal digits that `after` begins with.
fn escaped(after: &[u8]) -> Option<u8> {
    let high = digit(*after.first()?)?;
    let low = digit(*after.get(1)?)?;
    Some(high * 16 + low)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A token's claims, all of them texts: the authorizers of both formats hand out nothing else. A
/// claim that is `null` says nothing and is left out.
pub(crate) fn claims(claims: &Map<String, Value>, version: Version) -> Map<String, Value> {
    let texts = claims.iter().filter_map(|(name, value)| {
        let text = claim_text(value, version)?;
        Some((name.clone(), Value::from(text)))
    });
    texts.collect()
}

/// Lists are `a,b` for Cognito's authorizer (1.0) and `[a b]` for the JWT authorizer (2.0).
fn claim_text(value: &Value, version: Version) -> Option<String> {
    match (value, version) {
        (Value::Null, _) => None,
        (Value::Array(list), Version::V1) => Some(texts(list).join(",")),
        (Value::Array(list), Version::V2) => Some(format!("[{}]", texts(list).join(" "))),
        (other, _) => Some(plain_text(other)),
    }
}

fn texts(list: &[Value]) -> Vec<String> {
    list.iter().map(plain_text).collect()
}

/// A string without its quotes, any other value as JSON.
fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
