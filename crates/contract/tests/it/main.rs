//! Documents and requests, and what is said of them.

mod bodies;
mod documents;
mod hostile;
mod parameters;
mod properties;

use std::borrow::Cow;

use contract::{BodyRule, Contract, ContractError, Fault};
use serde_json::Value;

/// A contract of a document that is in order.
fn contract(document: &Value) -> Contract {
    Contract::new(document).expect("a document that is in order")
}

/// Where a document is refused.
fn refused(document: &Value) -> Vec<String> {
    match Contract::new(document) {
        Ok(_) => vec![],
        Err(errors) => errors.iter().map(told).collect(),
    }
}

fn told(error: &ContractError) -> String {
    assert!(!error.what.is_empty() && !error.remedy.is_empty(), "{error:?}");
    error.pointer.clone()
}

/// The faults of the parameters of `method path?query`, with these header fields.
fn parameters(contract: &Contract, request: &str, fields: &[(&str, &str)]) -> Vec<Fault> {
    let (method, target) = request.split_once(' ').expect("a method");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let operation = contract.operation(method, path).expect("an operation");
    operation.check_parameters(query, |name| {
        let field = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        field.map(|(_, value)| Cow::Borrowed(*value))
    })
}

/// The faults of a JSON body of `method path`.
fn body(contract: &Contract, request: &str, body: &[u8]) -> Vec<Fault> {
    let (method, path) = request.split_once(' ').expect("a method");
    let operation = contract.operation(method, path).expect("an operation");
    let rule = match operation.body(Some("application/json")) {
        BodyRule::Json(rule) => Some(rule),
        _ => None,
    };
    rule.expect("a JSON body").check(body)
}

/// The places of faults as `location pointer`.
fn places(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(|fault| format!("{} {}", fault.location, fault.pointer)).collect()
}
