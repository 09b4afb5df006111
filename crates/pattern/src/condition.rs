//! What one entry of a field's list asks of a value.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::cidr::{self, Network};
use crate::flatten::Scalar;
use crate::fold::Folded;
use crate::number::{self, Range};
use crate::wildcard::Wildcard;

/// One entry of the list at a leaf of a pattern.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, equal as a double.
    Number(f64),
    /// A plain string, or `exactly`.
    Text(String),
    /// A plain string that is an IP address: any spelling of it.
    Address(IpAddr),
    /// `prefix`
    Prefix(String),
    /// `prefix` with `equals-ignore-case`
    PrefixIgnoringCase(Folded),
    /// `suffix`
    Suffix(String),
    /// `suffix` with `equals-ignore-case`
    SuffixIgnoringCase(Folded),
    /// `equals-ignore-case`
    EqualsIgnoringCase(Folded),
    /// `wildcard`
    Wildcard(Wildcard),
    /// `anything-but`
    AnythingBut(Excluded),
    /// `numeric`
    Numeric(Range),
    /// `cidr`
    Cidr(Network),
    /// `exists: true`
    Present,
    /// `exists: false`
    Absent,
}

/// What `anything-but` excludes; a value of another type is never excluded.
#[derive(Clone, Debug)]
pub(crate) enum Excluded {
    /// These strings.
    Texts(BTreeSet<String>),
    /// These numbers.
    Numbers(Vec<f64>),
    /// Strings that begin so.
    Prefixes(Vec<String>),
    /// Strings that end so.
    Suffixes(Vec<String>),
    /// These strings in any case.
    EqualIgnoringCase(Vec<Folded>),
    /// Strings that fit one of these.
    Wildcards(Vec<Wildcard>),
}

impl Condition {
    /// Whether a value of the field satisfies this.
    pub(crate) fn holds_for(&self, value: &Scalar) -> bool {
        match (self, value) {
            (Self::Present, _) | (Self::Null, Scalar::Null) => true,
            (Self::AnythingBut(excluded), value) => !excluded.includes(value),
            (Self::Bool(wanted), Scalar::Bool(found)) => wanted == found,
            (Self::Number(wanted), Scalar::Number(found)) => number::equal(*wanted, *found),
            (Self::Numeric(range), Scalar::Number(found)) => range.contains(*found),
            (_, Scalar::Text(found)) => self.holds_for_text(found),
            _ => false,
        }
    }

    /// Whether a field without any value satisfies this.
    pub(crate) fn holds_for_absence(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The wildcards in this, which share one budget of complexity.
    pub(crate) fn wildcards(&self) -> Vec<&Wildcard> {
        match self {
            Self::Wildcard(wildcard) => vec![wildcard],
            Self::AnythingBut(Excluded::Wildcards(wildcards)) => wildcards.iter().collect(),
            _ => Vec::new(),
        }
    }

    fn holds_for_text(&self, found: &str) -> bool {
        match self {
            Self::Text(wanted) => wanted == found,
            Self::Address(wanted) => cidr::address(found) == Some(*wanted),
            Self::Prefix(prefix) => found.starts_with(prefix.as_str()),
            Self::PrefixIgnoringCase(prefix) => prefix.starts(found),
            Self::Suffix(suffix) => found.ends_with(suffix.as_str()),
            Self::SuffixIgnoringCase(suffix) => suffix.ends(found),
            Self::EqualsIgnoringCase(wanted) => wanted.equals(found),
            Self::Wildcard(wildcard) => wildcard.matches(found),
            Self::Cidr(network) => network.contains(found),
            _ => false,
        }
    }
}

impl Excluded {
    fn includes(&self, value: &Scalar) -> bool {
        match (self, value) {
            (Self::Numbers(numbers), Scalar::Number(found)) => {
                numbers.iter().any(|number| number::equal(*number, *found))
            }
            (_, Scalar::Text(found)) => self.includes_text(found),
            _ => false,
        }
    }

    fn includes_text(&self, found: &str) -> bool {
        match self {
            Self::Texts(texts) => texts.contains(found),
            Self::Numbers(_) => false,
            Self::Prefixes(prefixes) => prefixes.iter().any(|prefix| found.starts_with(prefix)),
            Self::Suffixes(suffixes) => suffixes.iter().any(|suffix| found.ends_with(suffix)),
            Self::EqualIgnoringCase(texts) => texts.iter().any(|text| text.equals(found)),
            Self::Wildcards(wildcards) => wildcards.iter().any(|wildcard| wildcard.matches(found)),
        }
    }
}
