//! Parameters that win over what a target sends: into the query of a URL, and into a JSON body.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::http::push_encoded;
use crate::json::{self, Key};

/// The query with these parameters added, percent-encoded, in place of those of the same name.
/// What has another name stays as it is spelled.
pub fn merge_query(query: Option<&str>, parameters: &[(&str, &str)]) -> String {
    let mut merged = String::new();
    for part in query.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
        let name = decoded(part.split('=').next().unwrap_or_default());
        if parameters.iter().all(|(other, _)| *other != name) {
            push_part(&mut merged, part);
        }
    }
    for (name, value) in parameters {
        let mut part = String::new();
        push_encoded(&mut part, name);
        part.push('=');
        push_encoded(&mut part, value);
        push_part(&mut merged, &part);
    }
    merged
}

fn push_part(query: &mut String, part: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(part);
}

/// A name without its percent-encoding; `+` is a space, as forms have it.
fn decoded(name: &str) -> Cow<'_, str> {
    if !name.contains(['%', '+']) {
        return Cow::Borrowed(name);
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = (*first == b'%').then(|| behind.get(..2)).flatten();
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
            rest = behind;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The object with these members added as strings, in place of those of the same name; `None` if the
/// body is no JSON object. What has another name stays as it is spelled.
pub fn merge_body(body: &str, members: &[(&str, &str)]) -> Option<String> {
    let object: &RawValue = serde_json::from_str(body).ok()?;
    if !object.get().starts_with('{') {
        return None;
    }
    let mut merged = String::from("{");
    let mut push = |name: &str, value: &str| {
        if merged.len() > 1 {
            merged.push(',');
        }
        merged.push_str(name);
        merged.push(':');
        json::push_compact(&mut merged, value);
    };
    json::walk(object, |key, value| {
        let Key::Name(name) = key else { return };
        let text = json::text(name).unwrap_or_default();
        if members.iter().all(|(other, _)| *other != text) {
            push(name, value.get());
        }
    });
    for (name, value) in members {
        push(&json::string(name), &json::string(value));
    }
    merged.push('}');
    Some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_takes_the_place_of_those_of_its_name_in_the_query() {
        for (query, parameters, expected) in [
            (None, &[][..], ""),
            (None, &[("a", "1")][..], "a=1"),
            (Some("b=2&a=0&&c"), &[("a", "1")][..], "b=2&c&a=1"),
            (Some("a=0&%61=1&A=2"), &[("a", "3")][..], "A=2&a=3"),
            (Some("x+y=0&x%20y=0&x%2"), &[("x y", "ä&=")][..], "x%2&x%20y=%C3%A4%26%3D"),
            (Some("keep=%7e+"), &[("a", "")][..], "keep=%7e+&a="),
        ] {
            assert_eq!(merge_query(query, parameters), expected, "{query:?} {parameters:?}");
        }
    }

    #[test]
    fn a_member_takes_the_place_of_those_of_its_name_and_the_rest_keeps_its_spelling() {
        let tenant = &[("tenant", "a\"b")][..];
        for (body, expected) in [
            ("{}", Some(r#"{"tenant":"a\"b"}"#)),
            (
                r#"{ "n": 1.10, "tenant": {"x": 1}, "m": [ 1e2 ] }"#,
                Some(r#"{"n":1.10,"m":[1e2],"tenant":"a\"b"}"#),
            ),
            (r#"{"\u0074enant":1,"Tenant":2}"#, Some(r#"{"Tenant":2,"tenant":"a\"b"}"#)),
            ("[]", None),
            ("\"x\"", None),
            ("null", None),
            ("{", None),
            ("", None),
        ] {
            assert_eq!(merge_body(body, tenant).as_deref(), expected, "{body}");
        }
    }
}
