//! The operands of the operators that `EventBridge` has not.

use std::ops::Bound;

use crate::extensions::{self, Comparison, ContainsAll, Period, Sign};
use crate::json::Token;

use super::tokens::Tokens;
use super::{Refusal, expression};

/// Reads the list of `contains-all`: entries as of a field, of which each has to hold.
pub(super) fn contains_all(tokens: &mut Tokens<'_>) -> Result<ContainsAll, Refusal> {
    if tokens.next()? != Token::ArrayStart {
        return Err(tokens.refusal("Value of contains-all must be an array."));
    }
    let mut conditions = Vec::new();
    loop {
        match tokens.next()? {
            Token::ArrayEnd => break,
            first => conditions.push(expression::condition(tokens, first)?),
        }
        let is_plain = conditions.last().is_some_and(|condition| !condition.is_beyond_a_value());
        if !is_plain {
            let message = "Inside contains-all, exists false, compare and contains-all are not \
                           supported.";
            return Err(tokens.refusal(message));
        }
    }
    if conditions.is_empty() {
        return Err(tokens.refusal("Empty arrays are not allowed"));
    }
    Ok(ContainsAll(conditions.into()))
}

/// Reads `[sign, path]`.
pub(super) fn comparison(tokens: &mut Tokens<'_>) -> Result<Comparison, Refusal> {
    const SHAPE: &str = "Value of compare must be an array of a sign and a path, as in \
                         [\"<\", \"detail.limit\"]";
    if tokens.next()? != Token::ArrayStart || tokens.next()? != Token::Text {
        return Err(tokens.refusal(SHAPE));
    }
    let written = tokens.text()?;
    let Some(sign) = Sign::written(&written) else {
        let message = format!("Unrecognized compare operator: {written}; use = != < <= > or >=");
        return Err(tokens.refusal(message));
    };
    if tokens.next()? != Token::Text {
        return Err(tokens.refusal(SHAPE));
    }
    let path = tokens.text()?;
    if path.is_empty() || path.starts_with('$') {
        let message = "The path of compare is the names joined by dots, as in \"detail.limit\"";
        return Err(tokens.refusal(message));
    }
    if tokens.next()? != Token::ArrayEnd {
        return Err(tokens.refusal(SHAPE));
    }
    Ok(Comparison { sign, path: path.into() })
}

/// Reads one bound, or a lower bound followed by an upper one.
pub(super) fn period(tokens: &mut Tokens<'_>) -> Result<Period, Refusal> {
    if tokens.next()? != Token::ArrayStart {
        return Err(tokens.refusal("Value of date must be an array."));
    }
    let mut period = Period { bottom: Bound::Unbounded, top: Bound::Unbounded };
    loop {
        match tokens.next()? {
            Token::ArrayEnd => break,
            Token::Text => {}
            _ => return Err(tokens.refusal("Invalid member in date match; write [\">=\", date]")),
        }
        let sign = tokens.text()?;
        if tokens.next()? != Token::Text {
            return Err(tokens.refusal(format!("Value of {sign} must be a date")));
        }
        let text = tokens.text()?;
        let Some(instant) = extensions::instant(&text) else {
            let message = format!("Not a date of RFC 3339, as 2026-01-31T12:00:00Z is: {text}");
            return Err(tokens.refusal(message));
        };
        match (sign.as_str(), period.bottom, period.top) {
            (">", Bound::Unbounded, Bound::Unbounded) => period.bottom = Bound::Excluded(instant),
            (">=", Bound::Unbounded, Bound::Unbounded) => period.bottom = Bound::Included(instant),
            ("<", _, Bound::Unbounded) => period.top = Bound::Excluded(instant),
            ("<=", _, Bound::Unbounded) => period.top = Bound::Included(instant),
            (">" | ">=" | "<" | "<=", _, _) => {
                return Err(tokens.refusal("Too many terms in date expression"));
            }
            _ => return Err(tokens.refusal(format!("Unrecognized date operator: {sign}"))),
        }
    }
    match (period.bottom, period.top) {
        (Bound::Unbounded, Bound::Unbounded) => Err(tokens.refusal("Empty arrays are not allowed")),
        (
            Bound::Included(bottom) | Bound::Excluded(bottom),
            Bound::Included(top) | Bound::Excluded(top),
        ) if bottom >= top => Err(tokens.refusal("Bottom must be less than top")),
        _ => Ok(period),
    }
}
