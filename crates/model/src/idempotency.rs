//! The value of `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07 §2.1), for every door
//! that takes one.

/// Reads the key in a value: a string of structured fields, as the draft has it, or the text alone,
/// as most clients send it. It has 1 to `max` visible ASCII characters. The text of the error says
/// what is wrong, and fits behind "the header".
pub fn idempotency_key(value: &str, max: usize) -> Result<String, &'static str> {
    let key = match value.strip_prefix('"') {
        Some(rest) => quoted(rest)?,
        None if value.contains(['"', ',', ';']) => {
            return Err("has a quote, comma or semicolon, and no quotes around it");
        }
        None => value.to_owned(),
    };
    if key.is_empty() {
        Err("is empty")
    } else if key.len() > max {
        Err("is too long")
    } else if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err("has a blank")
    } else {
        Ok(key)
    }
}

/// A string behind its opening quote (RFC 9651 §4.2.5).
fn quoted(rest: &str) -> Result<String, &'static str> {
    let mut text = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next() {
            None => return Err("has no closing quote"),
            Some('"') if chars.as_str().is_empty() => return Ok(text),
            Some('"') => return Err("has something behind its closing quote"),
            Some('\\') => match chars.next() {
                Some(escaped @ ('"' | '\\')) => text.push(escaped),
                _ => return Err("has a backslash before neither a quote nor a backslash"),
            },
            Some(plain) => text.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent in quotes is the same key as without.
    #[test]
    fn quotes_do_not_make_another_key() {
        for key in ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", "dlv_1/2:3", "a\\b"] {
            let escaped = key.replace('\\', "\\\\");
            assert_eq!(idempotency_key(&format!("\"{escaped}\""), 255), Ok(key.to_owned()));
            assert_eq!(idempotency_key(key, 255), Ok(key.to_owned()));
        }
    }

    #[test]
    fn the_bound_is_of_the_key_and_not_of_the_value() {
        let longest = "x".repeat(255);
        assert_eq!(idempotency_key(&format!("\"{longest}\""), 255), Ok(longest.clone()));
        assert_eq!(idempotency_key(&format!("{longest}x"), 255), Err("is too long"));
    }
}
