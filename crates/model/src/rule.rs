//! Buses, rules and their targets.

use crate::Name;

/// An event bus: a log that services publish to and rules read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bus {
    /// Its name.
    pub name: Name,
    /// How long its events are kept after they were delivered, in milliseconds.
    pub keep_ms: i64,
    /// How long an entry's id is remembered, in milliseconds; 0 for not at all.
    pub deduplicate_ms: i64,
}

/// Sends what matches to its targets.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, unique on its bus.
    pub name: Name,
    /// The bus it reads.
    pub bus: Name,
    /// For people.
    pub description: String,
    /// What it matches.
    pub pattern: pattern::Pattern,
    /// Where it sends, in order; at most five, as EventBridge has it.
    pub targets: Vec<Target>,
}

/// Where a rule sends, and what.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name, unique in its rule.
    pub id: Name,
    /// The destination.
    pub destination: Name,
    /// What fills each `*` of the destination's URL, read from the original event.
    pub path: Vec<transform::JsonPath>,
    /// Headers of its calls, in place of the destination's.
    pub headers: Vec<(String, transform::Filled)>,
    /// Query parameters of its calls, in place of the destination's.
    pub query: Vec<(String, transform::Filled)>,
    /// What is sent.
    pub body: transform::Input,
    /// How long and how often it is tried.
    pub retry: retry::Policy,
    /// The queue its dead letters are listed under.
    pub dead_letters: Name,
}
