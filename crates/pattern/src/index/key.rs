//! What a condition is entered under: something every value that satisfies it has.

use std::net::IpAddr;

use super::affixes::Affix;
use super::ends::Pair;
use super::grams::Gram;
use crate::cidr::{self, Network};
use crate::condition::Condition;
use crate::fold::{self, Folded};
use crate::hash;
use crate::number::Ordered;
use crate::wildcard::Wildcard;

/// The key of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A text with this hash.
    Text(u64),
    /// A text that, folded, has this hash.
    Folded(u64),
    /// A number, by its mixed place.
    Number(u64),
    /// A literal, by its place in the list of three.
    Literal(usize),
    /// A text that begins so.
    Prefix(Affix),
    /// A text that ends so.
    Suffix(Affix),
    /// A text that, folded, begins so.
    FoldedPrefix(Affix),
    /// A text that, folded, ends so.
    FoldedSuffix(Affix),
    /// A text that begins and ends so.
    Ends(Pair),
    /// An address that begins with these bits.
    Network(Affix),
    /// A text that contains this.
    Gram(Gram),
    /// A number in this range.
    Range {
        /// The lower end.
        bottom: u64,
        /// The upper end.
        top: u64,
    },
    /// Any value.
    Any,
}

/// The place of `null` among the literals.
pub(super) const NULL: usize = 2;

/// The place of a boolean among the literals.
pub(super) fn of_bool(value: bool) -> usize {
    usize::from(value)
}

impl Key {
    /// The key of `condition`; `None` if no value satisfies it.
    pub(crate) fn of(condition: &Condition) -> Option<Self> {
        Some(match condition {
            Condition::Null => Self::Literal(NULL),
            Condition::Bool(value) => Self::Literal(of_bool(*value)),
            Condition::Number(number) | Condition::Spelling(_, number) => Self::number(*number),
            Condition::Text(text) => Self::Text(hash::text(text.as_bytes())),
            Condition::Address(address) => Self::address(*address),
            Condition::Prefix(prefix) => Self::Prefix(Affix::new(prefix.as_bytes().iter())),
            Condition::Suffix(suffix) => Self::Suffix(Affix::new(suffix.as_bytes().iter().rev())),
            Condition::EqualsIgnoringCase(text) => {
                Self::Folded(hash::text(folded(text).as_bytes()))
            }
            Condition::PrefixIgnoringCase(prefix) => {
                Self::FoldedPrefix(Affix::new(folded(prefix).as_bytes().iter()))
            }
            Condition::SuffixIgnoringCase(suffix) => {
                Self::FoldedSuffix(Affix::new(folded(suffix).as_bytes().iter().rev()))
            }
            Condition::Wildcard(wildcard) => Self::wildcard(wildcard),
            Condition::Numeric(range) => {
                let (bottom, top) = range.ends();
                Self::Range { bottom, top }
            }
            Condition::Cidr(network) => Self::network(network),
            Condition::AnythingBut(_)
            | Condition::Present
            | Condition::Compare(_)
            | Condition::Date(_) => Self::Any,
            // Where all hold, the first does.
            Condition::ContainsAll(all) => return all.0.first().and_then(Self::of),
            Condition::Absent => return None,
        })
    }

    /// How many values have this in common with those wanted, roughly and relatively.
    pub(crate) fn breadth(self) -> usize {
        match self {
            Self::Text(_) | Self::Folded(_) | Self::Number(_) => 1,
            Self::Prefix(_) | Self::Suffix(_) | Self::Ends(_) | Self::Network(_) => 2,
            Self::FoldedPrefix(_) | Self::FoldedSuffix(_) => 3,
            Self::Gram(_) => 4,
            Self::Range { .. } => 16,
            Self::Literal(_) => 64,
            Self::Any => 1 << 20,
        }
    }

    fn number(number: Ordered) -> Self {
        Self::Number(hash::mix(number.place()))
    }

    fn address(address: IpAddr) -> Self {
        let mut bits = Vec::new();
        push_bits(address, &mut bits);
        Self::Network(Affix::new(bits.iter()))
    }

    fn network(network: &Network) -> Self {
        let mut bits = Vec::new();
        let (address, length) = network.first();
        push_bits(address, &mut bits);
        bits.truncate(1 + length);
        Self::Network(Affix::new(bits.iter()))
    }

    /// The longest text that every fitting value begins or ends with or contains.
    fn wildcard(wildcard: &Wildcard) -> Self {
        let mut parts = wildcard.parts();
        let first = parts.next().unwrap_or_default();
        let Some(last) = parts.next_back() else {
            return Self::Text(hash::text(first));
        };
        let middle = parts.max_by_key(|part| part.len()).unwrap_or_default();
        let longest_end = first.len().max(last.len());
        match Gram::new(middle) {
            // An end is looked up once, a middle part at every position.
            Some(gram) if longest_end < middle.len().min(3) => Self::Gram(gram),
            _ if longest_end == 0 => Self::Any,
            _ if !first.is_empty() && !last.is_empty() => Self::Ends(Pair::new(first, last)),
            _ if first.len() >= last.len() => Self::Prefix(Affix::new(first.iter())),
            _ => Self::Suffix(Affix::new(last.iter().rev())),
        }
    }
}

fn folded(text: &Folded) -> String {
    let mut folded = String::new();
    fold::fold(text.text(), &mut folded);
    folded
}

/// Writes the bits of the address that `text` is, and says whether it is one.
pub(super) fn address_bits(text: &str, bits: &mut Vec<u8>) -> bool {
    let Some(address) = cidr::address(text) else {
        return false;
    };
    push_bits(address, bits);
    true
}

/// Writes the kind of an address and then each of its bits, as a byte each.
fn push_bits(address: IpAddr, bits: &mut Vec<u8>) {
    bits.clear();
    let (kind, word, length) = match address {
        IpAddr::V4(address) => (4, u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (6, address.to_bits(), 128),
    };
    bits.push(kind);
    bits.extend((0..length).map(|at| u8::from(word << at >> 127 == 1)));
}
