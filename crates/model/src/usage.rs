//! Usage: how much was asked, by whom and of what, in minutes, hours and days (UTC).

use std::sync::Arc;

use crate::Timestamp;

/// Upper bounds of the buckets of latencies, in microseconds, each included: from what a proxy needs
/// by itself to the longest timeouts. They are kept with every count, so they never change.
pub const LATENCY_BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000, 30_000_000,
];

/// One bucket for each bound, and one for what took longer than all of them.
pub const LATENCY_BUCKETS: usize = LATENCY_BOUNDS_US.len() + 1;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What requests are counted under. An empty text is none: of a request that was refused before its
/// caller was known, or a part that a question did not ask for. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UsageKey {
    /// The partner.
    pub partner: Arc<str>,
    /// The token's client.
    pub client: Arc<str>,
    /// The API key.
    pub api_key: Arc<str>,
    /// The API.
    pub api: Arc<str>,
    /// The route's path, as the configuration has it.
    pub route: Arc<str>,
}

impl UsageKey {
    /// What is counted together when there are more keys than are held apart. No name of the
    /// configuration has parentheses.
    pub const OTHERS: &'static str = "(others)";

    /// The key of [`Self::OTHERS`].
    pub fn others() -> Self {
        let others: Arc<str> = Self::OTHERS.into();
        Self {
            partner: Arc::clone(&others),
            client: Arc::clone(&others),
            api_key: Arc::clone(&others),
            api: Arc::clone(&others),
            route: others,
        }
    }

    /// One part of it; none of the period, which is no part.
    pub fn part(&self, part: UsageBy) -> Option<&Arc<str>> {
        match part {
            UsageBy::Period => None,
            UsageBy::Partner => Some(&self.partner),
            UsageBy::Client => Some(&self.client),
            UsageBy::ApiKey => Some(&self.api_key),
            UsageBy::Api => Some(&self.api),
            UsageBy::Route => Some(&self.route),
        }
    }

    /// The same with these parts alone; the others are empty.
    #[must_use]
    pub fn only(&self, by: &[UsageBy]) -> Self {
        let kept = |part: UsageBy, text: &Arc<str>| -> Arc<str> {
            if by.contains(&part) { Arc::clone(text) } else { Arc::default() }
        };
        Self {
            partner: kept(UsageBy::Partner, &self.partner),
            client: kept(UsageBy::Client, &self.client),
            api_key: kept(UsageBy::ApiKey, &self.api_key),
            api: kept(UsageBy::Api, &self.api),
            route: kept(UsageBy::Route, &self.route),
        }
    }
}

/// What usage can be told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageBy {
    /// The minute, hour or day.
    Period,
    /// The partner.
    Partner,
    /// The token's client.
    Client,
    /// The API key.
    ApiKey,
    /// The API.
    Api,
    /// The route.
    Route,
}

impl UsageBy {
    /// All of them, in the order in which rows are sorted.
    pub const ALL: [Self; 6] =
        [Self::Period, Self::Partner, Self::Client, Self::ApiKey, Self::Api, Self::Route];

    /// The word for it on the wire and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Period => "period",
            Self::Partner => "partner",
            Self::Client => "client",
            Self::ApiKey => "key",
            Self::Api => "api",
            Self::Route => "route",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == text)
    }
}

/// How long a period of counting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// A minute; kept for two days.
    Minute,
    /// An hour; kept for 90 days.
    Hour,
    /// A day from midnight to midnight (UTC); kept for ever.
    Day,
}

