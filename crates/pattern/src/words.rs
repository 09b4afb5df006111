//! Conditions in words, to say why an event does not match.

use std::fmt::{self, Display, Formatter};

use crate::condition::{Condition, Excluded};

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("is null"),
            Self::Bool(value) => write!(f, "is {value}"),
            Self::Number(number) => write!(f, "equals {number}"),
            Self::Spelling(text, _) => write!(f, "is spelled {text}"),
            Self::Text(text) => write!(f, "is {}", quoted(text)),
            Self::Address(address) => write!(f, "is the address {address}"),
            Self::Prefix(prefix) => write!(f, "begins with {}", quoted(prefix)),
            Self::PrefixIgnoringCase(prefix) => {
                write!(f, "begins with {} in any case", quoted(prefix.text()))
            }
            Self::Suffix(suffix) => write!(f, "ends with {}", quoted(suffix)),
            Self::SuffixIgnoringCase(suffix) => {
                write!(f, "ends with {} in any case", quoted(suffix.text()))
            }
            Self::EqualsIgnoringCase(text) => write!(f, "is {} in any case", quoted(text.text())),
            Self::Wildcard(wildcard) => {
                write!(f, "fits the wildcard {}", quoted(&wildcard.to_string()))
            }
            Self::AnythingBut(excluded) => write!(f, "is anything but {excluded}"),
            Self::Numeric(range) => write!(f, "is a number {range}"),
            Self::Cidr(network) => {
                let (first, bits) = network.first();
                write!(f, "is an address in {first}/{bits}")
            }
            Self::Present => f.write_str("is there"),
            Self::Absent => f.write_str("is absent"),
            Self::ContainsAll(all) => all.fmt(f),
            Self::Compare(comparison) => comparison.fmt(f),
            Self::Date(period) => period.fmt(f),
        }
    }
}

impl Display for Excluded {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Texts(texts) => list(f, "", texts, |text| quoted(text)),
            Self::Numbers(numbers) => list(f, "", numbers, ToString::to_string),
            Self::Prefixes(texts) => list(f, "what begins with ", texts, |text| quoted(text)),
            Self::Suffixes(texts) => list(f, "what ends with ", texts, |text| quoted(text)),
            Self::EqualIgnoringCase(texts) => {
                list(f, "", texts, |text| quoted(text.text()))?;
                f.write_str(" in any case")
            }
            Self::Wildcards(wildcards) => {
                list(f, "what fits ", wildcards, |wildcard| quoted(&wildcard.to_string()))
            }
        }
    }
}

/// A text as a JSON string (RFC 8259 §7).
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            control if control < ' ' => {
                json.push_str("\\u");
                json.extend(format!("{:04x}", u32::from(control)).chars());
            }
            plain => json.push(plain),
        }
    }
    json.push('"');
    json
}

/// Writes `what` and then the items, with "or" before the last.
fn list<T>(
    f: &mut Formatter<'_>,
    what: &str,
    items: &[T],
    word: impl Fn(&T) -> String,
) -> fmt::Result {
    f.write_str(what)?;
    let last = items.len().saturating_sub(1);
    for (index, item) in items.iter().enumerate() {
        let before = match index {
            0 => "",
            _ if index == last => " or ",
            _ => ", ",
        };
        write!(f, "{before}{}", word(item))?;
    }
    Ok(())
}
