//! When somebody's keys are asked for, and until when those that are here are in force.
//!
//! Decides from numbers alone. Moments are milliseconds of a clock that never goes backwards.

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL};

/// How long keys are fresh where their issuer does not say.
const FRESH_MS: u64 = 600_000;
/// An issuer that forbids to keep keys is asked once a minute all the same: asking at each request
/// would cost it more.
const FRESH_MIN_MS: u64 = 60_000;
/// A key that was taken back is believed a day at the most, whatever the issuer says.
const FRESH_MAX_MS: u64 = 86_400_000;
/// How long keys stay in force when they cannot be got again (RFC 5861 §4, `stale-if-error`): a
/// day, in which somebody notices.
const STALE_MAX_MS: u64 = 86_400_000;
/// How long a key that nobody knows causes no further request: anybody can write any name into a
/// token.
const COOLDOWN_MS: u64 = 30_000;
/// The pause after the first failure; it doubles with each.
const AGAIN_MS: u64 = 2_000;
/// The longest pause after failures.
const AGAIN_MAX_MS: u64 = 300_000;

/// How it stands with an issuer's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysStanding {
    /// They have never been got.
    Missing,
    /// They are as their issuer has them.
    Fresh,
    /// They could not be got again in time, and are in force all the same.
    Stale,
    /// They could not be got again for so long that they are not in force any more.
    Over,
}

impl KeysStanding {
    /// Whether they verify.
    pub fn is_in_force(self) -> bool {
        matches!(self, Self::Fresh | Self::Stale)
    }
}

/// The state of one issuer's keys.
#[derive(Debug)]
pub(super) struct Refresh {
    /// When they are to be asked for next.
    due_ms: u64,
    under_way: bool,
    /// When an unknown key last caused a request.
    asked_ms: Option<u64>,
    /// In a row.
    failures: u32,
    fresh_until_ms: Option<u64>,
}

impl Refresh {
    /// Of an issuer whose keys are to be got at once.
    pub(super) fn new(now_ms: u64) -> Self {
        Self { due_ms: now_ms, under_way: false, asked_ms: None, failures: 0, fresh_until_ms: None }
    }

    /// Begins a request if one is due and none is under way.
    pub(super) fn begin(&mut self, now_ms: u64) -> bool {
        let begins = !self.under_way && self.due_ms <= now_ms;
        self.under_way |= begins;
        begins
    }

    /// How long until a request is due; none while one is under way.
    pub(super) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        (!self.under_way).then(|| self.due_ms.saturating_sub(now_ms))
    }

    /// Asks for keys because one is not known; says whether they are coming.
    pub(super) fn ask(&mut self, now_ms: u64) -> bool {
        if self.under_way || self.due_ms <= now_ms {
            return true;
        }
        if self.asked_ms.is_some_and(|asked| now_ms.saturating_sub(asked) < COOLDOWN_MS) {
            return false;
        }
        self.asked_ms = Some(now_ms);
        self.due_ms = now_ms;
        true
    }

    /// The request gave keys that are fresh for so long, if that was said.
    pub(super) fn succeeded(&mut self, now_ms: u64, fresh_ms: Option<u64>, spread: u16) {
        let fresh_ms = fresh_ms.unwrap_or(FRESH_MS).clamp(FRESH_MIN_MS, FRESH_MAX_MS);
        self.under_way = false;
        self.failures = 0;
        self.fresh_until_ms = Some(now_ms.saturating_add(fresh_ms));
        self.due_ms = now_ms.saturating_add(sooner(fresh_ms, spread));
    }

    /// The request gave nothing; what was there stays.
    pub(super) fn failed(&mut self, now_ms: u64, spread: u16) {
        let doubled = 1_u64.checked_shl(self.failures).unwrap_or(u64::MAX);
        let pause_ms = AGAIN_MS.saturating_mul(doubled).min(AGAIN_MAX_MS);
        self.under_way = false;
        self.failures = self.failures.saturating_add(1);
        self.due_ms = now_ms.saturating_add(sooner(pause_ms, spread));
    }

    /// Failures since the last success.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// How it stands with the keys.
    pub(super) fn standing(&self, now_ms: u64) -> KeysStanding {
        match self.fresh_until_ms {
            None => KeysStanding::Missing,
            Some(until) if now_ms < until => KeysStanding::Fresh,
            Some(until) if now_ms < until.saturating_add(STALE_MAX_MS) => KeysStanding::Stale,
            Some(_) => KeysStanding::Over,
        }
    }
}

/// Up to a tenth sooner, so that many programs do not ask at the same moment, and none later than
/// its keys are fresh.
fn sooner(ms: u64, spread: u16) -> u64 {
    ms - (ms / 10).saturating_mul(u64::from(spread)) / 65_536
}

