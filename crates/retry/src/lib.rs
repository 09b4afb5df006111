//! When to try a delivery again, and when to give up.
//!
//! Pure: times are milliseconds since 1970 (UTC) and the random spread is an argument, so a day
//! of retries is a unit test that takes no time.

mod breaker;
mod health;
mod rate_limit;
mod retry_after;
mod verdict;

pub use breaker::{Breaker, Gate, Passage, Reception};
pub use health::{Health, Notice};
pub use rate_limit::{Advertised, advertised};
pub use retry_after::{Wish, pause_ms, retry_after};
pub use verdict::{NoStatuses, StatusTable, Statuses, Treatment, Verdict};

/// The most retries a delivery may have (EventBridge quotas, retry policy).
pub const ATTEMPTS_MAX: u16 = 185;
/// The longest a delivery may be tried for: 24 hours (EventBridge quotas, retry policy).
pub const AGE_MAX_MS: i64 = 86_400_000;
/// The shortest maximum age a policy may set: 60 seconds (EventBridge quotas, retry policy).
pub const AGE_MIN_MS: i64 = 60_000;

/// The first delay of the exponential schedule.
const BASE_MS: i64 = 1_000;
/// The longest delay of the exponential schedule: ten minutes.
const DELAY_MAX_MS: i64 = 600_000;

/// How long before its event's end a last attempt is made: timers are late, and a destination has a
/// rate.
const LAST_BEFORE_MS: i64 = 1_000;

/// How long and how often a delivery is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Retries after the first attempt; 0 means one attempt only.
    pub attempts: u16,
    /// How old an event may be when it is still tried, in milliseconds since it was accepted.
    pub age_ms: i64,
    /// The delays between attempts.
    pub delays: Delays,
}

/// The delays between attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delays {
    /// 1 s, 2 s, 4 s … 10 min, each spread between half and one and a half of itself.
    Exponential,
    /// Exactly these, in milliseconds; after the last one the delivery is given up.
    List(Vec<i64>),
}

impl Default for Policy {
    /// EventBridge's default: 185 retries within 24 hours.
    fn default() -> Self {
        Self { attempts: ATTEMPTS_MAX, age_ms: AGE_MAX_MS, delays: Delays::Exponential }
    }
}

/// The answer to "what now?" after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again at this time (milliseconds since 1970).
    At(i64),
    /// Into the dead letters.
    GiveUp(Exhausted),
}

/// Which bound of the policy ended the retries; the names are EventBridge's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// No retries are left.
    MaximumRetryAttempts,
    /// The event is too old, or would be at the next attempt.
    MaximumEventAgeInSeconds,
}

impl Exhausted {
    /// EventBridge's spelling, as dead letters carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaximumRetryAttempts => "MaximumRetryAttempts",
            Self::MaximumEventAgeInSeconds => "MaximumEventAgeInSeconds",
        }
    }
}

/// A failed delivery, as far as its future depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failure {
    /// Attempts made so far, at least one.
    pub attempts: u32,
    /// When the event was accepted.
    pub accepted_at_ms: i64,
    /// When the last attempt ended.
    pub now_ms: i64,
    /// The receiver's own wish, already bounded by [`retry_after`].
    pub wish_ms: Option<i64>,
    /// A number in `0.0..1.0` that spreads the delay, so that many failures do not return at once.
    pub spread: f64,
}

/// When to try again after a failed attempt, or why not to.
///
/// The longer of the policy's delay and the receiver's wish decides (EventBridge, API
/// destinations: "Retry-After").
pub fn next(policy: &Policy, failure: &Failure) -> Next {
    let retries_made = failure.attempts.saturating_sub(1);
    if retries_made >= u32::from(policy.attempts) {
        return Next::GiveUp(Exhausted::MaximumRetryAttempts);
    }
    let Some(delay) = delay_ms(&policy.delays, retries_made, failure.spread) else {
        return Next::GiveUp(Exhausted::MaximumRetryAttempts);
    };
    let by_policy = failure.now_ms.saturating_add(delay);
    if too_old(policy, failure.accepted_at_ms, by_policy) {
        return Next::GiveUp(Exhausted::MaximumEventAgeInSeconds);
    }
    // A wish beyond the event's time is a last attempt just before its end, not the end itself.
    let last = last_ms(policy, failure.accepted_at_ms);
    let wished = failure.now_ms.saturating_add(failure.wish_ms.unwrap_or(0)).min(last);
    Next::At(by_policy.max(wished))
}

/// When the last attempt of an event accepted at `accepted_at_ms` is made, if its receiver wishes for
/// a later one.
pub fn last_ms(policy: &Policy, accepted_at_ms: i64) -> i64 {
    accepted_at_ms.saturating_add(policy.age_ms).saturating_sub(LAST_BEFORE_MS)
}

