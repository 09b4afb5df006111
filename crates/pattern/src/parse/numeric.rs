//! The operand of `numeric` → a range of numbers.

use std::ops::Bound;

use crate::json::Token;
use crate::number::{Number, Ordered, Range};

use super::Refusal;
use super::tokens::Tokens;

/// What is said of an operand with more terms than it needs, and of a second member beside it.
pub(super) const TOO_MANY: &str = "Too many elements in numeric expression";

/// Reads the operand: `["=", n]`, one bound, or a lower bound followed by an upper one.
pub(super) fn range(tokens: &mut Tokens<'_>) -> Result<Range, Refusal> {
    if tokens.next()? != Token::ArrayStart {
        return Err(tokens.refusal("Value of numeric must be an array."));
    }
    if tokens.next()? != Token::Text {
        let message = format!("Invalid member in numeric match: {}", tokens.quote());
        return Err(tokens.refusal(message));
    }
    let operator = tokens.text()?;
    // event-ruler reads one token further before it looks at the operator.
    let term = tokens.next()?;
    match operator.as_str() {
        "=" => {
            let number = only_term(tokens, term, "equals")?;
            Ok(Range::only(finished(tokens, number)?))
        }
        "<" | "<=" => {
            let number = only_term(tokens, term, &operator)?;
            Ok(Range::new(Bound::Unbounded, bound(&operator, finished(tokens, number)?)))
        }
        ">" | ">=" => {
            let bottom = number(tokens, term, &operator)?;
            match tokens.next()? {
                Token::ArrayEnd => {
                    Ok(Range::new(bound(&operator, finished(tokens, bottom)?), Bound::Unbounded))
                }
                term => upwards_from(tokens, (operator.as_str(), bottom), term),
            }
        }
        _ => Err(tokens.refusal(format!("Unrecognized numeric range operator: {operator}"))),
    }
}

/// Reads the upper bound, of which `term` was read.
fn upwards_from(
    tokens: &mut Tokens<'_>,
    (lower, bottom): (&str, &str),
    term: Token,
) -> Result<Range, Refusal> {
    if term != Token::Text {
        let message = format!("Bad value in numeric range: {}", tokens.quote());
        return Err(tokens.refusal(message));
    }
    let upper = tokens.text()?;
    if !matches!(upper.as_str(), "<" | "<=") {
        return Err(tokens.refusal(format!("Bad numeric range operator: {upper}")));
    }
    let term = tokens.next()?;
    let top = number(tokens, term, &upper)?;
    if tokens.next()? != Token::ArrayEnd {
        return Err(tokens.refusal("Too many terms in numeric range expression"));
    }
    let (bottom, top) = (finished(tokens, bottom)?, finished(tokens, top)?);
    if bottom >= top {
        return Err(tokens.refusal("Bottom must be less than top"));
    }
    Ok(Range::new(bound(lower, bottom), bound(&upper, top)))
}

/// The number of which `term` was read, as it is spelled.
fn number<'a>(tokens: &Tokens<'a>, term: Token, operator: &str) -> Result<&'a str, Refusal> {
    match term {
        Token::Number => Ok(tokens.number()),
        _ => Err(tokens.refusal(format!("Value of {operator} must be numeric"))),
    }
}

/// The number of which `term` was read, behind which the list has to end.
fn only_term<'a>(tokens: &mut Tokens<'a>, term: Token, operator: &str) -> Result<&'a str, Refusal> {
    let number = number(tokens, term, operator)?;
    match tokens.next()? {
        Token::ArrayEnd => Ok(number),
        _ => Err(tokens.refusal(TOO_MANY)),
    }
}

/// A number of a list that was read to its end.
fn finished(tokens: &Tokens<'_>, spelling: &str) -> Result<f64, Refusal> {
    comparable(spelling).map(Ordered::number).map_err(|why| tokens.refusal(why))
}

/// A number that a double stands for, or why it cannot be compared.
pub(super) fn comparable(spelling: &str) -> Result<Ordered, String> {
    match Number::new(spelling) {
        Some(number) if number.is_exact() => Ok(number.double()),
        _ => Err(format!("Cannot compare number : {spelling}")),
    }
}

fn bound(operator: &str, number: f64) -> Bound<f64> {
    match operator {
        "<" | ">" => Bound::Excluded(number),
        _ => Bound::Included(number),
    }
}
