//! Events in: entries are checked, matched once, and appended together with the lanes they matched.
//! An answer means durable, and an entry with an id is taken once. The clock's firings come in here
//! too, and replays read what is in the log once more.

mod put;
mod replays;
mod rules;
mod schedules;

pub use put::{Accepted, Bus, Entry, Observer, Published, PutError, Submission, World};
pub use replays::{Feeder, Feeds, ReplayPart, replay_keys, replay_parts};
pub use rules::{LaneNumbers, Rules, lane_keys};
pub use schedules::Schedules;
