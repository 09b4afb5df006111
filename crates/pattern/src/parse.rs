//! The JSON text of a pattern → the rule it means.
//!
//! This file walks the objects and works out `$or`; the entries of the lists are read by
//! [`expression`]. All of it goes through the text once, as event-ruler does, so that of several
//! faults the same one is reported. The words of a refusal are event-ruler's, since AWS shows them
//! to its users.

mod anything_but;
mod expression;
mod extended;
mod numeric;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::condition::Condition;
use crate::extensions::Extensions;
use crate::json::Token;
use crate::rule::{Field, Rule};
use crate::wildcard::{self, Wildcard};

use tokens::Tokens;

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
    /// What AWS says of the place.
    pub(crate) shown: Shown,
}

/// How often AWS says where a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Never: event-ruler found it after the text was read, or does not keep the place.
    Never,
    /// Once.
    Once,
    /// Twice, because event-ruler refuses a refusal: first here, then where the refusal is.
    Twice(usize),
}

impl Refusal {
    /// A refusal for this reason, there.
    pub(crate) fn new(message: impl Into<String>, at: usize) -> Self {
        Self { message: message.into(), at, shown: Shown::Once }
    }

    /// A refusal for this reason, there, of which AWS does not say the place.
    fn without_place(message: impl Into<String>, at: usize) -> Self {
        Self { shown: Shown::Never, ..Self::new(message, at) }
    }
}

/// Reads a pattern.
pub(crate) fn rule(source: &str, extensions: Extensions) -> Result<Rule, Refusal> {
    // Whoever wrote `$or` where it makes no sense as a choice may have a field of that name. If the
    // pattern is wrong both ways, AWS says what is wrong with it as a choice.
    compile(source, extensions, Or::Choice).or_else(|refusal| match refusal.shown {
        Shown::Never => Err(refusal),
        Shown::Once | Shown::Twice(_) => {
            compile(source, extensions, Or::Field).map_err(|_| refusal)
        }
    })
}

/// What the name `$or` means in all of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Or {
    /// A choice between the objects of its list.
    Choice,
    /// A field.
    Field,
}

fn compile(source: &str, extensions: Extensions, or: Or) -> Result<Rule, Refusal> {
    let mut tokens = Tokens::new(source, DEPTH_MAX, extensions);
    if tokens.next()? != Token::ObjectStart {
        return Err(tokens.refusal("Filter is not an object"));
    }
    let mut walk = Walk {
        tokens,
        or,
        fields: Vec::new(),
        alternatives: vec![BTreeMap::new()],
        combinations: 1,
    };
    walk.object(None, Scope::Everywhere)?;
    walk.into_rule()
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
struct Walk<'a> {
    tokens: Tokens<'a>,
    or: Or,
    fields: Vec<Field>,
    /// By path, the field that each alternative has there so far; a later one takes its place.
    alternatives: Vec<BTreeMap<Arc<str>, usize>>,
    /// The product of the lengths of all `$or` lists so far.
    combinations: usize,
}

impl Walk<'_> {
    /// Reads the object that was opened last and that `path` leads to.
    fn object(&mut self, path: Option<&str>, scope: Scope) -> Result<(), Refusal> {
        let mut is_empty = true;
        while self.tokens.next()? != Token::ObjectEnd {
            is_empty = false;
            let name = self.tokens.name().to_owned();
            if self.or == Or::Choice && name == OR {
                self.either(path)?;
                continue;
            }
            if scope == Scope::Branch && RESERVED.contains(&name.as_str()) {
                let message =
                    format!("{name} is Ruler reserved fieldName which cannot be used inside {OR}.");
                return Err(self.tokens.refusal(message));
            }
            match self.tokens.next()? {
                Token::ObjectStart => self.object(Some(&below(path, &name)), scope)?,
                Token::ArrayStart => self.leaf(&below(path, &name))?,
                _ => {
                    let message = format!("\"{name}\" must be an object or an array");
                    return Err(self.tokens.refusal(message));
                }
            }
        }
        if is_empty {
            return Err(self.tokens.refusal("Empty objects are not allowed"));
        }
        Ok(())
    }

    /// Reads the list that was opened last and that `path` leads to.
    fn leaf(&mut self, path: &str) -> Result<(), Refusal> {
        let mut conditions = Vec::new();
        loop {
            match self.tokens.next()? {
                Token::ArrayEnd => break,
                first => conditions.push(expression::condition(&mut self.tokens, first)?),
            }
        }
        if conditions.is_empty() {
            return Err(self.tokens.refusal("Empty arrays are not allowed"));
        }
        let path: Arc<str> = Arc::from(path);
        for alternative in &mut self.alternatives {
            alternative.insert(Arc::clone(&path), self.fields.len());
        }
        self.fields.push(Field { path, conditions });
        Ok(())
    }

    /// Reads what follows `$or`, and splits every alternative so far into one for each branch.
    fn either(&mut self, path: Option<&str>) -> Result<(), Refusal> {
        if self.tokens.next()? != Token::ArrayStart {
            return Err(self.tokens.refusal(format!("It must be an Array followed with {OR}.")));
        }
        let before = std::mem::take(&mut self.alternatives);
        let mut after = Vec::new();
        let mut branches = 0;
        loop {
            match self.tokens.next()? {
                Token::ArrayEnd => break,
                Token::ObjectStart => branches += 1,
                _ => {
                    let message =
                        format!("Only JSON object is allowed in array of {OR} relationship.");
                    return Err(self.tokens.refusal(message));
                }
            }
            self.alternatives.clone_from(&before);
            self.object(path, Scope::Branch)?;
            after.append(&mut self.alternatives);
            if after.len() > COMBINATIONS_MAX {
                // The rest is read only to report what comes before this in event-ruler.
                self.combinations = usize::MAX;
                after.truncate(1);
            }
        }
        if branches < 2 {
            let message = format!("There must have at least 2 Objects in {OR} relationship.");
            return Err(self.tokens.refusal(message));
        }
        self.combinations = self.combinations.saturating_mul(branches);
        self.alternatives = after;
        Ok(())
    }

    /// What was read, if it is not too much.
    fn into_rule(self) -> Result<Rule, Refusal> {
        if self.combinations > COMBINATIONS_MAX {
            let message = format!("The pattern has more than {COMBINATIONS_MAX} rule combinations");
            return Err(self.tokens.refusal_without_place(message));
        }
        if self.fields.iter().any(|field| is_too_complex(&field.conditions)) {
            let message = "Rule is too complex - try using fewer wildcard characters or fewer \
                           repeating character sequences after a wildcard character";
            return Err(self.tokens.refusal_without_place(message));
        }
        let alternatives =
            self.alternatives.into_iter().map(|fields| fields.into_values().collect()).collect();
        Ok(Rule { fields: self.fields, alternatives })
    }
}

/// The path that goes on from `path` by `name`.
fn below(path: Option<&str>, name: &str) -> String {
    path.map_or_else(|| name.to_owned(), |path| format!("{path}.{name}"))
}

fn is_too_complex(conditions: &[Condition]) -> bool {
    let mut groups: Vec<Vec<&Wildcard>> = Vec::new();
    for group in conditions.iter().map(Condition::wildcards) {
        // The same wildcard written twice is one.
        if !group.is_empty() && !groups.contains(&group) {
            groups.push(group);
        }
    }
    wildcard::too_complex(&groups)
}
