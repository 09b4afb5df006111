//! As many rules as one likes: each kind has rules that differ, and each record matches one of them
//! at most, which can be told by arithmetic.

use crate::parcels::{self, BLOCKS, Points, STREETS};
use crate::scan::Parcel;

/// How many rules to measure with.
pub(crate) const COUNTS: [usize; 4] = [1, 100, 10_000, 100_000];

/// The kinds of rules, each beside a field that all records have alike.
pub(crate) const KINDS: [Kind; 7] = [
    Kind::Exact,
    Kind::Prefix,
    Kind::Suffix,
    Kind::Wildcard,
    Kind::EqualsIgnoreCase,
    Kind::Numeric,
    Kind::AnythingBut,
];

/// Where the ranges of numbers begin, in millionths of a degree above 37; each is one wide.
const NORTH: usize = 730_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Block and lot.
    Exact,
    /// Block and lot, and perhaps a letter.
    Prefix,
    /// The last three digits of the block, and the lot.
    Suffix,
    /// A block, perhaps a letter, and a lot.
    Wildcard,
    /// A street.
    EqualsIgnoreCase,
    /// A strip of land.
    Numeric,
    /// Block and lot, but not in a certain street.
    AnythingBut,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exact => "many, exact",
            Self::Prefix => "many, prefix",
            Self::Suffix => "many, suffix",
            Self::Wildcard => "many, wildcard",
            Self::EqualsIgnoreCase => "many, equals-ignore-case",
            Self::Numeric => "many, numeric",
            Self::AnythingBut => "many, exact and anything-but",
        }
    }

    pub(crate) fn points(self) -> Points {
        if self == Self::Numeric { Points::Objects } else { Points::Arrays }
    }

    /// The text of a rule by its number.
    pub(crate) fn pattern(self, number: usize) -> String {
        let (block, lot) = (number % BLOCKS + 1, number / BLOCKS + 1);
        let properties = match self {
            Self::Exact => format!(r#""MAPBLKLOT": ["{block:04}{lot:03}"]"#),
            Self::Prefix => format!(r#""MAPBLKLOT": [{{"prefix": "{block:04}{lot:03}"}}]"#),
            Self::Suffix => {
                let (block, lot) = (number % 1_000, number / 1_000 + 1);
                format!(r#""MAPBLKLOT": [{{"suffix": "{block:03}{lot:03}"}}]"#)
            }
            Self::Wildcard => format!(r#""MAPBLKLOT": [{{"wildcard": "{block:04}*{lot:03}"}}]"#),
            Self::EqualsIgnoreCase => {
                let street = parcels::street(number).to_lowercase();
                format!(r#""STREET": [{{"equals-ignore-case": "{street}"}}]"#)
            }
            Self::AnythingBut => {
                let street = parcels::street(number % STREETS);
                format!(
                    r#""MAPBLKLOT": ["{block:04}{lot:03}"],
                        "STREET": [{{"anything-but": ["{street}"]}}]"#
                )
            }
            Self::Numeric => return strip(number),
        };
        format!(r#"{{"type": ["Feature"], "properties": {{{properties}}}}}"#)
    }

    /// The number of the rule that a record matches.
    pub(crate) fn number(self, parcel: &Parcel<'_>) -> Option<usize> {
        let code = Code::read(parcel.map_lot);
        let number = (code.lot - 1) * BLOCKS + (code.block - 1);
        match self {
            Self::Exact => code.is_plain().then_some(number),
            Self::Prefix => (!code.block_letter).then_some(number),
            Self::Suffix => code.is_plain().then_some((code.lot - 1) * 1_000 + code.block % 1_000),
            Self::Wildcard => (!code.lot_letter).then_some(number),
            Self::EqualsIgnoreCase => parcels::street_number(parcel.street),
            Self::Numeric => strip_of(parcel.first?[1]),
            Self::AnythingBut => {
                let other_street = parcel.street != parcels::street(number % STREETS);
                (code.is_plain() && other_street).then_some(number)
            }
        }
    }
}

/// The rule for a strip of land a millionth of a degree wide.
fn strip(number: usize) -> String {
    let [from, to] = [NORTH + number, NORTH + number + 1];
    format!(
        r#"{{"type": ["Feature"], "geometry": {{"firstCoordinates":
            {{"y": [{{"numeric": [">=", 37.{from:06}, "<", 37.{to:06}]}}]}}}}}}"#
    )
}

/// The number of the strip that a latitude lies in, by its digits.
fn strip_of(latitude: &str) -> Option<usize> {
    let millionths: usize = latitude.strip_prefix("37.")?.get(..6)?.parse().ok()?;
    millionths.checked_sub(NORTH)
}

/// A code on the map: four digits of a block and three of a lot, each with a letter or without.
struct Code {
    block: usize,
    block_letter: bool,
    lot: usize,
    lot_letter: bool,
}

impl Code {
    fn read(code: &str) -> Self {
        let (block, rest) = code.split_at(4);
        let after = rest.trim_start_matches(char::is_alphabetic);
        let (lot, end) = after.split_at(3);
        Self {
            block: block.parse().expect("a block begins with its number"),
            block_letter: after.len() < rest.len(),
            lot: lot.parse().expect("a lot begins with its number"),
            lot_letter: !end.is_empty(),
        }
    }

    fn is_plain(&self) -> bool {
        !self.block_letter && !self.lot_letter
    }
}
