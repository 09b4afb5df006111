//! Forms (RFC 6749 appendix B), and the header of HTTP Basic in which they stand (§2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Form-urlencodes a text (RFC 6749 appendix B).
pub fn form_encode(text: &str) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            other => {
                encoded.push('%');
                encoded.push(DIGITS[usize::from(other >> 4)]);
                encoded.push(DIGITS[usize::from(other & 15)]);
            }
        }
    }
    encoded
}

/// The value of `Authorization` for a client id and its secret: both are form-urlencoded first
/// (RFC 6749 §2.3.1).
pub fn basic_authorization(id: &str, secret: &str) -> Zeroizing<String> {
    let secret = Zeroizing::new(form_encode(secret));
    let pair = Zeroizing::new(format!("{}:{}", form_encode(id), *secret));
    Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

/// The parameters of a form, encoded.
pub(crate) fn encoded<'p>(form: impl Iterator<Item = (&'p str, &'p str)>) -> Zeroizing<String> {
    let parts = form.map(|(name, value)| format!("{}={}", form_encode(name), form_encode(value)));
    Zeroizing::new(parts.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn credentials_are_form_encoded() {
        assert_eq!(form_encode("a b+c:d%é*-._~"), "a+b%2Bc%3Ad%25%C3%A9*-._%7E");
        // RFC 6749 §2.3.1: a colon in the id does not part it from the secret.
        let value = basic_authorization("a:b", "c d");
        let pair = STANDARD.decode(value.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(pair, b"a%3Ab:c+d");
    }

    proptest! {
        #[test]
        fn what_is_encoded_has_nothing_of_a_forms_own(text in any::<String>()) {
            let encoded = form_encode(&text);
            prop_assert!(!encoded.contains(['&', '=', ' ', ':', '#', '?']));
            prop_assert!(encoded.is_ascii());
        }
    }
}