impl Grain {
    /// All of them, the finest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// The word for it on the wire and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grain| grain.as_str() == text)
    }

    /// A period's length in milliseconds. UTC as computers count it has no leap seconds, so all are
    /// equally long.
    pub fn length_ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    /// The beginning of the period that holds a moment.
    pub fn start(self, at: Timestamp) -> Timestamp {
        at.plus_ms(-at.ms().rem_euclid(self.length_ms()))
    }

    /// The beginning of the oldest period that is still kept; none when all are.
    pub fn kept_from(self, now: Timestamp) -> Option<Timestamp> {
        let keep_ms = match self {
            Self::Minute => 2 * DAY_MS,
            Self::Hour => 90 * DAY_MS,
            Self::Day => return None,
        };
        Some(self.start(now.plus_ms(-keep_ms)))
    }

    /// The finest grain that still has the beginning of a stretch, and does not cut it into more
    /// pieces than a person looks at: minutes for three hours, hours for eight days, then days.
    pub fn fit(from: Timestamp, until: Timestamp, now: Timestamp) -> Self {
        let span_ms = until.since_ms(from);
        let has = |grain: Self| grain.kept_from(now).is_none_or(|kept_from| from >= kept_from);
        if span_ms <= 3 * HOUR_MS && has(Self::Minute) {
            Self::Minute
        } else if span_ms <= 8 * DAY_MS && has(Self::Hour) {
            Self::Hour
        } else {
            Self::Day
        }
    }
}

/// Who answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The company's service; also nobody, when the caller went away before.
    Service,
    /// The gateway refused it.
    Gateway,
    /// The gateway refused it because its plan's rate or quota was spent.
    Plan,
}

/// One request, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageSample {
    /// The answer's status.
    pub status: u16,
    /// Who answered.
    pub answered_by: AnsweredBy,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// From the request's head to the answer's last byte, in microseconds.
    pub took_us: u64,
    /// Of that, waiting for the company's service, in microseconds; 0 when it was not asked.
    pub upstream_us: u64,
}

/// What was counted under a key in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageCounts {
    /// Requests by the class of their answer's status: 2xx, 3xx, 4xx, 5xx, and any other.
    pub statuses: [u64; 5],
    /// Those of them that the gateway refused, whatever for.
    pub refused: u64,
    /// Those of the refused ones whose plan's rate or quota was spent.
    pub limited: u64,
    /// Bytes of the requests' bodies.
    pub bytes_in: u64,
    /// Bytes of the answers' bodies.
    pub bytes_out: u64,
    /// Waiting for the company's service, all together, in microseconds.
    pub upstream_us: u64,
    /// How long requests took.
    pub latency: Latency,
}

