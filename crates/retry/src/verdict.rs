//! What a receiver's status means for the delivery.

use std::collections::BTreeMap;

/// What to do with a delivery after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx: done.
    Delivered,
    /// The receiver may take it later.
    Retry,
    /// The receiver will never take it: into the dead letters at once.
    Refused,
    /// The receiver says that its address is gone for good: nothing more is sent there, and the
    /// delivery waits with the others.
    Gone,
}

/// The statuses one row of a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statuses {
    /// Exactly this one.
    One(u16),
    /// All whose first digit is this.
    Class(u16),
}

/// Why a text names no statuses that a table may speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoStatuses {
    /// A 2xx is a delivery, and nothing follows from it.
    Success,
    /// Neither a status like `404` nor a class like `5xx`.
    Unknown,
}

impl Statuses {
    /// Reads `404` or `5xx`.
    pub fn parse(text: &str) -> Result<Self, NoStatuses> {
        let [first, second, third] = text.as_bytes() else { return Err(NoStatuses::Unknown) };
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
        let statuses = match (digit(first), digit(second), digit(third)) {
            (Some(a), Some(b), Some(c)) => Self::One(a * 100 + b * 10 + c),
            (Some(class), None, None) if &text[1..] == "xx" => Self::Class(class),
            _ => return Err(NoStatuses::Unknown),
        };
        match statuses {
            Self::One(200..=299) | Self::Class(2) => Err(NoStatuses::Success),
            Self::One(100..=599) | Self::Class(1..=5) => Ok(statuses),
            _ => Err(NoStatuses::Unknown),
        }
    }
}

/// What a row of a table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Try again, as the policy has it.
    Retry,
    /// Into the dead letters at once.
    DeadLetter,
}

impl Treatment {
    /// How a configuration spells them.
    pub const WORDS: [&'static str; 2] = ["retry", "dead_letter"];

    /// Reads a word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "retry" => Some(Self::Retry),
            "dead_letter" => Some(Self::DeadLetter),
            _ => None,
        }
    }
}

/// A destination's own judgement of statuses: a row for one status wins over the row of its class,
/// and what has no row is judged as EventBridge judges it, but for 410, which is [`Verdict::Gone`]
/// unless the table has a row for 410 itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusTable(BTreeMap<Statuses, Treatment>);

impl FromIterator<(Statuses, Treatment)> for StatusTable {
    fn from_iter<I: IntoIterator<Item = (Statuses, Treatment)>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

impl StatusTable {
    /// What to do after an answer with this status. A 2xx is a delivery whatever the table says.
    pub fn verdict(&self, status: u16) -> Verdict {
        if (200..=299).contains(&status) {
            return Verdict::Delivered;
        }
        let row = self.0.get(&Statuses::One(status));
        let class = Statuses::Class(status / 100);
        let row = if status == GONE { row } else { row.or_else(|| self.0.get(&class)) };
        match row {
            Some(Treatment::Retry) => Verdict::Retry,
            Some(Treatment::DeadLetter) => Verdict::Refused,
            None => by_default(status),
        }
    }
}

/// The address is not there any more, and that is likely to be for good (RFC 9110 §15.5.11).
const GONE: u16 = 410;

/// EventBridge's table for API destinations: 401, 407, 409, 429 and 5xx are tried again; other
/// 4xx, 3xx and 1xx are not, and 410 is more than that. Redirects are never followed, so a 3xx is a refusal.
fn by_default(status: u16) -> Verdict {
    match status {
        GONE => Verdict::Gone,
        401 | 407 | 409 | 429 | 500..=599 => Verdict::Retry,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, &str)]) -> StatusTable {
        let row = |(statuses, word): &(&str, &str)| {
            (Statuses::parse(statuses).unwrap(), Treatment::parse(word).unwrap())
        };
        rows.iter().map(row).collect()
    }

    fn check(table: &StatusTable, verdict: Verdict, statuses: &[u16]) {
        for status in statuses {
            assert_eq!(table.verdict(*status), verdict, "{status} by {table:?}");
        }
    }

    #[test]
    fn without_rows_statuses_are_judged_as_eventbridge_judges_them() {
        let none = StatusTable::default();
        check(&none, Verdict::Delivered, &[200, 201, 202, 204, 299]);
        check(&none, Verdict::Retry, &[401, 407, 409, 429, 500, 502, 503, 504, 599]);
        check(&none, Verdict::Refused, &[100, 301, 302, 307, 400, 403, 404, 408, 422, 600]);
    }

    #[test]
    fn a_row_for_one_status_wins_over_its_class_and_a_class_over_the_default() {
        let own = table(&[("404", "retry"), ("409", "dead_letter")]);
        check(&own, Verdict::Retry, &[404, 401, 429, 500]);
        check(&own, Verdict::Refused, &[409, 400, 403]);
        let classes = table(&[("4xx", "retry"), ("422", "dead_letter"), ("5xx", "dead_letter")]);
        check(&classes, Verdict::Retry, &[400, 401, 404, 409, 499]);
        check(&classes, Verdict::Refused, &[422, 500, 503, 599, 301]);
        let inside = table(&[("5xx", "dead_letter"), ("503", "retry"), ("3xx", "retry")]);
        check(&inside, Verdict::Retry, &[503, 301, 308]);
        check(&inside, Verdict::Refused, &[500, 502]);
        check(&classes, Verdict::Delivered, &[200, 204]);
    }

    #[test]
    fn a_410_is_the_end_of_the_address_unless_it_has_a_row_of_its_own() {
        check(&StatusTable::default(), Verdict::Gone, &[410]);
        check(&table(&[("4xx", "retry")]), Verdict::Gone, &[410]);
        check(&table(&[("4xx", "dead_letter")]), Verdict::Gone, &[410]);
        check(&table(&[("410", "dead_letter")]), Verdict::Refused, &[410]);
        check(&table(&[("410", "retry")]), Verdict::Retry, &[410]);
    }

    #[test]
    fn statuses_are_a_code_or_a_class_and_no_success() {
        for (text, expected) in [
            ("404", Ok(Statuses::One(404))),
            ("100", Ok(Statuses::One(100))),
            ("599", Ok(Statuses::One(599))),
            ("5xx", Ok(Statuses::Class(5))),
            ("1xx", Ok(Statuses::Class(1))),
            ("2xx", Err(NoStatuses::Success)),
            ("204", Err(NoStatuses::Success)),
        ] {
            assert_eq!(Statuses::parse(text), expected, "{text}");
        }
        for text in [
            "", "4", "40", "4040", "+04", "4Xx", "5XX", "45x", "xxx", "0xx", "6xx", "600", "099",
            "4é",
        ] {
            assert_eq!(Statuses::parse(text), Err(NoStatuses::Unknown), "{text}");
        }
    }

    #[test]
    fn the_words_are_those_that_are_read() {
        assert!(Treatment::WORDS.iter().all(|word| Treatment::parse(word).is_some()));
        assert_eq!(Treatment::parse("drop"), None);
    }
}
