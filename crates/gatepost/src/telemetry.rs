//! What is told while the program runs: one line per request, token, event and attempt on standard
//! output, and the metrics. No line holds a token, a secret or a body.

mod chosen;
mod fields;
pub mod lines;
mod metrics;
mod requests;
mod show;
mod spans;
mod tallies;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use arc_swap::ArcSwap;
use bus::Published;
use courier::AttemptRecord;
use gateway::{AddressState, Record, UsageBook, Wanted};
use listener::{DoorCounts, TraceParent};
use model::{Clock, DeliveryId, EntryError, EventId, Name};
use oauth::{AuditBook, Revocation, TokenRecord};
use retry::Notice;

pub use fields::{BadTemplate, LogField, LogPart, RequestLog};
pub use lines::{Form, Lines};
pub use metrics::Metrics;
pub use spans::{Exporter, Settings};

use spans::Spans;

/// What is kept of requests, as bits: they are looked at for each.
const USER_AGENT: u8 = 1;
const REFERER: u8 = 2;
const HOST: u8 = 4;

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
    /// What lines of requests there are.
    requests: ArcSwap<RequestLog>,
    wanted: AtomicU8,
    spans: Option<Spans>,
}

impl Telemetry {
    /// Over a log, metrics, and spans where they are to be exported; what exports them is given
    /// back.
    pub fn new(
        lines: Lines,
        clock: Arc<dyn Clock>,
        tracing: Option<Settings>,
    ) -> (Self, Option<Exporter>) {
        let metrics = Metrics::new();
        let opened = tracing.map(|settings| Spans::open(settings, metrics.spans()));
        let (spans, exporter) = opened.unzip();
        let telemetry = Self {
            lines,
            metrics,
            usage: Arc::default(),
            token_audit: Arc::default(),
            clock,
            requests: ArcSwap::default(),
            wanted: AtomicU8::new(0),
            spans,
        };
        telemetry.tell_requests(RequestLog::Usual);
        (telemetry, exporter)
    }

    /// Tells of requests in another form from now on.
    pub fn tell_requests(&self, log: RequestLog) {
        let Wanted { user_agent, referer, host } = log.wanted();
        let traced = self.spans.is_some();
        let bit = |is_wanted: bool, bit: u8| if is_wanted { bit } else { 0 };
        let wanted = bit(user_agent || traced, USER_AGENT)
            | bit(referer, REFERER)
            | bit(host || traced, HOST);
        self.wanted.store(wanted, Ordering::Relaxed);
        self.requests.store(Arc::new(log));
    }

    /// Shows what a door counts of its connections.
    pub fn door(&self, name: &'static str, counts: Arc<DoorCounts>) {
        self.metrics.door(name, counts);
    }

    /// Shows whether an address of a service gets calls.
    pub fn address(&self, state: &AddressState) {
        self.metrics.address(state);
    }

    /// Takes an address that is gone out of the metrics.
    pub fn no_address(&self, api: &Name, address: &str) {
        self.metrics.no_address(api, address);
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

    /// What the token service did that is not kept yet.
    pub fn token_audit(&self) -> Arc<AuditBook> {
        Arc::clone(&self.token_audit)
    }

    /// Writes what waits and ends the writer.
    pub fn close(&self) {
        self.lines.close();
    }
}

impl gateway::Observer for Telemetry {
    fn begins(&self, trace: TraceParent) -> TraceParent {
        self.metrics.tallies().begins();
        self.spans.as_ref().map_or(trace, |spans| spans.decided(trace))
    }

    fn wanted(&self) -> Wanted {
        let bits = self.wanted.load(Ordering::Relaxed);
        let has = |bit: u8| bits & bit != 0;
        Wanted { user_agent: has(USER_AGENT), referer: has(REFERER), host: has(HOST) }
    }

    fn record(&self, record: &Record) {
        self.metrics.tallies().request(record);
        self.usage.request(record);
        let log = self.requests.load();
        let log: &RequestLog = &log;
        if *log != RequestLog::Off {
            self.lines.write_with(|form, line| requests::write(record, (form, log), line));
        }
        if let Some(spans) = &self.spans {
            spans.request(record);
        }
    }
}

impl oauth::Observer for Telemetry {
    fn record(&self, record: TokenRecord) {
        self.metrics.token(&record);
        self.token_audit.add(&record);
        if let Some(spans) = &self.spans {
            spans.token(&record);
        }
        self.lines.write(|form| show::token(&record, form));
    }

    // The log's line is the token service's own.
    fn revoked(&self, revocation: &Revocation) {
        self.token_audit.revoked(revocation);
    }
}

impl bus::Observer for Telemetry {
    fn published(&self, event: Published) {
        self.metrics.event(&event.bus, "accepted");
        self.metrics.matched(&event.bus, event.lanes);
        if let Some(spans) = &self.spans {
            spans.event(&event);
        }
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
    fn traceparent(
        &self,
        of_event: Option<&str>,
        delivery: DeliveryId,
        number: u32,
    ) -> Option<String> {
        match &self.spans {
            Some(spans) => Some(spans.of_attempt(of_event, delivery, number).to_string()),
            None => of_event.map(str::to_owned),
        }
    }

    fn attempted(&self, record: &AttemptRecord<'_>) {
        self.metrics.attempt(record);
        if let Some(spans) = &self.spans {
            spans.attempt(record);
        }
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