impl UsageCounts {
    /// Counts one request.
    pub fn count(&mut self, sample: &UsageSample) {
        let class = match sample.status / 100 {
            class @ 2..=5 => usize::from(class - 2),
            _ => 4,
        };
        if let Some(count) = self.statuses.get_mut(class) {
            *count += 1;
        }
        self.refused += u64::from(sample.answered_by != AnsweredBy::Service);
        self.limited += u64::from(sample.answered_by == AnsweredBy::Plan);
        self.bytes_in = self.bytes_in.saturating_add(sample.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(sample.bytes_out);
        self.upstream_us = self.upstream_us.saturating_add(sample.upstream_us);
        self.latency.count(sample.took_us);
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (sum, more) in self.statuses.iter_mut().zip(&other.statuses) {
            *sum = sum.saturating_add(*more);
        }
        self.refused = self.refused.saturating_add(other.refused);
        self.limited = self.limited.saturating_add(other.limited);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        self.upstream_us = self.upstream_us.saturating_add(other.upstream_us);
        self.latency.merge(&other.latency);
    }

    /// How many requests.
    pub fn requests(&self) -> u64 {
        self.statuses.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many of them were answered 4xx or 5xx.
    pub fn errors(&self) -> u64 {
        let [_, _, client, server, _] = self.statuses;
        client.saturating_add(server)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.requests() == 0
    }
}

/// How many requests took how long: a count for each of [`LATENCY_BOUNDS_US`], and a last one for
/// what took longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency([u64; LATENCY_BUCKETS]);

impl Latency {
    /// From the counts of its buckets.
    pub fn of(counts: [u64; LATENCY_BUCKETS]) -> Self {
        Self(counts)
    }

    /// The counts of its buckets.
    pub fn counts(&self) -> &[u64; LATENCY_BUCKETS] {
        &self.0
    }

    /// Counts one request.
    pub fn count(&mut self, took_us: u64) {
        let bucket = LATENCY_BOUNDS_US.partition_point(|bound| *bound < took_us);
        if let Some(count) = self.0.get_mut(bucket) {
            *count += 1;
        }
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            *sum = sum.saturating_add(*more);
        }
    }

    /// Within how many microseconds so many of a thousand were answered (500 is the median), as if
    /// those of a bucket were spread evenly over it. What took longer than the last bound counts as
    /// that bound. None when nothing was counted.
    pub fn quantile_us(&self, per_mille: u32) -> Option<u64> {
        let total: u128 = self.0.iter().map(|count| u128::from(*count)).sum();
        if total == 0 {
            return None;
        }
        let rank = (total * u128::from(per_mille.min(1000))).div_ceil(1000).max(1);
        let (mut before, mut lower) = (0_u128, 0_u64);
        for (count, upper) in self.0.iter().zip(LATENCY_BOUNDS_US) {
            let count = u128::from(*count);
            if count > 0 && before + count >= rank {
                let part = u128::from(upper - lower) * (rank - before) / count;
                return Some(lower.saturating_add(u64::try_from(part).unwrap_or(u64::MAX)));
            }
            before += count;
            lower = upper;
        }
        Some(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn sample(status: u16, answered_by: AnsweredBy) -> UsageSample {
        UsageSample { status, answered_by, bytes_in: 3, bytes_out: 5, took_us: 700, upstream_us: 9 }
    }

    #[test]
    fn a_period_begins_at_its_whole_minute_hour_and_day() {
        let at = moment("2026-02-28T23:59:59.999Z");
        for (grain, start) in [
            (Grain::Minute, "2026-02-28T23:59:00Z"),
            (Grain::Hour, "2026-02-28T23:00:00Z"),
            (Grain::Day, "2026-02-28T00:00:00Z"),
        ] {
            let start = moment(start);
            assert_eq!(grain.start(at), start, "{grain:?}");
            assert_eq!(grain.start(start), start, "{grain:?}");
            assert_eq!(grain.start(at.plus_ms(1)), moment("2026-03-01T00:00:00Z"), "{grain:?}");
            assert_eq!(Grain::parse(grain.as_str()), Some(grain));
        }
        assert_eq!(Grain::Hour.start(Timestamp::from_ms(-1)), Timestamp::from_ms(-HOUR_MS));
        assert_eq!(Grain::parse("week"), None);
    }

    #[test]
    fn the_finer_the_grain_the_sooner_it_is_dropped() {
        let now = moment("2026-04-01T10:20:30Z");
        for (grain, kept_from) in [
            (Grain::Minute, Some("2026-03-30T10:20:00Z")),
            (Grain::Hour, Some("2026-01-01T10:00:00Z")),
            (Grain::Day, None),
        ] {
            assert_eq!(grain.kept_from(now), kept_from.map(moment), "{grain:?}");
        }
    }

    #[test]
    fn the_grain_fits_the_stretch_and_what_is_kept() {
        let now = moment("2026-04-01T10:20:30Z");
        for (from, until, expected) in [
            ("2026-04-01T09:20:30Z", "2026-04-01T10:20:30Z", Grain::Minute),
            ("2026-03-31T10:20:30Z", "2026-04-01T10:20:30Z", Grain::Hour),
            ("2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", Grain::Hour),
            ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", Grain::Day),
            ("2025-03-01T10:00:00Z", "2025-03-01T11:00:00Z", Grain::Day),
        ] {
            assert_eq!(Grain::fit(moment(from), moment(until), now), expected, "{from} {until}");
        }
    }

    #[test]
    fn a_request_is_counted_by_its_status_and_by_who_answered() {
        for (status, answered_by, statuses, refused, limited) in [
            (201, AnsweredBy::Service, [1, 0, 0, 0, 0], 0, 0),
            (304, AnsweredBy::Service, [0, 1, 0, 0, 0], 0, 0),
            (429, AnsweredBy::Service, [0, 0, 1, 0, 0], 0, 0),
            (429, AnsweredBy::Plan, [0, 0, 1, 0, 0], 1, 1),
            (401, AnsweredBy::Gateway, [0, 0, 1, 0, 0], 1, 0),
            (502, AnsweredBy::Gateway, [0, 0, 0, 1, 0], 1, 0),
            (101, AnsweredBy::Service, [0, 0, 0, 0, 1], 0, 0),
            (0, AnsweredBy::Service, [0, 0, 0, 0, 1], 0, 0),
            (799, AnsweredBy::Service, [0, 0, 0, 0, 1], 0, 0),
        ] {
            let mut counts = UsageCounts::default();
            counts.count(&sample(status, answered_by));
            assert_eq!(
                (counts.statuses, counts.refused, counts.limited),
                (statuses, refused, limited),
                "{status} {answered_by:?}"
            );
        }
    }

    #[test]
    fn counting_together_is_counting_one_after_the_other() {
        let samples = [
            sample(200, AnsweredBy::Service),
            sample(404, AnsweredBy::Service),
            sample(429, AnsweredBy::Plan),
        ];
        let (mut whole, mut merged) = (UsageCounts::default(), UsageCounts::default());
        for each in &samples {
            whole.count(each);
            let mut one = UsageCounts::default();
            one.count(each);
            merged.merge(&one);
        }
        assert_eq!(merged, whole);
        assert_eq!((whole.requests(), whole.errors(), whole.is_empty()), (3, 2, false));
        assert_eq!((whole.bytes_in, whole.bytes_out, whole.upstream_us), (9, 15, 27));
        assert!(UsageCounts::default().is_empty());
    }

    #[test]
    fn a_latency_falls_into_the_first_bucket_whose_bound_it_keeps() {
        for (took_us, bucket) in
            [(0, 0), (100, 0), (101, 1), (1_000, 3), (30_000_000, 15), (30_000_001, 16)]
        {
            let mut latency = Latency::default();
            latency.count(took_us);
            let at = latency.counts().iter().position(|count| *count == 1);
            assert_eq!(at, Some(bucket), "{took_us}");
        }
    }

    #[test]
    fn quantiles_lie_in_the_bucket_of_their_rank() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile_us(500), None);
        // Ninety within 1 ms, nine within 10 ms, and one above everything.
        for (took_us, times) in [(900, 90), (9_000, 9), (60_000_000, 1)] {
            for _ in 0..times {
                latency.count(took_us);
            }
        }
        for (per_mille, low, high) in [
            (0, 501, 1_000),
            (500, 501, 1_000),
            (900, 1_000, 1_000),
            (950, 5_001, 10_000),
            (990, 10_000, 10_000),
            (1000, 30_000_000, 30_000_000),
        ] {
            let found = latency.quantile_us(per_mille).unwrap();
            assert!((low..=high).contains(&found), "{per_mille}: {found}");
        }
    }

    #[test]
    fn a_key_keeps_the_parts_it_is_asked_for() {
        let key = UsageKey {
            partner: "cars".into(),
            client: "car-orders".into(),
            api_key: "k".into(),
            api: "tires".into(),
            route: "/orders".into(),
        };
        let kept = key.only(&[UsageBy::Period, UsageBy::Partner, UsageBy::Route]);
        let parts = UsageBy::ALL.map(|by| kept.part(by).map(ToString::to_string));
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(parts, [None, text("cars"), text(""), text(""), text(""), text("/orders")]);
        assert_eq!(key.only(&UsageBy::ALL), key);
        for by in UsageBy::ALL {
            assert_eq!(UsageBy::parse(by.as_str()), Some(by));
        }
    }
}
