//! The operand of `numeric` → a range of numbers.

use std::ops::Bound;

use crate::json::{Node, Value};
use crate::number::Range;

use super::{Refusal, expression};

/// What is said of an operand with more terms than it needs, and of a second member beside it.
pub(super) const TOO_MANY: &str = "Too many elements in numeric expression";

/// Reads the operand: `["=", n]`, one bound, or a lower bound followed by an upper one.
pub(super) fn range(operand: &Value) -> Result<Range, Refusal> {
    let Node::Array(terms) = &operand.node else {
        return Err(Refusal::new("Value of numeric must be an array.", operand.opened));
    };
    let mut terms = Terms { rest: terms.iter(), end: operand.end };
    let (operator, at) =
        terms.operator("Invalid member in numeric match: an operator is missing")?;
    let range = match operator {
        "=" => Range::only(terms.number("equals")?),
        "<" | "<=" => Range { bottom: Bound::Unbounded, top: bound(operator, &mut terms)? },
        ">" | ">=" => {
            let bottom = bound(operator, &mut terms)?;
            return upwards_from(bottom, &mut terms);
        }
        _ => {
            let message = format!("Unrecognized numeric range operator: {operator}");
            return Err(Refusal::new(message, at));
        }
    };
    terms.finish(TOO_MANY)?;
    Ok(range)
}

/// Reads the upper bound, if there is one.
fn upwards_from(bottom: Bound<f64>, terms: &mut Terms<'_>) -> Result<Range, Refusal> {
    if terms.rest.as_slice().is_empty() {
        return Ok(Range { bottom, top: Bound::Unbounded });
    }
    let (operator, at) = terms.operator("Bad value in numeric range: an operator is missing")?;
    if !matches!(operator, "<" | "<=") {
        return Err(Refusal::new(format!("Bad numeric range operator: {operator}"), at));
    }
    let top = bound(operator, terms)?;
    terms.finish("Too many terms in numeric range expression")?;
    match (bottom, top) {
        (
            Bound::Included(lowest) | Bound::Excluded(lowest),
            Bound::Included(highest) | Bound::Excluded(highest),
        ) if lowest >= highest => Err(Refusal::new("Bottom must be less than top", terms.end)),
        _ => Ok(Range { bottom, top }),
    }
}

fn bound(operator: &str, terms: &mut Terms<'_>) -> Result<Bound<f64>, Refusal> {
    let number = terms.number(operator)?;
    Ok(match operator {
        "<" | ">" => Bound::Excluded(number),
        _ => Bound::Included(number),
    })
}

/// The terms not read yet.
struct Terms<'a> {
    rest: std::slice::Iter<'a, Value>,
    /// Where the list ends.
    end: usize,
}

impl<'a> Terms<'a> {
    /// The operator that stands next and where it ends, or a refusal in these words.
    fn operator(&mut self, message: &str) -> Result<(&'a str, usize), Refusal> {
        match self.rest.next() {
            Some(Value { node: Node::Text(operator), end, .. }) => Ok((operator.as_str(), *end)),
            Some(other) => Err(Refusal::new(message, other.opened)),
            None => Err(Refusal::new(message, self.end)),
        }
    }

    /// The number that stands next, for this operator.
    fn number(&mut self, operator: &str) -> Result<f64, Refusal> {
        let next = self.rest.next();
        if let Some(value) = next
            && let Node::Number(number) = value.node
        {
            return expression::finite(number, value);
        }
        let message = format!("Value of {operator} must be numeric");
        Err(Refusal::new(message, next.map_or(self.end, |other| other.opened)))
    }

    /// A refusal in these words if there is one more.
    fn finish(&mut self, message: &str) -> Result<(), Refusal> {
        match self.rest.next() {
            Some(extra) => Err(Refusal::new(message, extra.opened)),
            None => Ok(()),
        }
    }
}
