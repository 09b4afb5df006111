//! What the program knows of its own state: ready, draining, metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::telemetry::Telemetry;

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

/// The program's state as the admin door shows it.
pub(super) struct ProgramStatus {
    phase: AtomicU8,
    telemetry: Arc<Telemetry>,
}

impl ProgramStatus {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self { phase: AtomicU8::new(STARTING), telemetry }
    }

    pub(super) fn ready(&self) {
        self.phase.store(READY, Ordering::Relaxed);
    }

    pub(super) fn draining(&self) {
        self.phase.store(DRAINING, Ordering::Relaxed);
    }
}

impl admin::Status for ProgramStatus {
    fn unready(&self) -> Vec<(String, String)> {
        let why = match self.phase.load(Ordering::Relaxed) {
            READY => return Vec::new(),
            STARTING => "starting",
            _ => "draining: requests under way end, no new ones are taken",
        };
        vec![("program".to_owned(), why.to_owned())]
    }

    fn metrics(&self) -> String {
        self.telemetry.metrics_text()
    }
}
