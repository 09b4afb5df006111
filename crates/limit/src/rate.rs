//! Token bucket: so many permits a second, so many at once (GCRA in one atomic word).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ParseError;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// The largest count of a rate: above it the interval between permits is under a nanosecond.
const COUNT_MAX: u32 = 1_000_000;

/// So many permits per second, minute or hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    seconds: u32,
}

impl Rate {
    /// `count` permits a second; a count of nought is read as one.
    pub fn per_second(count: u32) -> Self {
        Self { count: count.clamp(1, COUNT_MAX), seconds: 1 }
    }

    /// `count` permits in a window of that many seconds; noughts are read as ones.
    pub fn per_seconds(count: u32, seconds: u32) -> Self {
        Self { count: count.clamp(1, COUNT_MAX), seconds: seconds.max(1) }
    }

    /// Permits in an hour: what two rates are compared by.
    pub fn permits_per_hour(self) -> u64 {
        u64::from(self.count) * 3600 / u64::from(self.seconds)
    }

    /// Reads `10/s`, `10/min` or `10/h`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let Some((count, unit)) = text.split_once('/') else {
            let count = crate::quota::leading_number(text, "10");
            return Err(if count == text {
                ParseError::RateUnitMissing(count.to_owned())
            } else {
                ParseError::RateForm { text: text.to_owned(), count: count.to_owned() }
            });
        };
        let seconds = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3600,
            other => return Err(ParseError::RateUnitUnknown(other.to_owned())),
        };
        let count = crate::quota::count(count, u64::from(COUNT_MAX))?;
        Ok(Self { count: u32::try_from(count).unwrap_or(u32::MAX), seconds })
    }

    /// Permits per [`Rate::window_seconds`].
    pub fn count(self) -> u32 {
        self.count
    }

    /// The length of the window the count is for, in seconds.
    pub fn window_seconds(self) -> u32 {
        self.seconds
    }

    fn interval_ns(self) -> u64 {
        (u64::from(self.seconds) * NANOS_PER_SECOND / u64::from(self.count)).max(1)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seconds {
            1 => write!(f, "{}/s", self.count),
            60 => write!(f, "{}/min", self.count),
            3600 => write!(f, "{}/h", self.count),
            seconds => write!(f, "{} in {seconds} s", self.count),
        }
    }
}

/// A rate and the size of its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    rate: Rate,
    burst: u32,
}

impl Limit {
    /// `burst` is how many permits a full bucket holds; nought is read as one.
    pub fn new(rate: Rate, burst: u32) -> Self {
        Self { rate, burst: burst.max(1) }
    }

    /// The refill.
    pub fn rate(self) -> Rate {
        self.rate
    }

    /// How many permits a full bucket holds.
    pub fn burst(self) -> u32 {
        self.burst
    }
}

/// What a successful [`Bucket::take`] left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Permits that could be taken right now.
    pub remaining: u32,
}

/// How far apart the moments may be that requests under way at once give for now: a bucket that is
/// shared by them is not taken for one of another limit because of that.
const APART_NS: u64 = NANOS_PER_SECOND;

/// A bucket's whole state: the theoretical arrival time of the next request, in nanoseconds of
/// the caller's monotonic clock. A new bucket is full.
#[derive(Debug, Default)]
pub struct Bucket(AtomicU64);

