//! Trace spans, exported by OpenTelemetry's protocol over HTTP where the environment names a
//! collector, and nothing at all where it names none.
//!
//! ```text
//! settings.rs  the environment (OTEL_*)                  → where, how, and which traces
//! make.rs      what the program tells of a request, a token, an event, an attempt → spans
//! encode.rs    spans → OTLP, in Protobuf or JSON
//! export.rs    the task that sends them, batch by batch
//! ```
//!
//! A request hands its record to a bounded queue and goes on; a full queue drops, and is counted.
//! Spans have the ids that the program sends on: a service continues our call of it, a receiver the
//! attempt that reached it. The ids of events and attempts follow from their own, so that nothing
//! more is kept of an event, and an attempt after a restart still continues its trace.

mod encode;
mod export;
mod make;
mod settings;

use std::sync::atomic::{AtomicU64, Ordering};

use bus::Published;
use courier::AttemptRecord;
use gateway::Record;
use listener::TraceParent;
use model::{DeliveryId, EventId, Random as _};
use oauth::TokenRecord;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use crate::clock::SystemRandom;

pub use export::Exporter;
pub use settings::Settings;

use make::Span;
use settings::Sampling;

/// What is counted of spans.
#[derive(Clone)]
pub(super) struct SpanCounts {
    /// Taken by the collector.
    pub(super) exported: Counter,
    /// Dropped because the queue was full.
    pub(super) queue_full: Counter,
    /// Dropped because the collector did not take them.
    pub(super) not_taken: Counter,
}

/// What is on its way to the exporter.
enum Told {
    /// A request, whose spans are made there: that is not what it should wait for.
    Request(Box<Record>),
    Span(Box<Span>),
}

/// Where spans are handed in.
pub(super) struct Spans {
    sampling: Sampling,
    queue: mpsc::Sender<Told>,
    lost: Counter,
    /// The ids of traces and spans that begin here.
    next: AtomicU64,
}

impl Spans {
    /// The place to hand spans in, and what sends them.
    pub(super) fn open(settings: Settings, counts: SpanCounts) -> (Self, Exporter) {
        let (sender, receiver) = mpsc::channel(settings.queue_max);
        let mut seed = [0; 8];
        SystemRandom.fill(&mut seed);
        let spans = Self {
            sampling: settings.sampling,
            queue: sender,
            lost: counts.queue_full.clone(),
            next: AtomicU64::new(u64::from_be_bytes(seed)),
        };
        (spans, Exporter::new(settings, receiver, counts))
    }

    /// The trace, with the decision whether it is recorded.
    pub(super) fn decided(&self, trace: TraceParent) -> TraceParent {
        trace.with_sampled(self.sampling.takes(trace))
    }

    pub(super) fn request(&self, record: &Record) {
        if record.trace.is_sampled() {
            self.tell(|| Told::Request(Box::new(record.clone())));
        }
    }

    pub(super) fn token(&self, record: &TokenRecord) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let theirs = record.traceparent.as_deref().and_then(TraceParent::parse);
        let trace =
            theirs.map_or_else(|| TraceParent::of_number(number), |theirs| theirs.child(number));
        let trace = self.decided(trace);
        if trace.is_sampled() {
            self.tell(|| Told::Span(Box::new(make::token(record, trace))));
        }
    }

    pub(super) fn event(&self, event: &Published) {
        let trace = self.decided(of_event(event.traceparent.as_deref(), event.id));
        if trace.is_sampled() {
            self.tell(|| Told::Span(Box::new(make::event(event, trace))));
        }
    }

    pub(super) fn attempt(&self, record: &AttemptRecord<'_>) {
        let trace = self.of_attempt(record.traceparent, record.delivery, record.number);
        if trace.is_sampled() {
            self.tell(|| Told::Span(Box::new(make::attempt(record, trace))));
        }
    }

    /// The span of an attempt: a part of what its event's publishing was.
    pub(super) fn of_attempt(
        &self,
        traceparent: Option<&str>,
        delivery: DeliveryId,
        number: u32,
    ) -> TraceParent {
        let event = self.decided(of_event(traceparent, delivery.event));
        event.child((u64::from(delivery.lane) << 32) | u64::from(number))
    }

    fn tell(&self, told: impl FnOnce() -> Told) {
        match self.queue.try_reserve() {
            Ok(place) => place.send(told()),
            Err(_) => {
                self.lost.inc();
            }
        }
    }
}

/// The span of an event's publishing: a part of the trace that its publisher named, or of one that
/// follows from the event's id.
fn of_event(traceparent: Option<&str>, event: EventId) -> TraceParent {
    let number = event.seq ^ event.accepted_at.ms().unsigned_abs().rotate_left(32);
    match traceparent.and_then(TraceParent::parse) {
        Some(theirs) => theirs.child(number),
        None => TraceParent::of_number(number),
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    const THEIRS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn spans(queue_max: &str) -> (Spans, Exporter, SpanCounts) {
        let environment = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://127.0.0.1:4318".to_owned()),
            "OTEL_BSP_MAX_QUEUE_SIZE" => Some(queue_max.to_owned()),
            _ => None,
        };
        let (settings, problems) = Settings::read(&environment);
        assert_eq!(problems, Vec::<String>::new());
        let counts = SpanCounts {
            exported: Counter::default(),
            queue_full: Counter::default(),
            not_taken: Counter::default(),
        };
        let (spans, exporter) = Spans::open(settings.unwrap(), counts.clone());
        (spans, exporter, counts)
    }

    #[test]
    fn an_attempt_continues_its_events_trace_also_after_a_restart() {
        let event = EventId { accepted_at: Timestamp::from_ms(1_764_187_200_007), seq: 7 };
        let delivery = DeliveryId { lane: 3, event };
        let ((one, ..), (other, ..)) = (spans("8"), spans("8"));
        for traceparent in [Some(THEIRS), None, Some("nonsense")] {
            let published = of_event(traceparent, event);
            let attempt = one.of_attempt(traceparent, delivery, 2);
            assert_eq!(attempt, other.of_attempt(traceparent, delivery, 2));
            assert_eq!(
                (attempt.trace(), attempt.parent()),
                (published.trace(), Some(published.span()))
            );
            assert_ne!(attempt, one.of_attempt(traceparent, delivery, 3));
        }
    }

    #[test]
    fn what_the_queue_has_no_room_for_is_counted() {
        let (spans, _exporter, counts) = spans("1");
        let event = Published {
            at: Timestamp::from_ms(0),
            id: EventId { accepted_at: Timestamp::from_ms(0), seq: 1 },
            bus: "orders".to_owned(),
            source: "cars".to_owned(),
            detail_type: "Ordered".to_owned(),
            lanes: 1,
            traceparent: None,
        };
        spans.event(&event);
        spans.event(&event);
        assert_eq!(counts.queue_full.get(), 1);
    }
}
