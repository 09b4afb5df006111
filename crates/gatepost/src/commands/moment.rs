//! Moments on the command line: RFC 3339, or how long ago.

use model::{Clock as _, Timestamp};

use super::wrong_usage;
use crate::clock::SystemClock;
use crate::config;

/// Reads `2026-01-31T12:00:00Z`, or `2h` for two hours ago; gives RFC 3339.
pub(super) fn moment(text: &str) -> anyhow::Result<String> {
    at(text, SystemClock::new().now())
}

fn at(text: &str, now: Timestamp) -> anyhow::Result<String> {
    if Timestamp::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    match config::duration_ms(text).map(i64::try_from) {
        Some(Ok(ago)) => Ok(now.plus_ms(-ago).to_string()),
        _ => Err(wrong_usage(format!(
            "`{text}` is no moment; write RFC 3339, `2026-01-31T12:00:00Z`, or how long ago, `30m`, `2h`, `7d`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_absolute_or_ago() {
        let now = Timestamp::from_ms(1_700_000_000_000);
        for (text, expected) in [
            ("2026-01-31T12:00:00Z", Some("2026-01-31T12:00:00Z")),
            ("2026-01-31T12:00:00+02:00", Some("2026-01-31T12:00:00+02:00")),
            ("20s", Some("2023-11-14T22:13:00.000Z")),
            ("1d", Some("2023-11-13T22:13:20.000Z")),
            ("yesterday", None),
            ("2026-01-31", None),
            ("", None),
        ] {
            assert_eq!(at(text, now).ok().as_deref(), expected, "{text}");
        }
    }
}