/// Whether an event accepted at `accepted_at_ms` may no longer be tried at `at_ms`.
pub fn too_old(policy: &Policy, accepted_at_ms: i64, at_ms: i64) -> bool {
    at_ms.saturating_sub(accepted_at_ms) > policy.age_ms
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a delay of at most ten minutes in milliseconds is exact in a double"
)]
fn delay_ms(delays: &Delays, retries_made: u32, spread: f64) -> Option<i64> {
    match delays {
        Delays::List(list) => list.get(usize::try_from(retries_made).ok()?).copied(),
        Delays::Exponential => {
            let full = BASE_MS.saturating_mul(1 << retries_made.min(20)).min(DELAY_MAX_MS);
            Some((full as f64 * (0.5 + spread.clamp(0.0, 1.0))) as i64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(attempts: u32, now_ms: i64) -> Failure {
        Failure { attempts, accepted_at_ms: 0, now_ms, wish_ms: None, spread: 0.5 }
    }

    #[test]
    fn delays_double_up_to_ten_minutes() {
        let policy = Policy::default();
        for (attempts, delay) in
            [(1, 1_000), (2, 2_000), (3, 4_000), (10, 512_000), (11, 600_000), (100, 600_000)]
        {
            assert_eq!(next(&policy, &failure(attempts, 0)), Next::At(delay), "{attempts}");
        }
    }

    #[test]
    fn the_spread_moves_a_delay_between_half_and_one_and_a_half() {
        let policy = Policy::default();
        for (spread, delay) in [(0.0, 2_000), (0.5, 4_000), (0.999_999, 5_999)] {
            assert_eq!(
                next(&policy, &Failure { spread, ..failure(3, 0) }),
                Next::At(delay),
                "{spread}"
            );
        }
    }

    #[test]
    fn ten_retries_mean_eleven_attempts() {
        let policy = Policy { attempts: 10, ..Policy::default() };
        assert!(matches!(next(&policy, &failure(10, 0)), Next::At(_)));
        let end = Next::GiveUp(Exhausted::MaximumRetryAttempts);
        assert_eq!(next(&policy, &failure(11, 0)), end);
        let once = Policy { attempts: 0, ..Policy::default() };
        assert_eq!(next(&once, &failure(1, 0)), end);
    }

    #[test]
    fn an_attempt_that_would_come_too_late_is_not_waited_for() {
        let policy = Policy { age_ms: 60_000, ..Policy::default() };
        assert!(matches!(next(&policy, &failure(1, 58_000)), Next::At(_)));
        let end = Next::GiveUp(Exhausted::MaximumEventAgeInSeconds);
        assert_eq!(next(&policy, &failure(3, 58_000)), end);
    }

    #[test]
    fn the_longer_of_wish_and_delay_decides() {
        let policy = Policy::default();
        for (wish, at) in [(100, 1_000), (30_000, 30_000)] {
            let failure = Failure { wish_ms: Some(wish), ..failure(1, 0) };
            assert_eq!(next(&policy, &failure), Next::At(at));
        }
    }

    #[test]
    fn a_wish_beyond_the_events_time_is_one_last_attempt_before_its_end() {
        let policy = Policy { age_ms: 60_000, ..Policy::default() };
        let failure = Failure { wish_ms: Some(3_600_000), ..failure(1, 5_000) };
        assert_eq!(next(&policy, &failure), Next::At(59_000));
    }

    #[test]
    fn a_list_is_followed_to_its_end() {
        let delays = Delays::List(vec![5_000, 300_000]);
        let policy = Policy { delays, ..Policy::default() };
        assert_eq!(next(&policy, &failure(1, 0)), Next::At(5_000));
        assert_eq!(next(&policy, &failure(2, 5_000)), Next::At(305_000));
        assert_eq!(
            next(&policy, &failure(3, 305_000)),
            Next::GiveUp(Exhausted::MaximumRetryAttempts)
        );
    }

    proptest::proptest! {
        #[test]
        fn retries_always_end(spread in 0.0_f64..1.0, attempts in 0_u16..=185) {
            let policy = Policy { attempts, ..Policy::default() };
            let (mut now, mut made) = (0, 1_u32);
            while let Next::At(at) = next(&policy, &Failure { spread, ..failure(made, now) }) {
                proptest::prop_assert!(at > now && at <= AGE_MAX_MS);
                (now, made) = (at, made + 1);
            }
            proptest::prop_assert!(made <= u32::from(attempts) + 1);
        }
    }
}
