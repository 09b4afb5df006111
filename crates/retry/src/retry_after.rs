//! The receiver's own wish: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3).

use jiff::fmt::rfc2822::DateTimeParser;

/// The longest pause of a whole destination that one answer asks for: an hour. The delivery that
/// was answered waits for as long as it was told, but an answer that says "in a week", by mistake
/// or in bad faith, does not hold everything else back for so long.
const PAUSE_MAX_MS: i64 = 3_600_000;

/// What a `Retry-After` field asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Not before so many milliseconds from now.
    After(i64),
    /// A negative value: do not try again (EventBridge, API destinations).
    Never,
}

/// Reads the field's value at the moment `now_ms`; nothing readable is no wish. A date in the past
/// is "now". The wish is cut to `longest_ms`, the time the event has left.
pub fn retry_after(value: &str, now_ms: i64, longest_ms: i64) -> Option<Wish> {
    let value = value.trim();
    if let Some(digits) = value.strip_prefix('-') {
        return (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
            .then_some(Wish::Never);
    }
    let wish_ms = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        value.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(1000)
    } else {
        let date = DateTimeParser::new().parse_timestamp(value).ok()?;
        date.as_millisecond().saturating_sub(now_ms).max(0)
    };
    Some(Wish::After(wish_ms.min(longest_ms.max(0))))
}

/// How long a wish, already cut to the time its event has left, pauses the whole destination.
pub fn pause_ms(wish_ms: i64) -> i64 {
    wish_ms.clamp(0, PAUSE_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_dates_and_nonsense() {
        let now = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        let day = 86_400_000;
        for (value, wish) in [
            ("0", Some(Wish::After(0))),
            ("120", Some(Wish::After(120_000))),
            (" 3 ", Some(Wish::After(3_000))),
            ("999999999999999999999", Some(Wish::After(day))),
            ("-1", Some(Wish::Never)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(Wish::After(60_000))),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(Wish::After(0))),
            ("", None),
            ("-", None),
            ("soon", None),
            ("1.5", None),
        ] {
            assert_eq!(retry_after(value, now, day), wish, "{value:?}");
        }
    }

    #[test]
    fn a_destination_is_paused_for_an_hour_at_most() {
        for (wish, pause) in [
            (-1, 0),
            (0, 0),
            (2_000, 2_000),
            (3_600_000, 3_600_000),
            (3_600_001, 3_600_000),
            (86_400_000, 3_600_000),
            (i64::MAX, 3_600_000),
        ] {
            assert_eq!(pause_ms(wish), pause, "{wish}");
        }
    }

    #[test]
    fn a_wish_is_cut_to_the_time_left() {
        assert_eq!(retry_after("7200", 0, 60_000), Some(Wish::After(60_000)));
        assert_eq!(retry_after("7200", 0, -5), Some(Wish::After(0)));
    }
}
