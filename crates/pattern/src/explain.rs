//! Why an event matches a pattern, or does not: field by field, in words.
//!
//! Made for people: it reads the event several times over, and shows no more of it than a few
//! values for each field.

mod places;

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use crate::condition::Condition;
use crate::event::Event;
use crate::explain::places::Hints;
use crate::extensions;
use crate::matcher::Matcher;
use crate::pattern::Pattern;
use crate::scan::{Findings, Scratch};
use crate::test::{self, Test};
use crate::value::Value;
use crate::words::quoted;

/// The most values of one field that are shown.
const VALUES_MAX: usize = 10;

/// The most characters of one value that are shown.
const VALUE_CHARS_MAX: usize = 100;

/// The most ways that are explained, but for one that matches.
const WAYS_MAX: usize = 50;

/// The most ways that are told in words; the others are counted.
const WAYS_TOLD: usize = 5;

/// Why an event matches a pattern, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether it matches.
    pub matches: bool,
    /// The ways to match: one, or one for each choice between the branches of `$or`; the first
    /// fifty, and the first that matches. The event matches if it satisfies one of all.
    pub ways: Vec<Way>,
    /// How many ways there are.
    pub ways_count: usize,
}

/// One way to match a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Which of them it is, from 1.
    pub number: usize,
    /// Whether the event satisfies it.
    pub matches: bool,
    /// Whether every field alone is satisfied, and yet not all of them together: they would have
    /// to be satisfied in different elements of one array.
    pub torn: bool,
    /// The fields that have to be satisfied.
    pub fields: Vec<FieldExplanation>,
}

/// What an event has to say to one field of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldExplanation {
    /// The names that lead to it, joined with dots.
    pub path: String,
    /// Whether the event satisfies it, looked at alone.
    pub matches: bool,
    /// What the field asks, one condition for each entry of its list; one has to hold.
    pub asks: Vec<String>,
    /// The values of the event there, as JSON and cut to 100 characters; the first ten.
    pub values: Vec<FoundValue>,
    /// How many values there are.
    pub values_count: usize,
    /// Why it is satisfied, or is not.
    pub reason: String,
}

/// A value of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundValue {
    /// As JSON, cut to 100 characters.
    pub value: String,
    /// Which condition of the field holds for it, from 0; none if no one does.
    pub satisfies: Option<usize>,
}

impl Pattern {
    /// Says why `event` matches this pattern, or does not.
    pub fn explain(&self, event: &Event<'_>) -> Explanation {
        let mut matcher = Matcher::new();
        matcher.add((), self);
        let mut scratch = Scratch::default();
        let (mut ways, mut ways_count, mut matched) = (Vec::new(), 0, false);
        let mut hints = Hints::new(event.text());
        matcher.examine(event, &mut scratch, |tests, findings, satisfied| {
            ways_count += 1;
            let matches = test::all_hold(tests, findings, satisfied);
            if ways_count > WAYS_MAX && (matched || !matches) {
                return;
            }
            matched |= matches;
            let fields: Vec<FieldExplanation> = tests
                .iter()
                .enumerate()
                .map(|(index, test)| explain(test, &tests[..index], findings, &mut hints))
                .collect();
            let torn = !matches && fields.iter().all(|field| field.matches);
            ways.push(Way { number: ways_count, matches, torn, fields });
        });
        Explanation { matches: matched, ways, ways_count }
    }
}

fn explain(
    test: &Test,
    before: &[Arc<Test>],
    findings: Findings<'_>,
    hints: &mut Hints<'_>,
) -> FieldExplanation {
    let asks: Vec<String> = test.conditions().map(ToString::to_string).collect();
    let mut values = Vec::new();
    let mut values_count = 0;
    let mut first_satisfying = None;
    for (value, _) in findings.leaves(test.id) {
        values_count += 1;
        if values.len() >= VALUES_MAX && first_satisfying.is_some() {
            continue;
        }
        let satisfies = test.conditions().position(|condition| condition.holds_for(value));
        let is_first = satisfies.is_some() && first_satisfying.is_none();
        if values.len() < VALUES_MAX || is_first {
            let found = FoundValue { value: json(value), satisfies };
            if is_first {
                first_satisfying = Some(found.clone());
            }
            if values.len() < VALUES_MAX {
                values.push(found);
            }
        }
    }
    let absent = values_count == 0;
    let matches = if absent {
        test.holds_for_absence()
    } else {
        // Whether a field is absent from the elements of others, the whole way tells.
        first_satisfying.is_some()
            || test.holds_specially(findings)
            || test.may_be_absent_beside(before, findings)
    };
    let reason = match (&first_satisfying, absent) {
        (Some(FoundValue { value, satisfies: Some(index) }), _) => {
            format!("{value} {}", asks.get(*index).map_or("", String::as_str))
        }
        (_, true) if matches => "is absent, as wanted".to_owned(),
        (_, true) => hints.why_absent(&test.path),
        _ if test.holds_specially(findings) => {
            let special = test.conditions().position(Condition::is_beyond_a_value);
            special.and_then(|index| asks.get(index)).cloned().unwrap_or_default()
        }
        _ if matches => {
            "is in some array elements; it has to be absent from those the fields before it chose"
                .to_owned()
        }
        _ => refused(&values, values_count, test) + &remark(test, findings),
    };
    FieldExplanation { path: test.path.to_string(), matches, asks, values, values_count, reason }
}

