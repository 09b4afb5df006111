//! What a condition is entered under: something every value that satisfies it has.

use std::net::IpAddr;

use super::affixes::Affix;
use super::ends::Pair;
use super::grams::Gram;
use crate::cidr::{self, Network};
use crate::condition::Condition;
use crate::fold::{self, Folded};
use crate::hash;
use crate::wildcard::Wildcard;

/// The key of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// What is looked at.
    pub(super) class: Class,
    /// Where in the table of its class.
    pub(super) place: Place,
}

/// What of a value a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// The whole text.
    Text,
    /// The whole text, folded.
    Folded,
    /// The beginning of a text.
    Prefix,
    /// The end of a text.
    Suffix,
    /// The beginning of a text, folded.
    FoldedPrefix,
    /// The end of a text, folded.
    FoldedSuffix,
    /// Both ends of a text.
    Ends,
    /// The first bits of an address.
    Network,
    /// A piece of a text.
    Gram,
    /// The number.
    Number,
    /// In which range the number is.
    Range,
    /// Which literal it is.
    Literal,
    /// Nothing: any value will do.
    Any,
}

/// Where in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Under a hash.
    Hash(u64),
    /// Under a beginning.
    Affix(Affix),
    /// Under a pair of ends.
    Ends(Pair),
    /// Under a piece.
    Gram(Gram),
    /// Under a range.
    Range {
        /// The lower end.
        bottom: u64,
        /// The upper end.
        top: u64,
    },
    /// Under one of three literals.
    Literal(usize),
    /// In the one place there is.
    Anywhere,
}

/// The place of `null` among the literals.
pub(super) const NULL: usize = 2;

/// The place of a boolean among the literals.
pub(super) fn of_bool(value: bool) -> usize {
    usize::from(value)
}

impl Class {
    /// How many values have this in common with those wanted, roughly and relatively.
    pub(super) fn breadth(self) -> usize {
        match self {
            Self::Text | Self::Folded | Self::Number => 1,
            Self::Prefix | Self::Suffix | Self::Ends | Self::Network => 2,
            Self::FoldedPrefix | Self::FoldedSuffix => 3,
            Self::Gram => 4,
            Self::Range => 16,
            Self::Literal => 64,
            Self::Any => 1 << 20,
        }
    }

    /// Whether texts are folded before they are looked up.
    pub(super) fn is_folded(self) -> bool {
        matches!(self, Self::Folded | Self::FoldedPrefix | Self::FoldedSuffix)
    }
}

impl Key {
    /// The key of `condition`; `None` if no value satisfies it.
    pub(crate) fn of(condition: &Condition) -> Option<Self> {
        let (class, place) = match condition {
            Condition::Null => (Class::Literal, Place::Literal(NULL)),
            Condition::Bool(value) => (Class::Literal, Place::Literal(of_bool(*value))),
            Condition::Number(number) | Condition::Spelling(_, number) => {
                (Class::Number, Place::Hash(hash::mix(number.place())))
            }
            Condition::Text(text) => (Class::Text, Place::Hash(hash::text(text.as_bytes()))),
            Condition::Address(address) => (Class::Network, address_place(*address)),
            Condition::Cidr(network) => (Class::Network, network_place(network)),
            Condition::Prefix(prefix) => (Class::Prefix, start_of(prefix.as_bytes())),
            Condition::Suffix(suffix) => (Class::Suffix, end_of(suffix.as_bytes())),
            Condition::EqualsIgnoringCase(text) => {
                (Class::Folded, Place::Hash(hash::text(folded(text).as_bytes())))
            }
            Condition::PrefixIgnoringCase(prefix) => {
                (Class::FoldedPrefix, start_of(folded(prefix).as_bytes()))
            }
            Condition::SuffixIgnoringCase(suffix) => {
                (Class::FoldedSuffix, end_of(folded(suffix).as_bytes()))
            }
            Condition::Wildcard(wildcard) => wildcard_place(wildcard),
            Condition::Numeric(range) => {
                let (bottom, top) = range.ends();
                (Class::Range, Place::Range { bottom, top })
            }
            Condition::AnythingBut(_)
            | Condition::Present
            | Condition::Compare(_)
            | Condition::Date(_) => (Class::Any, Place::Anywhere),
            // Where all hold, the first does.
            Condition::ContainsAll(all) => return all.0.first().and_then(Self::of),
            Condition::Absent => return None,
        };
        Some(Self { class, place })
    }
}

fn start_of(text: &[u8]) -> Place {
    Place::Affix(Affix::new(text.iter()))
}

fn end_of(text: &[u8]) -> Place {
    Place::Affix(Affix::new(text.iter().rev()))
}

fn address_place(address: IpAddr) -> Place {
    let mut bits = Vec::new();
    push_bits(address, &mut bits);
    Place::Affix(Affix::new(bits.iter()))
}

fn network_place(network: &Network) -> Place {
    let mut bits = Vec::new();
    let (address, length) = network.first();
    push_bits(address, &mut bits);
    bits.truncate(1 + length);
    Place::Affix(Affix::new(bits.iter()))
}

/// The longest texts that every fitting value begins and ends with or contains.
fn wildcard_place(wildcard: &Wildcard) -> (Class, Place) {
    let mut parts = wildcard.parts();
    let first = parts.next().unwrap_or_default();
    let Some(last) = parts.next_back() else {
        return (Class::Text, Place::Hash(hash::text(first)));
    };
    let middle = parts.max_by_key(|part| part.len()).unwrap_or_default();
    let longest_end = first.len().max(last.len());
    match Gram::new(middle) {
        // An end is looked up once, a middle part at every position.
        Some(gram) if longest_end < middle.len().min(3) => (Class::Gram, Place::Gram(gram)),
        _ => match (first.is_empty(), last.is_empty()) {
            (false, false) => (Class::Ends, Place::Ends(Pair::new(first, last))),
            (false, true) => (Class::Prefix, start_of(first)),
            (true, false) => (Class::Suffix, end_of(last)),
            (true, true) => (Class::Any, Place::Anywhere),
        },
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
