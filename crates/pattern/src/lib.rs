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
mod event;
mod explain;
mod extensions;
mod fold;
mod hash;
mod index;
mod json;
mod list;
mod map;
mod matcher;
mod names;
mod number;
mod parse;
mod pattern;
mod ranges;
mod rule;
mod scan;
mod test;
mod value;
mod wildcard;
mod words;

pub use event::{Event, EventError};
pub use explain::{Explanation, FieldExplanation, FoundValue, Way};
pub use extensions::{ExtensionError, Extensions};
pub use matcher::{Matcher, RuleId};
pub use pattern::{Pattern, PatternError};
pub use scan::Scratch;
