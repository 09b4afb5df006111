//! The JSON text of a pattern → the rule it means.
//!
//! This file walks the objects and works out `$or`; the entries of the lists are read by
//! [`expression`]. The words of a refusal are event-ruler's, since AWS shows them to its users.

mod anything_but;
mod expression;
mod numeric;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::condition::Condition;
use crate::json::{self, FaultKind, Member, Node, Value};
use crate::rule::{Field, Rule};
use crate::wildcard::{self, Wildcard};

/// The most arrays and objects inside each other. Ours: AWS names no number.
const DEPTH_MAX: usize = 64;

/// The most combinations of `$or` branches ("EventBridge quotas": 1,000 rule combinations).
const COMBINATIONS_MAX: usize = 1_000;

/// The name that makes alternatives.
const OR: &str = "$or";

/// Names that cannot be fields inside `$or`: the operators there are, and those that event-ruler
/// keeps free for later.
const RESERVED: [&str; 24] = [
    "exactly",
    "prefix",
    "suffix",
    "equals-ignore-case",
    "wildcard",
    "anything-but",
    "numeric",
    "exists",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// Why a text is not a pattern, and the byte offset where.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The reason.
    pub(crate) message: String,
    /// Where.
    pub(crate) at: usize,
}

impl Refusal {
    /// A refusal for this reason, there.
    pub(crate) fn new(message: impl Into<String>, at: usize) -> Self {
        Self { message: message.into(), at }
    }
}

/// Reads a pattern.
pub(crate) fn rule(source: &str) -> Result<Rule, Refusal> {
    let value = json::read(source, DEPTH_MAX).map_err(|fault| match fault.kind {
        FaultKind::Syntax(message) => Refusal::new(message, fault.at),
        FaultKind::TooDeep => Refusal::new(
            format!("The pattern nests arrays and objects more than {DEPTH_MAX} deep"),
            fault.at,
        ),
    })?;
    let Node::Object(members) = &value.node else {
        return Err(Refusal::new("Filter is not an object", value.opened));
    };
    if combinations(members) > COMBINATIONS_MAX {
        let message = format!("The pattern has more than {COMBINATIONS_MAX} rule combinations");
        return Err(Refusal::new(message, value.end));
    }
    let mut walk = Walk { fields: Vec::new(), alternatives: vec![BTreeMap::new()] };
    walk.object(None, Object { members, end: value.end }, Scope::Everywhere)?;
    let alternatives =
        walk.alternatives.into_iter().map(|fields| fields.into_values().collect()).collect();
    Ok(Rule { fields: walk.fields, alternatives })
}

/// An object of the pattern and where it ends.
#[derive(Clone, Copy)]
struct Object<'a> {
    members: &'a [Member],
    end: usize,
}

/// Where an object stands, which decides the names it may use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Outside of `$or`.
    Everywhere,
    /// Inside a branch of `$or`.
    Branch,
}

/// The state of a walk through a pattern in document order.
struct Walk {
    fields: Vec<Field>,
    /// By path, the field that each alternative has there so far; a later one takes its place.
    alternatives: Vec<BTreeMap<Arc<str>, usize>>,
}

impl Walk {
    fn object(
        &mut self,
        path: Option<&str>,
        object: Object<'_>,
        scope: Scope,
    ) -> Result<(), Refusal> {
        if object.members.is_empty() {
            return Err(Refusal::new("Empty objects are not allowed", object.end));
        }
        for (name, value) in object.members {
            if let Some(branches) = or_branches(name, value) {
                self.either(path, &branches)?;
                continue;
            }
            if scope == Scope::Branch && RESERVED.contains(&name.as_str()) {
                let message =
                    format!("{name} is Ruler reserved fieldName which cannot be used inside {OR}.");
                return Err(Refusal::new(message, value.opened));
            }
            let path = path.map_or_else(|| name.clone(), |path| format!("{path}.{name}"));
            match &value.node {
                Node::Object(members) => {
                    self.object(Some(&path), Object { members, end: value.end }, scope)?;
                }
                Node::Array(entries) => self.leaf(&path, entries, value.end)?,
                _ => {
                    let message = format!("\"{name}\" must be an object or an array");
                    return Err(Refusal::new(message, value.opened));
                }
            }
        }
        Ok(())
    }

    fn leaf(&mut self, path: &str, entries: &[Value], end: usize) -> Result<(), Refusal> {
        if entries.is_empty() {
            return Err(Refusal::new("Empty arrays are not allowed", end));
        }
        let conditions: Vec<Condition> =
            entries.iter().map(expression::condition).collect::<Result<_, _>>()?;
        let groups: Vec<Vec<&Wildcard>> = conditions
            .iter()
            .map(Condition::wildcards)
            .filter(|wildcards| !wildcards.is_empty())
            .collect();
        if wildcard::too_complex(&groups) {
            let message = "Rule is too complex - try using fewer wildcard characters or fewer \
                           repeating character sequences after a wildcard character";
            return Err(Refusal::new(message, end));
        }
        let path: Arc<str> = Arc::from(path);
        for alternative in &mut self.alternatives {
            alternative.insert(Arc::clone(&path), self.fields.len());
        }
        self.fields.push(Field { path, conditions });
        Ok(())
    }

    /// Splits every alternative so far into one for each branch.
    fn either(&mut self, path: Option<&str>, branches: &[Object<'_>]) -> Result<(), Refusal> {
        let before = std::mem::take(&mut self.alternatives);
        let mut after = Vec::new();
        for branch in branches {
            self.alternatives.clone_from(&before);
            self.object(path, *branch, Scope::Branch)?;
            after.append(&mut self.alternatives);
        }
        self.alternatives = after;
        Ok(())
    }
}

/// The branches, if this member is the `$or` that makes alternatives: a list of two objects or more
/// without a name reserved for operators. Any other `$or` is a field of that name.
fn or_branches<'a>(name: &str, value: &'a Value) -> Option<Vec<Object<'a>>> {
    let Node::Array(entries) = &value.node else {
        return None;
    };
    if name != OR || entries.len() < 2 {
        return None;
    }
    let branch = |entry: &'a Value| match &entry.node {
        Node::Object(members) => {
            let is_expression = members.iter().any(|(name, _)| RESERVED.contains(&name.as_str()));
            (!is_expression).then_some(Object { members, end: entry.end })
        }
        _ => None,
    };
    entries.iter().map(branch).collect()
}

/// The product of the lengths of all `$or` lists.
fn combinations(members: &[Member]) -> usize {
    members.iter().fold(1, |product, (name, value)| {
        let factor = match (or_branches(name, value), &value.node) {
            (Some(branches), _) => branches.iter().fold(branches.len(), |product, branch| {
                product.saturating_mul(combinations(branch.members))
            }),
            (None, Node::Object(members)) => combinations(members),
            (None, _) => 1,
        };
        product.saturating_mul(factor)
    })
}
