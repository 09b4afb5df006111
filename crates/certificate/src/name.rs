//! Distinguished names as people write them (RFC 4514) and as certificates have them.
//!
//! Compared by type and value, in order: `CN=Cars,O=LJ` is not `O=LJ,CN=Cars`. Values are compared
//! letter by letter. RFC 5280 §7.1 would let some differ in case and blanks; an authority writes a
//! name in one way, and what is stricter here lets nobody else in.

/// The longest name that is read, in bytes.
const NAME_BYTES_MAX: usize = 4 * 1024;

/// The short names of attributes (RFC 4514 §3, and what authorities use beside them), and their
/// object identifiers.
const TYPES: [(&str, &str); 19] = [
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("serialNumber", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("title", "2.5.4.12"),
    ("businessCategory", "2.5.4.15"),
    ("postalCode", "2.5.4.17"),
    ("givenName", "2.5.4.42"),
    ("GN", "2.5.4.42"),
    ("organizationIdentifier", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("emailAddress", "1.2.840.113549.1.9.1"),
    ("E", "1.2.840.113549.1.9.1"),
];

/// A text that is no distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Too long.
    #[error("it is longer than 4 KiB")]
    TooLong,
    /// Nothing in it, or between two of its commas.
    #[error("a part of it is empty")]
    Empty,
    /// A part without `=`.
    #[error("`{0}` is not a type and a value, such as `CN=cars`")]
    Part(String),
    /// A type that is not known.
    #[error("`{0}` is no type of attribute that is known here; write its object identifier")]
    Type(String),
    /// A character that must be escaped.
    #[error("a `{0}` within a value is written with a backslash before it")]
    Special(char),
    /// A backslash before nothing that it can escape.
    #[error("a backslash stands before neither a special character nor two hex digits")]
    Escape,
    /// A value in hex.
    #[error("values in hex (`#…`) are not read; write the text")]
    Hex,
}

/// A distinguished name: its parts in the order of RFC 4514, the most special first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistinguishedName(Vec<Vec<Attribute>>);

/// An object identifier and a value.
type Attribute = (String, String);

impl DistinguishedName {
    /// Reads `CN=cars,O=Lee James,C=DE` (RFC 4514 §3). Blanks around `,`, `+` and `=` have no
    /// meaning (RFC 2253 §4).
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        let parts = split(text, ',').into_iter().map(|part| {
            let attributes = split(part, '+').into_iter().map(attribute);
            let mut attributes = attributes.collect::<Result<Vec<_>, _>>()?;
            // X.501 §9.3: what stands at the same place has no order.
            attributes.sort();
            Ok(attributes)
        });
        parts.collect::<Result<_, _>>().map(Self)
    }

    /// A name out of a certificate, whose parts stand the other way round (RFC 4514 §2.1).
    pub(crate) fn of_certificate(mut parts: Vec<Vec<Attribute>>) -> Self {
        parts.reverse();
        for part in &mut parts {
            part.sort();
        }
        Self(parts)
    }
}

/// Parts a text at a character that is not escaped.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (index, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == at {
            parts.push(text.get(start..index).unwrap_or_default());
            start = index + c.len_utf8();
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

fn attribute(text: &str) -> Result<Attribute, NameError> {
    if text.trim_matches(' ').is_empty() {
        return Err(NameError::Empty);
    }
    let part = || NameError::Part(text.trim_matches(' ').to_owned());
    let (kind, value) = text.split_once('=').ok_or_else(part)?;
    Ok((identifier(kind.trim_matches(' '))?, unescaped(value)?))
}

fn identifier(kind: &str) -> Result<String, NameError> {
    let known = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind));
    if let Some((_, identifier)) = known {
        return Ok((*identifier).to_owned());
    }
    // RFC 4512 §1.4: numericoid.
    let number = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_digit())
            && !part.is_empty()
            && (part == "0" || !part.starts_with('0'))
    };
    let is_identifier = kind.contains('.') && kind.split('.').all(number);
    is_identifier.then(|| kind.to_owned()).ok_or_else(|| NameError::Type(kind.to_owned()))
}

/// A value without its escapes (RFC 4514 §3, `string`).
fn unescaped(text: &str) -> Result<String, NameError> {
    let text = text.trim_start_matches(' ');
    if text.starts_with('#') {
        return Err(NameError::Hex);
    }
    let mut bytes = Vec::with_capacity(text.len());
    // Blanks at the end count only if they are escaped.
    let mut kept = 0;
    let mut rest = text.chars();
    let mut utf8 = [0; 4];
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                let escaped = rest.next().ok_or(NameError::Escape)?;
                if matches!(escaped, ' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\') {
                    bytes.extend_from_slice(escaped.encode_utf8(&mut utf8).as_bytes());
                } else {
                    let high = escaped.to_digit(16).ok_or(NameError::Escape)?;
                    let low = rest.next().and_then(|c| c.to_digit(16)).ok_or(NameError::Escape)?;
                    bytes.push(u8::try_from(high * 16 + low).map_err(|_| NameError::Escape)?);
                }
                kept = bytes.len();
            }
            '"' | ';' | '<' | '>' => return Err(NameError::Special(c)),
            c => {
                bytes.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
                if c != ' ' {
                    kept = bytes.len();
                }
            }
        }
    }
    bytes.truncate(kept);
    if bytes.is_empty() {
        return Err(NameError::Empty);
    }
    String::from_utf8(bytes).map_err(|_| NameError::Escape)
}
