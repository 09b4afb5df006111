//! What one entry of a field's list asks of a value.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use crate::cidr::{self, Network};
use crate::extensions::{Comparison, ContainsAll, Period};
use crate::fold::Folded;
use crate::index::Key;
use crate::number::{Ordered, Range};
use crate::value::Value;
use crate::wildcard::Wildcard;

/// One entry of the list at a leaf of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, equal as a double.
    Number(Ordered),
    /// A number that no double stands for, and its nearest double: the same spelling.
    Spelling(Box<str>, Ordered),
    /// A plain string, or `exactly`.
    Text(Box<str>),
    /// A plain string that is an IP address: any spelling of it.
    Address(IpAddr),
    /// `prefix`
    Prefix(Box<str>),
    /// `prefix` with `equals-ignore-case`
    PrefixIgnoringCase(Folded),
    /// `suffix`
    Suffix(Box<str>),
    /// `suffix` with `equals-ignore-case`
    SuffixIgnoringCase(Folded),
    /// `equals-ignore-case`
    EqualsIgnoringCase(Folded),
    /// `wildcard`
    Wildcard(Wildcard),
    /// `anything-but`
    AnythingBut(Box<Excluded>),
    /// `numeric`
    Numeric(Box<Range>),
    /// `cidr`
    Cidr(Box<Network>),
    /// `exists: true`
    Present,
    /// `exists: false`
    Absent,
    /// `contains-all`, ours
    ContainsAll(Box<ContainsAll>),
    /// `compare`, ours
    Compare(Box<Comparison>),
    /// `date`, ours
    Date(Box<Period>),
}

/// What `anything-but` excludes; a value of another type is never excluded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Excluded {
    /// These strings, in order.
    Texts(Box<[Box<str>]>),
    /// These numbers.
    Numbers(Box<[Ordered]>),
    /// Strings that begin so.
    Prefixes(Box<[Box<str>]>),
    /// Strings that end so.
    Suffixes(Box<[Box<str>]>),
    /// These strings in any case.
    EqualIgnoringCase(Box<[Folded]>),
    /// Strings that fit one of these.
    Wildcards(Box<[Wildcard]>),
}

impl Condition {
    /// Whether more than one value has to be looked at to know whether this holds.
    pub(crate) fn is_beyond_a_value(&self) -> bool {
        matches!(self, Self::Absent | Self::ContainsAll(_) | Self::Compare(_))
    }

    /// Whether a value of the field satisfies this, all by itself.
    #[inline]
    pub(crate) fn holds_for(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Present, _) | (Self::Null, Value::Null) => true,
            (Self::AnythingBut(excluded), value) => !excluded.includes(value),
            (Self::Bool(wanted), Value::Bool(found)) => *wanted == found,
            (Self::Number(wanted), Value::Number(found)) => {
                *wanted == found.double() && found.is_exact()
            }
            (Self::Spelling(wanted, _), Value::Number(found)) => **wanted == *found.text(),
            (Self::Numeric(range), Value::Number(found)) => {
                range.contains(found.double()) && found.is_exact()
            }
            (_, Value::Text(found)) => self.holds_for_text(found),
            _ => false,
        }
    }

    /// Whether a field without any value satisfies this.
    pub(crate) fn holds_for_absence(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether the value of a number matters, apart from its being one.
    pub(crate) fn wants_numbers(&self) -> bool {
        match self {
            Self::Number(_) | Self::Spelling(..) | Self::Numeric(_) | Self::Compare(_) => true,
            Self::ContainsAll(all) => all.0.iter().any(Self::wants_numbers),
            Self::AnythingBut(excluded) => matches!(**excluded, Excluded::Numbers(_)),
            _ => false,
        }
    }

    /// A hash that equal conditions have in common.
    pub(crate) fn identity(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::AnythingBut(excluded) => return excluded.identity(),
            Self::ContainsAll(all) => {
                all.0.iter().for_each(|condition| condition.identity().hash(&mut hasher));
            }
            Self::Compare(comparison) => comparison.hash(&mut hasher),
            Self::Date(period) => period.hash(&mut hasher),
            _ => Key::of(self).hash(&mut hasher),
        }
        hasher.finish()
    }

    /// The wildcards in this, which share one budget of complexity.
    pub(crate) fn wildcards(&self) -> Vec<&Wildcard> {
        match self {
            Self::Wildcard(wildcard) => vec![wildcard],
            Self::AnythingBut(excluded) => match excluded.as_ref() {
                Excluded::Wildcards(wildcards) => wildcards.iter().collect(),
                _ => Vec::new(),
            },
            Self::ContainsAll(all) => all.0.iter().flat_map(Self::wildcards).collect(),
            _ => Vec::new(),
        }
    }

    fn holds_for_text(&self, found: &str) -> bool {
        match self {
            Self::Text(wanted) => **wanted == *found,
            Self::Address(wanted) => cidr::address(found) == Some(*wanted),
            Self::Prefix(prefix) => found.starts_with(&**prefix),
            Self::PrefixIgnoringCase(prefix) => prefix.starts(found),
            Self::Suffix(suffix) => found.ends_with(&**suffix),
            Self::SuffixIgnoringCase(suffix) => suffix.ends(found),
            Self::EqualsIgnoringCase(wanted) => wanted.equals(found),
            Self::Wildcard(wildcard) => wildcard.matches(found),
            Self::Cidr(network) => network.contains(found),
            Self::Date(period) => period.contains(found),
            _ => false,
        }
    }
}

impl Excluded {
    fn identity(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Texts(texts) | Self::Prefixes(texts) | Self::Suffixes(texts) => {
                texts.hash(&mut hasher);
            }
            Self::Numbers(numbers) => numbers.hash(&mut hasher),
            Self::EqualIgnoringCase(texts) => {
                texts.iter().for_each(|text| text.text().hash(&mut hasher));
            }
            Self::Wildcards(wildcards) => {
                wildcards.iter().flat_map(Wildcard::parts).for_each(|part| part.hash(&mut hasher));
            }
        }
        hasher.finish()
    }

    fn includes(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Numbers(numbers), Value::Number(found)) => {
                numbers.contains(&found.double()) && found.is_exact()
            }
            (_, Value::Text(found)) => self.includes_text(found),
            _ => false,
        }
    }

    fn includes_text(&self, found: &str) -> bool {
        match self {
            Self::Texts(texts) => texts.binary_search_by(|text| (**text).cmp(found)).is_ok(),
            Self::Numbers(_) => false,
            Self::Prefixes(prefixes) => prefixes.iter().any(|prefix| found.starts_with(&**prefix)),
            Self::Suffixes(suffixes) => suffixes.iter().any(|suffix| found.ends_with(&**suffix)),
            Self::EqualIgnoringCase(texts) => texts.iter().any(|text| text.equals(found)),
            Self::Wildcards(wildcards) => wildcards.iter().any(|wildcard| wildcard.matches(found)),
        }
    }
}
