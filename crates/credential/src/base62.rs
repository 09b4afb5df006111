//! Base 62: digits, then upper case, then lower case; no sign that a shell or a URL would mangle.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `bytes` as a big-endian number in base 62, left-padded with `0` to `width` characters. A number
/// that needs more than `width` keeps its low digits.
pub(crate) fn encode(bytes: &[u8], width: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in &mut number {
            let value = rest * 256 + u32::from(*byte);
            // Both fit: value < 62 * 256, so the quotient is under 256 and the rest under 62.
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        *digit = ALPHABET[rest as usize];
    }
    zeroize::Zeroize::zeroize(&mut number);
    digits.into_iter().map(char::from).collect()
}

/// Whether `text` has only characters of the alphabet.
pub(crate) fn is_base62(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_padded_and_exact() {
        for (bytes, text) in [
            (vec![0], "0000"),
            (vec![61], "000z"),
            (vec![62], "0010"),
            (vec![1, 0], "0048"),
            (vec![255, 255], "0H31"),
        ] {
            assert_eq!(encode(&bytes, 4), text);
        }
        assert_eq!(encode(&[255; 32], 43).len(), 43);
    }
}
