//! What is told while the program runs: one line per request, token, event and attempt on standard
//! output, and the metrics. No line holds a token, a secret or a body.

pub mod lines;
mod metrics;
mod requests;
mod show;

use std::sync::Arc;

use bus::Published;
use courier::AttemptRecord;
use gateway::{Record, UsageBook};
use model::{Clock, EntryError, EventId, Name};
use oauth::{AuditBook, TokenRecord};
use retry::Notice;

pub use lines::{Form, Lines};
pub use metrics::Metrics;

/// What waits for a destination, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Deliveries that are not settled.
    pub waiting: u64,
    /// The age of the oldest of them, in seconds; 0 when there is none.
    pub oldest_s: i64,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Whether the receiver asked to be left alone for now.
    pub paused: bool,
    /// Whether its breaker holds attempts back.
    pub breaker_open: bool,
}

/// Tells log and metrics of everything that happens.
pub struct Telemetry {
    lines: Lines,
    metrics: Metrics,
    usage: Arc<UsageBook>,
    token_audit: Arc<AuditBook>,
    clock: Arc<dyn Clock>,
}

impl Telemetry {
    /// Over a log and metrics.
    pub fn new(lines: Lines, clock: Arc<dyn Clock>) -> Self {
        let (usage, token_audit) = (Arc::default(), Arc::default());
        Self { lines, metrics: Metrics::new(), usage, token_audit, clock }
    }

    /// The metrics in Prometheus' text form.
    pub fn metrics_text(&self) -> String {
        self.metrics.text(self.lines.dropped())
    }

    /// Shows a destination's reading in the metrics.
    pub fn reading(&self, destination: &Name, reading: &Reading) {
        self.metrics.reading(destination, reading);
    }

    /// Takes a destination that is gone out of the metrics.
    pub fn no_reading(&self, destination: &Name) {
        self.metrics.no_reading(destination);
    }

    /// Shows how many dead letters a queue holds.
    pub fn letters(&self, queue: &Name, count: u64) {
        self.metrics.letters(queue, count);
    }

    /// Counts what retention dropped.
    pub fn dropped(&self, events: u64, attempts: u64) {
        self.metrics.dropped(events, attempts);
    }

    /// The requests that were counted and are not kept yet.
    pub fn usage(&self) -> Arc<UsageBook> {
        Arc::clone(&self.usage)
    }

    /// The answers of the token endpoint that are not kept yet.
    pub fn token_audit(&self) -> Arc<AuditBook> {
        Arc::clone(&self.token_audit)
    }

    /// Writes what waits and ends the writer.
    pub fn close(&self) {
        self.lines.close();
    }
}

impl gateway::Observer for Telemetry {
    fn record(&self, record: &Record) {
        self.metrics.request(record);
        self.usage.request(record);
        self.lines.write_with(|form, line| requests::write(record, form, line));
    }
}

impl oauth::Observer for Telemetry {
    fn record(&self, record: TokenRecord) {
        self.metrics.token(&record);
        self.token_audit.add(&record);
        self.lines.write(|form| show::token(&record, form));
    }
}

impl bus::Observer for Telemetry {
    fn published(&self, event: Published) {
        self.metrics.event(&event.bus, "accepted");
        self.metrics.matched(&event.bus, event.lanes);
        self.lines.write(|form| show::event(&event, form));
    }

    fn duplicate(&self, bus: &str, first: EventId) {
        self.metrics.duplicate(bus);
        let now = self.clock.now();
        self.lines.write(|form| show::event_duplicate(now, bus, first, form));
    }

    fn refused(&self, bus: &str, error: &EntryError) {
        // An unknown bus is a name a caller chose, and no label.
        let bus = if matches!(error, EntryError::UnknownBus(_)) { "unknown" } else { bus };
        self.metrics.event(bus, "refused");
        let now = self.clock.now();
        self.lines.write(|form| show::event_refused(now, bus, error, form));
    }
}

impl courier::Observer for Telemetry {
    fn attempted(&self, record: &AttemptRecord<'_>) {
        self.metrics.attempt(record);
        self.lines.write(|form| show::attempt(record, form));
    }

    fn buried(&self, destination: &Name, code: &str) {
        self.metrics.dead_letter(destination, code);
    }

    fn breaker(&self, destination: &Name, open: bool) {
        self.metrics.breaker(destination, open);
        let now = self.clock.now();
        self.lines.write(|form| show::breaker(now, destination, open, form));
    }

    fn noticed(&self, destination: &Name, notice: Notice) {
        self.metrics.notice(destination, notice.as_str());
    }
}
