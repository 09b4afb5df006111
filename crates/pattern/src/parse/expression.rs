//! One entry of a field's list → the condition it asks for.

use crate::cidr::{self, Network};
use crate::condition::Condition;
use crate::fold::Folded;
use crate::json::{Member, Node, Value};
use crate::wildcard::Wildcard;

use super::{Refusal, anything_but, numeric};

/// What is said of an operator's object with a second member.
pub(super) const ONE_KEY: &str = "Only one key allowed in match expression";

/// Reads one entry.
pub(super) fn condition(entry: &Value) -> Result<Condition, Refusal> {
    match &entry.node {
        Node::Null => Ok(Condition::Null),
        Node::Bool(value) => Ok(Condition::Bool(*value)),
        Node::Number(value) => Ok(Condition::Number(finite(*value, entry)?)),
        Node::Text(text) => Ok(match cidr::address(text) {
            Some(address) => Condition::Address(address),
            None => Condition::Text(text.clone()),
        }),
        Node::Object(members) => operator(members, entry.end),
        Node::Array(_) => {
            let message = "Match value must be String, number, true, false, or null";
            Err(Refusal::new(message, entry.opened))
        }
    }
}

fn operator(members: &[Member], end: usize) -> Result<Condition, Refusal> {
    let Some(((name, operand), others)) = members.split_first() else {
        return Err(Refusal::new("Match expression name not found", end));
    };
    let condition = match name.as_str() {
        "exactly" => {
            Condition::Text(text(operand, "exact match pattern must be a string")?.clone())
        }
        "prefix" => match ignoring_case(operand, "prefix")? {
            Some(folded) => Condition::PrefixIgnoringCase(folded),
            None => {
                Condition::Prefix(text(operand, "prefix match pattern must be a string")?.clone())
            }
        },
        "suffix" => match ignoring_case(operand, "suffix")? {
            Some(folded) => Condition::SuffixIgnoringCase(folded),
            None => {
                Condition::Suffix(text(operand, "suffix match pattern must be a string")?.clone())
            }
        },
        "equals-ignore-case" => Condition::EqualsIgnoringCase(folded(operand)?),
        "wildcard" => Condition::Wildcard(wildcard(operand)?),
        "anything-but" => Condition::AnythingBut(anything_but::excluded(operand)?),
        "numeric" => Condition::Numeric(numeric::range(operand)?),
        "exists" => exists(operand)?,
        "cidr" => Condition::Cidr(network(operand)?),
        _ => {
            let message = format!("Unrecognized match type {name}");
            return Err(Refusal::new(message, operand.opened));
        }
    };
    match others.first() {
        Some((_, second)) => {
            let message = match name.as_str() {
                "anything-but" | "numeric" => numeric::TOO_MANY,
                _ => ONE_KEY,
            };
            Err(Refusal::new(message, second.opened))
        }
        None => Ok(condition),
    }
}

/// The string an operand has to be, or a refusal in these words.
pub(super) fn text<'a>(operand: &'a Value, message: &str) -> Result<&'a String, Refusal> {
    match &operand.node {
        Node::Text(text) => Ok(text),
        _ => Err(Refusal::new(message, operand.opened)),
    }
}

/// A number of the pattern, which has to be in the range of a double.
pub(super) fn finite(number: f64, value: &Value) -> Result<f64, Refusal> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(Refusal::new("Numbers must be in the range of a double", value.end))
    }
}

/// Reads the operand of `wildcard`, also inside `anything-but`.
pub(super) fn wildcard(operand: &Value) -> Result<Wildcard, Refusal> {
    let text = text(operand, "wildcard match pattern must be a string")?;
    Wildcard::parse(text).map_err(|message| Refusal::new(message, operand.end))
}

fn folded(operand: &Value) -> Result<Folded, Refusal> {
    Ok(Folded::new(text(operand, "equals-ignore-case match pattern must be a string")?))
}

/// Reads `{"equals-ignore-case": …}` as the operand of `prefix` or `suffix`; `None` if the operand
/// is not an object.
fn ignoring_case(operand: &Value, operator: &str) -> Result<Option<Folded>, Refusal> {
    let Node::Object(members) = &operand.node else {
        return Ok(None);
    };
    match members.as_slice() {
        [] => {
            let message = format!("{operator} expression name not found");
            Err(Refusal::new(message, operand.end))
        }
        [(name, inner), others @ ..] if name == "equals-ignore-case" => {
            let folded = folded(inner)?;
            match others.first() {
                Some((_, second)) => Err(Refusal::new(ONE_KEY, second.opened)),
                None => Ok(Some(folded)),
            }
        }
        [(name, inner), ..] => {
            let message = format!("Unsupported {operator} pattern: {name}");
            Err(Refusal::new(message, inner.opened))
        }
    }
}

fn exists(operand: &Value) -> Result<Condition, Refusal> {
    match &operand.node {
        Node::Bool(true) => Ok(Condition::Present),
        Node::Bool(false) => Ok(Condition::Absent),
        _ => {
            let message = "exists match pattern must be either true or false.";
            Err(Refusal::new(message, operand.opened))
        }
    }
}

fn network(operand: &Value) -> Result<Network, Refusal> {
    let text = text(operand, "cidr match pattern must be a string")?;
    Network::parse(text).map_err(|message| Refusal::new(message, operand.end))
}
