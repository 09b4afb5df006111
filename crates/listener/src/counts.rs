//! What a door counts of its connections, for whoever shows it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The connections of one door.
#[derive(Debug, Default)]
pub struct DoorCounts {
    open: AtomicUsize,
    handshakes_failed: AtomicU64,
}

impl DoorCounts {
    /// How many are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many TLS handshakes did not come about since the start. Whoever connects and goes away
    /// without a word is not among them: balancers look so whether a port is open.
    pub fn handshakes_failed(&self) -> u64 {
        self.handshakes_failed.load(Ordering::Relaxed)
    }

    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }
}