/// What an operator of ours has to add to a refusal.
fn remark(test: &Test, findings: Findings<'_>) -> String {
    let mut compared = test.compared.iter();
    let remark = test.conditions().find_map(|condition| match condition {
        Condition::ContainsAll(all) => {
            let missing = all.0.iter().find(|condition| {
                !findings.leaves(test.id).any(|(value, _)| condition.holds_for(value))
            });
            Some(match missing {
                Some(missing) => format!("none of them {missing}"),
                None => "they are not in one array element".to_owned(),
            })
        }
        Condition::Compare(comparison) => {
            let other = findings.leaves(*compared.next()?).next();
            Some(match other {
                Some((value, _)) => format!("{} is {}", comparison.path, json(value)),
                None => format!("{} has no value", comparison.path),
            })
        }
        Condition::Date(_) => {
            let (value, _) = findings.leaves(test.id).next()?;
            let is_date = matches!(value, Value::Text(text) if extensions::instant(text).is_some());
            (!is_date).then(|| format!("{} is no date of RFC 3339", json(value)))
        }
        _ => None,
    });
    remark.map_or_else(String::new, |remark| format!("; {remark}"))
}

/// Why none of the values satisfies the field.
fn refused(values: &[FoundValue], count: usize, test: &Test) -> String {
    let Some(first) = values.first() else {
        return String::new();
    };
    if test.conditions().all(Condition::holds_for_absence) {
        return format!("is there: {}", first.value);
    }
    let asks = test.conditions().filter(|condition| !condition.holds_for_absence());
    let asks: Vec<String> = asks.map(ToString::to_string).collect();
    let asks = asks.join(", or one that ");
    let absence = if test.holds_for_absence() { "no value, or " } else { "" };
    match count {
        1 => format!("is {}; wanted is {absence}a value that {asks}", first.value),
        _ => format!(
            "has {count} values, of which the first is {}; wanted is {absence}one that {asks}",
            first.value
        ),
    }
}

/// A value as JSON, cut if it is long.
fn json(value: Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => {
            let (shown, more) = cut(number.text());
            format!("{shown}{more}")
        }
        Value::Text(text) => {
            let (shown, more) = cut(text);
            format!("{}{more}", quoted(shown))
        }
    }
}

/// The start of a text, and what says that there is more.
fn cut(text: &str) -> (&str, &str) {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => (&text[..end], "…"),
        None => (text, ""),
    }
}

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verdict = if self.matches { "The event matches." } else { "The event does not match." };
        f.write_str(verdict)?;
        // What matches needs no word about the other branches.
        let told = self.ways.iter().filter(|way| way.matches == self.matches);
        for way in told.clone().take(WAYS_TOLD) {
            if self.ways_count > 1 {
                write!(f, "\n\nWay {} of {}:", way.number, self.ways_count)?;
            }
            write!(f, "{way}")?;
        }
        // Of those that do not match, all are worth a look.
        let others = if self.matches { told.count() } else { self.ways_count };
        match others.saturating_sub(WAYS_TOLD) {
            0 => Ok(()),
            1 => f.write_str("\n\n… and 1 more way."),
            more => write!(f, "\n\n… and {more} more ways."),
        }
    }
}

impl Display for Way {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for field in &self.fields {
            let mark = if field.matches { '+' } else { '-' };
            write!(f, "\n  {mark} {}: {}", field.path, field.reason)?;
        }
        if self.torn {
            f.write_str(
                "\n  Each field alone is satisfied, but no element of the array satisfies all together.",
            )?;
        }
        Ok(())
    }
}
