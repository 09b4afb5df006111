//! The schemas of a document as one judge, and what it finds in a value.
//!
//! All schemas are compiled together, so that what many of them refer to is compiled once. The
//! judge is asked about an object with one member, whose name is the schema's.

mod bounded;
mod compile;
mod convert;
mod reason;

use jsonschema::Validator;
use serde_json::{Map, Value};

use bounded::{Bounded, Budget, Visited};

pub(crate) use compile::Compiler;

/// How often a value may be looked into while its faults are collected: some tens of milliseconds.
/// A fault in a body of that many values is told without its place.
const LOOKS_MAX: usize = 1_000_000;

/// How many faults may be met on the way, in alternatives too: some megabytes.
const MET_MAX: usize = 10_000;

/// A schema of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaId(String);

/// Something in a value that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// A JSON pointer into the value.
    pub(crate) pointer: String,
    /// What is wrong there.
    pub(crate) reason: String,
}

/// Every schema that a request may be held against.
#[derive(Debug)]
pub(crate) struct Schemas {
    judge: Validator<Bounded>,
}

impl Schemas {
    /// What of `value` does not fit, at most [`FAULTS_MAX`](crate::fault::FAULTS_MAX) things;
    /// nothing if it fits.
    pub(crate) fn misfits(&self, schema: &SchemaId, value: Value) -> Vec<Misfit> {
        let mut named = Map::new();
        named.insert(schema.0.clone(), value);
        let named = Value::Object(named);
        if self.judge.is_valid(Visited::freely(&named)) {
            return Vec::new();
        }
        let inside = Inside { named: &named, prefix: schema.0.len() + 1 };
        let misfits = self.all(&inside).or_else(|| self.first(&inside)).unwrap_or_default();
        if misfits.is_empty() {
            let reason =
                "does not fit the contract; it has too many faults to say where".to_owned();
            return vec![Misfit { pointer: String::new(), reason }];
        }
        misfits
    }

    /// All misfits, unless there are too many to find.
    fn all(&self, inside: &Inside<'_>) -> Option<Vec<Misfit>> {
        let budget = Budget::new(LOOKS_MAX, MET_MAX);
        let errors = self.judge.iter_errors(Visited::within(inside.named, &budget));
        let errors: Vec<_> = errors.collect();
        (!budget.is_spent()).then(|| reason::misfits(&errors, inside))
    }

    /// The first misfit, for a value of which nearly everything is wrong.
    fn first(&self, inside: &Inside<'_>) -> Option<Vec<Misfit>> {
        let budget = Budget::new(LOOKS_MAX, MET_MAX);
        let error = self.judge.validate(Visited::within(inside.named, &budget)).err()?;
        (!budget.is_spent()).then(|| reason::misfits(&[error], inside))
    }
}

/// The value with its schema's name around it, which no pointer shows.
struct Inside<'v> {
    named: &'v Value,
    /// The length of the part of a pointer that is the name.
    prefix: usize,
}
