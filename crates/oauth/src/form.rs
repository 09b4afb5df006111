//! The form body, read strictly (RFC 6749 §3.2, appendix B).

use std::collections::BTreeMap;

use crate::error::Refusal;

/// The parameters of a token request. An empty value is an absent one; a repeated one was refused.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let text =
            std::str::from_utf8(body).map_err(|_| Refusal::Malformed("the body is not UTF-8"))?;
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let bad = Refusal::Malformed("the body is not form-urlencoded");
            let (Some(name), Some(value)) = (decode(name), decode(value)) else { return Err(bad) };
            if parameters.insert(name, value).is_some() {
                return Err(Refusal::Malformed("a parameter is repeated"));
            }
        }
        parameters.retain(|_, value: &mut String| !value.is_empty());
        Ok(Self(parameters))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Form-urldecodes: `+` is a space, `%` needs two hex digits, the result is UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    // Most of what is sent stands for itself.
    if !text.bytes().any(|byte| matches!(byte, b'+' | b'%')) {
        return Some(text.to_owned());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => decoded.push(b' '),
            b'%' => {
                let (pair, tail) = after.split_at_checked(2)?;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(pair[0])? * 16 + digit(pair[1])?;
                decoded.push(u8::try_from(value).ok()?);
                rest = tail;
            }
            other => decoded.push(*other),
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_and_empty_values_absent() {
        let form = Form::parse(b"a=1%2B+2&b=&c&d=%C3%A4").unwrap();
        assert_eq!(form.get("a"), Some("1+ 2"));
        assert_eq!((form.get("b"), form.get("c")), (None, None));
        assert_eq!(form.get("d"), Some("ä"));
    }

    #[test]
    fn repeated_and_broken_parameters_are_refused() {
        for body in ["a=1&a=2", "a=1&a=", "a=%", "a=%zz", "a=%+1", "a=%ff", "%=1"] {
            assert!(Form::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Form::parse(b"\xff=1").is_err());
    }
}
