//! The metrics: Prometheus names and base units, and no label a partner can choose.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use courier::AttemptRecord;
use gateway::AddressState;
use listener::DoorCounts;
use model::Name;
use oauth::TokenRecord;
use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Reading;
use super::spans::SpanCounts;
use super::tallies::Tallies;

/// Bounds of the time from publishing to delivery, in seconds: up to a day of retries.
const AGES: [f64; 12] =
    [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0, 21_600.0, 86_400.0];

pub(super) type Labels<const N: usize> = [(&'static str, String); N];
type Gauges = Family<Labels<1>, Gauge>;
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Histograms<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

/// All metrics of the program.
pub struct Metrics {
    registry: Registry,
    tallies: Tallies,
    addresses: Family<Labels<2>, Gauge>,
    doors: Mutex<Vec<(&'static str, Arc<DoorCounts>)>>,
    connections: Gauges,
    cores: Gauges,
    moved: Counters<1>,
    refused: Counters<2>,
    handshakes: Counters<1>,
    spans_exported: Counter,
    spans_dropped: Counters<1>,
    tokens: Counters<1>,
    events: Counters<2>,
    duplicates: Counters<1>,
    matched: Counters<1>,
    attempts: Counters<3>,
    delivery_seconds: Histograms<1>,
    dead_letters: Counters<2>,
    breakers: Gauges,
    waiting: Gauges,
    oldest: Gauges,
    disabled: Gauges,
    paused: Gauges,
    notices: Counters<2>,
    letters: Gauges,
    dropped: Counters<1>,
    lines_dropped: Gauge<u64, AtomicU64>,
}

fn ages() -> Histogram {
    Histogram::new(AGES)
}

/// Microseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "a duration in microseconds is far below 2^53")]
fn from_us(us: u64) -> f64 {
    us as f64 / 1e6
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that are all nought.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("gatepost");
        let tallies = Tallies::new(&mut registry);
        let mut metrics = Self {
            registry,
            tallies,
            addresses: Family::default(),
            doors: Mutex::default(),
            connections: Family::default(),
            cores: Family::default(),
            moved: Family::default(),
            refused: Family::default(),
            handshakes: Family::default(),
            spans_exported: Counter::default(),
            spans_dropped: Family::default(),
            tokens: Family::default(),
            events: Family::default(),
            duplicates: Family::default(),
            matched: Family::default(),
            attempts: Family::default(),
            delivery_seconds: Family::new_with_constructor(ages),
            dead_letters: Family::default(),
            breakers: Family::default(),
            waiting: Family::default(),
            oldest: Family::default(),
            disabled: Family::default(),
            paused: Family::default(),
            notices: Family::default(),
            letters: Family::default(),
            dropped: Family::default(),
            lines_dropped: Gauge::default(),
        };
        metrics.register();
        metrics.register_doors();
        metrics.register_destinations();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let help = "Token requests, by the standard's error code or `issued`";
        registry.register("tokens", help, self.tokens.clone());
        let help = "Events handed in, by bus and whether they were accepted";
        registry.register("events", help, self.events.clone());
        let help = "Entries that repeat an accepted one, by bus";
        registry.register("events_duplicate", help, self.duplicates.clone());
        let help = "Deliveries that accepted events led to, by bus";
        registry.register("matched", help, self.matched.clone());
        let help = "Attempts to deliver, by destination, outcome and status class";
        registry.register("attempts", help, self.attempts.clone());
        let help = "Deliveries given up, by destination and code";
        registry.register("dead_letters", help, self.dead_letters.clone());
        let help = "From an event's acceptance to its delivery";
        let histogram = self.delivery_seconds.clone();
        registry.register_with_unit("delivery_latency", help, Unit::Seconds, histogram);
        let help = "Settled events, and attempts, dropped because their time was over";
        registry.register("retention_dropped", help, self.dropped.clone());
        let help = "Log lines left out because the writer could not keep up";
        registry.register("log_lines_dropped", help, self.lines_dropped.clone());
    }

    fn register_doors(&mut self) {
        let registry = &mut self.registry;
        let help = "Whether an address of a service gets no calls";
        registry.register("upstream_out", help, self.addresses.clone());
        let help = "Open connections, by door";
        registry.register("connections_open", help, self.connections.clone());
        let help = "Cores that serve connections, by door";
        registry.register("door_cores", help, self.cores.clone());
        let help = "Connections that moved to another core, by door";
        registry.register("connections_moved", help, self.moved.clone());
        let help = "Connections closed at once, by door and what was full";
        registry.register("connections_refused", help, self.refused.clone());
        let help = "TLS handshakes that did not come about, by door";
        registry.register("tls_handshakes_failed", help, self.handshakes.clone());
        let help = "Trace spans that the collector has taken";
        registry.register("spans_exported", help, self.spans_exported.clone());
        let help = "Trace spans that were dropped, and why";
        registry.register("spans_dropped", help, self.spans_dropped.clone());
    }

    fn register_destinations(&mut self) {
        let registry = &mut self.registry;
        let help = "Whether a destination's breaker holds attempts back";
        registry.register("breaker_open", help, self.breakers.clone());
        let help =
            "Notices of destinations that take nothing: trouble, half-way, disabled, credentials";
        registry.register("destination_notices", help, self.notices.clone());
        let help = "Dead letters that nobody has redriven or purged, by queue";
        registry.register("dead_letters_kept", help, self.letters.clone());
        let help = "Deliveries that wait for a destination";
        registry.register("destination_waiting", help, self.waiting.clone());
        let help = "Age of the oldest delivery that waits for a destination";
        registry.register_with_unit("destination_oldest", help, Unit::Seconds, self.oldest.clone());
        let help = "Whether a destination is disabled";
        registry.register("destination_disabled", help, self.disabled.clone());
        let help = "Whether a destination's receiver asked to be left alone for now";
        registry.register("destination_paused", help, self.paused.clone());
    }

    /// What is counted of spans.
    pub(super) fn spans(&self) -> SpanCounts {
        let dropped =
            |why: &str| self.spans_dropped.get_or_create(&[("why", why.to_owned())]).clone();
        SpanCounts {
            exported: self.spans_exported.clone(),
            queue_full: dropped("queue-full"),
            not_taken: dropped("not-taken"),
        }
    }

    /// Shows a door's connections from now on.
    pub(super) fn door(&self, name: &'static str, counts: Arc<DoorCounts>) {
        self.doors.lock().push((name, counts));
    }

    pub(super) fn address(&self, state: &AddressState) {
        let labels = [("api", state.api.to_string()), ("upstream", state.address.clone())];
        self.addresses.get_or_create(&labels).set(i64::from(state.is_out));
    }

    pub(super) fn no_address(&self, api: &Name, address: &str) {
        self.addresses.remove(&[("api", api.to_string()), ("upstream", address.to_owned())]);
    }

    /// The counters of requests.
    pub(super) fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    pub(super) fn token(&self, record: &TokenRecord) {
        let outcome = record.refusal.unwrap_or("issued").to_owned();
        self.tokens.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(super) fn event(&self, bus: &str, outcome: &str) {
        let labels = [("bus", bus.to_owned()), ("outcome", outcome.to_owned())];
        self.events.get_or_create(&labels).inc();
    }

    pub(super) fn duplicate(&self, bus: &str) {
        self.duplicates.get_or_create(&[("bus", bus.to_owned())]).inc();
    }

    pub(super) fn matched(&self, bus: &str, lanes: usize) {
        self.matched.get_or_create(&[("bus", bus.to_owned())]).inc_by(lanes as u64);
    }

    pub(super) fn dead_letter(&self, destination: &Name, code: &str) {
        // A receiver chooses its status; only the class is a label.
        let code = match code.strip_prefix("HTTP_").and_then(|status| status.get(..1)) {
            Some(class) => format!("HTTP_{class}xx"),
            None => code.to_owned(),
        };
        let labels = [("destination", destination.to_string()), ("code", code)];
        self.dead_letters.get_or_create(&labels).inc();
    }

    pub(super) fn attempt(&self, record: &AttemptRecord<'_>) {
        let destination = || record.destination.to_string();
        let class = record.status.map_or("none".to_owned(), |status| format!("{}xx", status / 100));
        let labels = [
            ("destination", destination()),
            ("outcome", record.outcome.as_str().to_owned()),
            ("status", class),
        ];
        self.attempts.get_or_create(&labels).inc();
        // What is sent once more was accepted long ago.
        let again = matches!(record.lane, model::LaneKey::Replay { .. });
        if record.outcome == model::Outcome::Delivered && !again {
            let us = u64::try_from(record.age_ms).unwrap_or(0).saturating_mul(1000);
            let labels = [("destination", destination())];
            self.delivery_seconds.get_or_create(&labels).observe(from_us(us));
        }
    }

    pub(super) fn breaker(&self, destination: &Name, open: bool) {
        let labels = [("destination", destination.to_string())];
        self.breakers.get_or_create(&labels).set(i64::from(open));
    }

    pub(super) fn reading(&self, destination: &Name, reading: &Reading) {
        let labels = [("destination", destination.to_string())];
        let waiting = i64::try_from(reading.waiting).unwrap_or(i64::MAX);
        for (gauge, value) in [
            (&self.waiting, waiting),
            (&self.oldest, reading.oldest_s),
            (&self.disabled, i64::from(reading.disabled)),
            (&self.paused, i64::from(reading.paused)),
            (&self.breakers, i64::from(reading.breaker_open)),
        ] {
            gauge.get_or_create(&labels).set(value);
        }
    }

    pub(super) fn no_reading(&self, destination: &Name) {
        let labels = [("destination", destination.to_string())];
        let all = [&self.waiting, &self.oldest, &self.disabled, &self.paused, &self.breakers];
        for gauge in all {
            gauge.remove(&labels);
        }
    }

    pub(super) fn notice(&self, destination: &Name, notice: &str) {
        let labels = [("destination", destination.to_string()), ("notice", notice.to_owned())];
        self.notices.get_or_create(&labels).inc();
    }

    /// Shows how many letters each queue holds; a queue that is empty now is shown as such.
    pub(super) fn letters(&self, queue: &Name, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.letters.get_or_create(&[("queue", queue.to_string())]).set(count);
    }

    pub(super) fn dropped(&self, events: u64, attempts: u64) {
        for (what, count) in [("events", events), ("attempts", attempts)] {
            self.dropped.get_or_create(&[("what", what.to_owned())]).inc_by(count);
        }
    }

    /// Doors count by themselves.
    fn look_at_doors(&self) {
        // Held while counters catch up: two who ask at once must not add the same twice.
        let doors = self.doors.lock();
        for (name, counts) in doors.iter() {
            let labels = [("door", (*name).to_owned())];
            let open = i64::try_from(counts.open()).unwrap_or(i64::MAX);
            self.connections.get_or_create(&labels).set(open);
            let cores = i64::try_from(counts.cores()).unwrap_or(i64::MAX);
            self.cores.get_or_create(&labels).set(cores);
            let moved = self.moved.get_or_create(&labels).clone();
            moved.inc_by(counts.moved().saturating_sub(moved.get()));
            for (why, count) in counts.refused() {
                let labels = [("door", (*name).to_owned()), ("why", why.to_owned())];
                let refused = self.refused.get_or_create(&labels).clone();
                refused.inc_by(count.saturating_sub(refused.get()));
            }
            let failed = self.handshakes.get_or_create(&labels).clone();
            failed.inc_by(counts.handshakes_failed().saturating_sub(failed.get()));
        }
    }

    pub(super) fn text(&self, lines_dropped: u64) -> String {
        self.lines_dropped.set(lines_dropped);
        self.look_at_doors();
        self.tallies.add_up();
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => format!("# the metrics cannot be shown: {error}\n# EOF\n"),
        }
    }
}
