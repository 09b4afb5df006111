//! Conditions in words, to say why an event does not match.

use std::fmt::{self, Display, Formatter};

use crate::condition::{Condition, Excluded};

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("is null"),
            Self::Bool(value) => write!(f, "is {value}"),
            Self::Number(number) => write!(f, "is {}", number.number()),
            Self::Spelling(text, _) => write!(f, "is spelled {text}"),
            Self::Text(text) => write!(f, "is {text:?}"),
            Self::Address(address) => write!(f, "is the address {address}"),
            Self::Prefix(prefix) => write!(f, "begins with {prefix:?}"),
            Self::PrefixIgnoringCase(prefix) => {
                write!(f, "begins with {:?} in any case", prefix.text())
            }
            Self::Suffix(suffix) => write!(f, "ends with {suffix:?}"),
            Self::SuffixIgnoringCase(suffix) => {
                write!(f, "ends with {:?} in any case", suffix.text())
            }
            Self::EqualsIgnoringCase(text) => write!(f, "is {:?} in any case", text.text()),
            Self::Wildcard(wildcard) => write!(f, "fits the wildcard \"{wildcard}\""),
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
            Self::Texts(texts) => list(f, "", texts, |text| format!("{text:?}")),
            Self::Numbers(numbers) => list(f, "", numbers, |number| number.number().to_string()),
            Self::Prefixes(texts) => {
                list(f, "what begins with ", texts, |text| format!("{text:?}"))
            }
            Self::Suffixes(texts) => list(f, "what ends with ", texts, |text| format!("{text:?}")),
            Self::EqualIgnoringCase(texts) => {
                list(f, "", texts, |text| format!("{:?}", text.text()))?;
                f.write_str(" in any case")
            }
            Self::Wildcards(wildcards) => {
                list(f, "what fits ", wildcards, |wildcard| format!("\"{wildcard}\""))
            }
        }
    }
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
