//! How destinations are at present, for whoever shows it: each worker posts its own, nobody else
//! writes.

use std::collections::BTreeMap;

use model::{Name, Timestamp};
use parking_lot::Mutex;

/// How one destination is, as far as only its worker knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether its breaker holds attempts back.
    pub breaker_open: bool,
    /// Until when the receiver asked to be left alone.
    pub paused_until: Option<Timestamp>,
    /// When the first failure after the last success was.
    pub failing_since: Option<Timestamp>,
    /// When it took something last.
    pub last_success: Option<Timestamp>,
    /// The switching off or on since which this holds.
    pub switched_at: Option<Timestamp>,
}

/// How all destinations in use are.
#[derive(Debug, Default)]
pub struct Board(Mutex<BTreeMap<Name, Standing>>);

impl Board {
    /// How a destination is; none before its worker has begun, and where nothing leads to it.
    pub fn standing(&self, destination: &Name) -> Option<Standing> {
        self.0.lock().get(destination).cloned()
    }

    pub(crate) fn post(&self, destination: &Name, standing: Standing) {
        self.0.lock().insert(destination.clone(), standing);
    }

    pub(crate) fn forget(&self, destination: &Name) {
        self.0.lock().remove(destination);
    }
}
