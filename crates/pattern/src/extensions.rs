//! Operators that `EventBridge` has not. Each is taken only by who asks for it by name, so that a
//! pattern without them means the same here and there.

use std::fmt;
use std::ops::Bound;

use jiff::Timestamp;

use crate::condition::Condition;
use crate::value::Value;

/// Which of the operators are taken besides those of `EventBridge`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    pub(crate) contains_all: bool,
    pub(crate) compare: bool,
    pub(crate) date: bool,
}

impl Extensions {
    /// The names there are.
    pub const NAMES: [&'static str; 3] = ["contains-all", "compare", "date"];

    /// None: patterns mean what they mean to `EventBridge`.
    pub const NONE: Self = Self { contains_all: false, compare: false, date: false };

    /// Those of these names.
    pub fn named<T: AsRef<str>>(
        names: impl IntoIterator<Item = T>,
    ) -> Result<Self, ExtensionError> {
        names.into_iter().try_fold(Self::NONE, |extensions, name| match name.as_ref() {
            "contains-all" => Ok(Self { contains_all: true, ..extensions }),
            "compare" => Ok(Self { compare: true, ..extensions }),
            "date" => Ok(Self { date: true, ..extensions }),
            other => Err(ExtensionError { name: other.to_owned() }),
        })
    }

    /// The names of these.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let taken = [self.contains_all, self.compare, self.date];
        Self::NAMES.into_iter().zip(taken).filter_map(|(name, taken)| taken.then_some(name))
    }
}

/// A name that no extension has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no pattern extension \"{name}\"; there are \"contains-all\", \"compare\" and \"date\""
)]
pub struct ExtensionError {
    /// The name.
    pub name: String,
}

/// `contains-all`: each of these has to hold for some value of the field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContainsAll(pub(crate) Box<[Condition]>);

/// `compare`: how the value of the field has to stand to one of another field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Comparison {
    pub(crate) sign: Sign,
    /// The dotted path of the other field.
    pub(crate) path: Box<str>,
}

/// A sign between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sign {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Sign {
    /// The signs as they are written.
    pub(crate) const ALL: [(&'static str, Self); 6] = [
        ("=", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        ("<=", Self::LessOrEqual),
        (">", Self::Greater),
        (">=", Self::GreaterOrEqual),
    ];

    /// The sign written so.
    pub(crate) fn written(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(written, _)| *written == text).map(|(_, sign)| sign)
    }

    /// Whether it stands between two values: numbers that are compared exactly, or texts in the
    /// order of their characters. Values of two kinds do not compare, not even as different.
    pub(crate) fn holds(self, one: Value<'_>, other: Value<'_>) -> bool {
        let order = match (one, other) {
            (Value::Number(one), Value::Number(other)) if one.is_exact() && other.is_exact() => {
                one.double().cmp(&other.double())
            }
            (Value::Text(one), Value::Text(other)) => one.cmp(other),
            _ => return false,
        };
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// `date`: instants between these, one of which there is at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Period {
    pub(crate) bottom: Bound<Timestamp>,
    pub(crate) top: Bound<Timestamp>,
}

impl Period {
    /// Whether `text` is an instant (RFC 3339) of this period.
    pub(crate) fn contains(&self, text: &str) -> bool {
        use std::ops::RangeBounds as _;
        instant(text).is_some_and(|instant| (self.bottom, self.top).contains(&instant))
    }
}

/// The instant that a text names as RFC 3339 has it, with `T` and a zone; the last days of the year 9999,
/// which many write for "never", is the last one there is.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(found, wanted)| match wanted {
                b'0' => found.is_ascii_digit(),
                _ => found == wanted,
            })
    };
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|digit: char| digit.is_ascii_digit()),
        None => rest,
    };
    let is_zone = matches!(zone, "Z" | "z")
        || zone.strip_prefix(['+', '-']).is_some_and(|zone| shaped(zone, "00:00"));
    if !shaped(date, "0000-00-00") || !shaped(time, "00:00:00") || !is_zone {
        return None;
    }
    let instant = text.parse().ok();
    instant.or_else(|| date.starts_with("9999-12-3").then_some(Timestamp::MAX))
}

impl fmt::Display for ContainsAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stands with")?;
        for (index, condition) in self.0.iter().enumerate() {
            let before = if index == 0 { " one that " } else { " and one that " };
            write!(f, "{before}{condition}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = Sign::ALL.into_iter().find(|(_, sign)| *sign == self.sign);
        write!(f, "is {} the value of {}", sign.map_or("", |(written, _)| written), self.path)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bottom {
            Bound::Included(bottom) => write!(f, "is at or after {bottom}")?,
            Bound::Excluded(bottom) => write!(f, "is after {bottom}")?,
            Bound::Unbounded => f.write_str("is")?,
        }
        let and = if self.bottom == Bound::Unbounded { "" } else { " and" };
        match self.top {
            Bound::Included(top) => write!(f, "{and} at or before {top}"),
            Bound::Excluded(top) => write!(f, "{and} before {top}"),
            Bound::Unbounded => Ok(()),
        }
    }
}