impl Bucket {
    /// A full bucket.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Takes one permit, or says how long until there is one. `now_ns` never goes backwards.
    ///
    /// GCRA: with T = 1/rate and tolerance τ = (burst − 1)·T, a request is refused when
    /// TAT − now > τ, and otherwise moves TAT to max(TAT, now) + T. Under one limit TAT − now is never
    /// more than burst·T. Where it is, a slower limit held before, and what is owed under that one is
    /// waited for no longer than an empty bucket of the present one.
    pub fn take(&self, limit: Limit, now_ns: u64) -> Result<Taken, Duration> {
        let interval = limit.rate.interval_ns();
        let tolerance = interval.saturating_mul(u64::from(limit.burst) - 1);
        let mut arrival = self.0.load(Ordering::Relaxed);
        loop {
            let ahead = arrival.saturating_sub(now_ns);
            let empty = interval.saturating_mul(u64::from(limit.burst));
            if ahead > empty.saturating_add(APART_NS) {
                let owed = now_ns.saturating_add(empty);
                let order = Ordering::Relaxed;
                let stored = self.0.compare_exchange(arrival, owed, order, order);
                arrival = stored.map_or_else(|current| current, |_| owed);
                continue;
            }
            if ahead > tolerance {
                return Err(Duration::from_nanos(ahead - tolerance));
            }
            let next = arrival.max(now_ns).saturating_add(interval);
            match self.0.compare_exchange_weak(arrival, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Ok(Taken { remaining: left(limit, next - now_ns, interval) }),
                Err(current) => arrival = current,
            }
        }
    }

    /// Whether nothing is missing: such a bucket is as good as a new one, and need not be kept.
    pub fn is_full(&self, now_ns: u64) -> bool {
        self.0.load(Ordering::Relaxed) <= now_ns
    }

    /// Gives one permit back, for a request that was refused by a later check.
    pub fn give_back(&self, limit: Limit) {
        let interval = limit.rate.interval_ns();
        let mut arrival = self.0.load(Ordering::Relaxed);
        while let Err(current) = self.0.compare_exchange_weak(
            arrival,
            arrival.saturating_sub(interval),
            Ordering::Relaxed,
            Ordering::Relaxed,
        ) {
            arrival = current;
        }
    }

    /// How long until one permit is there, taking none.
    pub fn wait(&self, limit: Limit, now_ns: u64) -> Duration {
        let interval = limit.rate.interval_ns();
        let tolerance = interval.saturating_mul(u64::from(limit.burst) - 1);
        let ahead = self.0.load(Ordering::Relaxed).saturating_sub(now_ns);
        let empty = interval.saturating_mul(u64::from(limit.burst));
        let owed = if ahead > empty.saturating_add(APART_NS) { empty } else { ahead };
        Duration::from_nanos(owed.saturating_sub(tolerance))
    }
}

