//! Event patterns with `EventBridge`'s semantics: JSON in, yes or no out.
//!
//! Three calls: [`Pattern::parse`] reads a pattern and refuses a wrong one with the reason and the
//! place, [`Matcher::add`] puts it under a key, [`Matcher::matches`] says which keys an [`Event`]
//! matches. `PATTERNS.md` beside this crate describes the language, operator by operator.
//!
//! Pure: nothing here reads a clock, a file or the network. The time to match grows with the
//! length of the event, not with a power of it; what is not bounded by nature (nesting, `$or`
//! combinations, wildcards) is bounded when a pattern or an event is read.

mod cidr;
mod condition;
mod consistency;
mod flatten;
mod fold;
mod json;
mod matcher;
mod number;
mod parse;
mod pattern;
mod rule;
mod wildcard;

pub use flatten::{Event, EventError};
pub use matcher::Matcher;
pub use pattern::{Pattern, PatternError};
