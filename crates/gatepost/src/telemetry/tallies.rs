//! What is counted of requests, by each thread for itself: cores do not meet at a counter, and
//! whoever asks for the metrics has it all added up.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use gateway::{Record, THREADS_APART, number_of_thread};
use model::Name;
use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

use super::metrics::Labels;

/// Bounds of the times of requests, in microseconds: from a cached answer to a whole timeout.
const BOUNDS_US: [u64; 12] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000,
    30_000_000,
];
/// Counters of requests that a thread finds without their labels: making texts of them costs more
/// than counting.
const KNOWN_MAX: usize = 4_096;

/// How long things took.
#[derive(Debug, Default, Clone, Copy)]
struct Times {
    counts: [u64; BOUNDS_US.len() + 1],
    sum_us: u64,
}

impl Times {
    fn observe(&mut self, us: u64) {
        let place = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum_us = self.sum_us.saturating_add(us);
    }

    fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }
}

/// Times as they are shown: a histogram in seconds.
#[derive(Debug, Default, Clone)]
struct Histogram(Arc<Mutex<Times>>);

/// Microseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "sums of durations are shown, not counted on")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let times = *self.0.lock();
        let bounds = BOUNDS_US.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(times.counts).collect();
        let count = times.counts.iter().sum();
        encoder.encode_histogram::<NoLabelSet>(seconds(times.sum_us), count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

/// What tells requests apart that are counted alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct RequestKey {
    route: usize,
    partner: usize,
    class: u16,
    refusal: Option<&'static str>,
}

/// What a thread has counted since it was added up, and where that goes.
struct Counted {
    requests: (Counter, u64),
    took: (Histogram, Times),
    /// Of what the service needed, and how often it was called again; where an API is known.
    service: Option<((Histogram, Times), (Counter, u64))>,
}

impl Counted {
    fn count(&mut self, record: &Record) {
        self.requests.1 += 1;
        self.took.1.observe(record.took_us);
        if let Some(((_, times), (_, retries))) = &mut self.service
            && let Some(us) = record.upstream_us
        {
            times.observe(us);
            *retries += u64::from(record.retries);
        }
    }

    fn add_up(&mut self) {
        let counter = |(shown, count): &mut (Counter, u64)| {
            if *count > 0 {
                shown.inc_by(std::mem::take(count));
            }
        };
        let histogram = |(shown, times): &mut (Histogram, Times)| {
            shown.0.lock().add(&std::mem::take(times));
        };
        counter(&mut self.requests);
        histogram(&mut self.took);
        if let Some((times, retries)) = &mut self.service {
            histogram(times);
            counter(retries);
        }
    }
}

/// One thread's part. Aligned so that no two threads write to one cache line.
#[derive(Default)]
#[repr(align(128))]
struct Part {
    /// Begun here less ended here.
    under_way: AtomicI64,
    known: Mutex<HashMap<RequestKey, Counted, foldhash::fast::RandomState>>,
}

/// The counters of requests.
pub(super) struct Tallies {
    parts: Vec<Part>,
    requests: Family<Labels<5>, Counter>,
    request_seconds: Family<Labels<2>, Histogram>,
    upstream_seconds: Family<Labels<2>, Histogram>,
    retries: Family<Labels<2>, Counter>,
    under_way: Gauge,
}

impl Tallies {
    /// Counters that are nought, and shown from now on.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let tallies = Self {
            parts: (0..THREADS_APART).map(|_| Part::default()).collect(),
            requests: Family::default(),
            request_seconds: Family::default(),
            upstream_seconds: Family::default(),
            retries: Family::default(),
            under_way: Gauge::default(),
        };
        let help = "Requests at the gateway, by API, route, partner, status class and refusal";
        registry.register("requests", help, tallies.requests.clone());
        let help = "From a request's head to its answer's last byte";
        let histogram = tallies.request_seconds.clone();
        registry.register_with_unit("request_duration", help, Unit::Seconds, histogram);
        let help = "Waiting for the company's service, up to its answer's head, by API and route";
        let histogram = tallies.upstream_seconds.clone();
        registry.register_with_unit("upstream_duration", help, Unit::Seconds, histogram);
        let help = "Calls of the company's service that were tried again, by API and route";
        registry.register("upstream_retries", help, tallies.retries.clone());
        let help = "Requests at the gateway whose answer has not ended";
        registry.register("requests_under_way", help, tallies.under_way.clone());
        tallies
    }

    fn part(&self) -> Option<&Part> {
        self.parts.get(number_of_thread())
    }

    /// A request has begun; [`Self::request`] follows.
    pub(super) fn begins(&self) {
        if let Some(part) = self.part() {
            part.under_way.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn request(&self, record: &Record) {
        let Some(part) = self.part() else { return };
        part.under_way.fetch_sub(1, Ordering::Relaxed);
        let key = RequestKey {
            route: record.route_number(),
            partner: record.partner_number(),
            class: record.status / 100,
            refusal: record.refusal.as_ref().map(|(code, _)| *code),
        };
        let mut known = part.known.lock();
        // Numbers change with every definition; what is no longer used goes with the rest.
        if known.len() >= KNOWN_MAX && !known.contains_key(&key) {
            known.drain().for_each(|(_, mut counted)| counted.add_up());
        }
        known.entry(key).or_insert_with(|| self.of_request(record)).count(record);
    }

    /// What counts a request, found by its labels.
    fn of_request(&self, record: &Record) -> Counted {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let class = format!("{}xx", record.status / 100);
        let refusal = record.refusal.as_ref().map_or("", |(code, _)| *code).to_owned();
        let labels = [
            ("api", text(record.api())),
            ("route", text(record.route())),
            ("partner", text(record.partner().map(Name::as_str))),
            ("status", class),
            ("refusal", refusal),
        ];
        let requests = (self.requests.get_or_create(&labels).clone(), 0);
        let labels = [("api", text(record.api())), ("route", text(record.route()))];
        let took = (self.request_seconds.get_or_create(&labels).clone(), Times::default());
        let service = record.api().map(|_| {
            let times = (self.upstream_seconds.get_or_create(&labels).clone(), Times::default());
            (times, (self.retries.get_or_create(&labels).clone(), 0))
        });
        Counted { requests, took, service }
    }

    /// Adds up what all threads have counted.
    pub(super) fn add_up(&self) {
        for part in &self.parts {
            part.known.lock().values_mut().for_each(Counted::add_up);
        }
        let under_way = self.parts.iter().map(|part| part.under_way.load(Ordering::Relaxed));
        // One that ends on another thread than it began on may be read once only.
        self.under_way.set(under_way.sum::<i64>().max(0));
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn times_are_shown_as_a_histogram_in_seconds() {
        let mut times = Times::default();
        for us in [0, 500, 501, 30_000_000, 30_000_001] {
            times.observe(us);
        }
        let shown = Histogram::default();
        shown.0.lock().add(&times);
        let mut registry = Registry::default();
        registry.register_with_unit("took", "How long", Unit::Seconds, shown);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "# TYPE took_seconds histogram",
            "took_seconds_sum 60.001002",
            "took_seconds_count 5",
            "took_seconds_bucket{le=\"0.0005\"} 2",
            "took_seconds_bucket{le=\"0.001\"} 3",
            "took_seconds_bucket{le=\"5.0\"} 3",
            "took_seconds_bucket{le=\"30.0\"} 4",
            "took_seconds_bucket{le=\"+Inf\"} 5",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} in\n{text}");
        }
    }
}
