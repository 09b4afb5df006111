//! Numbers as IEEE doubles: their order, when two are equal, and ranges of them.

use std::cell::Cell;
use std::fmt;
use std::ops::Bound;

/// A double as a whole number of the same order; both zeros are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ordered(u64);

const SIGN: u64 = 1 << 63;

impl Ordered {
    /// The place of `number` among all doubles.
    pub(crate) fn new(number: f64) -> Self {
        // Adding zero turns -0 into 0 and changes nothing else.
        let bits = (number + 0.0).to_bits();
        Self(if bits & SIGN == 0 { bits | SIGN } else { !bits })
    }

    /// The number.
    pub(crate) fn number(self) -> f64 {
        f64::from_bits(if self.0 & SIGN == 0 { !self.0 } else { self.0 & !SIGN })
    }

    /// The place as a plain number.
    pub(crate) fn place(self) -> u64 {
        self.0
    }
}

/// A number as it was written and as a double.
///
/// It is compared as a double only if that is exact: if the shortest decimal that names the double
/// is this very number. Otherwise it is no number to `numeric` and to `anything-but`, and equals
/// only its own spelling. So event-ruler keeps two long account numbers apart that are one double.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'a> {
    text: &'a str,
    double: Ordered,
    /// Where the answer of [`Number::is_exact`] is kept.
    exactness: Option<&'a Cell<Exactness>>,
}

/// What is known of whether a number is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Exactness {
    /// Nobody has asked.
    #[default]
    Unknown,
    /// It is.
    Exact,
    /// It is not.
    Inexact,
}

impl<'a> Number<'a> {
    /// A number that was read before.
    pub(crate) fn known(text: &'a str, double: Ordered, exactness: &'a Cell<Exactness>) -> Self {
        Self { text, double, exactness: Some(exactness) }
    }

    /// Reads a number in the grammar of JSON.
    pub(crate) fn new(text: &'a str) -> Option<Self> {
        Some(Self { text, double: Ordered::new(text.parse().ok()?), exactness: None })
    }

    /// The spelling.
    pub(crate) fn text(self) -> &'a str {
        self.text
    }

    /// The nearest double.
    pub(crate) fn double(self) -> Ordered {
        self.double
    }

    /// Whether the double stands for this number.
    pub(crate) fn is_exact(self) -> bool {
        let known = self.exactness.map(Cell::get).unwrap_or_default();
        if known != Exactness::Unknown {
            return known == Exactness::Exact;
        }
        let is_exact = self.is_shortest();
        if let Some(exactness) = self.exactness {
            exactness.set(if is_exact { Exactness::Exact } else { Exactness::Inexact });
        }
        is_exact
    }

    /// Whether this is the shortest decimal that names the double.
    fn is_shortest(self) -> bool {
        // Most programs write it so, and then it needs no closer look.
        let number = self.double.number();
        let mut buffer = zmij::Buffer::new();
        if number.is_finite() && buffer.format_finite(number) == self.text {
            return true;
        }
        let digits = digits(self.text);
        match digits.clone().count() {
            0 => true,
            // What every double tells apart, unless it is beyond the normal ones.
            1..=15 if number.is_normal() => true,
            1..=17 => {
                if !number.is_finite() {
                    return false;
                }
                let shortest = buffer.format_finite(number);
                let same_digits = digits.eq(self::digits(shortest));
                same_digits && magnitude(self.text) == magnitude(shortest)
            }
            // No shortest decimal is that long.
            _ => false,
        }
    }
}

/// The digits of a number from the first to the last that is not zero.
fn digits(text: &str) -> impl Iterator<Item = u8> + Clone {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let significant = mantissa.trim_start_matches(['-', '0', '.']);
    // Zeros at the end count only before the point, and there they are told by the magnitude.
    let significant = significant.trim_end_matches(['0', '.']);
    significant.bytes().filter(u8::is_ascii_digit)
}

/// The power of ten of the first digit that is not zero; `None` for zero, and for one beyond all
/// doubles.
fn magnitude(text: &str) -> Option<i64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.trim_start_matches(['-', '0']);
    let power = if whole.is_empty() {
        let zeros = fraction.bytes().position(|digit| digit != b'0')?;
        -1 - i64::try_from(zeros).ok()?
    } else {
        i64::try_from(whole.len()).ok()? - 1
    };
    power.checked_add(exponent)
}

impl fmt::Display for Ordered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = zmij::Buffer::new().format(self.number()).to_owned();
        f.write_str(text.strip_suffix(".0").unwrap_or(&text))
    }
}

/// What the operator `numeric` asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    bottom: Bound<Ordered>,
    top: Bound<Ordered>,
    /// The places of its lowest and its highest number; the first is above the second if it holds
    /// none.
    ends: (u64, u64),
}

impl Range {
    /// The range between these ends.
    pub(crate) fn new(bottom: Bound<f64>, top: Bound<f64>) -> Self {
        let (bottom, top) = (bottom.map(Ordered::new), top.map(Ordered::new));
        let lowest = match bottom {
            Bound::Included(bottom) => bottom.0,
            Bound::Excluded(bottom) => bottom.0.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let highest = match top {
            Bound::Included(top) => top.0,
            Bound::Excluded(top) => top.0.saturating_sub(1),
            Bound::Unbounded => u64::MAX,
        };
        Self { bottom, top, ends: (lowest, highest) }
    }

    /// The range that holds one number.
    pub(crate) fn only(number: f64) -> Self {
        Self::new(Bound::Included(number), Bound::Included(number))
    }

    /// The places of its lowest and its highest number.
    pub(crate) fn ends(&self) -> (u64, u64) {
        self.ends
    }

    /// Whether `number` lies within.
    pub(crate) fn contains(&self, number: Ordered) -> bool {
        self.ends.0 <= number.0 && number.0 <= self.ends.1
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bottom == self.top
            && let Bound::Included(only) = self.bottom
        {
            return write!(f, "= {only}");
        }
        let bottom = match self.bottom {
            Bound::Included(bottom) => Some((">=", bottom)),
            Bound::Excluded(bottom) => Some((">", bottom)),
            Bound::Unbounded => None,
        };
        let top = match self.top {
            Bound::Included(top) => Some(("<=", top)),
            Bound::Excluded(top) => Some(("<", top)),
            Bound::Unbounded => None,
        };
        for (index, (sign, end)) in bottom.into_iter().chain(top).enumerate() {
            let and = if index == 0 { "" } else { " and " };
            write!(f, "{and}{sign} {end}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn a_number_is_exact_if_it_is_the_shortest_name_of_its_double() {
        let exact = [
            "0",
            "-0",
            "0.0",
            "0e9",
            "1",
            "10",
            "300",
            "300.0",
            "3.0e2",
            "3E+2",
            "0.1",
            "1e-7",
            "-122.42916360922355",
            "9007199254740992",
            "1e308",
            "1.7976931348623157e308",
            "5e-324",
            "100000000000000000000000",
            "0.00012",
            "2.2250738585072014e-308",
        ];
        let inexact = [
            "1e400",
            "1e-325",
            "0.1234567890123456789",
            "12345678901234567890",
            "9007199254740993",
            "0.1000000000000000055511151231257827",
            "-1e999999999999999999999",
            "3e-324",
        ];
        for text in exact {
            assert!(Number::new(text).is_some_and(Number::is_exact), "{text}");
        }
        for text in inexact {
            assert!(!Number::new(text).is_some_and(Number::is_exact), "{text}");
        }
    }
}