/// How long an answer is fresh by its own word (RFC 9111 §4.2), in milliseconds.
pub(super) fn fresh_ms(headers: &HeaderMap) -> Option<u64> {
    let fields = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut max_age_s = None;
    for directive in fields.flat_map(|field| field.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            // RFC 9111 §5.2.2.4, §5.2.2.5: not without asking again.
            "no-cache" | "no-store" => return Some(0),
            "max-age" => max_age_s = value.trim().trim_matches('"').parse::<u64>().ok(),
            _ => {}
        }
    }
    let age_s = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok());
    Some(max_age_s?.saturating_sub(age_s.unwrap_or(0)).saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;
    const DAY: u64 = 86_400_000;

    /// Got at 0, fresh for so long.
    fn got(fresh_ms: Option<u64>) -> Refresh {
        let mut refresh = Refresh::new(0);
        assert!(refresh.begin(0));
        refresh.succeeded(0, fresh_ms, 0);
        refresh
    }

    #[test]
    fn keys_are_got_at_once_and_by_one_request_at_a_time() {
        let mut refresh = Refresh::new(5);
        assert_eq!((refresh.standing(5), refresh.wait_ms(5)), (KeysStanding::Missing, Some(0)));
        assert!(refresh.begin(5) && !refresh.begin(6));
        assert_eq!(refresh.wait_ms(6), None);
        refresh.succeeded(7, None, 0);
        assert_eq!(refresh.standing(7), KeysStanding::Fresh);
        assert_eq!(refresh.wait_ms(7), Some(FRESH_MS));
        assert!(!refresh.begin(6 + FRESH_MS) && refresh.begin(7 + FRESH_MS));
    }

    #[test]
    fn how_long_keys_are_fresh_is_theirs_to_say_within_bounds() {
        for (said, expected) in [
            (None, 10 * MINUTE),
            (Some(0), MINUTE),
            (Some(59_000), MINUTE),
            (Some(90_000), 90_000),
            (Some(DAY), DAY),
            (Some(u64::MAX), DAY),
        ] {
            assert_eq!(got(said).wait_ms(0), Some(expected), "{said:?}");
        }
    }

    #[test]
    fn chance_makes_it_sooner_by_a_tenth_at_the_most() {
        assert_eq!(sooner(1000, 0), 1000);
        assert_eq!(sooner(1000, 32_768), 950);
        assert_eq!(sooner(1000, u16::MAX), 901);
        assert!(sooner(u64::MAX, u16::MAX) > u64::MAX / 10 * 8);
    }

    #[test]
    fn an_unknown_key_causes_one_request_and_then_a_pause() {
        let mut refresh = got(None);
        assert!(refresh.ask(1000) && refresh.ask(1001));
        assert!(refresh.begin(1001) && refresh.ask(1002));
        refresh.succeeded(1010, None, 0);
        for (at, comes) in [(1011, false), (999 + COOLDOWN_MS, false), (1000 + COOLDOWN_MS, true)] {
            assert_eq!(refresh.ask(at), comes, "{at}");
        }
        // Others join the request that is due.
        assert!(refresh.ask(1001 + COOLDOWN_MS));
    }

    #[test]
    fn an_unknown_key_is_asked_for_in_a_pause_after_failures_too() {
        let mut refresh = Refresh::new(0);
        for _ in 0..20 {
            refresh.failed(0, 0);
        }
        assert_eq!(refresh.wait_ms(0), Some(AGAIN_MAX_MS));
        assert!(refresh.ask(10) && refresh.begin(10));
        refresh.failed(20, 0);
        assert!(!refresh.ask(30));
    }

    #[test]
    fn failures_double_the_pause_and_a_success_ends_it() {
        let mut refresh = Refresh::new(0);
        let mut pauses = Vec::new();
        for _ in 0..100 {
            refresh.failed(0, 0);
            pauses.push(refresh.wait_ms(0).unwrap());
        }
        assert_eq!(pauses[..4], [2_000, 4_000, 8_000, 16_000]);
        assert!(pauses.is_sorted() && pauses[99] == AGAIN_MAX_MS);
        assert_eq!(refresh.failures(), 100);
        refresh.succeeded(0, None, 0);
        refresh.failed(0, 0);
        assert_eq!((refresh.wait_ms(0), refresh.failures()), (Some(2_000), 1));
    }

    #[test]
    fn keys_that_cannot_be_got_again_are_in_force_for_a_day() {
        let mut refresh = got(Some(MINUTE));
        refresh.begin(MINUTE);
        refresh.failed(MINUTE, 0);
        for (at, standing) in [
            (MINUTE - 1, KeysStanding::Fresh),
            (MINUTE, KeysStanding::Stale),
            (MINUTE + DAY - 1, KeysStanding::Stale),
            (MINUTE + DAY, KeysStanding::Over),
        ] {
            assert_eq!(refresh.standing(at), standing, "{at}");
        }
        refresh.succeeded(2 * DAY, None, 0);
        assert_eq!(refresh.standing(2 * DAY), KeysStanding::Fresh);
    }

    #[test]
    fn freshness_is_read_as_caches_read_it() {
        for (cache, age, expected) in [
            (None, None, None),
            (Some("public, max-age=300"), None, Some(300_000)),
            (Some("MAX-AGE=\"300\""), Some("100"), Some(200_000)),
            (Some("max-age=300"), Some("400"), Some(0)),
            (Some("max-age=300"), Some("x"), Some(300_000)),
            (Some("max-age=300, no-store"), None, Some(0)),
            (Some("no-cache"), None, Some(0)),
            (Some("max-age=x"), None, None),
            (Some("max-age=99999999999999999999"), None, None),
            (Some("s-maxage=1, immutable"), None, None),
        ] {
            let mut headers = HeaderMap::new();
            let fields = [(CACHE_CONTROL, cache), (AGE, age)];
            for (name, value) in fields {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            assert_eq!(fresh_ms(&headers), expected, "{cache:?} {age:?}");
        }
    }
}
