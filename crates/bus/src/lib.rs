//! Events in: entries are checked, matched once, and appended together with the lanes they matched.
//! An answer means durable, and an entry with an id is taken once. The clock's firings come in here
//! too.

mod put;
mod rules;
mod schedules;

pub use put::{Accepted, Bus, Entry, Observer, Published, PutError, Submission, World};
pub use rules::{LaneNumbers, Rules, lane_keys};
pub use schedules::Schedules;
