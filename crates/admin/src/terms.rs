//! How long a credential opens, how much room there is for it, and what becomes of those before it.

use model::{LIVE_CREDENTIALS_MAX, Timestamp};
use serde::Deserialize;

use crate::problem::Problem;

/// How long former credentials go on opening where nothing is said: seven days.
const OVERLAP_S: u32 = 7 * 86_400;
/// How long they may go on at the most: 90 days.
const OVERLAP_MAX_S: u32 = 90 * 86_400;
/// How long a credential may open at the most where an end is said: ten years.
const LIFE_MAX_S: u32 = 3_650 * 86_400;

/// What is asked for a new credential.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terms {
    /// From when on it opens, RFC 3339.
    not_before: Option<String>,
    /// How long it opens from then on, in seconds.
    expires_in_s: Option<u32>,
}

/// What is asked of a rotation.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// How long those before it go on, in seconds.
    overlap_s: Option<u32>,
    /// How long the new one opens, in seconds.
    expires_in_s: Option<u32>,
}

/// From when on and until when a credential opens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Terms {
    /// From now on, for so many seconds where a number is said.
    pub(crate) fn lasting(expires_in_s: Option<u32>) -> Self {
        Self { not_before: None, expires_in_s }
    }

    pub(crate) fn span(&self, now: Timestamp) -> Result<Span, Problem> {
        let not_before = self.not_before.as_deref().map(|text| {
            let detail = "`not_before` is no moment as RFC 3339 has it, `2026-01-31T12:00:00Z`.";
            Timestamp::parse(text).ok_or_else(|| Problem::Malformed(detail.to_owned()))
        });
        let not_before = not_before.transpose()?;
        let from = not_before.map_or(now, |begins| begins.max(now));
        Ok(Span { not_before, expires_at: end(from, self.expires_in_s)? })
    }
}

impl Rotation {
    /// The new one's span, and when those before it end.
    pub(crate) fn span(&self, now: Timestamp) -> Result<(Span, Timestamp), Problem> {
        let overlap_s = self.overlap_s.unwrap_or(OVERLAP_S);
        if overlap_s > OVERLAP_MAX_S {
            let detail = "`overlap_s` is more than 90 days, 7776000 seconds.";
            return Err(Problem::Malformed(detail.to_owned()));
        }
        let span = Span { not_before: None, expires_at: end(now, self.expires_in_s)? };
        Ok((span, now.plus_ms(i64::from(overlap_s) * 1_000)))
    }
}

fn end(from: Timestamp, life_s: Option<u32>) -> Result<Option<Timestamp>, Problem> {
    match life_s {
        None => Ok(None),
        Some(seconds @ 1..=LIFE_MAX_S) => Ok(Some(from.plus_ms(i64::from(seconds) * 1_000))),
        Some(_) => {
            let detail = "`expires_in_s` is nought or more than ten years, 315360000 seconds.";
            Err(Problem::Malformed(detail.to_owned()))
        }
    }
}

/// There is no room for one more: `noun` as people say it, and the commands that list and end them.
pub(crate) fn full(noun: &str, commands: (&str, &str)) -> Problem {
    let (list, revoke) = commands;
    Problem::Refused(format!(
        "{noun}, {LIVE_CREDENTIALS_MAX} at the most. Revoke one that is no longer used first: \
         `{list}` shows their ids, `{revoke} ID` ends one."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_within_their_bounds() {
        type Shown = Result<(Option<i64>, Option<i64>), ()>;
        let now = Timestamp::from_ms(1_800_000_000_000);
        let span = |not_before: Option<&str>, expires_in_s| -> Shown {
            let not_before = not_before.map(str::to_owned);
            let span = Terms { not_before, expires_in_s }.span(now);
            let span = span.map_err(|_| ())?;
            let ms = |at: Option<Timestamp>| at.map(|at| at.since_ms(now));
            Ok((ms(span.not_before), ms(span.expires_at)))
        };
        assert_eq!(span(None, None), Ok((None, None)));
        assert_eq!(span(None, Some(60)), Ok((None, Some(60_000))));
        let tomorrow = Some("2027-01-16T08:00:00Z");
        assert_eq!(span(tomorrow, Some(60)), Ok((Some(86_400_000), Some(86_460_000))));
        // A moment that has been: it ends so long from now on.
        let (_, end) = span(Some("2020-01-01T00:00:00Z"), Some(1)).unwrap();
        assert_eq!(end, Some(1_000));
        for (not_before, expires_in_s) in
            [(Some("tomorrow"), None), (None, Some(0)), (None, Some(u32::MAX))]
        {
            assert_eq!(span(not_before, expires_in_s), Err(()), "{not_before:?}");
        }
        let rotation = |overlap_s| Rotation { overlap_s, expires_in_s: None }.span(now);
        assert_eq!(rotation(None).unwrap().1, now.plus_ms(604_800_000));
        assert_eq!(rotation(Some(0)).unwrap(), (Span::default(), now));
        assert!(rotation(Some(7_776_001)).is_err());
    }
}
