//! The text that a JSON string stands for.

/// Appends what the inside of a JSON string stands for to `text`; `None` if it has an escape that
/// JSON has not. Half a surrogate pair, which is no character, becomes the replacement character.
pub(crate) fn unescape(raw: &str, text: &mut String) -> Option<()> {
    let mut rest = raw;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut characters = escaped.chars();
        let character = match characters.next()? {
            same @ ('"' | '\\' | '/') => same,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (character, behind) = code_point(characters.as_str())?;
                text.push(character);
                rest = behind;
                continue;
            }
            _ => return None,
        };
        text.push(character);
        rest = characters.as_str();
    }
    text.push_str(rest);
    Some(())
}

/// The character that the digits behind `\u` name, with the second half of a surrogate pair if it
/// follows (RFC 8259 §7), and what is behind.
fn code_point(rest: &str) -> Option<(char, &str)> {
    let (first, behind) = unit(rest)?;
    if (0xD800..0xDC00).contains(&first)
        && let Some((second, behind)) = behind.strip_prefix("\\u").and_then(unit)
        && (0xDC00..0xE000).contains(&second)
    {
        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), behind));
    }
    Some((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), behind))
}

/// Four hexadecimal digits, and what is behind.
fn unit(rest: &str) -> Option<(u32, &str)> {
    let (digits, behind) = rest.split_at_checked(4)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unit = u32::from_str_radix(digits, 16).ok().filter(|_| plain)?;
    Some((unit, behind))
}