fn left(limit: Limit, ahead_ns: u64, interval_ns: u64) -> u32 {
    let spent = ahead_ns.div_ceil(interval_ns);
    u32::try_from(u64::from(limit.burst).saturating_sub(spent)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = NANOS_PER_SECOND;

    fn ten_with_two() -> Limit {
        Limit::new(Rate::per_second(10), 2)
    }

    #[test]
    fn a_full_bucket_lets_its_burst_through_and_no_more() {
        let bucket = Bucket::new();
        let now = 5 * SECOND;
        assert_eq!(bucket.take(ten_with_two(), now), Ok(Taken { remaining: 1 }));
        assert_eq!(bucket.take(ten_with_two(), now), Ok(Taken { remaining: 0 }));
        assert_eq!(bucket.take(ten_with_two(), now), Err(Duration::from_millis(100)));
    }

    #[test]
    fn a_spent_bucket_says_how_long() {
        let bucket = Bucket::new();
        let now = 5 * SECOND;
        assert!(bucket.take(ten_with_two(), now).is_ok());
        assert!(bucket.take(ten_with_two(), now).is_ok());
        let wait = bucket.take(ten_with_two(), now + 40_000_000).unwrap_err();
        assert_eq!(wait, Duration::from_millis(60));
        assert_eq!(bucket.wait(ten_with_two(), now + 40_000_000), wait);
        assert!(bucket.take(ten_with_two(), now + 100_000_000).is_ok());
    }

    #[test]
    fn what_is_owed_under_a_slower_limit_is_not_waited_for_under_a_faster_one() {
        let slow = Limit::new(Rate::per_seconds(1, 3600), 10);
        let fast = Limit::new(Rate::per_second(1000), 500);
        let (bucket, now) = (Bucket::new(), 5 * SECOND);
        assert!((0..10).all(|_| bucket.take(slow, now).is_ok()));
        assert_eq!(bucket.wait(fast, now), Duration::from_millis(1));
        assert_eq!(bucket.take(fast, now), Err(Duration::from_millis(1)));
        // From an empty bucket on it fills as fast as any.
        assert!(bucket.take(fast, now + SECOND / 1000).is_ok());
        assert!(bucket.take(fast, now + SECOND / 1000).is_err());
        assert_eq!(bucket.take(fast, now + SECOND).unwrap().remaining, 499);
        // A slower one again has the burst of what was not taken.
        assert!(bucket.take(slow, now + SECOND).is_ok());
    }

    #[test]
    fn a_request_that_is_a_little_late_gains_nothing() {
        let (bucket, now) = (Bucket::new(), 5 * SECOND);
        assert!((0..2).all(|_| bucket.take(ten_with_two(), now).is_ok()));
        let wait = bucket.take(ten_with_two(), now - SECOND / 2).unwrap_err();
        assert_eq!(wait, Duration::from_millis(600));
        assert_eq!(bucket.take(ten_with_two(), now).unwrap_err(), Duration::from_millis(100));
    }

    #[test]
    fn a_permit_given_back_can_be_taken_again() {
        let bucket = Bucket::new();
        let now = 5 * SECOND;
        assert!(bucket.take(ten_with_two(), now).is_ok());
        assert!(bucket.take(ten_with_two(), now).is_ok());
        bucket.give_back(ten_with_two());
        assert!(bucket.take(ten_with_two(), now).is_ok());
        assert!(bucket.take(ten_with_two(), now).is_err());
    }

    #[test]
    fn a_bucket_is_full_again_when_all_it_gave_has_come_back() {
        let bucket = Bucket::new();
        let now = 5 * SECOND;
        assert!(bucket.is_full(now));
        assert!(bucket.take(ten_with_two(), now).is_ok() && !bucket.is_full(now));
        assert!(!bucket.is_full(now + 99_999_999) && bucket.is_full(now + 100_000_000));
    }

    #[test]
    fn rates_are_read_with_their_unit() {
        for (text, count, seconds) in [("10/s", 10, 1), ("600/min", 600, 60), (" 7 / h ", 7, 3600)]
        {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.count(), rate.window_seconds()), (count, seconds), "{text}");
        }
        for (text, reason) in [
            ("10", "add a unit: `10/s`, `10/min` or `10/h`"),
            (
                "25 per sec",
                "`25 per sec` is not a rate; write for example `25/s`, `25/min` or `25/h`",
            ),
            ("5rps", "`5rps` is not a rate; write for example `5/s`, `5/min` or `5/h`"),
            ("fast", "`fast` is not a rate; write for example `10/s`, `10/min` or `10/h`"),
            ("10/fortnight", "`fortnight` is not a unit of a rate; write `/s`, `/min` or `/h`"),
            ("0/s", "`0` is not a whole number from 1 to 1000000"),
            ("-1/s", "`-1` is not a whole number from 1 to 1000000"),
            ("1.5/s", "`1.5` is not a whole number from 1 to 1000000"),
        ] {
            assert_eq!(Rate::parse(text).unwrap_err().to_string(), reason, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_passes_is_never_above_rate_times_time_plus_burst(
            count in 1_u32..2000, burst in 1_u32..50,
            gaps_us in proptest::collection::vec(0_u64..20_000, 1..400),
        ) {
            let limit = Limit::new(Rate::per_second(count), burst);
            let bucket = Bucket::new();
            let start = 7 * SECOND;
            let (mut now, mut passed) = (start, 0_u64);
            for gap in gaps_us {
                now += gap * 1000;
                passed += u64::from(bucket.take(limit, now).is_ok());
            }
            let bound = u64::from(burst) + (now - start) * u64::from(count) / SECOND + 1;
            proptest::prop_assert!(passed <= bound, "{passed} > {bound}");
        }
    }
}
