//! The operand of `anything-but` → what it excludes.

use std::collections::BTreeSet;

use crate::condition::Excluded;
use crate::fold::Folded;
use crate::json::{Member, Node, Value};
use crate::wildcard::Wildcard;

use super::{Refusal, expression, numeric};

const WRONG_TYPE: &str = "Value of anything-but must be an array or single string/number value.";
const AFFIX_WRONG_TYPE: &str = "prefix/suffix match pattern must be a string";
const CASE_WRONG_TYPE: &str =
    "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.";
const WILDCARD_WRONG_TYPE: &str = "wildcard match pattern must be a string";

/// Reads the operand: a string, a number, a list of either, or one of four operators.
pub(super) fn excluded(operand: &Value) -> Result<Excluded, Refusal> {
    match &operand.node {
        Node::Text(text) => Ok(Excluded::Texts(BTreeSet::from([text.clone()]))),
        Node::Number(number) => Ok(Excluded::Numbers(vec![expression::finite(*number, operand)?])),
        Node::Array(entries) => list(entries, operand.end),
        Node::Object(members) => operator(members, operand.end),
        Node::Null | Node::Bool(_) => Err(Refusal::new(WRONG_TYPE, operand.opened)),
    }
}

fn list(entries: &[Value], end: usize) -> Result<Excluded, Refusal> {
    let mut texts = BTreeSet::new();
    let mut numbers = Vec::new();
    for entry in entries {
        match &entry.node {
            Node::Text(text) => {
                texts.insert(text.clone());
            }
            Node::Number(number) => numbers.push(expression::finite(*number, entry)?),
            _ => {
                let message = "Inside anything but list, start|null|boolean is not supported.";
                return Err(Refusal::new(message, entry.opened));
            }
        }
    }
    match (texts.is_empty(), numbers.is_empty()) {
        (false, true) => Ok(Excluded::Texts(texts)),
        (true, false) => Ok(Excluded::Numbers(numbers)),
        _ => {
            let message = "Inside anything but list, either all values are number or string, \
                           mixed type is not supported";
            Err(Refusal::new(message, end))
        }
    }
}

fn operator(members: &[Member], end: usize) -> Result<Excluded, Refusal> {
    let Some(((name, operand), others)) = members.split_first() else {
        return Err(Refusal::new("Anything-But expression name not found", end));
    };
    let excluded = match name.as_str() {
        "prefix" => Excluded::Prefixes(affixes(operand)?),
        "suffix" => Excluded::Suffixes(affixes(operand)?),
        "equals-ignore-case" => {
            let texts = texts(operand, CASE_WRONG_TYPE)?;
            Excluded::EqualIgnoringCase(
                texts.into_iter().map(|(text, _)| Folded::new(text)).collect(),
            )
        }
        "wildcard" => Excluded::Wildcards(wildcards(operand)?),
        _ => {
            let message = format!("Unsupported anything-but pattern: {name}");
            return Err(Refusal::new(message, operand.opened));
        }
    };
    match others.first() {
        Some((_, second)) => Err(Refusal::new(numeric::TOO_MANY, second.opened)),
        None => Ok(excluded),
    }
}

fn affixes(operand: &Value) -> Result<Vec<String>, Refusal> {
    let texts = texts(operand, AFFIX_WRONG_TYPE)?;
    match texts.iter().find(|(text, _)| text.is_empty()) {
        Some((_, value)) => Err(Refusal::new("Null prefix/suffix not allowed", value.end)),
        None => Ok(texts.into_iter().map(|(text, _)| text.clone()).collect()),
    }
}

fn wildcards(operand: &Value) -> Result<Vec<Wildcard>, Refusal> {
    let texts = texts(operand, WILDCARD_WRONG_TYPE)?;
    texts.into_iter().map(|(_, value)| expression::wildcard(value)).collect()
}

/// The string, or the strings of the list, that an operand is, each with its value.
fn texts<'a>(operand: &'a Value, message: &str) -> Result<Vec<(&'a String, &'a Value)>, Refusal> {
    let values = match &operand.node {
        Node::Array(values) if values.is_empty() => {
            return Err(Refusal::new("Empty arrays are not allowed", operand.end));
        }
        Node::Array(values) => values.as_slice(),
        Node::Text(_) | Node::Number(_) => std::slice::from_ref(operand),
        _ => return Err(Refusal::new(WRONG_TYPE, operand.opened)),
    };
    values.iter().map(|value| Ok((expression::text(value, message)?, value))).collect()
}
