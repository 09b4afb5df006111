//! What a door counts of its connections, for whoever shows it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::room::Full;

/// The connections of one door.
#[derive(Debug, Default)]
pub struct DoorCounts {
    open: AtomicUsize,
    /// Where it has several cores: how many it uses now.
    cores: AtomicUsize,
    moved: AtomicU64,
    handshakes_failed: AtomicU64,
    door_full: AtomicU64,
    address_full: AtomicU64,
}

impl DoorCounts {
    /// How many are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many cores serve them at the moment; one where that never changes.
    pub fn cores(&self) -> usize {
        self.cores.load(Ordering::Relaxed).max(1)
    }

    /// How many moved from one core to another since the start.
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// How many TLS handshakes did not come about since the start. Whoever connects and goes away
    /// without a word is not among them: balancers look so whether a port is open.
    pub fn handshakes_failed(&self) -> u64 {
        self.handshakes_failed.load(Ordering::Relaxed)
    }

    /// How many were closed at once since the start, and why: the door, or the address that they
    /// came from, held as many as it may.
    pub fn refused(&self) -> [(&'static str, u64); 2] {
        [
            ("door-full", self.door_full.load(Ordering::Relaxed)),
            ("address-full", self.address_full.load(Ordering::Relaxed)),
        ]
    }

    pub(crate) fn turned_away(&self, full: Full) {
        let count = match full {
            Full::Door => &self.door_full,
            Full::Address => &self.address_full,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn uses(&self, cores: usize) {
        self.cores.store(cores, Ordering::Relaxed);
    }

    pub(crate) fn moves(&self) {
        self.moved.fetch_add(1, Ordering::Relaxed);
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
